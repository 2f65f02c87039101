"""One line for each finding, as compilers write them: editors and ``grep`` understand it."""

from __future__ import annotations

from collections.abc import Sequence

from lego_compile.diagnostic.render.text import visible, where
from lego_compile.diagnostic.view import Finding


def render(findings: Sequence[Finding], *, color: bool, width: int | None) -> str:
    """``file:line:column: error[LC402] message (help: …)``; a line is never cut."""
    del width
    return "".join(_line(finding, color) + "\n" for finding in findings)


def _line(finding: Finding, color: bool) -> str:
    place = where(finding)
    severity = f"{finding.severity}[{finding.code}]"
    if color:
        severity = f"\x1b[1;{31 if finding.severity == 'error' else 33}m{severity}\x1b[0m"
    line = f"{place}: {severity}" if place else severity
    line += f" {visible(finding.message)}"
    if finding.help:
        line += f" (help: {visible(' '.join(finding.help.split()))})"
    return line
