"""The locks of the eight example centres are what ``lego-compile lock`` makes of a registry, from nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.command import Call
from tests.images.registry import Registry
from tests.lock.conftest import ROOT

SPECS = sorted(path.name for path in (ROOT / "centers").glob("*.yaml") if ".lock." not in path.name)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example centres without their locks, and their catalog."""
    shutil.copytree(ROOT / "centers", tmp_path / "centers", ignore=shutil.ignore_patterns("*.lock.yaml"))
    shutil.copytree(ROOT / "catalog", tmp_path / "catalog")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEGO_OUTPUT_FORMAT", raising=False)
    return tmp_path


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_lock_then_compile_from_nothing(copy: Path, examples: tuple[Registry, list[str]], lego: Call) -> None:
    """Both make the committed bytes; a second lock asks nobody and changes none."""
    specs = [f"centers/{name}" for name in SPECS]
    code, out, err = lego("lock", *examples[1], *specs)

    assert (0, "") == (code, err)
    assert out.endswith("8 locks written, 0 current, 19 questions asked\n")
    locks = {path.name: path.read_bytes() for path in (copy / "centers").glob("*.lock.yaml")}
    assert {path.name: path.read_bytes() for path in (ROOT / "centers").glob("*.lock.yaml")} == locks

    assert 0 == lego("-q", *specs)[0]
    assert tree(ROOT / "out") == tree(copy / "out")

    before = [path.stat().st_mtime_ns for path in sorted((copy / "centers").glob("*.lock.yaml"))]
    assert (0, "0 locks written, 8 current, 0 questions asked\n", "") == lego("lock", *specs)
    assert before == [path.stat().st_mtime_ns for path in sorted((copy / "centers").glob("*.lock.yaml"))]


def test_committed_locks_pass_the_check_of_a_ci(examples: tuple[Registry, list[str]], lego: Call) -> None:
    """``lock --check`` reads every pinned image again and finds what is pinned; ``--locked`` asks nobody."""
    specs = [str(ROOT / "centers" / name) for name in SPECS]

    assert (0, "8 current, 38 questions asked\n", "") == lego("lock", "--check", *examples[1], *specs)
    assert (0, "8 current, 0 questions asked\n", "") == lego("lock", "--locked", "--offline", *specs)
