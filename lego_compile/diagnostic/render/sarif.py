"""SARIF 2.1.0 (OASIS): what code scanning services take in.

Section numbers in comments are those of the standard.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lego_compile import __version__
from lego_compile.diagnostic.codes import CATALOGUE, Code
from lego_compile.diagnostic.render.json import encodable
from lego_compile.diagnostic.view import Finding, Place, Related

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(findings: Sequence[Finding], *, color: bool, width: int | None) -> str:
    """One run; its rules are the whole catalogue, so that an index means the same in every file."""
    del color, width
    index = {name: position for position, name in enumerate(CATALOGUE)}
    run = {
        "tool": {
            "driver": {
                "name": "lego-compile",
                "version": __version__,
                "rules": [_rule(code) for code in CATALOGUE.values()],
            }
        },
        "columnKind": "unicodeCodePoints",  # 3.14.17; the default would be UTF-16 code units
        "results": [_result(finding, index) for finding in findings],  # 3.14.23: empty means "nothing found"
    }
    document = {"version": "2.1.0", "$schema": SCHEMA, "runs": [run]}
    return encodable(json.dumps(document, ensure_ascii=False, indent=2)) + "\n"


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.id,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": f"{code.what}\n\n{code.why}"},
        "help": {"text": code.fix, "markdown": code.fix},
        "defaultConfiguration": {"level": code.severity},
    }


def _result(finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    message = finding.message or finding.title
    if finding.note:
        message += f"\n{finding.note}"
    if finding.help:
        message += f"\nhelp: {finding.help}"
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index[finding.code],
        "level": finding.severity,
        "message": {"text": _plain(message)},
    }
    if finding.file:
        result["locations"] = [{"physicalLocation": _physical(finding)}]
    if finding.related:
        result["relatedLocations"] = [
            _related(number, place) for number, place in enumerate(finding.related, 1)
        ]
    return result


def _related(number: int, place: Related) -> dict[str, Any]:
    location: dict[str, Any] = {"id": number}
    if place.file:
        location["physicalLocation"] = _physical(place)
    if place.message:  # 3.11.8: a text is not empty
        location["message"] = {"text": _plain(place.message)}
    return location


def _physical(place: Place) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": _uri(place.file)}}
    if place.line is not None:
        region = {"startLine": place.line}
        if place.column is not None:
            region["startColumn"] = place.column
        if place.end_line is not None:
            region["endLine"] = place.end_line
        if place.end_column is not None:
            region["endColumn"] = place.end_column  # 3.30.8: the column after the last character, as ours
        location["region"] = region
    return location


def _uri(file: str) -> str:
    from urllib.parse import quote

    # 3.4.3: a URI reference. A colon is encoded as well, or "a:b" would be a scheme; surrogates stand for the
    # bytes of a file name that is not UTF-8, and those bytes are what is encoded.
    encoded = quote(file, safe="/", errors="surrogateescape")
    return f"file://{encoded}" if file.startswith("/") else encoded


def _plain(text: str) -> str:
    """A text that a viewer shows as it is: 3.11.5 doubles braces, and 3.11.6 makes ``[text](1)`` a link.

    A link cannot be escaped (only brackets within one can), so it is taken apart by a blank.
    """
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")
