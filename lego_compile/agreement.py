"""What an image says of itself, against the catalog, the centre's machines and the images it meets.

The image is right about itself: its facts are in the lock, read when it was pinned. Where it states nothing, what
the catalog says of it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from lego_compile.diagnostic.model import Label, Path, Report

if TYPE_CHECKING:
    from lego_compile.ir.model import Limits

WIDGETS = "@jupyter-widgets/jupyterlab-manager"
"""The lab extension that draws every widget: 3.x speaks to ipywidgets 7, 5.x to ipywidgets 8, and no Lab can have
both (jupyter-widgets/ipywidgets#3577)."""
_CORRECT = "correct the catalog; if the lock was edited by hand: lego-compile lock --refresh SPEC"


class Used(NamedTuple):
    """An image that a profile uses, with everything that its name stands for.

    Attributes:
        kind: ``"bricks"`` or ``"systems"``.
        name: in the catalog.
        use: as the centre says it, which is the key of its pin.
        entry: of the catalog (``Brick`` or ``System``).
        pin: of the lock (``BrickPin`` or ``SystemPin``).
        origin: who asks for it.
    """

    kind: str
    name: str
    use: str
    entry: Any
    pin: Any
    origin: Path

    @property
    def declared(self) -> Path:
        """The entry of the catalog."""
        return ("catalog", self.kind, self.name)

    def fact(self, name: str, platform: str) -> tuple[Any, Path]:
        """What the image states on one platform, and where the lock has it; the value is empty when unstated."""
        here: Path = ("lock", self.kind, self.use)
        pinned = self.pin.platforms.get(platform)
        own = getattr(pinned.facts, name) if pinned else None
        if own:
            return own, (*here, "platforms", platform, "facts", name)
        return getattr(self.pin.facts, name), (*here, "facts", name)


def check_platforms(image: Used, platforms: tuple[str, ...], report: Report) -> None:
    """Every platform of the centre's machines is one that the image is built for (LC407)."""
    word = "brick" if image.kind == "bricks" else "system image"
    for index, platform in enumerate(platforms):
        if platform not in image.entry.platforms or platform not in image.pin.platforms:
            unlisted = platform not in image.entry.platforms
            have = image.entry.platforms if unlisted else tuple(image.pin.platforms)
            where: Path = (*image.declared, "platforms")
            report.add(
                "LC407",
                f"{word} {image.name!r} is not available for {platform}",
                image.origin,
                note=f"built for {', '.join(have)}",
                related=(
                    Label(("center", "platforms", index), "the centre has such machines"),
                    Label(where if unlisted else ("lock", image.kind, image.use, "platforms"),
                          "declared here" if unlisted else "what the registry has", key=True),
                ),
                help="use another release or profile, or remove the platform",
            )  # fmt: skip


def check_facts(image: Used, platforms: tuple[str, ...], report: Report) -> None:
    """What the image states of itself, where it states something, is what the catalog says of it (LC304)."""
    for key, stated, expected, place, where in _compared(image, platforms):
        if key == "kernels":
            _check_kernels(image, stated, place, report)
        elif stated != expected:
            said = f"{key} {stated!r}" if isinstance(stated, str) else f"{key} {', '.join(map(repr, stated))}"
            report.add(
                "LC304",
                f"the image of {image.name!r} states {said}, and the catalog says "
                + (repr(expected) if isinstance(expected, str) else ", ".join(map(repr, expected))),
                image.origin,
                related=(Label(where, "declared here"), Label(place, "stated by the image", key=True)),
                help="a brick works only where it was built: correct `prefix:` in the catalog"
                if key == "prefix"
                else _CORRECT,
            )


def _compared(image: Used, platforms: tuple[str, ...]) -> Iterator[tuple[str, Any, Any, Path, Path]]:
    """Facts that image and catalog both state: name, both values, where each is; each difference once."""
    entry = image.entry
    expected: dict[str, Any] = {"name": image.name}
    if image.kind == "bricks":
        expected |= {"prefix": entry.prefix, "subpath": entry.subpath, "kernels": entry.kernels}
    else:
        expected |= {
            "home": entry.home,
            "conda": entry.conda,
            "user": f"{entry.uid}:{entry.gid}",
            "environments": tuple(entry.environments),
        }
    for key, value in expected.items():
        seen: list[Any] = []
        for platform in platforms:
            stated, place = image.fact(key, platform)
            if stated and stated not in seen:
                seen.append(stated)
                yield key, stated, value, place, (*image.declared, "uid" if key == "user" else key)


def _check_kernels(image: Used, stated: Any, place: Path, report: Report) -> None:
    """The catalog lists the kernels that the image has, with the titles and languages that users see."""
    listed = {kernel.directory: (index, kernel) for index, kernel in enumerate(image.entry.kernels)}
    here: Path = (*image.declared, "kernels")
    for directory, (index, kernel) in listed.items():
        fact = stated.get(directory)
        if fact is None:
            have = ", ".join(map(repr, stated))
            message = f"the image of {image.name!r} has no kernel {directory!r}; it has {have}"
        elif (fact.title, fact.language) != (kernel.title, kernel.language):
            message = (
                f"kernel {directory!r} of {image.name!r} is {fact.title!r} ({fact.language}) in the image, "
                f"and {kernel.title!r} ({kernel.language}) in the catalog"
            )
        else:
            continue
        related = (Label((*here, index), "declared here"), Label(place, "stated by the image", key=True))
        report.add("LC304", message, image.origin, related=related, help=_CORRECT)
    for directory in stated:
        if directory not in listed:
            message = f"the image of {image.name!r} has a kernel {directory!r} that the catalog does not list"
            related = (Label(here, "declared here", key=True), Label(place, "stated by the image", key=True))
            report.add("LC304", message, image.origin, related=related, help=_CORRECT)


def provided(system: Used, platform: str) -> dict[str, tuple[str, Path]]:
    """What a system image provides on one platform: package → version, and where that is written.

    What the image states counts; the catalog's `provides:` is for images that state nothing of the kind.
    """
    found: dict[str, tuple[str, Path]] = {}
    stated, place = system.fact("provides", platform)
    if not stated:
        here: Path = (*system.declared, "provides")
        found = {package: (version, (*here, package)) for package, version in system.entry.provides.items()}
    for packages, where in ((stated, place), system.fact("labextensions", platform)):
        found |= {package: (version, (*where, package)) for package, version in packages.items()}
    glibc, where = system.fact("glibc", platform)
    return found | ({"glibc": (glibc, where)} if glibc else {})


def required(brick: Used, platform: str) -> dict[str, tuple[str, Path]]:
    """What a brick needs at least, likewise; what image and catalog both state counts as the image says it."""
    here: Path = (*brick.declared, "requires", "system")
    found: dict[str, tuple[str, Path]] = {
        package: (version, (*here, package)) for package, version in brick.entry.requires.system.items()
    }
    stated, place = brick.fact("requires", platform)
    found |= {package: (version, (*place, package)) for package, version in stated.items()}
    glibc, where = brick.fact("glibc", platform)
    return found | ({"glibc": (glibc, where)} if glibc else {})


def check_server(
    system: Used, needs: dict[str, tuple[str, ...]], platforms: tuple[str, ...], report: Report
) -> None:
    """The system image provides what its sessions are started with (LC408).

    An image is believed as long as nobody says what packages it has. Where that is said, what is left out is not
    there, and the server of every session would end before it answers.

    Args:
        system: the system image of a profile.
        needs: what asks for packages, as the message says it, and the packages.
        platforms: of the centre's machines.
        report: receives the findings.
    """
    told: set[str] = set()
    for platform in platforms:
        stated, place = system.fact("provides", platform)
        have = stated or system.entry.provides
        for needed, packages in needs.items() if have.keys() - {"glibc", WIDGETS} else ():
            absent = " and ".join(package for package in packages if package not in have)
            if not absent or needed in told:
                continue
            told.add(needed)
            report.add(
                "LC408",
                f"{needed}, and system image {system.name!r} does not say that it provides {absent}",
                system.origin,
                related=(
                    Label(place if stated else (*system.declared, "provides"), "what it provides", key=True),
                ),
                help="use another system image"
                + ("" if stated else ", or add what this one has to `provides`"),
            )


def check_requirements(
    brick: Used, system: Used, platforms: tuple[str, ...], limits: Limits, here: Path, report: Report
) -> None:
    """The system image provides what a brick needs, and the profile has the GPU that it needs (LC408, LC409).

    Args:
        brick: one that the profile mounts or offers.
        system: the system image of the profile.
        platforms: of the centre's machines.
        limits: of the profile.
        here: the profile.
        report: receives the findings.
    """
    told: set[str] = set()
    for platform in platforms:
        have = provided(system, platform)
        for package, (lowest, wanted) in required(brick, platform).items():
            given = have.get(package)
            if package in told or (given is not None and _numbers(given[0]) >= _numbers(lowest)):
                continue
            told.add(package)
            report.add(
                "LC408",
                f"brick {brick.name!r} needs {package} {lowest}, and system image {system.name!r} "
                + (f"provides {given[0]}" if given else "does not say that it provides it"),
                brick.origin,
                related=(
                    Label(wanted, "needed here"),
                    Label(given[1], "provided here")
                    if given
                    else Label((*system.declared, "provides"), "provided here", key=True),
                ),
                help="use a newer system image, or an older release of the brick",
            )
        _check_extensions(brick, system, platform, have, told, report)
    _check_gpu(brick, platforms, limits, here, report)


def _check_extensions(
    brick: Used,
    system: Used,
    platform: str,
    have: dict[str, tuple[str, Path]],
    told: set[str],
    report: Report,
) -> None:
    """The Lab has the extensions that a brick's packages talk to, in a version that understands them.

    Only those of the system image are loaded, so the brick's own version says what its packages expect. An image
    that states nothing at all may have everything.
    """
    knows = bool(system.fact("labextensions", platform)[0]) or any(name.startswith("@") for name in have)
    wanted, place = brick.fact("labextensions", platform)
    for name, version in wanted.items():
        given = have.get(name)
        if name in told or (given is None and not knows) or (given and _speaks(version) == _speaks(given[0])):
            continue
        told.add(name)
        what = f"has {given[0]}" if given else "does not have it"
        report.add(
            "LC408" if name == WIDGETS else "LC409",
            f"brick {brick.name!r} is made for lab extension {name} {version}, "
            f"and system image {system.name!r} {what}",
            brick.origin,
            related=(
                Label((*place, name), "stated by the brick"),
                Label(given[1], "provided here")
                if given
                else Label(("lock", system.kind, system.use), "the system image", key=True),
            ),
            help="use a system image or a release of the brick whose versions fit"
            + ("; without that, no widget of the brick is drawn" if name == WIDGETS else ""),
        )


def _check_gpu(brick: Used, platforms: tuple[str, ...], limits: Limits, here: Path, report: Report) -> None:
    for platform in platforms:
        stated, place = brick.fact("gpu", platform)
        vendor = stated or brick.entry.requires.gpu
        if vendor and (not limits.gpus or limits.gpu_vendor != vendor):
            report.add(
                "LC408",
                f"brick {brick.name!r} needs a GPU of {vendor}, and the profile has "
                + (f"GPUs of {limits.gpu_vendor}" if limits.gpus else "none"),
                brick.origin,
                related=(
                    Label((*brick.declared, "requires", "gpu") if brick.entry.requires.gpu else place,
                          "needed here"),
                    Label((*here, "resources"), "what the profile has", key=True),
                ),
                help=f"add `gpu: {{vendor: {vendor}, count: 1}}` to `resources:` of the profile",
            )  # fmt: skip
            return


def _speaks(version: str) -> tuple[int, ...]:
    """The part of a version that decides whether two sides understand each other: the major one; 0.17 of 0.17.4."""
    numbers = [int(part) for part in re.findall(r"\d+", version)]
    return tuple(numbers[: 1 if numbers[:1] != [0] else 2])


def _numbers(version: str) -> tuple[int, ...]:
    """Numeric parts without trailing zeros: 2.39.0 is 2.39."""
    numbers = [int(part) for part in re.findall(r"\d+", version.split("-")[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
