"""SARIF of scanners of images: by whom, on what, and how bad."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lego_compile.scans.values import (
    RANKS,
    ScanReport,
    Unusable,
    Vulnerability,
    digests_of,
    items,
    mapping,
    required,
    shown,
    word,
    words,
)

_LEVELS = {"error": "high", "warning": "medium", "note": "low", "none": "unknown"}
"""SARIF's own three levels, where there is neither a score nor a word."""

_NO_VULNERABILITY = ("Misconfiguration", "Secret", "License")
"""Names of Trivy's other rules (aquasecurity/trivy:pkg/report/sarif.go); its JSON has them in lists of their own."""

_SCANNERS = {
    "trivy": "Trivy",  # aquasecurity/trivy:pkg/report/sarif.go@0309c4f
    "grype": "Grype",  # anchore/grype:grype/presenter/sarif/presenter.go@9e54256
    "anchore container vulnerability report (t0)": "Grype",  # the same file@0132f9f
    "snyk container": "Snyk Container",  # snyk/cli:src/lib/formatters/sarif-output.ts@0b5450d
}
"""Names of SARIF's drivers, in lower case, that are scanners of images and rate what they find. Clair gives every
finding one level (quay/clair-action:templates/sarif.tpl@ddbe800), and the source of Docker Scout is not published."""

_FOLDER = re.compile(r" was found (?:at: |from purl )| which would result in a vulnerable ")
"""What Grype's results say where no image was scanned (the two versions of its file above)."""


def read(data: dict[str, Any]) -> ScanReport:
    """SARIF 2.1.0 (oasis-tcs/sarif-spec), of a scanner of images: other tools find nothing in images, and say so.

    A run without ``results`` is one that did not get as far as looking (3.14.23); one that says that it failed
    (``executionSuccessful``, 3.20.14) proves nothing either.
    """
    if data.get("version") != "2.1.0":
        raise Unusable(f"is SARIF in version {shown(data.get('version'))}; only '2.1.0' is known")
    runs = items(data["runs"], "runs")
    if not runs:
        raise Unusable("is SARIF without a run: nothing was scanned")
    stated: set[str] = set()
    found: list[Vulnerability] = []
    for run in runs:
        for invocation in items(run.get("invocations"), "invocations"):
            if invocation.get("executionSuccessful") is False:
                raise Unusable("is SARIF of a scan that failed")
        if run.get("results") is None:
            raise Unusable("is SARIF without results: the scan did not get that far")
        stated |= _digests(run)
        found += _results(run)
    return ScanReport(frozenset(stated), "", tuple(found))


def _digests(run: dict[str, Any]) -> frozenset[str]:
    """The digests of the image that a run is on; refused when none was scanned.

    Trivy says what it scanned in properties of the run, for images only (aquasecurity/trivy:pkg/report/sarif.go).
    Grype says it in every result, and in a report without results nowhere.
    """
    driver = mapping(mapping(run.get("tool"), "tool").get("driver"), "driver")
    named = driver.get("name")
    if not isinstance(named, str) or not named:
        raise Unusable("is SARIF that does not say which scanner wrote it")
    scanner = _SCANNERS.get(named.lower())
    if scanner is None:
        known = ", ".join(dict.fromkeys(_SCANNERS.values()))
        raise Unusable(
            f"is SARIF by {shown(named)}, which is no scanner of images that is known here ({known})"
        )
    properties = mapping(run.get("properties"), "properties")
    digests = words(properties.get("repoDigests"), "repoDigests")
    if scanner == "Trivy" and not (digests or word(properties.get("imageName"))):
        raise Unusable("is a report of Trivy that does not say that an image was scanned")
    if scanner == "Grype":
        for result in items(run["results"], "results"):
            said = mapping(result.get("message"), "message").get("text")
            if isinstance(said, str) and _FOLDER.search(said):
                raise Unusable("is a report of Grype on something else than an image")
    return digests_of(digests)


def _results(run: dict[str, Any]) -> Iterator[Vulnerability]:
    driver = mapping(mapping(run.get("tool"), "tool").get("driver"), "driver")
    rules = items(driver.get("rules"), "rules")
    by_id = {each["id"]: each for each in rules if isinstance(each.get("id"), str)}
    for result in items(run["results"], "results"):
        reference = mapping(result.get("rule"), "rule")
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
            _name(required(given or rule.get("id"), "ruleId"), package),
            (),
            _severity(result, rule, told),
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
    suppressions = items(result.get("suppressions"), "suppressions")
    return not suppressions or not all(each.get("status") == "accepted" for each in suppressions)


def _told(result: dict[str, Any], rule: dict[str, Any]) -> str:
    """The text with a line for each fact: Trivy's is of the result, Grype's of the rule."""
    texts = [mapping(result.get("message"), "message"), mapping(rule.get("help"), "help")]
    known = [each["text"] for each in texts if isinstance(each.get("text"), str)]
    return next((each for each in known if _line("Package", each)), "")


def _line(label: str, text: str) -> str:
    found = re.search(rf"^{label}: (.+)$", text, re.MULTILINE)
    return word(found[1].strip()) if found else ""


def _name(rule: str, package: str) -> str:
    """The vulnerability of a rule: Grype's rules are named ``ID-PACKAGE``, Trivy's ``ID``."""
    known = re.search(r"CVE-[0-9]{4}-[0-9]{4,}|GHSA(?:-[0-9a-z]{4}){3}", rule, re.IGNORECASE)
    return known[0] if known else rule.removesuffix(f"-{package}") or rule


def _severity(result: dict[str, Any], rule: dict[str, Any], told: str) -> str:
    """The worse of the CVSS score (``security-severity``, as GitHub reads it) and the scanner's own word.

    They differ where a distribution rates a vulnerability otherwise than the score does. Without both, the level:
    of the result, else of the rule, else ``warning`` (3.27.10).
    """
    stated = []
    rated = _line("Severity", told).lower()
    if rated in RANKS:
        stated.append(rated)
    for owner in (result, rule):
        score = _score(mapping(owner.get("properties"), "properties").get("security-severity"))
        if score:
            stated.append(score)
            break
    if stated:
        return max(stated, key=lambda each: RANKS[each])
    default = mapping(rule.get("defaultConfiguration"), "defaultConfiguration").get("level")
    level = result.get("level") or default or ("none" if result.get("kind", "fail") != "fail" else "warning")
    if not isinstance(level, str) or level not in _LEVELS:
        raise Unusable(f"has the level {shown(level)}, which SARIF does not know")
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
