"""What a user may choose from when a brick is offered in several releases.

JupyterHub stores a choice with its user, so the key of a choice is an interface: it follows from what the spec says,
and one that was offered once stays good.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.model import INCLUDE, BrickMount

if TYPE_CHECKING:
    from lego_compile.agreement import Used
    from lego_compile.spec.center import Profile

Offer = tuple[BrickMount, "Used"]
Retired = tuple[tuple[str, tuple[str, ...]], ...]


def key_of(release: str) -> str:
    """Key of a release that the spec names (``v2026-3``); it becomes part of the names of form fields."""
    return "v" + re.sub(r"[^a-z0-9]+", "-", release.lower()).strip("-")


def with_choices(
    offered: Sequence[Offer], profile: Profile, here: Path, report: Report
) -> tuple[tuple[BrickMount, ...], Retired]:
    """The offered bricks with the keys of their choices, and the keys that are good although the page hides them.

    Args:
        offered: each with what the spec says of it; sorted by name, the releases of one brick as in the spec.
        profile: that offers them.
        here: its place.
        report: receives the findings (LC310, LC318).
    """
    by_name: dict[str, list[Offer]] = {}
    for mount, used in offered:
        by_name.setdefault(mount.name, []).append((mount, used))
    offers: list[BrickMount] = []
    hidden: dict[str, tuple[str, ...]] = {}
    for name, listed in by_name.items():
        offers += _alternatives(name, listed, report) if len(listed) > 1 else [listed[0][0]]
        shown = {_key(used) for _, used in listed} if len(listed) > 1 else {INCLUDE}
        once = {_key(used) for _, used in listed} | set(map(key_of, profile.retired.get(name, ())))
        if once - shown:
            hidden[name] = tuple(sorted(once - shown))
    _check_retired(by_name, profile, here, report)
    return tuple(offers), tuple(sorted(hidden.items()))


def _key(used: Used) -> str:
    _, _, release = used.use.partition("@")
    return key_of(release) if release else INCLUDE


def _alternatives(name: str, listed: Sequence[Offer], report: Report) -> list[BrickMount]:
    made: list[BrickMount] = []
    for mount, used in listed:
        key, release = _key(used), str(used.pin.release)
        twin = next((each for each in made if release == each.release or key == each.choice), None)
        if twin:
            report.add(
                "LC310",
                f"brick {name!r} is offered in release {release!r} twice"
                if release == twin.release
                else f"releases {twin.release!r} and {release!r} of brick {name!r} would have one key, {key!r}",
                mount.origin,
                related=(Label(twin.origin, "the first one"),),
                help="remove one of them",
            )
        made.append(replace(mount, choice=key, release=release))
    return made


def _check_retired(
    offered: Mapping[str, Sequence[Offer]], profile: Profile, here: Path, report: Report
) -> None:
    for name, releases in profile.retired.items():
        place = (*here, "retired", name)
        if name not in offered:
            report.add(
                "LC318",
                f"brick {name!r} is not offered in this profile, so no choice of its releases is left",
                place,
                key=True,
                help="remove it: JupyterHub passes over what it stored about bricks that are not offered",
            )
            continue
        # The one that is offered without its release moves on with the lock, so it stands for no key but its own.
        now = {_key(used): mount.origin for mount, used in offered[name]}
        for index, release in enumerate(releases):
            origin = now.get(key_of(release))
            if origin:
                report.add(
                    "LC318",
                    f"release {release!r} of brick {name!r} is retired, and offered all the same",
                    (*place, index),
                    related=(Label(origin, "offered here"),),
                    help="remove it here, or there",
                )
