"""Workflow commands of GitHub Actions: findings become annotations beside the lines of a pull request.

The form and its escapes are those that actions/runner:src/Runner.Common/ActionCommand.cs reads (TryParseV2).
"""

from __future__ import annotations

from collections.abc import Sequence

from lego_compile.diagnostic.render.text import visible, where
from lego_compile.diagnostic.view import Finding


def render(findings: Sequence[Finding], *, color: bool, width: int | None) -> str:
    """One ``::error file=…,line=…,title=…::message`` for each finding."""
    del color, width
    return "".join(_command(finding) + "\n" for finding in findings)


def _command(finding: Finding) -> str:
    properties: dict[str, str | int] = {}
    if finding.file:
        properties["file"] = finding.file
    if finding.line is not None:
        properties["line"] = finding.line
        # Columns are only allowed within one line (GitHub REST API, "annotations" of a check run).
        one_line = finding.end_line in (None, finding.line)
        if finding.column is not None and one_line:
            properties["col"] = finding.column
        if finding.end_line is not None:
            properties["endLine"] = finding.end_line
        if finding.end_column is not None and one_line:
            properties["endColumn"] = finding.end_column
    properties["title"] = f"{finding.code} {finding.title}"
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())

    message = visible(finding.message)
    if finding.note:
        message += f"\n{visible(finding.note)}"
    for place in finding.related:
        message += f"\n{where(place)}: {visible(place.message)}"
    if finding.help:
        message += "\nhelp: " + "\n".join(map(visible, finding.help.split("\n")))
    return f"::{finding.severity} {listed}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")
