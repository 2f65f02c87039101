"""Images with vulnerabilities are refused, unless an exception holds; what is missing or unusable is said."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.scans.exceptions import SHOWN, Exceptions
from lego_compile.scans.shelf import HERE, Image, Known, Shelf, known_of
from lego_compile.scans.values import RANKS
from lego_compile.spec.load import shortest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lego_compile.spec.center import CenterSpec
    from lego_compile.spec.load import Read
    from lego_compile.spec.lock import BrickPin, LockSpec, SystemPin
    from lego_compile.spec.scans import Scans


def check_scans(center: CenterSpec, lock: LockSpec, said_in: str, find: Read, report: Report) -> None:
    """Report every image that the centre's ``scans:`` do not let pass (LC411-LC416, LC204).

    The verdict depends on the day when there are exceptions; outputs never do.

    Args:
        center: whose fixed and offered bricks and system images are judged.
        lock: their digests.
        said_in: name of the file that has ``scans: reports:``, which that is relative to.
        find: reads a file; no text and no problem when there is none of that name.
        report: receives the findings.
    """
    scans = center.scans
    if scans is None:
        return
    shelf = Shelf(shortest(os.path.join(os.path.dirname(said_in), scans.reports)), find, report)
    if not shelf.is_there():
        return
    uses = _uses(center)
    images = list(_images(uses, lock))
    found = [known_of(image, center.platforms, scans, shelf, report) for image in images]
    refused = [_refused(scans, known) for known, _ in found]
    exceptions = Exceptions(scans, report)
    for image, known in zip(images, refused, strict=True):
        left = [each for each in known if not exceptions.excuse(image, each)]
        if left:
            _refuse(image, left, scans, report)
    exceptions.report_expired(report)
    unsure = {use.partition("@")[0] for kind, use, _ in uses if use not in getattr(lock, kind)}
    unsure |= {image.name for image, (_, whole) in zip(images, found, strict=True) if not whole}
    exceptions.report_idle(images, [known for known, _ in found], unsure, report)


def _uses(center: CenterSpec) -> list[tuple[str, str, Path]]:
    """What the profiles use, fixed before offered: kind, name with release, and place."""
    found: list[tuple[str, str, Path]] = []
    for slug, profile in center.profiles.items():
        here: Path = ("center", "profiles", slug)
        asked = (*here, "system") if profile.system else ("center", "system")
        found.append(("systems", profile.system or center.system, asked))
        found += [("bricks", use, (*here, "bricks", index)) for index, use in enumerate(profile.bricks)]
        found += [("bricks", use, (*here, "offer", index)) for index, use in enumerate(profile.offer)]
    return found


def _images(uses: list[tuple[str, str, Path]], lock: LockSpec) -> Iterator[Image]:
    """Each image once, with the first place that uses it; those that are not in the lock are reported already."""
    seen = set()
    for kind, use, origin in uses:
        pins: dict[str, BrickPin | SystemPin] = getattr(lock, kind)
        pin = pins.get(use)
        name = use.partition("@")[0]
        if pin is not None and (kind, name, pin.digest) not in seen:
            seen.add((kind, name, pin.digest))
            yield Image(kind, name, pin, origin)


def _refused(scans: Scans, known: list[Known]) -> list[Known]:
    return [each for each in known if RANKS[each.severity] >= RANKS[scans.refuse]]


def _refuse(image: Image, left: list[Known], scans: Scans, report: Report) -> None:
    more = f", and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
    count = "a vulnerability" if len(left) == 1 else f"{len(left)} vulnerabilities"
    related = [Label((*HERE, "refuse"), "refused from here up")]
    if scans.exceptions:
        related.append(Label((*HERE, "exceptions"), "none of these holds for it", key=True))
    report.add(
        "LC411",
        f"{image} has {count} of severity {_from(scans)}: {', '.join(map(str, left[:SHOWN]))}{more}",
        image.origin,
        related=tuple(related),
        help="use a newer release; or let one pass for a while, below `exceptions:` of `scans:`\n"
        f'- {{id: {left[0].id}, image: {image.name}, until: "YYYY-MM-DD", reason: …}}',
    )


def _from(scans: Scans) -> str:
    return scans.refuse if scans.refuse == "critical" else f"{scans.refuse} or above"
