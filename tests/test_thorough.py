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


def collected(*words: str, **environment: str) -> tuple[int, bool]:
    """How many tests of a room would run, and whether it is said that some would not."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "--collect-only", f"--override-ini=testpaths={ROOM}", *words],
        cwd=ROOT,
        env={**{k: v for k, v in os.environ.items() if k != "LEGO_THOROUGH"}, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return len(re.findall(r"::", done.stdout)), "without the slow tests" in done.stdout


@pytest.mark.slow
def test_slow_tests_are_left_out_only_of_a_plain_run() -> None:
    """Nobody who asks for them, or names what they are in, misses them."""
    few, said = collected()
    everything = collected("--slow")
    assert 100 < few < everything[0]
    assert (said, everything[1]) == (True, False)
    assert everything == collected(LEGO_THOROUGH="1") == collected(ROOM)
