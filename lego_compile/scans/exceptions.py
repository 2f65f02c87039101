"""Exceptions: which of them hold today, what each was good for, and which are good for nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.scans.shelf import HERE, Image, Known
from lego_compile.scans.values import RANKS
from lego_compile.spec.conform import nearest

if TYPE_CHECKING:
    from lego_compile.spec.scans import ScanException, Scans

SHOWN = 8
"""Vulnerabilities or places that one message names."""


class Exceptions:
    """The exceptions of a centre, and what each of them was good for."""

    def __init__(self, scans: Scans, report: Report) -> None:
        """Reports days that do not exist (LC204); such an exception holds, so that nothing else is said of it."""
        self.scans, self.all = scans, scans.exceptions
        self.used: set[int] = set()
        self.covered: dict[int, list[tuple[Image, Known]]] = {}
        today = _today() if self.all else ""
        self.expired: set[int] = set()
        for index, each in enumerate(self.all):
            if not _exists(each.until):
                self.used.add(index)
                place = f"`scans.exceptions[{index}].until`"
                words = f"{each.until!r} is not allowed for {place}: there is no such day"
                report.add("LC204", words, (*HERE, "exceptions", index, "until"))
            elif each.until < today:  # both have four digits, two and two: they sort as they follow
                self.expired.add(index)

    def excuse(self, image: Image, known: Known) -> bool:
        """Whether nothing more is to be said of it: an exception holds, or one that has expired is reported."""
        matching = [index for index, each in enumerate(self.all) if _covers(each, image, known)]
        holding = [index for index in matching if index not in self.expired]
        self.used.update(holding)
        if matching and not holding:
            for index in matching:
                self.covered.setdefault(index, []).append((image, known))
        return bool(matching)

    def report_expired(self, report: Report) -> None:
        """LC414: what an exception covered is still there, and its time is over."""
        for index, covered in sorted(self.covered.items()):
            each, (image, known) = self.all[index], covered[0]
            more = f" and {len(covered) - 1} more" if len(covered) > 1 else ""
            still = "still have it" if more else "still has it"
            report.add(
                "LC414",
                f"the exception for {each.id} ended on {each.until}, and {image}{more} {still}: {known}",
                (*HERE, "exceptions", index, "until"),
                related=tuple(Label(at.origin, "used here") for at, _ in covered[:SHOWN]),
                help="use a newer release; or judge it again, and set a later day",
            )

    def report_idle(
        self, images: list[Image], known: list[list[Known]], unsure: set[str], report: Report
    ) -> None:
        """LC415: nothing is excused by it, as far as the reports tell; of the images ``unsure`` they do not."""
        names = {image.name for image in images} | unsure
        for index, each in enumerate(self.all):
            here: Path = (*HERE, "exceptions", index)
            if index in self.used or index in self.covered:
                continue
            if each.image is not None and each.image not in names:
                guess = nearest(each.image, names)
                report.add(
                    "LC415",
                    f"the exception for {each.id} is for {each.image!r}, which the centre does not use",
                    (*here, "image"),
                    help=f"did you mean {guess!r}?" if guess else "remove the exception",
                )
                continue
            if unsure if each.image is None else each.image in unsure:
                continue
            report.add(
                "LC415",
                f"the exception for {each.id} excuses nothing: {self._why_idle(each, images, known)}",
                (*here, "id"),
                help="remove the exception",
            )

    def _why_idle(self, each: ScanException, images: list[Image], known: list[list[Known]]) -> str:
        for image, group in zip(images, known, strict=True):
            for one in group:
                if not _covers(each, image, one):
                    continue
                if RANKS[one.severity] < RANKS[self.scans.refuse]:
                    return f"{image} has it with severity {one.severity}, which is not refused"
                return f"it ended on {each.until}, and another exception covers the same"
        return f"no image named {each.image!r} has it" if each.image else "no image of the centre has it"


def _covers(exception: ScanException, image: Image, known: Known) -> bool:
    return exception.image in (None, image.name) and exception.id.upper() in known.names


def _exists(day: str) -> bool:
    year, month, number = (int(part) for part in day.split("-"))
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return number <= (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def _today() -> str:
    """Today in UTC; or the day of ``SOURCE_DATE_EPOCH`` (reproducible-builds.org), so that a CI can repeat a verdict.

    What is no number of seconds there is passed over: the true day is never the wrong one to ask.
    """
    import time

    said = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = int(said) if said.isascii() and said.isdigit() and len(said) <= 11 else time.time()
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
