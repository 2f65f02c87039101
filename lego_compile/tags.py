"""Releases and tags in the order in which they were published, as far as their numbers say it."""

from __future__ import annotations

import re
from collections.abc import Collection

_LONGEST = 128
"""Of a tag (distribution/reference:regexp.go@v0.6.0); what is longer is no tag, and its numbers are not read."""


def order(tag: str) -> tuple[tuple[int, ...], int] | None:
    """A key to sort by, as people count: ``2026.4`` < ``2026.10`` < ``2026.10-r1`` < ``2026.10.1``.

    None for what has not the shape of a release: digits and dots, a ``v`` before or a revision (``-r1``) behind
    them. ``latest``, ``sha-8f3c2ab`` and ``2026.10-rc1`` have none.
    """
    found = re.fullmatch(r"v?([0-9]+(?:\.[0-9]+)*)(?:-r([0-9]+))?", tag) if len(tag) <= _LONGEST else None
    if found is None:
        return None
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:  # 4.0 is 4
        numbers.pop()
    return tuple(numbers), int(found[2] or 0)


def newer_tags(listed: str, tags: Collection[str]) -> tuple[str, ...]:
    """The tags of a repository that come after one of them, oldest first.

    Only those of the same shape: with a ``v`` when it has one, and with dots when it has some (a number alone
    counts builds). A shorter one that others continue (``5`` beside ``5.0.1``) is moved from release to release,
    and is none itself.

    Args:
        listed: the tag that is known; without the shape of a release, nothing comes after it.
        tags: all tags, in any order.
    """
    here = order(listed)
    if here is None:
        return ()
    dots, continued = listed.count("."), {tag.rpartition(".")[0] for tag in tags}
    found = []
    for tag in dict.fromkeys(tags):
        there = order(tag)
        if there is None or there <= here or tag.startswith("v") != listed.startswith("v"):
            continue
        if tag.count(".") < dots and (tag in continued or "." not in tag):
            continue
        found.append((there, tag))
    return tuple(tag for _key, tag in sorted(found))
