"""``lego-compile doctor``: what it asks, and what it makes of the answers."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.command import Call


@pytest.fixture
def programs(work: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that PATH begins with, for programs that say what a test wants; the real ones are not found."""
    folder = work / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    for name in ("kubectl", "docker", "podman", "apptainer", "docker-compose"):
        says(folder, name, "", code=1)
    return folder


def says(folder: Path, name: str, answer: str, *, code: int = 0) -> None:
    """Put a program there that prints an answer, whatever it is asked."""
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\nexit {code}\n")
    path.chmod(0o755)


def lines(output: str, verdict: str) -> list[str]:
    """What was found to be so."""
    return [line[6:] for line in output.splitlines() if line.startswith(f"{verdict:6}")]


def test_a_machine_without_anything_says_so(lego: Call, programs: Path) -> None:
    """What does not answer is a warning, for the spec may be of another machine; what keeps sessions away fails."""
    code, output, _ = lego("doctor", "a.yaml", "b.yaml")
    assert 1 == code
    assert "apptainer: `apptainer --version` says no version here" in lines(output, "warn")
    assert "engine: `docker version` says no version here" in lines(output, "warn")
    assert any("has no images yet" in line for line in lines(output, "FAIL"))
    assert "these files are not what is installed in" in output


@pytest.mark.parametrize(
    ("version", "verdict", "words"),
    [
        ("29.7.3", "ok", "engine 29.7.3"),
        ("30.0.0", "ok", "engine is 30.0.0; the spec could say so"),
        ("28.5.2", "FAIL", "engine is 28.5.2, and the spec says 29"),
    ],
)
def test_a_version_is_compared(lego: Call, programs: Path, version: str, verdict: str, words: str) -> None:
    """An older one than the spec says is a failure: what was compiled may not work there."""
    says(programs, "docker", version)
    code, output, _ = lego("doctor", "b.yaml")
    assert any(line.startswith(words) for line in lines(output, verdict)), output
    assert ("FAIL" in output) == (code == 1)


def test_strictly_a_warning_is_a_failure(lego: Call, programs: Path) -> None:
    """What could not be looked at proves nothing."""
    says(programs, "kubectl", "Server Version: v1.35.4")
    code, output, _ = lego("doctor", "c.yaml")
    assert (0, 1) == (code, len(lines(output, "warn")))
    assert 1 == lego("doctor", "--strict", "c.yaml")[0]


def test_of_several_nodes_the_oldest_counts(lego: Call, programs: Path) -> None:
    """A brick that one node cannot mount is missing for whoever lands there."""
    says(
        programs,
        "kubectl",
        "Client Version: v1.40.0\nServer Version: v1.35.4\ncontainerd://2.2.1 containerd://1.7.9",
    )
    code, output, _ = lego("doctor", "c.yaml")
    assert 1 == code
    assert ["kubernetes 1.35.4"] == lines(output, "ok")
    assert ["containerd is 1.7.9, and the spec says 2.2"] == lines(output, "FAIL")


def test_what_an_administrator_allows_is_listed(lego: Call, programs: Path) -> None:
    """The list of the note, so that it can be sent to somebody who has neither the files nor this program."""
    _, output, _ = lego("doctor", "a.yaml")
    assert "  - `apptainer.conf`: `user bind control = yes`" in output
    assert "compute nodes reach the hub at http://hub.example.org:8081" in output


def test_an_installed_centre_is_started(lego: Call, programs: Path, work: Path) -> None:
    """Where the files are installed as they would be compiled, their own lego-doctor is run, which starts sessions."""
    root = work / "installed"
    spec = work / "a.yaml"
    spec.write_text(f"{spec.read_text()}targets: {{apptainer: {{root: {root}}}}}\n")
    code, _, errors = lego(str(spec))
    assert 0 == code, errors
    shutil.copytree(work / "out/a/apptainer", root)
    _, output, _ = lego("doctor", "a.yaml")
    assert "not what is installed" not in output
    (root / "bin/lego-launch").write_text("")
    _, output, _ = lego("doctor", "a.yaml")
    assert "not what is installed" in output


def test_a_centre_with_mistakes_is_not_examined(lego: Call, programs: Path, work: Path) -> None:
    """Its mistakes are drawn, and the next centre is looked at."""
    (work / "a.yaml").write_text((work / "a.yaml").read_text() + "profiles: 1\n")
    says(programs, "docker", "29.7.3")
    code, output, errors = lego("doctor", "a.yaml", "b.yaml")
    assert 1 == code
    assert "error[" in errors
    assert "engine 29.7.3" in lines(output, "ok")


def test_a_target_that_is_none_is_refused(lego: Call, work: Path) -> None:
    """With the names of those that are."""
    code, _, errors = lego("doctor", "--target", "kubernetes", "a.yaml")
    assert 2 == code
    assert "there are z2jh, compose, apptainer" in errors


def test_a_program_that_hangs_is_left(lego: Call, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, as one that does not answer."""
    monkeypatch.setattr("lego_compile.commands.doctoring._PATIENCE", 0.2)
    (programs / "docker").write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    started = os.times().elapsed
    _, output, _ = lego("doctor", "b.yaml")
    assert os.times().elapsed - started < 20
    assert "engine: `docker version` says no version here" in lines(output, "warn")
