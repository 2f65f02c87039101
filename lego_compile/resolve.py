"""Names → facts: centre, catalog and lock → deployment. Every default that depends on something is decided here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from lego_compile.agreement import (
    Used,
    check_facts,
    check_platforms,
    check_requirements,
    check_server,
    provided,
)
from lego_compile.choices import with_choices
from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.kernels import environment_names, kernel_name
from lego_compile.ir.model import (
    SERVER,
    BrickMount,
    Composition,
    DataMount,
    Deployment,
    ImageRef,
    Kernel,
    Limits,
    SystemImage,
)
from lego_compile.lookup import Names, check_lock, find
from lego_compile.mirrors import Mirrors
from lego_compile.session import OWN_VARIABLES, program
from lego_compile.sizes import in_bytes
from lego_compile.spec.conform import nearest

if TYPE_CHECKING:
    from lego_compile.spec.catalog import CatalogSpec, System
    from lego_compile.spec.center import CenterSpec, Data, Profile
    from lego_compile.spec.lock import LockSpec, Pin


def resolve(
    center: CenterSpec,
    catalog: CatalogSpec,
    lock: LockSpec,
    mirrors: Mirrors,
    targets: Iterable[str],
    report: Report,
) -> Deployment | None:
    """The deployment that a centre asks for.

    Args:
        center: checked against its schema, as are the other two.
        catalog: the bricks and system images to choose from.
        lock: digests and facts of those that the centre uses.
        mirrors: rules of the centre, applied to every image.
        targets: names of the enabled targets.
        report: receives the findings (LC301-LC316, LC407-LC409).

    Returns:
        What could be resolved, so that the next passes can report too; None when no profile could be.
        Whatever is missing is an error in the report.
    """
    names = Names(center, catalog, lock, mirrors, report)
    enabled = tuple(targets)
    if not enabled:
        report.add(
            "LC314",
            "no target is enabled",
            ("center", "targets"),
            key=True,
            help="a centre has at least one platform, and a block for it below `targets:`",
        )
    check_lock(center, lock, report)
    _check_profiles(center, report)
    data = _data(center, enabled, report)
    needs = _needs(center, enabled)
    profiles = [_profile(slug, profile, data, needs, names) for slug, profile in center.profiles.items()]
    mirrors.check(report)
    resolved = tuple(profile for profile in profiles if profile is not None)
    if not resolved:
        return None
    size = center.storage.home.size
    groups = sorted(
        (name, tuple(sorted(group.users))) for name, group in center.groups.items() if group.users
    )
    return Deployment(
        center=center.center,
        title=center.title,
        profiles=resolved,
        home_size=in_bytes(size) if size else None,
        groups=tuple(groups),
    )


def _check_profiles(center: CenterSpec, report: Report) -> None:
    chosen = [slug for slug, profile in center.profiles.items() if profile.default]
    if not chosen and len(center.profiles) > 1:
        report.add(
            "LC305",
            "no profile has `default: true`",
            ("center", "profiles"),
            key=True,
            help=f"add `default: true` to one of them, to {next(iter(center.profiles))!r} for example",
        )
    for slug in chosen[1:]:
        report.add(
            "LC306",
            f"profile {slug!r} is a second default",
            ("center", "profiles", slug, "default"),
            related=(Label(("center", "profiles", chosen[0], "default"), "the first one"),),
            help="remove `default: true` from one of them",
        )
    for slug, profile in center.profiles.items():
        here: Path = ("center", "profiles", slug)
        for index, group in enumerate(profile.groups):
            if group not in center.groups:
                guess = nearest(group, center.groups)
                report.add(
                    "LC308",
                    f"group {group!r} is not defined",
                    (*here, "groups", index),
                    help=f"did you mean {guess!r}?" if guess else f"add it: `groups: {{{group}: {{}}}}`",
                )
            if group in profile.groups[:index]:
                first = (*here, "groups", profile.groups.index(group))
                report.add(
                    "LC310",
                    f"group {group!r} is listed twice",
                    (*here, "groups", index),
                    related=(Label(first, "the first one"),),
                )
        if profile.default and profile.groups:
            report.add(
                "LC305",
                f"the default profile {slug!r} is reserved for groups, so others have no default",
                (*here, "groups"),
                key=True,
                help="make a profile the default that everybody may choose",
            )
        cpu = profile.resources.cpu
        if cpu and abs(cpu * 1000 - round(cpu * 1000)) > 1e-6:
            words = f"{cpu} cores cannot be asked for: every platform counts in thousandths of a core"
            report.add("LC204", words, (*here, "resources", "cpu"), help=f"write {round(cpu, 3):g}")
        for name in profile.environment:
            if OWN_VARIABLES.match(name):
                report.add(
                    "LC312",
                    f"variable `{name}` is set by lego-compile or the platform",
                    (*here, "environment", name),
                    key=True,
                    help="remove it",
                )


def _needs(center: CenterSpec, targets: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What asks for packages of the system image, and the packages."""
    needs: dict[str, tuple[str, ...]] = {}
    if set(targets) - {"apptainer"}:  # which starts sessions without a hub, or says itself what its hub needs
        needs["a hub starts JupyterHub's single-user server"] = ("jupyterhub",)
    if center.kernels == "conda":  # `kernels: static` needs neither
        needs["`kernels: conda` finds kernels with nb_conda_kernels"] = ("conda", "nb_conda_kernels")
    return needs


