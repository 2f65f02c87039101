"""Vulnerabilities: where scan reports are, what is refused, and what is excepted until when."""

from typing import Annotated, Literal

from pydantic import Field

from lego_compile.spec.types import Block, FileName, Name, Text, text

VulnerabilityId = Annotated[
    str,
    text(
        r"^[A-Za-z][A-Za-z0-9]*([-:._][A-Za-z0-9]+)+$",
        100,
        "the name of a vulnerability, such as CVE-2026-1234 or GHSA-jfh8-c2jp-5v3q",
    ),
]
Day = Annotated[
    str,
    text(
        r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        10,
        'a day as year, month and day in quotes, such as "2027-01-31"',
    ),
]


class ScanException(Block):
    """A vulnerability that is known, judged, and let pass for a while."""

    id: VulnerabilityId = Field(
        description="Its name in the report, or another name that the report gives it.",
        examples=["CVE-2026-1234"],
    )
    image: Name | None = Field(
        None,
        description="Name of the brick or system image that may have it; every image of the centre when unsaid.",
        examples=["ocean"],
    )
    until: Day = Field(
        description="The last day (UTC) on which the exception holds, in quotes.", examples=["2027-01-31"]
    )
    reason: Text = Field(
        description="Why it may pass, for whoever reads this later.",
        examples=["not reachable: no network service"],
    )


class Scans(Block):
    """A compile refuses images whose scan reports name vulnerabilities that are this severe."""

    reports: FileName = Field(
        description="A folder with scan reports (JSON of Trivy or Grype, or SARIF 2.1.0), relative to the file that "
        "says so. A report is named after the digest of its image: sha256-HEX.json or sha256-HEX.sarif.",
        examples=["../scans"],
    )
    refuse: Literal["low", "medium", "high", "critical"] = Field(
        description="Vulnerabilities of this severity and above are refused."
    )
    missing: Literal["error", "warning", "ignore"] = Field(
        "error", description="What an image without a report is."
    )
    exceptions: tuple[ScanException, ...] = Field((), description="What is let pass, and until when.")
