"""The command line, run in the process of a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from lego_compile.cli import main

Call = Callable[..., tuple[int, str, str]]
"""Words of a command → exit code, standard output, standard error."""


def run(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    try:
        code = main(arguments)
    except SystemExit as stop:  # argparse
        code = int(stop.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err
