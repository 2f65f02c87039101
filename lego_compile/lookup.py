"""What a name of a centre stands for: an entry of the catalog and a pin of the lock that was made from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.fingerprint import fingerprint, tag_of
from lego_compile.spec.conform import nearest

if TYPE_CHECKING:
    from lego_compile.mirrors import Mirrors
    from lego_compile.spec.catalog import Brick, CatalogSpec, System
    from lego_compile.spec.center import CenterSpec
    from lego_compile.spec.lock import LockSpec, Pin

WORDS = {"bricks": "brick", "systems": "system image"}
"""What a kind of entry is called in messages."""
RELOCK = "write the lock again: lego-compile lock SPEC"
"""``SPEC`` becomes the centre's file when a finding is drawn."""


class Names(NamedTuple):
    """What the names of a centre stand for; shared by the steps of ``resolve``."""

    center: CenterSpec
    catalog: CatalogSpec
    lock: LockSpec
    mirrors: Mirrors
    report: Report


def uses(center: CenterSpec, kind: str) -> Iterator[tuple[str, Path]]:
    """Everything that a centre asks for of one kind, with the place that asks, in the order of the spec.

    Args:
        center: the centre.
        kind: ``"systems"`` or ``"bricks"``; offered bricks come after the fixed ones of their profile.
    """
    if kind == "systems":
        yield center.system, ("center", "system")
    for slug, profile in center.profiles.items():
        here: Path = ("center", "profiles", slug)
        if kind == "systems":
            if profile.system:
                yield profile.system, (*here, "system")
            continue
        yield from ((use, (*here, "bricks", index)) for index, use in enumerate(profile.bricks))
        yield from ((use, (*here, "offer", index)) for index, use in enumerate(profile.offer))


def find_entry(
    kind: str, use: str, origin: Path, catalog: CatalogSpec, report: Report
) -> Brick | System | None:
    """The catalog's entry for a use; None, with LC301 or LC302 in the report, when there is none."""
    name, _, release = use.partition("@")
    known: Mapping[str, Brick | System] = getattr(catalog, kind)
    word = WORDS[kind]
    entry = known.get(name)
    if entry is None:
        guess = nearest(name, known)
        other = getattr(catalog, "bricks" if kind == "systems" else "systems")
        hint = f"{name!r} is a {'system image' if kind == 'bricks' else 'brick'}" if name in other else None
        report.add(
            "LC301",
            f"{word} {name!r} is not in the catalog",
            origin,
            help=hint or (f"did you mean {guess!r}?" if guess else "it has " + ", ".join(map(repr, known))),
        )
        return None
    if not entry.releases:
        report.add(
            "LC302",
            f"{word} {name!r} has no release yet",
            origin,
            related=(Label(("catalog", kind, name, "releases"), "none so far", key=True),),
            help="once its image is published, `lego-compile catalog add` writes the first one there",
        )
        return None
    if release and release not in entry.releases:
        guess = nearest(release, entry.releases)
        have = ", ".join(repr(each) for each in entry.releases)
        report.add(
            "LC302",
            f"{word} {name!r} has no release {release!r}",
            origin,
            related=(Label(("catalog", kind, name, "releases"), "its releases", key=True),),
            help=f"did you mean {guess!r}? it has {have}" if guess else f"it has {have}",
        )
        return None
    return entry


def find(kind: str, use: str, origin: Path, names: Names) -> tuple[Any, Any, str] | None:
    """The catalog's entry for a use, its pin, and its name; reports LC301-LC304, LC315 and returns None otherwise."""
    report, (name, _, release) = names.report, use.partition("@")
    entry = find_entry(kind, use, origin, names.catalog, report)
    if entry is None:
        return None
    pins: Mapping[str, Pin] = getattr(names.lock, kind)
    word = WORDS[kind]
    pin = pins.get(use)
    if pin is None:
        report.add(
            "LC303",
            f"{word} {use!r} is not in the lock",
            origin,
            related=(Label(("lock", kind), "the lock holds others", key=True),),
            help=RELOCK,
        )
        return None
    place: Path = ("lock", kind, use)
    declared: Path = ("catalog", kind, name)
    told = (
        ("release", pin.release, release or pin.release, declared),
        ("repository", pin.repository, entry.image, (*declared, "image")),
    )
    for key, found, expected, where in told:
        if found != expected:
            report.add(
                "LC304",
                f"the lock has {key} {found!r} for {use!r}, and the catalog says {expected!r}",
                (*place, key),
                related=(Label(where, "declared here", key=key == "release"),),
                help=RELOCK,
            )
            return None
    if pin.release not in entry.releases:
        report.add(
            "LC304",
            f"the lock has release {pin.release!r} of {name!r}, which the catalog does not list",
            (*place, "release"),
            related=(Label((*declared, "releases"), "its releases", key=True),),
            help=RELOCK,
        )
        return None
    tag = tag_of(entry, pin.release)
    if tag != pin.tag:
        report.add(
            "LC304",
            f"the lock has tag {pin.tag!r} for {use!r}, and the catalog says {tag!r}",
            (*place, "tag"),
            related=(Label((*declared, "releases", pin.release), "declared here", key=True),),
            help=RELOCK,
        )
        return None
    if pin.resolved_from != fingerprint(kind, pin.release, entry):
        report.add(
            "LC315",
            f"the catalog's entry {name!r} is not what the lock was made from",
            (*place, "resolved_from"),
            related=(Label(declared, "changed since, in what matters to its image", key=True),),
            help=RELOCK,
        )
    return entry, pin, name


def check_lock(center: CenterSpec, lock: LockSpec, report: Report) -> None:
    """A lock says nothing that cannot be, and nothing that its centre does not ask for.

    No digest stands for two repositories: bytes that are an ocean brick are no system image (LC304). A centre's own
    lock pins what the centre uses and no more (LC316); one whose file the centre names may be shared.
    """
    if lock.lock != center.center and not center.lock:
        report.add(
            "LC304",
            f"this is the lock of {lock.lock!r}, and the centre is {center.center!r}",
            ("lock", "lock"),
            related=(Label(("center", "center"), "the centre"),),
            help=f"{RELOCK}; a lock that centres share is named by `lock:` in each of them",
        )
    first: dict[str, tuple[str, Path]] = {}
    for kind, pins in (("systems", lock.systems), ("bricks", lock.bricks)):
        for use, pin in pins.items():
            here: Path = ("lock", kind, use, "digest")
            repository, at = first.setdefault(pin.digest, (pin.repository, here))
            if repository != pin.repository:
                report.add(
                    "LC304",
                    f"the lock has one digest for {repository!r} and {pin.repository!r}",
                    here,
                    related=(Label(at, "the same digest"),),
                    help="resolve them again: lego-compile lock --upgrade SPEC",
                )
            for platform, pinned in pin.platforms.items():
                if pinned.layers and sum(pinned.layers.values()) != pinned.size:
                    report.add(
                        "LC304",
                        f"the size of {use!r} for {platform} is not the sum of its layers",
                        ("lock", kind, use, "platforms", platform, "size"),
                        help="read the image again: lego-compile lock --refresh SPEC",
                    )
    if center.lock:
        return
    for kind, pins in (("systems", lock.systems), ("bricks", lock.bricks)):
        asked = {use for use, _origin in uses(center, kind)}
        for use in pins:
            if use not in asked:
                report.add(
                    "LC316",
                    f"the lock of {center.center!r} pins {WORDS[kind]} {use!r}, which the centre does not use",
                    ("lock", kind, use),
                    key=True,
                    help=RELOCK,
                )
