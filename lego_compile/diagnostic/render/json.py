"""Findings as one JSON document, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lego_compile.diagnostic.view import Finding, Place

VERSION = 1
"""Version of the document. New keys may come without a new version; a key never changes its meaning."""


def render(findings: Sequence[Finding], *, color: bool, width: int | None) -> str:
    """``{"version": 1, "findings": [...]}``; the keys of a finding are the fields of ``view.Finding``."""
    del color, width
    document = {"version": VERSION, "findings": [_finding(finding) for finding in findings]}
    return encodable(json.dumps(document, ensure_ascii=False, indent=2)) + "\n"


def encodable(text: str) -> str:
    """JSON text with lone surrogates replaced: they stand for bytes that are not UTF-8 and cannot be encoded.

    Controls that JSON leaves as they are, such as C1 and the marks of direction, become ``\\uXXXX`` escapes.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(map(_encodable, text))


def _encodable(char: str) -> str:
    point = ord(char)
    if char == "\n" or char.isprintable() or point > 0xFFFF:
        return char
    return "\ufffd" if 0xD800 <= point <= 0xDFFF else f"\\u{point:04x}"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "title": finding.title,
        "message": finding.message,
        "note": finding.note,
        "help": finding.help,
        **_place(finding),
        "related": [{"message": place.message, **_place(place)} for place in finding.related],
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "excerpt": [[number, text] for number, text in place.excerpt],
    }
