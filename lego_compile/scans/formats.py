"""The text of a scan report → what it found. Three formats, told apart by what only one of them has.

A report that is not understood to the last vulnerability is not used: what was skipped might have been the
worst. Findings that a scanner was told to ignore are not counted, since somebody has judged them there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

RANKS = {"unknown": 0, "negligible": 0, "low": 1, "medium": 2, "high": 3, "critical": 4}
"""Severities of Trivy and Grype, in their order. What nobody has rated yet is below `low`: scanners list it by the
hundred, and a gate that is always shut is taken down (aquasecurity/trivy-db:pkg/types/types.go,
anchore/grype:grype/vulnerability/severity.go)."""

_LEVELS = {"error": "high", "warning": "medium", "note": "low", "none": "unknown"}
"""SARIF's own three levels, where there is neither a score nor a word."""

_NO_VULNERABILITY = ("Misconfiguration", "Secret", "License")
"""Names of Trivy's other rules (aquasecurity/trivy:pkg/report/sarif.go); its JSON has them in lists of their own."""

_ELSE = (
    ("bomFormat", "a CycloneDX document"),
    ("spdxVersion", "an SPDX document"),
    ("payloadType", "a signed attestation"),
    ("predicateType", "an attestation"),
    ("artifactRelationships", "a list of packages by Syft"),
    ("schemaVersion", "the manifest of an image"),
    ("scan", "a report in the format of GitLab"),
)
"""What else is often saved beside an image, by a key that it has."""


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


class _Unusable(Exception):  # noqa: N818 - it never leaves this module
    """The text is no report that can be used; the message completes "`file` …"."""


def parse(text: str) -> ScanReport | str:
    """Read a report.

    Returns:
        What it says; or, when it cannot be used, why not: words that complete "`file` …".
    """
    try:
        return _report(_json(text))
    except _Unusable as why:
        return str(why)


def _json(text: str) -> Any:
    if not text.strip():
        raise _Unusable("is empty")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _Unusable(f"is no JSON, or not all of it ({where}: {error.msg.lower()})") from None
    except RecursionError:
        raise _Unusable("is nested deeper than any report") from None
    except ValueError:  # an integer of more digits than Python converts
        raise _Unusable("has a number of more digits than any report") from None


def _report(data: Any) -> ScanReport:
    if isinstance(data, list) and data and isinstance(data[0], dict) and "Target" in data[0]:
        raise _Unusable("is a report of Trivy before 0.20, which does not say what was scanned")
    if not isinstance(data, dict):
        raise _Unusable("is JSON, but no report of Trivy or Grype, and no SARIF")
    if "SchemaVersion" in data:
        return _trivy(data)
    if "runs" in data:
        return _sarif(data)
    if "matches" in data:
        return _grype(data)
    for key, what in _ELSE:
        if key in data:
            raise _Unusable(f"is {what}, and no report of a scan by Trivy or Grype, and no SARIF")
    raise _Unusable("is no report of Trivy or Grype, and no SARIF")


def _trivy(data: dict[str, Any]) -> ScanReport:
    """``trivy image --format json`` (aquasecurity/trivy:pkg/types/report.go, and vulnerability.go there).

    Empty fields are left out there (``omitempty``): no ``Results`` is an image in which nothing was found.
    """
    if data["SchemaVersion"] != 2:
        raise _Unusable(f"is a report of Trivy in schema {_shown(data['SchemaVersion'])}; only 2 is known")
    metadata = _mapping(data.get("Metadata"), "Metadata")
    kind = data.get("ArtifactType")
    if kind is None and not (metadata.get("ImageID") or metadata.get("RepoDigests")):
        raise _Unusable("is a report of Trivy that does not say that an image was scanned")
    if kind not in (None, "container_image"):
        what = {"filesystem": "a folder", "repository": "a source repository", "vm": "a virtual machine"}
        scanned = (what.get(kind) if isinstance(kind, str) else None) or _shown(kind)
        raise _Unusable(f"is a report of Trivy on {scanned}, not on an image")
    found = []
    for result in _items(data.get("Results"), "Results"):
        for each in _items(result.get("Vulnerabilities"), "Vulnerabilities"):
            found.append(
                Vulnerability(
                    _name(each.get("VulnerabilityID"), "VulnerabilityID"),
                    tuple(_words(each.get("VendorIDs"), "VendorIDs")),
                    _severity(each.get("Severity")),
                    _word(each.get("PkgName")),
                    _word(each.get("InstalledVersion")),
                    _word(each.get("FixedVersion")),
                )
            )
    return ScanReport(
        _digests(_words(metadata.get("RepoDigests"), "RepoDigests")),
        _word(_mapping(metadata.get("ImageConfig"), "ImageConfig").get("architecture")),
        tuple(found),
    )


