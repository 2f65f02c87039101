"""A projected deployment and this target's options as the data that the fixed programs obey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, Composition, DataMount, Deployment, Limits
from lego_compile.targets import Options
from lego_compile.targets.apptainer.files import COMPOSITION, HEADER, IMAGES
from lego_compile.targets.apptainer.lower_around import around
from lego_compile.targets.apptainer.note import NAME, note


def lower(deployment: Deployment, options: Options) -> Mapping[str, Any]:
    """The files by name, as plain data in final order or as text; what is unsaid is left out."""
    center = {
        "note": HEADER,
        "center": deployment.center,
        "runtime": options["runtime"],
        "executable": options["executable"],
        "root": options["root"],
        "store": options["store"],
        "format": options["format"],
        "authfile": options["authfile"],
        "site_binds": list(options["site_binds"]),
        "scheduler": options["scheduler"],
        "slurm": _jobs(options["slurm"]),
        "oar": _jobs(options["oar"]),
        "hub": _said(options["hub"]) if options["hub"] else None,
        "ondemand": _said(options["ondemand"]) if options["ondemand"] else None,
        "groups": {name: list(users) for name, users in deployment.groups},
        "profiles": [_profile(profile) for profile in deployment.profiles],
    }
    images = {"note": HEADER, "images": _images(deployment, options["format"])}
    data = _said(center)
    return {COMPOSITION: data, IMAGES: images, NAME: note(data), **around(data)}


def _jobs(block: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is asked of a scheduler: for all profiles, then the exceptions."""
    if block is None:
        return None
    profiles = {slug: _said(exceptions) for slug, exceptions in block["profiles"].items()}
    return {**_said(block), "profiles": profiles}


def _images(deployment: Deployment, form: str) -> list[dict[str, Any]]:
    """Every image once, with what its labels must not contradict; system images are SIF, bricks what is asked for."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for profile in deployment.profiles:
        system = profile.system
        entry = {"image": system.image.labelled, "format": "sif", "system": {"conda": system.conda}}
        found.setdefault(("sif", system.image.digest), entry)
    for mount in (each for profile in deployment.profiles for each in (*profile.bricks, *profile.offers)):
        entry = {"image": mount.image.labelled, "format": form, "bricks": {}}
        known = found.setdefault((form, mount.image.digest), entry)
        known.setdefault("bricks", {})[mount.name] = {"prefix": mount.prefix, "subpath": mount.subpath}
    return sorted(
        found.values(), key=lambda each: ("system" not in each, str(each["image"]), str(each["format"]))
    )


def _profile(profile: Composition) -> dict[str, Any]:
    return {
        "slug": profile.slug,
        "title": profile.title,
        "description": profile.description,
        "default": profile.default,
        "groups": list(profile.groups),
        "system": {"image": profile.system.image.labelled},
        "bricks": [_brick(mount) for mount in profile.bricks],
        "offers": [_brick(mount) for mount in profile.offers],
        **({"retired": {name: list(keys) for name, keys in profile.retired}} if profile.retired else {}),
        "data": [_data(mount) for mount in profile.data],
        **_limits(profile.limits),
        "environment": dict(profile.environment),
        "command": list(profile.command),
    }


def _brick(mount: BrickMount) -> dict[str, Any]:
    return {
        "name": mount.name,
        "title": mount.title,
        **({"choice": mount.choice, "release": mount.release} if mount.choice else {}),
        "image": mount.image.labelled,
        "prefix": mount.prefix,
        "subpath": mount.subpath,
        "kernels": [
            {"directory": kernel.directory, "title": kernel.title, "language": kernel.language}
            for kernel in mount.kernels
        ],
    }


def _data(mount: DataMount) -> dict[str, Any]:
    return {"name": mount.name, "source": mount.source, "path": mount.path, "writable": mount.writable}


def _limits(limits: Limits) -> dict[str, Any]:
    gpus = {"vendor": limits.gpu_vendor, "count": limits.gpus} if limits.gpus else None
    return {"cpu": limits.cpu, "memory": limits.memory, "gpus": gpus}


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
