"""A folder with a few small centres, and ways to run the command line in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import Call, run

ROOT = Path(__file__).parents[2]
BASE = ROOT / "tests" / "cases" / "base"


def spec(center: str, base: str = "shared", more: str = "") -> str:
    """The text of a small centre."""
    return f"lego: 1\nextends: base/{base}.yaml\ncenter: {center}\n{more}"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder: ``a.yaml`` (a cluster), ``b.yaml`` (Docker), ``c.yaml`` (Kubernetes), and their ``base/``."""
    shutil.copytree(BASE, tmp_path / "base")
    (tmp_path / "a.yaml").write_text(spec("a"))
    (tmp_path / "b.yaml").write_text(spec("b", "docker"))
    (tmp_path / "c.yaml").write_text(spec("c", "kubernetes"))
    monkeypatch.chdir(tmp_path)
    for name in ("LEGO_OUTPUT_FORMAT", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def lego(work: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command line in this process: exit code, standard output, standard error."""

    return lambda *arguments: run(arguments, capsys)


@pytest.fixture
def process(work: Path) -> Call:
    """Run the command line as a process of its own, with an environment that holds little else than asked for."""

    def call(*arguments: str, umask: int = 0o022, **environment: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "lego_compile", *arguments],
            cwd=work,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            timeout=60,
            umask=umask,
        )
        return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    return call


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder: bytes and permissions."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
