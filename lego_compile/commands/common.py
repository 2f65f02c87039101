"""What the commands share: findings without a document, and how a command ends."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lego_compile.cli import FINDINGS, OK, USAGE, print_findings, say

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding


def judged(findings: list[Finding], *, strict: bool) -> list[Finding]:
    """Findings in order; with ``strict`` every one is an error, in all formats."""
    if not findings:
        return findings
    from dataclasses import replace

    from lego_compile.diagnostic.view import order

    return [replace(each, severity="error") if strict else each for each in order(findings)]


def finish(findings: Sequence[Finding], chosen: argparse.Namespace, summary: str, *, unusable: bool) -> int:
    """Draw the findings, print the summary (none when it is empty), and choose the exit code."""
    print_findings(findings, chosen)
    if summary:
        say(summary, chosen)
    return exit_code(findings, unusable=unusable)


def exit_code(findings: Sequence[Finding], *, unusable: bool) -> int:
    """What a command ends with that found these things.

    Args:
        findings: judged.
        unusable: a file could not be read or written.
    """
    if unusable:
        return USAGE
    return FINDINGS if any(each.severity == "error" for each in findings) else OK


def plain(code: str, message: str, file: str, *, help_: str | None = None) -> Finding:
    """A finding about a file as a whole."""
    from lego_compile.diagnostic.model import Diagnostic
    from lego_compile.diagnostic.view import view

    return view(Diagnostic(code, message, ("file", file), help=help_), {})


def plural(count: int, word: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {word}" + ("" if count == 1 else "s")


def specs_among(names: Sequence[str]) -> list[str]:
    """The specs among the arguments, each once: a shell's ``centers/*.yaml`` names the locks beside them too."""
    from lego_compile.spec.load import shortest

    once: dict[str, str] = {}
    for name in map(shortest, names):
        once.setdefault(os.path.realpath(name), name)
    specs = [name for name in once.values() if not name.endswith((".lock.yaml", ".lock.yml"))]
    return specs or [*once.values()]
