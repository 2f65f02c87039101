"""What a name of a centre stands for: an entry of the catalog and a pin of the lock, which have to agree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.model import Limits
from lego_compile.spec.conform import nearest

if TYPE_CHECKING:
    from lego_compile.mirrors import Mirrors
    from lego_compile.spec.catalog import Brick, CatalogSpec, System
    from lego_compile.spec.center import CenterSpec
    from lego_compile.spec.lock import LockSpec, Pin

_RELOCK = "pin it again in the lock (README, “The lock”)"


class Names(NamedTuple):
    """What the names of a centre stand for; shared by the steps of ``resolve``."""

    center: CenterSpec
    catalog: CatalogSpec
    lock: LockSpec
    mirrors: Mirrors
    report: Report


def find(kind: str, use: str, origin: Path, names: Names) -> tuple[Any, Pin, str] | None:
    """The catalog's entry for a use, its pin, and its name; reports LC301-LC304 and returns None otherwise."""
    report, name = names.report, use.partition("@")[0]
    release = use.partition("@")[2]
    known: Mapping[str, Brick | System] = getattr(names.catalog, kind)
    pins: Mapping[str, Pin] = getattr(names.lock, kind)
    word = "brick" if kind == "bricks" else "system image"
    entry = known.get(name)
    if entry is None:
        guess = nearest(name, known)
        other = getattr(names.catalog, "bricks" if kind == "systems" else "systems")
        hint = f"{name!r} is a {'system image' if kind == 'bricks' else 'brick'}" if name in other else None
        report.add(
            "LC301",
            f"{word} {name!r} is not in the catalog",
            origin,
            help=hint or (f"did you mean {guess!r}?" if guess else "it has " + ", ".join(map(repr, known))),
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
    pin = pins.get(use)
    if pin is None:
        report.add(
            "LC303",
            f"{word} {use!r} is not in the lock",
            origin,
            related=(Label(("lock", kind), "the lock holds others", key=True),),
            help=_RELOCK,
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
                help=_RELOCK,
            )
            return None
    info = entry.releases.get(pin.release)
    if info is None:
        report.add(
            "LC304",
            f"the lock has release {pin.release!r} of {name!r}, which the catalog does not list",
            (*place, "release"),
            related=(Label((*declared, "releases"), "its releases", key=True),),
            help=_RELOCK,
        )
        return None
    if (info.tag or pin.release) != pin.tag:
        report.add(
            "LC304",
            f"the lock has tag {pin.tag!r} for {use!r}, and the catalog says {info.tag or pin.release!r}",
            (*place, "tag"),
            related=(Label((*declared, "releases", pin.release), "declared here", key=True),),
            help=_RELOCK,
        )
        return None
    return entry, pin, name


def check_lock(lock: LockSpec, report: Report) -> None:
    """No digest stands for two repositories: bytes that are an ocean brick are no system image (LC304)."""
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
                    help=_RELOCK,
                )


def check_facts(kind: str, name: str, entry: Any, pin: Pin, origin: Path, report: Report) -> None:
    """What the image says of itself, where it says something, is what the catalog says of it (LC304)."""
    label = "brick" if kind == "bricks" else "system"
    declared: dict[str, object] = {"name": name}
    if kind == "bricks":
        kernels = ", ".join(sorted(kernel.directory for kernel in entry.kernels))
        declared |= {"prefix": entry.prefix, "subpath": entry.subpath, "kernels": kernels}
    else:
        declared |= {"home": entry.home, "conda": entry.conda, "user": f"{entry.uid}:{entry.gid}"}
    for key, expected in declared.items():
        stated = pin.facts.get(f"{label}.{key}")
        if stated is not None and key == "kernels":
            stated = _directories(stated)
        if stated is not None and stated != expected:
            report.add(
                "LC304",
                f"the image of {name!r} states {key} {stated!r}, and the catalog says {expected!r}",
                origin,
                related=(
                    Label(("catalog", kind, name, "uid" if key == "user" else key), "declared here"),
                    Label(("lock", kind), "stated by the image", key=True),
                ),
                help="correct the catalog: the image is right about itself",
            )


def _directories(stated: str) -> str:
    """Directories of the kernelspecs that a label lists as JSON; the text itself when it is something else."""
    import json

    try:
        return ", ".join(sorted(str(kernel["dir"]) for kernel in json.loads(stated)))
    except (ValueError, TypeError, KeyError):
        return stated


def check_platforms(
    word: str, name: str, entry: Brick | System, pin: Pin, origin: Path, names: Names
) -> None:
    """Every platform of the centre's machines is one that the image is built for (LC407)."""
    kind = "bricks" if word == "brick" else "systems"
    for index, platform in enumerate(names.center.platforms):
        if platform not in entry.platforms or platform not in pin.platforms:
            have = entry.platforms if platform not in entry.platforms else tuple(pin.platforms)
            asked: Path = ("center", "platforms", index)
            names.report.add(
                "LC407",
                f"{word} {name!r} is not available for {platform}",
                origin,
                note=f"built for {', '.join(have)}",
                related=(
                    Label(asked, "the centre has such machines"),
                    Label(("catalog", kind, name, "platforms"), "declared here", key=True),
                ),
                help="use another release or profile, or remove the platform",
            )


def check_requirements(
    name: str,
    brick: Brick,
    system_name: str,
    system: System,
    limits: Limits,
    origin: Path,
    here: Path,
    report: Report,
) -> None:
    """The system image provides what a brick needs, and the profile has the GPU that it needs (LC408)."""
    for package, lowest in brick.requires.system.items():
        have = system.provides.get(package)
        if have is not None and _numbers(have) >= _numbers(lowest):
            continue
        wanted: Path = ("catalog", "bricks", name, "requires", "system", package)
        given: Path = ("catalog", "systems", system_name, "provides")
        report.add(
            "LC408",
            f"brick {name!r} needs {package} {lowest}, and system image {system_name!r} "
            + (f"provides {have}" if have else "does not say that it provides it"),
            origin,
            related=(
                Label(wanted, "needed here"),
                Label((*given, package) if have else given, "provided here", key=not have),
            ),
            help="use a newer system image, or an older release of the brick",
        )
    vendor = brick.requires.gpu
    if vendor and (not limits.gpus or limits.gpu_vendor != vendor):
        report.add(
            "LC408",
            f"brick {name!r} needs a GPU of {vendor}, and the profile has "
            + (f"GPUs of {limits.gpu_vendor}" if limits.gpus else "none"),
            origin,
            related=(
                Label(("catalog", "bricks", name, "requires", "gpu"), "needed here"),
                Label((*here, "resources"), "what the profile has", key=True),
            ),
            help=f"add `gpu: {{vendor: {vendor}, count: 1}}` to `resources:` of the profile",
        )


def _numbers(version: str) -> tuple[int, ...]:
    """Numeric parts without trailing zeros: 2.39.0 is 2.39."""
    numbers = [int(part) for part in re.findall(r"\d+", version.split("-")[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
