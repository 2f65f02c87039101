"""The folder of reports, and what is known of an image from the reports on it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.scans.formats import parse
from lego_compile.scans.values import RANKS, ScanReport, Vulnerability

if TYPE_CHECKING:
    from lego_compile.spec.load import Read
    from lego_compile.spec.lock import BrickPin, SystemPin
    from lego_compile.spec.scans import Scans

HERE: Path = ("center", "scans")


class Image(NamedTuple):
    """An image that the centre uses: its name in the catalog, its pin, and the first place that uses it."""

    kind: str
    name: str
    pin: BrickPin | SystemPin
    origin: Path

    def __str__(self) -> str:
        return f"{'brick' if self.kind == 'bricks' else 'system image'} {self.name!r}"


class Known(NamedTuple):
    """One vulnerability of an image, in whichever packages, by whichever scanner.

    Attributes:
        id: its CVE name where it has one.
        names: every name that a report gives it, in upper case.
        severity: the worst that a report gives it.
        found: each package that has it.
    """

    id: str
    names: frozenset[str]
    severity: str
    found: tuple[Vulnerability, ...]

    def __str__(self) -> str:
        first = next((each for each in self.found if each.fixed), self.found[0])
        others = {each.package for each in self.found} - {first.package}
        package = f"{first.package} {first.version}".strip() + (f" and {len(others)} more" if others else "")
        words = [self.severity, package, f"fixed in {first.fixed}" if first.fixed else ""]
        return f"{self.id} ({', '.join(word for word in words if word)})"


class Shelf:
    """The folder of reports. Each file is read once, and what is wrong with it is said once (LC413)."""

    def __init__(self, folder: str, find: Read, report: Report) -> None:
        self.folder, self.find, self.report = folder, find, report
        self.read: dict[str, ScanReport | None] = {}

    def is_there(self) -> bool:
        """Whether there is such a folder: without it every image would lack a report, which may be allowed."""
        text, problems = self.find(self.folder)
        if text is None and problems:
            return True  # what is there is no file; whether it can be entered shows with the first report
        words = f"there is no folder `{self.folder}`" if text is None else f"`{self.folder}` is no folder"
        self.report.add("LC413", words, (*HERE, "reports"), help="name the folder that the scanner writes to")
        return False

    def reports(self, digest: str, image: Image) -> dict[str, ScanReport | None]:
        """Every report on a digest by file; None for one that cannot be used."""
        algorithm, _, digits = digest.partition(":")
        stem = f"{algorithm}-{digits}"
        names = (f"{stem}.json", f"{stem}.sarif", f"{stem}.sarif.json", f"{digits}.json")
        found: dict[str, ScanReport | None] = {}
        for name in names:
            file = os.path.join(self.folder, name)
            if file not in self.read:
                text, problems = self.find(file)
                if text is None and not problems:
                    continue
                outcome = parse(text) if text is not None else problems[0].message
                self.read[file] = outcome if isinstance(outcome, ScanReport) else None
                if isinstance(outcome, str):
                    self.refuse(file, outcome if text is None else f"`{file}` {outcome}", image, digest)
            found[file] = self.read[file]
        return found

    def refuse(self, file: str, words: str, image: Image, digest: str) -> None:
        """Say that a report cannot be used."""
        self.read[file] = None
        self.report.add(
            "LC413",
            words,
            ("file", file),
            related=(Label(image.origin, f"{image} is what it should report on"),),
            help="scan the image again, by its digest:\n" + _command(image.pin.repository, digest, file),
        )


def known_of(
    image: Image, platforms: tuple[str, ...], scans: Scans, shelf: Shelf, report: Report
) -> tuple[list[Known], bool]:
    """What is known of an image on all platforms, and whether that is all: a report for each, and usable."""
    found: list[Vulnerability] = []
    bare: list[str] = []
    note, whole = "", True
    for platform in platforms:
        own = image.pin.platforms.get(platform)
        if own is None:  # LC407 says so
            continue
        reports = shelf.reports(own.digest, image)
        of_index = not reports
        if of_index:
            reports = shelf.reports(image.pin.digest, image)
        usable = [
            each
            for file, each in reports.items()
            if each is not None and _is_about(file, each, platform, image, shelf, of_index=of_index)
        ]
        unusable = any(shelf.read[file] is None for file in reports)
        if not usable and not unusable:
            bare.append(platform)
            note = "the report on its index is on another platform" if reports else note
        whole = whole and bool(usable) and not unusable
        found += [vulnerability for each in usable for vulnerability in each.vulnerabilities]
    if bare and scans.missing != "ignore":
        digest = image.pin.platforms[bare[0]].digest
        file = os.path.join(shelf.folder, f"{digest.replace(':', '-')}.json")
        report.add(
            "LC412" if scans.missing == "error" else "LC416",
            f"{image} has no scan report for {' and '.join(bare)}",
            image.origin,
            note=note,
            related=(Label((*HERE, "reports"), "reports are looked for here"),),
            help="scan it by its digest:\n" + _command(image.pin.repository, digest, file),
        )
    return _united(found), whole


def _is_about(
    file: str, found: ScanReport, platform: str, image: Image, shelf: Shelf, *, of_index: bool
) -> bool:
    """Whether a report is on the image for a platform; one that cannot be is refused (LC413).

    A report on an index is on one platform of it: a scanner takes one, and mostly says which.
    """
    pin = image.pin
    own = pin.platforms[platform].digest
    others = {each.digest for each in pin.platforms.values()} - {own}
    pinned = {pin.digest, own} | (others if of_index else set())
    asked = pin.digest if of_index else own
    if found.digests and not found.digests & pinned:
        stated = " and ".join(sorted(found.digests)[:2])
        words = f"`{file}` reports on another image: it states {stated}, which is no digest of {image}"
        shelf.refuse(file, words, image, asked)
        return False
    elsewhere = found.architecture not in ("", platform.split("/")[1])
    elsewhere = elsewhere or bool(found.digests & others and own not in found.digests)
    if elsewhere and not of_index:
        words = f"`{file}` reports on another platform, and its name is the digest of {image} for {platform}"
        shelf.refuse(file, words, image, asked)
    return not elsewhere


def _united(found: list[Vulnerability]) -> list[Known]:
    """Findings by vulnerability, worst first; scanners may call one by its CVE name or by another."""
    by_name: dict[str, list[Vulnerability]] = {}
    for each in found:
        names = {name.upper() for name in (each.id, *each.aliases)}
        cves = sorted(name for name in names if name.startswith("CVE-"))
        # One that stands for several is none of them: an exception for one must not reach another through it.
        alone = len(cves) == 1 and not each.id.upper().startswith("CVE-")
        by_name.setdefault(cves[0] if alone else each.id.upper(), []).append(each)
    united = [
        Known(
            next((each.id for each in group if each.id.upper() == name), name),
            frozenset(other.upper() for each in group for other in (each.id, *each.aliases)),
            max((each.severity for each in group), key=lambda severity: RANKS[severity]),
            tuple(sorted(set(group))),
        )
        for name, group in by_name.items()
    ]
    return sorted(united, key=lambda known: (-RANKS[known.severity], known.id))


def _command(repository: str, digest: str, file: str) -> str:
    return f"trivy image --format json --output {file} {repository}@{digest}"
