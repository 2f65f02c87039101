"""What bricks need of the machine, and what the ways to mount them cannot do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.features import Need
from lego_compile.ir.model import DataMount, Deployment
from lego_compile.targets.compose.files import has_lab

_HERE: Path = ("center", "targets", "compose")
_PATH = r"(/[A-Za-z0-9_][A-Za-z0-9._+-]*)+"
_OF_THE_MACHINE = (
    "/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/var/run", "/var/lib/containerd", "/var/lib/containers",
    "/var/lib/docker",
)  # fmt: skip
"""Whoever reads or writes there is the machine's administrator, or soon will be."""
_SOURCE = re.compile(rf"{_PATH}|nfs:[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:{_PATH}")


def needs(wanted: Iterable[Need], options: Mapping[str, Any]) -> Iterator[Need]:
    """What the deployment needs here: a fallback stands in for image mounts, and is told once."""
    engine, mounts = options["engine"], options["mounts"]
    told = below = data = False
    yield Need(f"engine-{engine}", (*_HERE, "engine"), f"`engine: {engine}`")
    for need in wanted:
        below = below or need.feature == "image-subpath"
        data = data or need.feature == "data-mount"
        if mounts == "image" or need.feature not in ("image-mount", "image-subpath"):
            yield need
        elif not told:
            told = True
            yield Need(f"image-mount-{mounts}", (*_HERE, "mounts"), f"`mounts: {mounts}`")
    if mounts == "image" and has_lab(engine, mounts):
        yield Need("lab-subpath" if below else "lab", _HERE, "the JupyterLab without a hub")
    elif mounts == "volume" and data:
        yield Need("lab-copied", _HERE, "the JupyterLab without a hub")


def check_mounts(deployment: Deployment, options: Mapping[str, Any], report: Report) -> None:
    """Every brick and every directory of the centre can be mounted that way (LC602)."""
    for profile in deployment.profiles:
        for data in profile.data:
            _check_source(data, options, report)
    if options["mounts"] == "baked":
        _check_baked(deployment, report)
    if options["mounts"] == "volume":
        _check_volume(deployment, report)


def _check_source(data: DataMount, options: Mapping[str, Any], report: Report) -> None:
    at, engine = (*data.origin[:-1], "source", "compose"), options["engine"]
    ours = next((each for each in (options["socket"], *_OF_THE_MACHINE) if _overlap(data.source, each)), None)
    if not _SOURCE.fullmatch(data.source):
        report.add(
            "LC602",
            f"{data.source!r}, the source of data {data.name!r}, is nothing that this target mounts",
            at,
            help="an absolute path of the machine (/data/era5) or nfs:SERVER:/EXPORT; "
            "`source: {compose: …}` says another one for this target",
        )
    elif ours is not None:
        report.add(
            "LC602",
            f"{data.source!r}, the source of data {data.name!r}, hands out {ours}, and with it the machine",
            at,
            help="name a directory that holds data and nothing else",
        )
    elif engine == "podman" and data.source.startswith("nfs:"):
        # containers/podman:pkg/api/handlers/compat/containers_create.go passes over VolumeOptions.DriverConfig.
        report.add(
            "LC602",
            f"Podman mounts an empty volume in the place of {data.source!r}, the source of data {data.name!r}",
            at,
            related=(Label((*_HERE, "engine"), "chosen here"),),
            help="mount the export on the machine, and name the directory: `source: {compose: /mnt/…}`",
        )


def _overlap(one: str, other: str) -> bool:
    """Whether one path holds the other, or is it."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _check_baked(deployment: Deployment, report: Report) -> None:
    for profile in deployment.profiles:
        if profile.offers:
            report.add(
                "LC602",
                f"`mounts: baked` makes one image per profile, and the choice of {len(profile.offered)} offered "
                f"brick{'s' if len(profile.offered) > 1 else ''} at launch would be an image for each combination",
                (*profile.origin, "offer"),
                key=True,
                related=(Label((*_HERE, "mounts"), "how bricks are mounted"),),
                help="give the combinations that people want a profile each, or write `mounts: volume`, or "
                "`mounts: image` on an engine that has image mounts",
            )


def _check_volume(deployment: Deployment, report: Report) -> None:
    told: set[str] = set()
    for profile in deployment.profiles:
        for brick in (*profile.bricks, *profile.offers):
            if brick.shell or brick.called in told:
                continue
            told.add(brick.called)
            report.add(
                "LC602",
                f"`mounts: volume` runs a shell in every brick to copy it, and brick {brick.called!r} does not say "
                "that it has one",
                brick.origin,
                related=(
                    Label((*_HERE, "mounts"), "this runs a shell"),
                    Label(
                        brick.declared, "the catalog says `shell: true` of a brick that has /bin/sh", key=True
                    ),
                ),
                help="write `mounts: baked`, which needs none, or have the brick built with a shell and the label "
                "org.gaia-data.lego.brick.shell=/bin/sh",
            )
