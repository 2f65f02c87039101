"""Small reports of the shape that the scanners give them, and the digests of two images of the cases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

INDEX = {
    "lab": "a51146d38077ff992eba84cf1d5e9b249073503eb74868699016153b031a38f7",
    "climate": "10db699812d02cc570ad3bdef91138092088ff2718c1ef1d4ee308a89defe62a",
}
AMD = {
    "lab": "519cfeb2ca01e591b51a16bfcab4ac40ea6ac89ff42b4b216b8e057c9a88e951",
    "climate": "378c7edd89596f1a6a5e7832d72a786de96c7bfd1ba0a4f0323f115a6a6f455f",
}
ARM = {
    "lab": "4fc41977a3633311a7138037ffde7c9a4be4ec7f308a66e2c11d7de0621dae64",
    "climate": "f94acfb445007eab513ef265b369df53ec1f4a72c6b3641ddca06d01dfd5af4a",
}
"""Digests of the two images below, as ``tests/cases/base/lock.yaml`` has them."""
FLAW = {
    "VulnerabilityID": "CVE-2026-0001",
    "VendorIDs": ["DSA-9999-1"],
    "PkgName": "openssl",
    "InstalledVersion": "3.0.1",
    "FixedVersion": "3.0.7",
    "Severity": "HIGH",
}


def trivy(*flaws: dict[str, Any], digests: Iterable[str] = (), architecture: str = "amd64") -> dict[str, Any]:
    """A report as ``trivy image --format json`` writes it (aquasecurity/trivy:integration/testdata)."""
    return {
        "SchemaVersion": 2,
        "CreatedAt": "2000-01-01T00:00:00Z",
        "ArtifactName": "registry.example.org/lego/lab:2026.10",
        "ArtifactType": "container_image",
        "Metadata": {
            "OS": {"Family": "debian", "Name": "12.11"},
            "ImageID": "sha256:" + "c" * 64,
            "RepoDigests": [f"registry.example.org/lego/lab@sha256:{each}" for each in digests],
            "ImageConfig": {"architecture": architecture, "os": "linux"},
        },
        "Results": [
            {
                "Target": "lab (debian 12.11)",
                "Class": "os-pkgs",
                "Type": "debian",
                "Vulnerabilities": [*flaws],
            }
        ],
    }


def grype(
    *matches: dict[str, Any], digest: str = "", ignored: Iterable[dict[str, Any]] = ()
) -> dict[str, Any]:
    """A report as ``grype -o json`` writes it (anchore/grype:grype/presenter/models)."""
    return {
        "matches": [*matches],
        "ignoredMatches": [*ignored],
        "source": {
            "type": "image",
            "target": {
                "userInput": "registry.example.org/lego/lab:2026.10",
                "imageID": "sha256:" + "c" * 64,
                "manifestDigest": f"sha256:{digest}" if digest else "",
                "repoDigests": [],
                "architecture": "amd64",
                "os": "linux",
            },
        },
        "distro": {"name": "debian", "version": "12", "idLike": []},
        "descriptor": {"name": "grype", "version": "0.99.0"},
    }


def match(name: str, severity: str, *related: str, fixed: str = "") -> dict[str, Any]:
    """One match of Grype."""
    return {
        "vulnerability": {
            "id": name,
            "dataSource": f"https://example.org/{name}",
            "severity": severity,
            "fix": {"versions": [fixed] if fixed else [], "state": "fixed" if fixed else "not-fixed"},
        },
        "relatedVulnerabilities": [{"id": each, "severity": severity} for each in related],
        "matchDetails": [{"type": "exact-direct-match", "matcher": "dpkg-matcher"}],
        "artifact": {"name": "openssl", "version": "3.0.1", "type": "deb"},
    }


def sarif(
    result: dict[str, Any], rule: dict[str, Any] | None = None, *, name: Any = "grype", **run: Any
) -> dict[str, Any]:
    """A report with one result in SARIF 2.1.0."""
    driver = {"name": name, "rules": [{"id": "CVE-2026-0001", **rule}] if rule is not None else []}
    results = [{"ruleId": "CVE-2026-0001", "message": {"text": "found"}, **result}]
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results, **run}]}
