"""What a scan report says, in each format; and what is said of a text that is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lego_compile.scans.formats import parse
from lego_compile.scans.values import ScanReport
from tests.scans.reports import AMD, FLAW, grype, match, sarif, trivy
from tests.spec.damage import RETYPED, places, put


def read(data: Any) -> ScanReport:
    """A report that can be used."""
    report = parse(json.dumps(data))
    assert isinstance(report, ScanReport), report
    return report


def refused(data: Any) -> str:
    """Why a report cannot be used."""
    why = parse(data if isinstance(data, str) else json.dumps(data))
    assert isinstance(why, str)
    return why


def severities(data: Any) -> list[str]:
    """The severity of each finding."""
    return [each.severity for each in read(data).vulnerabilities]


def test_trivy_says_what_where_and_since_when_not() -> None:
    """Package, versions and the vendor's own name are read, and the digest that was asked for."""
    report = read(trivy(FLAW, digests=[AMD["lab"]]))

    assert [("CVE-2026-0001", ("DSA-9999-1",), "high", "openssl", "3.0.1", "3.0.7")] == [
        *report.vulnerabilities
    ]
    assert {f"sha256:{AMD['lab']}"} == report.digests
    assert "amd64" == report.architecture


@pytest.mark.parametrize("results", [[], None, [{"Target": "lab", "Class": "os-pkgs", "Type": "debian"}]])
def test_trivy_without_findings_is_clean(results: object) -> None:
    """Trivy leaves out what is empty."""
    assert () == read({**trivy(), "Results": results}).vulnerabilities


def test_grype_says_other_names_and_not_what_was_ignored() -> None:
    """A GHSA name comes with its CVE name; ``ignoredMatches`` was judged where it is ignored."""
    found = match("GHSA-2222-3333-4444", "High", "CVE-2026-0001", fixed="3.0.7")
    report = read(grype(found, digest=AMD["lab"], ignored=[match("CVE-2026-0002", "Critical")]))

    assert [("GHSA-2222-3333-4444", ("CVE-2026-0001",), "high", "openssl", "3.0.1", "3.0.7")] == [
        *report.vulnerabilities
    ]
    assert {f"sha256:{AMD['lab']}"} == report.digests


def test_sarif_of_trivy_is_read_as_its_json() -> None:
    """The facts are lines of the message; the digests are properties of the run."""
    text = (
        "Package: openssl\nInstalled Version: 3.0.1\nVulnerability CVE-2026-0001\nSeverity: HIGH\n"
        "Fixed Version: 3.0.7\nLink: [CVE-2026-0001](https://avd.aquasec.com/nvd/cve-2026-0001)"
    )
    properties = {"imageName": "lab", "repoDigests": [f"registry.example.org/lego/lab@sha256:{AMD['lab']}"]}
    rule = {"name": "OsPackageVulnerability", "properties": {"security-severity": "5.5"}}
    report = read(
        sarif({"message": {"text": text}, "level": "error"}, rule, name="Trivy", properties=properties)
    )

    assert [("CVE-2026-0001", (), "high", "openssl", "3.0.1", "3.0.7")] == [*report.vulnerabilities]
    assert {f"sha256:{AMD['lab']}"} == report.digests


def test_sarif_of_grype_is_read_as_its_json() -> None:
    """The facts are lines of the rule's help, and the rule's name ends with the package."""
    text = (
        "Vulnerability ELSA-2026-1\nSeverity: high\nPackage: openssl\nVersion: 3.0.1\nFix Version: 3.0.7\n"
        "Type: rpm\nLocation: /var/lib/rpm\nData Namespace: oracle:9\nLink: ELSA-2026-1"
    )
    result = {
        "ruleId": "ELSA-2026-1-openssl",
        "message": {"text": "A high vulnerability in rpm package: openssl"},
    }
    rule = {"id": "ELSA-2026-1-openssl", "help": {"text": text}, "properties": {"security-severity": "9.1"}}

    assert [("ELSA-2026-1", (), "critical", "openssl", "3.0.1", "3.0.7")] == [
        *read(sarif(result, rule)).vulnerabilities
    ]


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        ("10.0", "critical"), ("9.0", "critical"), ("8.9", "high"), (7, "high"), ("6.9", "medium"), (4.0, "medium"),
        ("3.9", "low"), ("0.1", "low"), ("0.0", "unknown"),
    ],
)  # fmt: skip
def test_sarif_scores_are_severities(score: object, severity: str) -> None:
    """``security-severity`` goes before the level, by the ranges of CVSS."""
    rule = {"properties": {"security-severity": score}}

    assert [severity] == severities(sarif({"level": "note"}, rule))


