"""Outputs that cannot be printed to: the exit code is that of a caller's mistake, not of a bug."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lego_compile.cli import USAGE

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words", ["nope.yaml", "lock nope.yaml", "--nope", "explain LC000", "nope.yaml >/dev/full"]
)
def test_a_standard_error_that_is_full(words: str, unbuffered: str, tmp_path: Path) -> None:
    """What should be said there is lost, and nothing else goes wrong."""
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m lego_compile {words} 2>/dev/full'],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        timeout=60,
    )

    assert done.returncode == USAGE
    assert done.stdout == b""


def test_a_standard_error_that_nobody_reads(tmp_path: Path) -> None:
    """A pipe whose other end is closed."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "lego_compile", "nope.yaml"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stderr=write,
            timeout=60,
        )
    finally:
        os.close(write)

    assert done.returncode == USAGE
