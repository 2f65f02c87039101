"""A projected deployment and this target's options as the one data file that the fixed programs obey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, Composition, DataMount, Deployment, Limits
from lego_compile.targets import Options

NOTE = "Compiled by lego-compile from the centre specification: edit that, not this file."


def lower(deployment: Deployment, options: Options) -> Mapping[str, Any]:
    """``composition.json``: plain data in final order; what is unsaid is left out."""
    center = {
        "note": NOTE,
        "center": deployment.center,
        "runtime": options["runtime"],
        "executable": options["executable"],
        "root": options["root"],
        "store": options["store"],
        "format": options["format"],
        "authfile": options["authfile"],
        "site_binds": list(options["site_binds"]),
        "slurm": _slurm(options["slurm"]),
        "groups": {name: list(users) for name, users in deployment.groups},
        "profiles": [_profile(profile) for profile in deployment.profiles],
    }
    return {"composition.json": _said(center)}


def _slurm(slurm: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if slurm is None:
        return None
    profiles = {slug: _said(exceptions) for slug, exceptions in slurm["profiles"].items()}
    return {**_said(slurm), "profiles": profiles}


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
        "limits": _limits(profile.limits),
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
    }


def _data(mount: DataMount) -> dict[str, Any]:
    return {"name": mount.name, "source": mount.source, "path": mount.path, "writable": mount.writable}


def _limits(limits: Limits) -> dict[str, Any]:
    gpus = {"gpus": limits.gpus, "gpu_vendor": limits.gpu_vendor} if limits.gpus else {}
    return {**_said({"cpu": limits.cpu, "memory": limits.memory}), **gpus}


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
