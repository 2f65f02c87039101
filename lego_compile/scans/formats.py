"""The text of a scan report → what it found. Three formats, told apart by what only one of them has.

A report that is not understood to the last vulnerability is not used: what was skipped might have been the
worst. Findings that a scanner was told to ignore are not counted, since somebody has judged them there.
"""

from __future__ import annotations

import json
from typing import Any

from lego_compile.scans import sarif
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
from lego_compile.uniquejson import RepeatedKeyError, unique

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


def parse(text: str) -> ScanReport | str:
    """Read a report.

    Returns:
        What it says; or, when it cannot be used, why not: words that complete "`file` …".
    """
    try:
        return _report(_json(text))
    except Unusable as why:
        return str(why)


def _json(text: str) -> Any:
    if not text.strip():
        raise Unusable("is empty")
    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Unusable(f"is no JSON, or not all of it ({where}: {error.msg.lower()})") from None
    except RepeatedKeyError as error:
        raise Unusable(
            f"has `{word(str(error))[:80]}` twice in one mapping, which no scanner writes"
        ) from None
    except RecursionError:
        raise Unusable("is nested deeper than any report") from None
    except ValueError:  # an integer of more digits than Python converts
        raise Unusable("has a number of more digits than any report") from None


def _report(data: Any) -> ScanReport:
    if isinstance(data, list) and data and isinstance(data[0], dict) and "Target" in data[0]:
        raise Unusable("is a report of Trivy before 0.20, which does not say what was scanned")
    if not isinstance(data, dict):
        raise Unusable("is JSON, but no report of Trivy or Grype, and no SARIF")
    if "SchemaVersion" in data:
        return _trivy(data)
    if "runs" in data:
        return sarif.read(data)
    if "matches" in data:
        return _grype(data)
    for key, what in _ELSE:
        if key in data:
            raise Unusable(f"is {what}, and no report of a scan by Trivy or Grype, and no SARIF")
    raise Unusable("is no report of Trivy or Grype, and no SARIF")


def _trivy(data: dict[str, Any]) -> ScanReport:
    """``trivy image --format json`` (aquasecurity/trivy:pkg/types/report.go, and vulnerability.go there).

    Empty fields are left out there (``omitempty``): no ``Results`` is an image in which nothing was found.
    """
    if data["SchemaVersion"] != 2:
        raise Unusable(f"is a report of Trivy in schema {shown(data['SchemaVersion'])}; only 2 is known")
    metadata = mapping(data.get("Metadata"), "Metadata")
    kind = data.get("ArtifactType")
    if kind is None and not (metadata.get("ImageID") or metadata.get("RepoDigests")):
        raise Unusable("is a report of Trivy that does not say that an image was scanned")
    if kind not in (None, "container_image"):
        what = {"filesystem": "a folder", "repository": "a source repository", "vm": "a virtual machine"}
        scanned = (what.get(kind) if isinstance(kind, str) else None) or shown(kind)
        raise Unusable(f"is a report of Trivy on {scanned}, not on an image")
    found = []
    for result in items(data.get("Results"), "Results"):
        for each in items(result.get("Vulnerabilities"), "Vulnerabilities"):
            found.append(
                Vulnerability(
                    required(each.get("VulnerabilityID"), "VulnerabilityID"),
                    tuple(words(each.get("VendorIDs"), "VendorIDs")),
                    _severity(each.get("Severity")),
                    word(each.get("PkgName")),
                    word(each.get("InstalledVersion")),
                    word(each.get("FixedVersion")),
                )
            )
    return ScanReport(
        digests_of(words(metadata.get("RepoDigests"), "RepoDigests")),
        word(mapping(metadata.get("ImageConfig"), "ImageConfig").get("architecture")),
        tuple(found),
    )


def _grype(data: dict[str, Any]) -> ScanReport:
    """``grype --output json`` (anchore/grype:grype/presenter/models/document.go, match.go and source.go there;
    anchore/syft:syft/source/stereoscope_image_metadata.go).

    ``matches`` is a list even when nothing matched; ``ignoredMatches`` is what the scanner was told to ignore.
    """
    source = mapping(data.get("source"), "source")
    if source.get("type") != "image":
        what = shown(source["type"]) if source.get("type") else "something that it does not name"
        raise Unusable(f"is a report of Grype on {what}, not on an image")
    if data["matches"] is None:
        raise Unusable("is a report of Grype without a list of matches")
    target = mapping(source.get("target"), "target")
    found = []
    for match in items(data["matches"], "matches"):
        about = mapping(match.get("vulnerability"), "vulnerability")
        artifact = mapping(match.get("artifact"), "artifact")
        fix = mapping(about.get("fix"), "fix")
        related = items(match.get("relatedVulnerabilities"), "relatedVulnerabilities")
        found.append(
            Vulnerability(
                required(about.get("id"), "id"),
                tuple(required(each.get("id"), "id") for each in related),
                _severity(about.get("severity")),
                word(artifact.get("name")),
                word(artifact.get("version")),
                ", ".join(words(fix.get("versions"), "versions")) if fix.get("state") == "fixed" else "",
            )
        )
    stated = [*words(target.get("repoDigests"), "repoDigests"), word(target.get("manifestDigest"))]
    return ScanReport(digests_of(stated), word(target.get("architecture")), tuple(found))


def _severity(value: Any) -> str:
    """A severity by its word; unsaid is not known, and a word that no scanner has is not understood."""
    if value is None or value == "":
        return "unknown"
    if not isinstance(value, str) or value.lower() not in RANKS:
        raise Unusable(f"has the severity {shown(value)}, which neither Trivy nor Grype knows")
    return value.lower()