def _grype(data: dict[str, Any]) -> ScanReport:
    """``grype --output json`` (anchore/grype:grype/presenter/models/document.go, match.go and source.go there;
    anchore/syft:syft/source/stereoscope_image_metadata.go).

    ``matches`` is a list even when nothing matched; ``ignoredMatches`` is what the scanner was told to ignore.
    """
    source = _mapping(data.get("source"), "source")
    if source.get("type") != "image":
        what = _shown(source["type"]) if source.get("type") else "something that it does not name"
        raise _Unusable(f"is a report of Grype on {what}, not on an image")
    if data["matches"] is None:
        raise _Unusable("is a report of Grype without a list of matches")
    target = _mapping(source.get("target"), "target")
    found = []
    for match in _items(data["matches"], "matches"):
        about = _mapping(match.get("vulnerability"), "vulnerability")
        artifact = _mapping(match.get("artifact"), "artifact")
        fix = _mapping(about.get("fix"), "fix")
        related = _items(match.get("relatedVulnerabilities"), "relatedVulnerabilities")
        found.append(
            Vulnerability(
                _name(about.get("id"), "id"),
                tuple(_name(each.get("id"), "id") for each in related),
                _severity(about.get("severity")),
                _word(artifact.get("name")),
                _word(artifact.get("version")),
                ", ".join(_words(fix.get("versions"), "versions")) if fix.get("state") == "fixed" else "",
            )
        )
    stated = [*_words(target.get("repoDigests"), "repoDigests"), _word(target.get("manifestDigest"))]
    return ScanReport(_digests(stated), _word(target.get("architecture")), tuple(found))


def _sarif(data: dict[str, Any]) -> ScanReport:
    """SARIF 2.1.0 (oasis-tcs/sarif-spec), of Trivy, Grype or another scanner of images.

    A run without ``results`` is one that did not get as far as looking (3.14.23); one that says that it failed
    (``executionSuccessful``, 3.20.14) proves nothing either.
    """
    if data.get("version") != "2.1.0":
        raise _Unusable(f"is SARIF in version {_shown(data.get('version'))}; only '2.1.0' is known")
    runs = _items(data["runs"], "runs")
    if not runs:
        raise _Unusable("is SARIF without a run: nothing was scanned")
    digests: set[str] = set()
    found: list[Vulnerability] = []
    for run in runs:
        for invocation in _items(run.get("invocations"), "invocations"):
            if invocation.get("executionSuccessful") is False:
                raise _Unusable("is SARIF of a scan that failed")
        if run.get("results") is None:
            raise _Unusable("is SARIF without results: the scan did not get that far")
        # Where Trivy says what it scanned (aquasecurity/trivy:pkg/report/sarif.go); Grype says it nowhere.
        properties = _mapping(run.get("properties"), "properties")
        digests |= _digests(_words(properties.get("repoDigests"), "repoDigests"))
        found += _sarif_results(run)
    return ScanReport(frozenset(digests), "", tuple(found))


def _sarif_results(run: dict[str, Any]) -> Iterator[Vulnerability]:
    driver = _mapping(_mapping(run.get("tool"), "tool").get("driver"), "driver")
    rules = _items(driver.get("rules"), "rules")
    by_id = {each["id"]: each for each in rules if isinstance(each.get("id"), str)}
    for result in _items(run["results"], "results"):
        reference = _mapping(result.get("rule"), "rule")
        given = result.get("ruleId") or reference.get("id")
        index = result.get("ruleIndex", reference.get("index"))
        rule: dict[str, Any] = {}
        if isinstance(given, str) and given in by_id:  # first: Grype once wrote the index 0 for every rule
            rule = by_id[given]
        elif type(index) is int and 0 <= index < len(rules):
            rule = rules[index]
        if rule.get("name") in _NO_VULNERABILITY or not _counts(result):
            continue
        told = _told(result, rule)
        package = _line(r"Package", told)
        yield Vulnerability(
            _sarif_name(_name(given or rule.get("id"), "ruleId"), package),
            (),
            _sarif_severity(result, rule, told),
            package,
            _line(r"(?:Installed )?Version", told),
            _line(r"Fix(?:ed)? Version", told),
        )


