"""What is wrong with the ``build:`` blocks of a catalog, beyond their grammar (LC312, LC341-LC348)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.imaging.packages import EXTENSIONS, KERNELS, PARTS, SUBDIRS, brings_kernel, name_of, part
from lego_compile.session import OWN_VARIABLES

if TYPE_CHECKING:
    from lego_compile.spec.catalog import Brick, CatalogSpec, System

_NEEDED = ("jupyterlab", "jupyterhub")
"""What every system image provides: the Lab, and what the hub starts in it."""


def check(catalog: CatalogSpec, report: Report) -> None:
    """Report every mistake of the build blocks.

    Args:
        catalog: one that conforms to its schema.
        report: receives LC312 and LC341-LC348.
    """
    bricks = {name: each for name, each in catalog.bricks.items() if each.build}
    systems = {name: each for name, each in catalog.systems.items() if each.build}
    if catalog.build is None:
        _no_build(
            [*(("systems", name) for name in systems), *(("bricks", name) for name in bricks)],
            report,
        )
        return
    for name, system in systems.items():
        _system(("catalog", "systems", name), system, report)
    for name, brick in bricks.items():
        _brick(("catalog", "bricks", name), brick, report)
        _widgets(("catalog", "bricks", name), brick, systems, report)


def _no_build(built: Sequence[tuple[str, str]], report: Report) -> None:
    where: Path = ("catalog", *built[0], "build") if built else ("catalog", "catalog")
    said = f"{'brick' if built[0][0] == 'bricks' else 'system image'} {built[0][1]!r}" if built else ""
    message = (
        f"{said} has a `build:`, and the catalog has none"
        if built
        else "the catalog does not say how to build it"
    )
    report.add(
        "LC341",
        message,
        where,
        key=True,
        help="write a `build:` for the whole catalog, with `source`, `catalog` and `images`; see docs/images.md",
    )


def _system(where: Path, entry: System, report: Report) -> None:
    assert entry.build is not None
    _platforms(where, entry.platforms, report)
    _twice(where, entry.build.packages, report)
    named = {name_of(each): index for index, each in enumerate(entry.build.packages)}
    for provided, version in entry.provides.items():
        place = (*where, "provides", provided)
        brought = part(provided, version)
        if brought is None and provided != "glibc" and provided not in named:
            report.add(
                "LC344",
                f"no package is known to bring {provided!r}",
                place,
                key=True,
                help="a package of that name can be named in `build: {packages: […]}`; "
                "what is known is " + ", ".join([*PARTS, *EXTENSIONS]),
            )
        if brought is not None and name_of(brought) in named and provided in PARTS:
            report.add(
                "LC345",
                f"{name_of(brought)!r} is installed in the version that the image provides, {version}",
                (*where, "build", "packages", named[name_of(brought)]),
                related=(Label(place, "said here"),),
                help="leave it out here",
            )
    missing = [each for each in _NEEDED if each not in entry.provides]
    if "nb_conda_kernels" in entry.provides and "conda" not in entry.provides:
        missing.append("conda")
    for each in missing:
        why = "nb_conda_kernels asks it for the bricks" if each == "conda" else "every session needs it"
        report.add(
            "LC346",
            f"it provides no {each}: {why}",
            (*where, "provides"),
            help=f'write {each} with its version, such as {each}: "{_EXAMPLES[each]}"',
        )


_EXAMPLES = {"jupyterlab": "4.6", "jupyterhub": "6.1", "conda": "26.7"}


def _brick(where: Path, entry: Brick, report: Report) -> None:
    assert entry.build is not None
    _platforms(where, entry.platforms, report)
    _twice(where, entry.build.packages, report)
    if entry.subpath != "/":
        report.add(
            "LC342",
            f"an image that is built here is the environment, and this one lies at {entry.subpath!r}",
            (*where, "subpath"),
            related=(Label((*where, "build"), "built here", key=True),),
            help="leave `subpath` out; or leave `build:` out, when the image is somebody else's",
        )
    for index, kernel in enumerate(entry.kernels):
        if brings_kernel(kernel.directory, entry.build.packages) is False:
            report.add(
                "LC343",
                f"none of its packages is known to bring the kernel {kernel.directory!r}",
                (*where, "kernels", index),
                related=(Label((*where, "build", "packages"), "its packages"),),
                help=f"add {KERNELS[kernel.directory][0]!r} to the packages",
            )
    for variable in entry.build.variables:
        if OWN_VARIABLES.match(variable):
            report.add(
                "LC312",
                f"variable `{variable}` is set by lego-compile or the platform",
                (*where, "build", "variables", variable),
                key=True,
                help="remove it: no kernel of the brick would start as it should",
            )
    for platform in entry.build.cpu:
        if platform not in entry.platforms:
            report.add(
                "LC347",
                f"the brick is not built for {platform!r}",
                (*where, "build", "cpu", platform),
                key=True,
                help="it is built for " + ", ".join(entry.platforms),
            )
    if entry.requires.gpu == "nvidia" and not entry.build.cuda:
        report.add(
            "LC348",
            "it needs a GPU, and its `build:` names no CUDA, so conda chooses builds for processors",
            (*where, "build"),
            key=True,
            related=(Label((*where, "requires", "gpu"), "needed here"),),
            help='write `cuda:` with the version that the drivers of all centres have at least, such as "12.6"',
        )


def _widgets(where: Path, entry: Brick, systems: dict[str, System], report: Report) -> None:
    """Lab extensions are drawn by the system image: one that no system has is dead in every brick."""
    for needed in entry.requires.system:
        if systems and needed != "glibc" and not any(needed in each.provides for each in systems.values()):
            report.add(
                "LC344",
                f"no system image that is built here provides {needed!r}",
                (*where, "requires", "system", needed),
                key=True,
                help="add it to `provides:` of a system image",
            )


def _platforms(where: Path, platforms: Sequence[str], report: Report) -> None:
    for index, platform in enumerate(platforms):
        if platform not in SUBDIRS:
            report.add(
                "LC347",
                f"conda has no packages for {platform!r}",
                (*where, "platforms", index),
                help="it has packages for " + ", ".join(sorted(SUBDIRS)),
            )


def _twice(where: Path, packages: Sequence[str], report: Report) -> None:
    first: dict[str, int] = {}
    for index, package in enumerate(packages):
        before = first.setdefault(name_of(package), index)
        if before != index:
            report.add(
                "LC345",
                f"{name_of(package)!r} is named twice",
                (*where, "build", "packages", index),
                related=(Label((*where, "build", "packages", before), "named here first"),),
                help="write all bounds of a package together, such as numpy>=2,<3",
            )