def _profile(
    slug: str, profile: Profile, data: tuple[DataMount, ...], needs: dict[str, tuple[str, ...]], names: Names
) -> Composition | None:
    center, report = names.center, names.report
    here: Path = ("center", "profiles", slug)
    asked = (*here, "system") if profile.system else ("center", "system")
    use = profile.system or center.system
    found = find("systems", use, asked, names)
    bricks = _bricks(profile, here, names)
    if found is None:
        return None
    system, pin, name = found
    container = Used("systems", name, use, system, pin, asked)
    limits = _limits(profile)
    for each in (container, *bricks):
        check_platforms(each, center.platforms, report)
        check_facts(each, center.platforms, report)
    check_server(container, needs, center.platforms, report)
    for brick in bricks:
        check_requirements(brick, container, center.platforms, limits, here, report)
    kernels = environment_names(system.conda, (each.entry.prefix for each in bricks))
    mounts = [_mount(each, kernels, names) for each in bricks]
    fixed = tuple(sorted((m for m in mounts if m.origin[-2] == "bricks"), key=lambda m: m.prefix))
    offered = sorted((m for m in mounts if m.origin[-2] == "offer"), key=lambda m: m.name)
    offers, retired = with_choices(
        [(mount, each) for mount in offered for each in bricks if each.origin == mount.origin],
        profile,
        here,
        report,
    )
    image = SystemImage(
        image=_image(pin, asked, names),
        home=system.home,
        uid=system.uid,
        gid=system.gid,
        conda=system.conda,
        environments=tuple(system.environments),
        provides=_provided(container, center.platforms),
        origin=asked,
        declared=("catalog", "systems", name),
    )
    finding = _static(mounts, fixed) if center.kernels == "static" else _conda(system, fixed)
    environment = {"PYTHONNOUSERSITE": "1", **finding.environment, **profile.environment}
    return Composition(
        slug=slug,
        title=profile.title,
        description=profile.description or "",
        default=profile.default or len(center.profiles) == 1,
        groups=tuple(sorted(group for group in profile.groups if group in center.groups)),
        system=image,
        bricks=fixed,
        offers=offers,
        environment=tuple(sorted(environment.items())),
        command=finding.command,
        data=data,
        limits=limits,
        retired=retired,
        origin=here,
    )


class _Finding(NamedTuple):
    """How the Jupyter server of a session finds the kernels of bricks: the same words on every target."""

    command: tuple[str, ...]
    environment: dict[str, str]


def _conda(system: System, fixed: Iterable[BrickMount]) -> _Finding:
    """The kernel manager that asks conda.

    The class is always named, since only conda's own installers run the script that would configure it. The base
    environment is no kernel; the server's own ``python3`` and kernels that users install in their homes stay.
    Kernels carry the bricks' own titles (anaconda/nb_conda_kernels README).
    """
    default = _default(fixed)
    command = (
        SERVER,
        "--ServerApp.kernel_spec_manager_class=nb_conda_kernels.CondaKernelSpecManager",
        f"--CondaKernelSpecManager.env_filter=^{re.escape(system.conda)}$",
        "--CondaKernelSpecManager.name_format={display_name}",
        *((f"--MultiKernelManager.default_kernel_name={default}",) if default else ()),
    )
    return _Finding(command, {"CONDA_ENVS_DIRS": ":".join(system.environments)})


def _static(mounts: Iterable[BrickMount], fixed: Iterable[BrickMount]) -> _Finding:
    """A program that tells Jupyter about the kernels of the bricks that are there, by the names that conda's have."""
    default = _default(fixed)
    kernels = {
        kernel.name: f"{kernel.name}={mount.prefix}:{kernel.directory}"
        for mount in mounts
        for kernel in mount.kernels
    }
    environment = {"LEGO_KERNELS": " ".join(kernels[name] for name in sorted(kernels))}
    return _Finding(
        ("python3", "-c", program(), "serve", SERVER),
        environment | ({"LEGO_KERNEL": default} if default else {}),
    )


