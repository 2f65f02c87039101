"""What a scan report says, and values of a stranger's JSON that are what they have to be, or the report is refused."""

from __future__ import annotations

from typing import Any, NamedTuple

RANKS = {"unknown": 0, "negligible": 0, "low": 1, "medium": 2, "high": 3, "critical": 4}
"""Severities of Trivy and Grype, in their order. What nobody has rated yet is below `low`: scanners list it by the
hundred, and a gate that is always shut is taken down (aquasecurity/trivy-db:pkg/types/types.go,
anchore/grype:grype/vulnerability/severity.go)."""


class Vulnerability(NamedTuple):
    """One vulnerability of one package.

    Attributes:
        id: its name in the report.
        aliases: other names that the report gives it.
        severity: one of ``RANKS``.
        package: the package that has it; empty when unsaid.
        version: that is installed.
        fixed: versions that no longer have it; empty when there are none.
    """

    id: str
    aliases: tuple[str, ...]
    severity: str
    package: str = ""
    version: str = ""
    fixed: str = ""


class ScanReport(NamedTuple):
    """What a report says.

    Attributes:
        digests: of the image, as far as the report states any.
        architecture: of the image, as Go spells it; empty when unsaid.
        vulnerabilities: that were found and not ignored.
    """

    digests: frozenset[str]
    architecture: str
    vulnerabilities: tuple[Vulnerability, ...]


class Unusable(Exception):  # noqa: N818 - an outcome; `formats.parse` returns it as words
    """The text is no report that can be used; the message completes "`file` …"."""


def mapping(value: Any, key: str) -> dict[str, Any]:
    """The mapping of a key; an empty one for none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unusable(f"is no report: its `{key}` is no mapping")
    return value


def items(value: Any, key: str) -> list[dict[str, Any]]:
    """The list of mappings of a key; an empty one for none."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise Unusable(f"is no report: its `{key}` is no list of mappings")
    return value


def words(value: Any, key: str) -> list[str]:
    """The list of words of a key, without empty ones; an empty list for none."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Unusable(f"is no report: its `{key}` is no list of words")
    return [word(each) for each in value if each]


def required(value: Any, key: str) -> str:
    """The word of a key that has to be there."""
    found = word(value)
    if not found:
        raise Unusable(f"has a finding without a name: `{key}` is missing")
    return found


def word(value: Any) -> str:
    """Text that will be shown in a message: one line, printable, and not without end."""
    if not isinstance(value, str):
        return ""
    line = value if value.isprintable() else "".join(each if each.isprintable() else "?" for each in value)
    return line if len(line) <= 300 else line[:299] + "…"


def shown(value: Any) -> str:
    """Any value, fit for a message."""
    return word(repr(value))[:80]


def digests_of(references: list[str]) -> frozenset[str]:
    """The digests of ``repository@sha256:…``, or of digests alone."""
    found = (each.rpartition("@")[2] for each in references)
    return frozenset(each for each in found if each.startswith("sha256:"))