def _counts(result: dict[str, Any]) -> bool:
    """Whether a result is a problem, and there, and not suppressed.

    Suppressed is what is so by every suppression, each accepted in so many words (`status`, 3.35.3): Grype once
    gave *every* result a suppression without a status (anchore/grype:grype/presenter/sarif/presenter.go@0132f9f).
    """
    if (
        result.get("kind") in ("pass", "notApplicable", "informational")
        or result.get("baselineState") == "absent"
    ):
        return False
    suppressions = _items(result.get("suppressions"), "suppressions")
    return not suppressions or not all(each.get("status") == "accepted" for each in suppressions)


def _told(result: dict[str, Any], rule: dict[str, Any]) -> str:
    """The text with a line for each fact: Trivy's is of the result, Grype's of the rule."""
    texts = [_mapping(result.get("message"), "message"), _mapping(rule.get("help"), "help")]
    known = [each["text"] for each in texts if isinstance(each.get("text"), str)]
    return next((each for each in known if _line("Package", each)), "")


def _line(label: str, text: str) -> str:
    found = re.search(rf"^{label}: (.+)$", text, re.MULTILINE)
    return _word(found[1].strip()) if found else ""


def _sarif_name(rule: str, package: str) -> str:
    """The vulnerability of a rule: Grype's rules are named ``ID-PACKAGE``, Trivy's ``ID``."""
    known = re.search(r"CVE-[0-9]{4}-[0-9]{4,}|GHSA(?:-[0-9a-z]{4}){3}", rule, re.IGNORECASE)
    return known[0] if known else rule.removesuffix(f"-{package}") or rule


def _sarif_severity(result: dict[str, Any], rule: dict[str, Any], told: str) -> str:
    """The worse of the CVSS score (``security-severity``, as GitHub reads it) and the scanner's own word.

    They differ where a distribution rates a vulnerability otherwise than the score does. Without both, the level:
    of the result, else of the rule, else ``warning`` (3.27.10).
    """
    stated = []
    word = _line("Severity", told).lower()
    if word in RANKS:
        stated.append(word)
    for owner in (result, rule):
        score = _score(_mapping(owner.get("properties"), "properties").get("security-severity"))
        if score:
            stated.append(score)
            break
    if stated:
        return max(stated, key=lambda each: RANKS[each])
    default = _mapping(rule.get("defaultConfiguration"), "defaultConfiguration").get("level")
    level = result.get("level") or default or ("none" if result.get("kind", "fail") != "fail" else "warning")
    if not isinstance(level, str) or level not in _LEVELS:
        raise _Unusable(f"has the level {_shown(level)}, which SARIF does not know")
    return _LEVELS[level]


def _score(value: Any) -> str:
    """The severity of a CVSS score, by the ranges of CVSS 3 and GitHub; empty when it is no score."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    try:
        score = float(value)
    except (ValueError, OverflowError):
        return ""
    for name, lowest in (("critical", 9.0), ("high", 7.0), ("medium", 4.0)):
        if score >= lowest:
            return name
    return "low" if score > 0 else "unknown" if score <= 0 else ""  # not a number: neither


def _severity(value: Any) -> str:
    """A severity by its word; unsaid is not known, and a word that no scanner has is not understood."""
    if value is None or value == "":
        return "unknown"
    if not isinstance(value, str) or value.lower() not in RANKS:
        raise _Unusable(f"has the severity {_shown(value)}, which neither Trivy nor Grype knows")
    return value.lower()


def _mapping(value: Any, key: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Unusable(f"is no report: its `{key}` is no mapping")
    return value


def _items(value: Any, key: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise _Unusable(f"is no report: its `{key}` is no list of mappings")
    return value


def _words(value: Any, key: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _Unusable(f"is no report: its `{key}` is no list of words")
    return [_word(each) for each in value if each]


def _name(value: Any, key: str) -> str:
    name = _word(value)
    if not name:
        raise _Unusable(f"has a finding without a name: `{key}` is missing")
    return name


def _word(value: Any) -> str:
    """Text that will be shown in a message: one line, printable, and not without end."""
    if not isinstance(value, str):
        return ""
    shown = value if value.isprintable() else "".join(each if each.isprintable() else "?" for each in value)
    return shown if len(shown) <= 300 else shown[:299] + "…"


def _shown(value: Any) -> str:
    return _word(repr(value))[:80]


def _digests(references: list[str]) -> frozenset[str]:
    """The digests of ``repository@sha256:…``, or of digests alone."""
    found = (each.rpartition("@")[2] for each in references)
    return frozenset(each for each in found if each.startswith("sha256:"))