@pytest.mark.parametrize(
    ("result", "rule", "severity"),
    [
        ({"level": "error"}, None, "high"),
        ({"level": "warning"}, None, "medium"),
        ({"level": "note"}, None, "low"),
        ({"level": "none"}, None, "unknown"),
        ({}, None, "medium"),
        ({}, {"defaultConfiguration": {"level": "error"}}, "high"),
        ({"level": "error"}, {"properties": {"security-severity": "nan"}}, "high"),
        ({"level": "error"}, {"properties": {"security-severity": ""}}, "high"),
        ({"ruleId": None, "ruleIndex": 0}, {"properties": {"security-severity": "9.8"}}, "critical"),
        ({"ruleIndex": 7}, {"properties": {"security-severity": "9.8"}}, "critical"),
    ],
)
def test_sarif_levels_are_severities(
    result: dict[str, Any], rule: dict[str, Any] | None, severity: str
) -> None:
    """Without a score the level decides; the rule is found by its name, else by its number."""
    assert [severity] == severities(sarif(result, rule))


@pytest.mark.parametrize(
    ("result", "count"),
    [
        ({"suppressions": []}, 1),
        ({"suppressions": [{"kind": "external", "status": "accepted"}]}, 0),
        ({"suppressions": [{"kind": "external"}]}, 1),
        ({"suppressions": [{"kind": "external", "status": "accepted"}, {"status": "underReview"}]}, 1),
        ({"suppressions": [{"kind": "inSource", "status": "rejected"}]}, 1),
        ({"kind": "pass"}, 0),
        ({"kind": "fail"}, 1),
        ({"baselineState": "absent"}, 0),
        ({"baselineState": "unchanged"}, 1),
    ],
)
def test_sarif_counts_what_is_not_settled(result: dict[str, Any], count: int) -> None:
    """Suppressed is what every suppression accepts in so many words."""
    assert count == len(severities(sarif({"level": "error", **result})))


def test_sarif_of_trivy_has_things_that_are_no_vulnerabilities() -> None:
    """Its JSON has misconfigurations, secrets and licences elsewhere."""
    run = {"name": "Trivy", "properties": {"imageName": "lab"}}
    assert [] == severities(sarif({"level": "error"}, {"name": "License"}, **run))


