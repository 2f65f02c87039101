"""Deployment and options → the files that differ from centre to centre."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, Composition, DataMount, Deployment
from lego_compile.targets.compose.files import COMPOSE, COMPOSITION, LAB, NOTE, has_lab
from lego_compile.targets.compose.lower_bricks import baked_image, baked_path, containerfile, seeded
from lego_compile.targets.compose.lower_lab import lab
from lego_compile.targets.compose.lower_services import compose
from lego_compile.targets.compose.note import note


def lower(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """A plain tree or a text for each of the files, keys in the order in which people read them.

    Args:
        deployment: projected for this target.
        options: the target's block with every default filled in, without ``versions`` and ``gates``.
    """
    files = {
        COMPOSE: compose(deployment, options),
        COMPOSITION: _composition(deployment, options),
        NOTE: note(deployment.center, options["engine"], options["mounts"]),
    }
    if has_lab(options["engine"], options["mounts"]):
        files[LAB] = lab(deployment, options)
    if options["mounts"] == "baked":
        files |= {
            baked_path(profile): containerfile(profile, options["engine"]) for profile in deployment.profiles
        }
    return files


# --- composition.json: what jupyterhub_config.py obeys ----------------------------------------------------------


def _composition(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "center": deployment.center,
        "host": options["host"],
        "authenticator": options["authenticator"],
        "groups": {name: list(users) for name, users in deployment.groups},
        "cull": options["cull"],
        "session": options["session"],
        "engine": options["engine"],
        "mounts": options["mounts"],
        "profiles": [_profile(deployment.center, profile, options) for profile in deployment.profiles],
    }


def _profile(center: str, profile: Composition, options: Mapping[str, Any]) -> dict[str, Any]:
    limits, system, mounts = profile.limits, profile.system, options["mounts"]
    image = baked_image(center, profile, options["engine"]) if mounts == "baked" else system.image.pinned
    return {
        "slug": profile.slug,
        "title": profile.title,
        "description": profile.description,
        "default": profile.default,
        "groups": list(profile.groups),
        "image": image,
        "home": system.home,
        "uid": system.uid,
        "gid": system.gid,
        "bricks": [_brick(center, brick, mounts) for brick in profile.bricks],
        "offers": [_brick(center, brick, mounts) for brick in profile.offers],
        **({"retired": {name: list(keys) for name, keys in profile.retired}} if profile.retired else {}),
        "data": [_data(data) for data in profile.data],
        "environment": dict(profile.environment),
        "command": list(profile.command),
        "cpu": limits.cpu,
        "memory": limits.memory,
        "gpus": {"vendor": limits.gpu_vendor, "count": limits.gpus} if limits.gpus else None,
    }


def _brick(center: str, brick: BrickMount, mounts: str) -> dict[str, Any]:
    return {
        "name": brick.name,
        "title": brick.title,
        **({"choice": brick.choice, "release": brick.release} if brick.choice else {}),
        "image": brick.image.pinned,
        **({"volume": seeded(f"lego-{center}", brick)[1]} if mounts == "volume" else {}),
        "prefix": brick.prefix,
        "subpath": brick.subpath,
    }


def _data(data: DataMount) -> dict[str, Any]:
    return {"name": data.name, "path": data.path, "source": data.source, "writable": data.writable}
