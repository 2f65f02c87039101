"""The guard, run by a real shell: what stands between a user and a Lab without a kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from lego_compile.targets.assets import asset


def run(prefixes: list[Path], *command: str) -> subprocess.CompletedProcess[str]:
    """Run it as the container does."""
    words = [
        "/bin/sh",
        "-c",
        asset("compose", "guard.sh").decode(),
        "lego",
        *map(str, prefixes),
        "--",
        *command,
    ]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def brick(folder: Path) -> Path:
    """A folder that looks like a conda environment."""
    folder.joinpath("conda-meta").mkdir(parents=True)
    folder.joinpath("conda-meta", "history").touch()
    return folder


def test_the_command_runs_unchanged(tmp_path: Path) -> None:
    """With all bricks there, the command gets its arguments as they are, and its exit status is the container's."""
    arguments = ["--name_format={display_name}", "^/opt/conda$", "$HOME", "a b", "", "--", 'l\'été "à" \\ *']
    echo = "import json, sys; print(json.dumps(sys.argv[1:])); sys.exit(3)"
    done = run([brick(tmp_path / "a"), brick(tmp_path / "b")], sys.executable, "-c", echo, *arguments)
    assert (3, arguments, "") == (done.returncode, json.loads(done.stdout), done.stderr)


def test_no_bricks_is_fine() -> None:
    """A profile without bricks starts at once."""
    assert ((done := run([], "echo", "lab")).returncode, done.stdout) == (0, "lab\n")


def test_a_missing_brick_ends_it(tmp_path: Path) -> None:
    """When any brick is missing or empty, nothing runs, and the message says which."""
    there, empty = brick(tmp_path / "there"), tmp_path / "empty"
    empty.mkdir()
    for prefixes, missing in (([there, empty], empty), ([tmp_path / "gone", there], tmp_path / "gone")):
        done = run(prefixes, "echo", "lab")
        assert (done.returncode, done.stdout) == (78, "")
        assert f"the brick at {missing} is missing" in done.stderr
