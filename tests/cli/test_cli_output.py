"""Outputs that cannot be written, and interruptions: the output folder is as it was before."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lego_compile.cli import FINDINGS, INTERRUPTED, OK, USAGE
from tests.cli.conftest import ROOT, spec, tree
from tests.command import Call


def test_a_file_in_the_place_of_the_folder(lego: Call) -> None:
    """Where the folder should be there is a file: LC805, and the file stays as it is."""
    Path("out").write_text("mine")
    code, _, err = lego("a.yaml")

    assert USAGE == code
    assert "error[LC805]" in err
    assert "Traceback" not in err
    assert "mine" == Path("out").read_text()


def test_a_foreign_file_is_not_overwritten(lego: Call) -> None:
    """Where a file of ours should be there is somebody else's: LC806, and nothing is written beside it."""
    Path("out/a/apptainer").mkdir(parents=True)
    Path("out/a/apptainer/composition.json").write_text("mine")
    before = tree(Path("out"))
    code, _, err = lego("a.yaml")

    assert USAGE == code
    assert "error[LC806]" in err
    assert before == tree(Path("out"))
    assert FINDINGS == lego("--check", "a.yaml")[0]


def test_a_folder_that_leads_elsewhere_is_refused(lego: Call, work: Path) -> None:
    """A symbolic link in the place of a target's folder is in the way (LC806): nothing is written through it."""
    (work / "elsewhere").mkdir()
    Path("out/a").mkdir(parents=True)
    Path("out/a/apptainer").symlink_to(work / "elsewhere")
    code, _, err = lego("a.yaml")

    assert USAGE == code
    assert "error[LC806]" in err
    assert [] == os.listdir(work / "elsewhere")


@pytest.mark.parametrize(
    ("call", "number", "words"),
    [
        ("write", errno.ENOSPC, "cannot be written: no space left on device"),
        ("open", errno.EROFS, "cannot be written: read-only file system"),
        ("mkdir", errno.EACCES, "cannot be created: permission denied"),
    ],
)
def test_a_disk_that_refuses(
    lego: Call, monkeypatch: pytest.MonkeyPatch, call: str, number: int, words: str
) -> None:
    """Full, read-only or closed to us: LC805 says why, and the folder is as it was, without left-overs."""
    lego("b.yaml")
    Path("base/shared.yaml").write_text(
        Path("base/shared.yaml").read_text().replace("title: Main", "title: More")
    )
    before = tree(Path("out"))
    real = getattr(os, call)

    def refuse(first: object, *rest: object, **options: object) -> object:
        ours = call != "open" or ".lego-tmp-" in str(first)
        if ours:
            raise OSError(number, os.strerror(number))
        return real(first, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        code, _, err = lego("a.yaml" if call == "mkdir" else "b.yaml")

    assert USAGE == code
    assert "error[LC805]" in err
    assert words in err
    assert before == tree(Path("out"))
    assert OK == lego("b.yaml")[0]


def test_a_disk_that_is_really_full(lego: Call, work: Path) -> None:
    """On a tiny file system the same holds (where this machine lets us mount one)."""
    (work / "tiny").mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(work / "tiny")],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs needs root and the mount program; see test_a_disk_that_refuses")
    try:
        code, _, err = lego("--out", "tiny/out", "a.yaml")
        left = sorted(os.listdir(work / "tiny"))
    finally:
        subprocess.run(["umount", str(work / "tiny")], check=True)

    assert (USAGE, []) == (code, left)
    assert "no space left on device" in err


def until(happens: Callable[[], bool], running: subprocess.Popen[Any]) -> None:
    """Wait until something happens in a run that goes on."""
    end = time.monotonic() + 60
    try:
        while not happens():
            assert running.poll() is None, "it has ended"
            assert time.monotonic() < end
            time.sleep(0.01)
    except BaseException:
        running.kill()
        raise


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_run_leaves_the_outputs_as_they_were(work: Path, jobs: str) -> None:
    """Ctrl-C in the middle of a fleet: exit code 130, one line, no trace, and nothing of this run in ``out/``."""
    names = [f"f{number}.yaml" for number in range(400)]
    for number, name in enumerate(names):
        (work / name).write_text(spec(f"f{number}"))
    log = work / "log"
    with (
        log.open("w") as said,
        subprocess.Popen(
            # Python says what it has imported: a run that has the compiler hears Ctrl-C.
            [sys.executable, "-X", "importtime", "-m", "lego_compile", "--jobs", jobs, *names],
            cwd=work,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
            text=True,
        ) as running,
    ):
        until(lambda: "lego_compile.pipeline\n" in log.read_text(), running)
        time.sleep(0.5)  # the whole fleet takes several seconds
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: every process of the group gets it
        out, _ = running.communicate(timeout=60)

    err = log.read_text()
    assert (INTERRUPTED, "") == (running.returncode, out)
    assert "interrupted: nothing was left half-written" in err
    assert "Traceback" not in err
    assert not (work / "out").exists()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_run(work: Path, end: signal.Signals) -> None:
    """Whatever ends the run ends its workers, which would else keep a pipe open that somebody reads to its end."""
    names = [f"f{number}.yaml" for number in range(400)]
    for number, name in enumerate(names):
        (work / name).write_text(spec(f"f{number}"))
    with subprocess.Popen(
        [sys.executable, "-m", "lego_compile", "--jobs", "2", *names],
        cwd=work,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    ) as running:
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
        if not children.exists():
            running.kill()
            pytest.skip("this kernel lists no children of a process")
        until(lambda: len(children.read_text().split()) >= 2, running)
        running.send_signal(end)
        running.communicate(timeout=60)

    assert -end == running.returncode
