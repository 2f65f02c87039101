"""Which tests run: the fast ones by themselves, all of them for CI and where somebody names a file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOM = "tests/spec"


SLOW = "test_versions_are_those_that_another_reader_finds"
"""A slow test, of the room ``tests/inspecting``."""


def ran(*words: str, room: str, **environment: str) -> str:
    """What pytest prints, without a word on the command line that names tests."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", f"--override-ini=testpaths={room}", *words],
        cwd=ROOT,
        env={**{k: v for k, v in os.environ.items() if k != "LEGO_THOROUGH"}, **environment},
        capture_output=True,
        text=True,
    ).stdout


def collected(*words: str, **environment: str) -> tuple[int, bool]:
    """How many tests of a room would run, and whether it is said that some would not."""
    out = ran("-n0", "--collect-only", *words, room=ROOM, **environment)
    return len(re.findall(r"::", out)), "without the slow tests" in out


@pytest.mark.slow
def test_slow_tests_are_left_out_only_of_a_plain_run() -> None:
    """Nobody who asks for them, or names what they are in, misses them."""
    few, said = collected()
    everything = collected("--slow")
    assert 100 < few < everything[0]
    assert (said, everything[1]) == (True, False)
    assert everything == collected(LEGO_THOROUGH="1") == collected(ROOM)


@pytest.mark.slow
@pytest.mark.parametrize("processes", ["0", "1"])
def test_workers_run_them_too(processes: str) -> None:
    """In one process or in several, which are told."""
    words = ("-n", processes, "-k", SLOW)
    assert "1 passed" in ran(*words, room="tests/inspecting", LEGO_THOROUGH="1")
    assert "1 passed" in ran(*words, "tests/inspecting", room=ROOM)
    assert "passed" not in ran(*words, room="tests/inspecting")
