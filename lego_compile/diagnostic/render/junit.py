"""JUnit XML: what most CI servers show as test results.

There is no standard; the elements and attributes used are those that the readers of Jenkins and GitLab share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lego_compile.diagnostic.render.text import visible, where
from lego_compile.diagnostic.view import Finding


def render(findings: Sequence[Finding], *, color: bool, width: int | None) -> str:
    """One suite with a failed test for each error; a warning is a test that passed and printed something."""
    del color, width
    errors = sum(finding.severity == "error" for finding in findings)
    # Some servers hold a report without tests to be a broken one.
    cases = [_case(finding) for finding in findings] or ['    <testcase name="no findings"/>\n']
    counts = f'tests="{len(cases)}" failures="{errors}"'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites name="lego-compile" {counts}>\n'
        f'  <testsuite name="lego-compile" {counts} errors="0" skipped="0">\n'
        f"{''.join(cases)}"
        "  </testsuite>\n"
        "</testsuites>\n"
    )


def _case(finding: Finding) -> str:
    name = " ".join(filter(None, (finding.code, where(finding))))
    attributes = f"name={_quoted(name)} classname={_quoted(finding.file or 'lego-compile')}"
    if finding.file:
        attributes += f" file={_quoted(finding.file)}"
    if finding.line is not None:
        attributes += f' line="{finding.line}"'
    details = _escaped("\n".join(_details(finding)))
    if finding.severity == "error":
        message = f"message={_quoted(finding.message)} type={_quoted(finding.code)}"
        body = f"<failure {message}>{details}</failure>"
    else:
        body = f"<system-out>{details}</system-out>"
    return f"    <testcase {attributes}>\n      {body}\n    </testcase>\n"


def _details(finding: Finding) -> Iterable[str]:
    yield f"{finding.severity}[{finding.code}] {visible(finding.message)}"
    if where(finding):
        yield f"at {where(finding)}" + (f": {visible(finding.note)}" if finding.note else "")
    for place in finding.related:
        yield f"see {where(place)}: {visible(place.message)}"
    if finding.help:
        yield "help: " + "\n".join(map(visible, finding.help.split("\n")))


def _quoted(text: str) -> str:
    return f'"{_escaped(visible(text))}"'


def _escaped(text: str) -> str:
    """Characters of XML's own; those that XML forbids are gone already, since ``visible`` replaced them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
