"""Legality that holds on every target, judged before any target is asked."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from lego_compile.diagnostic.model import Label, Report
from lego_compile.ir.kernels import environment_names
from lego_compile.ir.model import BrickMount, Composition, Deployment

SYSTEM_PATHS = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp",  # noqa: S108
    "/usr", "/var",
)  # fmt: skip
"""Directories of every system image; ``/`` is refused by the grammar of a prefix."""


def check(deployment: Deployment, report: Report) -> None:
    """Report every composition of the deployment that no platform can honour (LC401-LC406)."""
    for profile in deployment.profiles:
        _check_home(profile, report)
        # The releases of one brick are alternatives, and all alike but for their image.
        mounts = (*profile.bricks, *(releases[0] for releases in profile.offered.values()))
        _check_pairs(mounts, report)
        for mount in mounts:
            _check_place(mount, profile, report)
        _check_data(profile, report)
        _check_names(mounts, profile, report)


def inside(path: str, parent: str) -> bool:
    """Whether an absolute path is another one, or lies below it."""
    return path == parent or path.startswith(parent.rstrip("/") + "/")


def _check_home(profile: Composition, report: Report) -> None:
    """The home is mounted too, and must not hide what the system image is made of."""
    system = profile.system
    own = (system.conda, *system.environments, *SYSTEM_PATHS)
    hidden = next((place for place in own if inside(place, system.home)), None)
    if not hidden and inside(system.home, system.conda):
        hidden = system.conda
    if hidden:
        report.add(
            "LC403",
            f"the home {system.home!r} of the system image hides {hidden!r}",
            system.origin,
            related=(Label((*system.declared, "home"), "declared here"),),
            help="a home such as '/home/jovyan' hides nothing",
        )


def _check_pairs(mounts: tuple[BrickMount, ...], report: Report) -> None:
    for first, second in combinations(sorted(mounts, key=_position), 2):
        if first.prefix == second.prefix:
            report.add(
                "LC401",
                f"bricks {first.name!r} and {second.name!r} are both built for {first.prefix!r}",
                second.origin,
                note="and so is this one",
                related=(Label(first.origin, f"{first.name!r} is mounted there"), *_declared(first, second)),
                help="keep one of them in this profile; to offer both, one has to be built for another prefix",
            )
        elif inside(second.prefix, first.prefix) or inside(first.prefix, second.prefix):
            outer, inner = (first, second) if inside(second.prefix, first.prefix) else (second, first)
            report.add(
                "LC402",
                f"{inner.prefix!r} of brick {inner.name!r} lies inside {outer.prefix!r} of brick {outer.name!r}",
                inner.origin,
                note="mounted inside the other",
                related=(
                    Label(outer.origin, "the outer brick, which is read-only"),
                    *_declared(outer, inner),
                ),
                help="a read-only brick cannot hold another's mount point; use them in different profiles",
            )


def _check_place(mount: BrickMount, profile: Composition, report: Report) -> None:
    system = profile.system
    related = _declared(mount)
    hidden = _hidden_by(mount.prefix, system.conda, system.environments)
    if hidden:
        report.add(
            "LC403",
            f"brick {mount.name!r} at {mount.prefix!r} hides {hidden} of the system image",
            mount.origin,
            related=(*related, Label(system.declared, "the system image is described here", key=True)),
            help="the brick has to be built for another prefix; '/opt/bricks/NAME' is the convention",
        )
        return
    if inside(mount.prefix, system.home) or inside(system.home, mount.prefix):
        report.add(
            "LC404",
            f"brick {mount.name!r} at {mount.prefix!r} touches the home directory {system.home!r}",
            mount.origin,
            related=(*related, Label(system.declared, "the home is that of this system image", key=True)),
            help="the home belongs to the user; the brick has to be built for another prefix",
        )
    for data in profile.data:
        if inside(mount.prefix, data.path) or inside(data.path, mount.prefix):
            report.add(
                "LC404",
                f"brick {mount.name!r} at {mount.prefix!r} and data {data.name!r} at {data.path!r} overlap",
                mount.origin,
                related=(Label(data.origin, "this data mount"), *related),
                help="mount the data somewhere else",
            )
    asks_conda = "CONDA_ENVS_DIRS" in dict(profile.environment)
    if asks_conda and mount.prefix.rpartition("/")[0] not in system.environments:
        known = ", ".join(repr(each) for each in system.environments)
        report.add(
            "LC405",
            f"{mount.prefix!r} of brick {mount.name!r} is not directly below an environment directory of the system",
            mount.origin,
            related=(*related, Label(system.declared, f"conda looks in {known}", key=True)),
            help="add the parent directory to `environments:` of the system image, if the image agrees",
        )


def _hidden_by(path: str, conda: str, environments: tuple[str, ...]) -> str:
    """What a mount at a path would hide, in words; empty when it hides nothing of the system image."""
    if inside(conda, path):
        return f"the conda installation {conda!r}"
    if inside(path, conda) and path.rpartition("/")[0] != f"{conda}/envs":
        return f"a part of the conda installation {conda!r}"
    for directory in environments:
        if inside(directory, path):
            return f"the environment directory {directory!r}"
    for place in SYSTEM_PATHS:
        if inside(path, place) or inside(place, path):
            return f"{place!r}"
    return ""


def _check_data(profile: Composition, report: Report) -> None:
    system = profile.system
    for data in profile.data:
        hidden = _hidden_by(data.path, system.conda, system.environments) or (
            f"a part of the conda installation {system.conda!r}" if inside(data.path, system.conda) else ""
        )
        if hidden and not inside(data.path, "/var/data"):
            report.add(
                "LC403",
                f"data {data.name!r} at {data.path!r} hides {hidden} of the system image",
                data.origin,
                help=f"mount it somewhere else, such as '/data/{data.name}'",
            )
        if inside(system.home, data.path) or inside(data.path, system.home):
            verb = "hides" if inside(system.home, data.path) else "lies in"
            report.add(
                "LC404",
                f"data {data.name!r} at {data.path!r} {verb} the home {system.home!r}",
                data.origin,
                related=(Label(system.declared, "the home is that of this system image", key=True),),
                help=f"the home belongs to the user; mount the data at a path such as '/data/{data.name}'",
            )
    for first, second in combinations(profile.data, 2):
        if inside(second.path, first.path) or inside(first.path, second.path):
            report.add(
                "LC404",
                f"data {second.name!r} at {second.path!r} and data {first.name!r} at {first.path!r} overlap",
                second.origin,
                related=(Label(first.origin, "the other one"),),
                help="mount each at a path of its own",
            )


def _check_names(mounts: tuple[BrickMount, ...], profile: Composition, report: Report) -> None:
    """Two environments of one last path component get numbered names that depend on each other."""
    names = environment_names(profile.system.conda, (mount.prefix for mount in mounts))
    first_of: dict[str, BrickMount] = {}
    for mount in sorted(mounts, key=_position):
        alone = environment_names(profile.system.conda, (mount.prefix,))[mount.prefix]
        other = first_of.setdefault(alone, mount)
        if other is not mount and other.prefix != mount.prefix:
            report.add(
                "LC406",
                f"bricks {other.name!r} and {mount.name!r} are both the environment {alone!r}",
                mount.origin,
                note=f"its kernels would be called {names[mount.prefix]!r}",
                related=(Label(other.origin, "the other one"), *_declared(other, mount)),
                help="kernel names are stored in notebooks, so they must not depend on what else is mounted; "
                "use them in different profiles",
            )
    owner: dict[str, BrickMount] = {}
    for mount in sorted(mounts, key=_position):
        for kernel in mount.kernels:
            if owner.get(kernel.name) is mount:
                report.add(
                    "LC406",
                    f"brick {mount.name!r} has two kernels that are called {kernel.name!r}",
                    mount.origin,
                    related=(Label((*mount.declared, "kernels"), "its kernels", key=True),),
                    help="keep one of them: the other would never be listed",
                )
            other = owner.setdefault(kernel.name, mount)
            if other is not mount and first_of.get(names[mount.prefix]) is mount:
                report.add(
                    "LC406",
                    f"bricks {other.name!r} and {mount.name!r} both have the kernel {kernel.name!r}",
                    mount.origin,
                    related=(Label(other.origin, "the other one"), *_declared(other, mount)),
                )


def _declared(*mounts: BrickMount) -> Iterator[Label]:
    for mount in mounts:
        if mount.declared:
            yield Label((*mount.declared, "prefix"), f"prefix of {mount.name!r}")


def _position(mount: BrickMount) -> tuple[str, ...]:
    """Order of writing: fixed bricks of a profile before offered ones, then by index."""
    return tuple(f"{step:06}" if isinstance(step, int) else step for step in mount.origin)