def _default(fixed: Iterable[BrickMount]) -> str:
    """The kernel of new notebooks: one of the first brick of the spec that is always there; empty for none."""
    in_order = sorted(fixed, key=lambda mount: mount.origin[-1])
    return next((kernel.name for mount in in_order for kernel in mount.kernels), "")


def _provided(system: Used, platforms: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What the system image provides on every platform of the centre's machines, with the versions of the first."""
    first, *others = [provided(system, platform) for platform in platforms]
    return tuple(
        sorted(
            (package, version)
            for package, (version, _place) in first.items()
            if all(package in each for each in others)
        )
    )


def _limits(profile: Profile) -> Limits:
    asked = profile.resources
    return Limits(
        cpu=round(asked.cpu * 1000) if asked.cpu else None,
        memory=in_bytes(asked.memory) if asked.memory else None,
        gpus=asked.gpu.count if asked.gpu else 0,
        gpu_vendor=asked.gpu.vendor if asked.gpu else "",
    )


def _bricks(profile: Profile, here: Path, names: Names) -> list[Used]:
    """The bricks of a profile, fixed before offered; those that could not be found are in the report."""
    uses = [(use, (*here, "bricks", index)) for index, use in enumerate(profile.bricks)]
    uses += [(use, (*here, "offer", index)) for index, use in enumerate(profile.offer)]
    found, first_at = [], {}  # type: tuple[list[Used], dict[str, Path]]
    for use, origin in uses:
        name = use.partition("@")[0]
        first = first_at.setdefault(name, origin)
        if first is not origin:
            if first[-2] == origin[-2] == "offer" and use not in (
                other for other, _ in uses[: uses.index((use, origin))]
            ):
                one = find("bricks", use, origin, names)  # another release of it
                if one is not None:
                    found.append(Used("bricks", name, use, one[0], one[1], origin))
                continue
            offered = first[-2] == "bricks" and origin[-2] == "offer"
            names.report.add(
                "LC307" if offered else "LC310",
                f"brick {name!r} is already {'mounted in this profile' if offered else 'listed'}",
                origin,
                related=(Label(first, "here"),),
                help="remove it from `offer:`" if offered else "remove one of them",
            )
            continue
        one = find("bricks", use, origin, names)
        if one is not None:
            found.append(Used("bricks", name, use, one[0], one[1], origin))
    return found


def _mount(found: Used, environments: Mapping[str, str], names: Names) -> BrickMount:
    brick = found.entry
    return BrickMount(
        name=found.name,
        title=brick.title,
        image=_image(found.pin, found.origin, names),
        prefix=brick.prefix,
        subpath=brick.subpath,
        shell=brick.shell or all(found.fact("shell", each)[0] for each in names.center.platforms),
        kernels=tuple(
            Kernel(
                kernel.directory,
                kernel.title,
                kernel.language,
                kernel_name(environments[brick.prefix], kernel.directory),
            )
            for kernel in brick.kernels
        ),
        origin=found.origin,
        declared=("catalog", "bricks", found.name),
    )


def _image(pin: Pin, origin: Path, names: Names) -> ImageRef:
    return ImageRef(names.mirrors.rewrite(pin.repository, origin), pin.digest, pin.tag)


def _data(center: CenterSpec, targets: tuple[str, ...], report: Report) -> tuple[DataMount, ...]:
    mounts = []
    seen: dict[str, Path] = {}
    for index, data in enumerate(center.storage.data):
        here: Path = ("center", "storage", "data", index)
        first = seen.setdefault(data.name, here)
        if first is not here:
            report.add(
                "LC310",
                f"data {data.name!r} is listed twice",
                (*here, "name"),
                related=(Label((*first, "name"), "the first one"),),
            )
        sources = _sources(data, targets, (*here, "source"), report)
        mounts.append(DataMount(data.name, data.mount, data.write, "", sources, (*here, "mount")))
    return tuple(sorted(mounts, key=lambda mount: mount.path))


def _sources(data: Data, targets: tuple[str, ...], here: Path, report: Report) -> tuple[tuple[str, str], ...]:
    if isinstance(data.source, str):
        return tuple((target, data.source) for target in targets)
    for target in targets:
        if target not in data.source:
            report.add(
                "LC313",
                f"data {data.name!r} has no source for {target}",
                here,
                key=True,
                help=f"add `{target}:` below `source:`",
            )
    return tuple((target, data.source[target]) for target in targets if target in data.source)