@pytest.mark.parametrize(
    "name", ["grype", "Grype", "Anchore Container Vulnerability Report (T0)", "Snyk Container"]
)
def test_sarif_of_scanners_of_images_counts(name: str) -> None:
    """Those that are known to scan images."""
    assert ["high"] == severities(sarif({"level": "error"}, name=name))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("", "is empty"),
        ("{", "is no JSON, or not all of it (line 1, column 2"),
        ("[" * 200_000, "is nested deeper than any report"),
        ("9" * 5000, "has a number of more digits than any report"),
        ([], "is JSON, but no report"),
        ([{"Target": "lab", "Vulnerabilities": None}], "is a report of Trivy before 0.20"),
        ({"bomFormat": "CycloneDX"}, "is a CycloneDX document"),
        ({"spdxVersion": "SPDX-2.3"}, "is an SPDX document"),
        ({"schemaVersion": 2, "layers": []}, "is the manifest of an image"),
        ({"hello": 1}, "is no report of Trivy or Grype"),
        ({**trivy(), "SchemaVersion": 3}, "in schema 3; only 2 is known"),
        ({**trivy(), "ArtifactType": "filesystem"}, "is a report of Trivy on a folder, not on an image"),
        ({**trivy(), "ArtifactType": "cyclonedx"}, "is a report of Trivy on 'cyclonedx', not on an image"),
        ({"SchemaVersion": 2}, "does not say that an image was scanned"),
        (trivy({**FLAW, "Severity": "SEVERE"}), "has the severity 'SEVERE'"),
        (trivy({**FLAW, "VulnerabilityID": ""}), "has a finding without a name"),
        ({**trivy(), "Results": {}}, "its `Results` is no list"),
        ({**grype(), "matches": None}, "without a list of matches"),
        ({**grype(), "source": {"type": "directory", "target": "."}}, "on 'directory', not on an image"),
        ({**grype(), "source": None}, "on something that it does not name"),
        ({**sarif({}), "version": "2.0.0"}, "in version '2.0.0'; only '2.1.0' is known"),
        ({"version": "2.1.0", "runs": []}, "without a run"),
        (sarif({}, results=None), "without results"),
        (sarif({}, invocations=[{"executionSuccessful": False}]), "of a scan that failed"),
        (
            sarif({}, name="ruff"),
            "is SARIF by 'ruff', which is no scanner of images that is known here (Trivy,",
        ),
        (sarif({}, name="CodeQL"), "by 'CodeQL'"),
        (sarif({}, name="docker scout"), "by 'docker scout'"),
        (sarif({}, name=None), "does not say which scanner wrote it"),
        (sarif({}, name="Trivy"), "of Trivy that does not say that an image was scanned"),
        (
            sarif({}, name="Trivy", properties={"imageName": "", "repoDigests": []}),
            "that an image was scanned",
        ),
        (
            sarif(
                {"message": {"text": "A high vulnerability in npm package: a, version 1 was found at: /a"}}
            ),
            "of Grype on something else than an image",
        ),
        (json.dumps(trivy(FLAW)).replace('"Results"', '"Results": [], "Results"'), "has `Results` twice"),
        (json.dumps(grype()).replace('"matches"', '"matches": [], "matches"'), "has `matches` twice"),
        (sarif({"level": "severe"}), "has the level 'severe'"),
        (sarif({"ruleId": None}), "has a finding without a name"),
    ],
)
def test_what_cannot_be_used_is_named(data: Any, says: str) -> None:
    """A report that is not understood is never a clean one."""
    assert says in refused(data)


def test_words_of_a_report_are_shown_without_their_tricks() -> None:
    """Escapes and lone surrogates do not reach a terminal; what has no end is cut."""
    name = read(trivy({**FLAW, "PkgName": "a\x1b[2J\ud800" + "x" * 1000})).vulnerabilities[0].package

    assert name.isprintable()
    assert len(name) <= 300


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
REPORTS: list[Any] = [
    trivy(FLAW, digests=[AMD["lab"]]),
    grype(match("GHSA-2222-3333-4444", "High", "CVE-2026-0001", fixed="1"), digest=AMD["lab"]),
    sarif(
        {"level": "error", "suppressions": [{"status": "rejected"}], "kind": "fail", "rule": {"index": 0}},
        {"help": {"text": "Package: a\nSeverity: low"}, "properties": {"security-severity": "5"}},
        properties={"repoDigests": []},
        invocations=[{"executionSuccessful": True}],
    ),
]


@given(anything | st.text().map(lambda text: text))
def test_any_json_and_any_text_is_judged(data: Any) -> None:
    """A report, or why it is none; never an exception."""
    assert isinstance(parse(json.dumps(data)), ScanReport | str)
    if isinstance(data, str):
        assert isinstance(parse(data), ScanReport | str)


@given(st.data())
def test_any_damage_to_a_report_is_judged(data: st.DataObject) -> None:
    """Whatever is in the place of whichever value: a report, or why it is none."""
    report = data.draw(st.sampled_from(REPORTS))
    place = data.draw(st.sampled_from(sorted(places(report), key=repr)))
    damaged = put(report, place, data.draw(st.sampled_from(RETYPED) | anything))

    assert isinstance(parse(json.dumps(damaged)), ScanReport | str)
