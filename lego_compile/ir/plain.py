"""Deployments as plain data, for ``composition.json``: what went in, beside every target's folder.

Commentary that a reviewer wants (tags, kernel names, data sources) is kept; places in documents are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.ir.model import (
    BrickMount,
    Composition,
    DataMount,
    Deployment,
    ImageRef,
    Kernel,
    Limits,
    SystemImage,
)


class NotADeployment(ValueError):  # noqa: N818 - it says what the data is
    """Plain data that ``to_plain`` cannot have made; the message names the place."""


def to_plain(deployment: Deployment) -> dict[str, Any]:
    """A deployment as dicts, lists and scalars."""
    return {
        "center": deployment.center,
        "title": deployment.title,
        "home_size": deployment.home_size,
        "groups": {name: list(users) for name, users in deployment.groups},
        "profiles": {profile.slug: _profile(profile) for profile in deployment.profiles},
    }


def from_plain(data: Any) -> Deployment:
    """The deployment that ``to_plain`` made the data from.

    Raises:
        NotADeployment: when something is missing or of another type.
    """
    try:
        return Deployment(
            center=_text(data["center"]),
            title=_text(data["title"]),
            profiles=tuple(_read_profile(slug, each) for slug, each in _map(data["profiles"]).items()),
            home_size=_number(data["home_size"]),
            groups=tuple((name, _texts(users)) for name, users in _map(data["groups"]).items()),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NotADeployment(str(error)) from error


def _profile(profile: Composition) -> dict[str, Any]:
    limits, system = profile.limits, profile.system
    return {
        "title": profile.title,
        "description": profile.description,
        "default": profile.default,
        "groups": list(profile.groups),
        "system": {**_image(system.image), "home": system.home, "uid": system.uid, "gid": system.gid},
        "bricks": {mount.name: _mount(mount) for mount in profile.bricks},
        "offers": {mount.called: _mount(mount) for mount in profile.offers},
        **({"retired": {name: list(keys) for name, keys in profile.retired}} if profile.retired else {}),
        "environment": dict(profile.environment),
        "command": list(profile.command),
        "data": {
            data.name: {"path": data.path, "writable": data.writable, "sources": dict(data.sources)}
            for data in profile.data
        },
        "limits": {
            "cpu_thousandths": limits.cpu,
            "memory_bytes": limits.memory,
            "gpus": limits.gpus,
            "gpu_vendor": limits.gpu_vendor,
        },
    }


def _image(image: ImageRef) -> dict[str, Any]:
    return {"repository": image.repository, "tag": image.tag, "digest": image.digest}


def _mount(mount: BrickMount) -> dict[str, Any]:
    return {
        "title": mount.title,
        **_image(mount.image),
        "prefix": mount.prefix,
        "subpath": mount.subpath,
        **({"choice": mount.choice} if mount.choice else {}),
        "kernels": {
            kernel.name: {"title": kernel.title, "language": kernel.language, "directory": kernel.directory}
            for kernel in mount.kernels
        },
    }


def _read_profile(slug: str, data: Any) -> Composition:
    system, limits = _map(data["system"]), _map(data["limits"])
    return Composition(
        slug=_text(slug),
        title=_text(data["title"]),
        description=_text(data["description"]),
        default=bool(data["default"]),
        groups=_texts(data["groups"]),
        system=SystemImage(
            _read_image(system), _text(system["home"]), _number(system["uid"]), _number(system["gid"])
        ),
        bricks=tuple(_read_mount(name, each) for name, each in _map(data["bricks"]).items()),
        offers=tuple(_read_mount(name, each) for name, each in _map(data["offers"]).items()),
        environment=tuple((name, _text(value)) for name, value in _map(data["environment"]).items()),
        command=_texts(data["command"]),
        data=tuple(
            DataMount(
                _text(name),
                _text(each["path"]),
                bool(each["writable"]),
                "",
                tuple((target, _text(source)) for target, source in _map(each["sources"]).items()),
            )
            for name, each in _map(data["data"]).items()
        ),
        limits=Limits(
            _number(limits["cpu_thousandths"]),
            _number(limits["memory_bytes"]),
            _number(limits["gpus"]) or 0,
            _text(limits["gpu_vendor"]),
        ),
        retired=tuple((name, _texts(keys)) for name, keys in _map(data.get("retired", {})).items()),
    )


def _read_image(data: Mapping[str, Any]) -> ImageRef:
    return ImageRef(_text(data["repository"]), _text(data["digest"]), _text(data["tag"]))


def _read_mount(called: str, data: Any) -> BrickMount:
    name, _, release = _text(called).partition("@")
    return BrickMount(
        name=name,
        title=_text(data["title"]),
        image=_read_image(data),
        prefix=_text(data["prefix"]),
        subpath=_text(data["subpath"]),
        choice=_text(data.get("choice", "")),
        release=release,
        kernels=tuple(
            Kernel(_text(each["directory"]), _text(each["title"]), _text(each["language"]), _text(kernel))
            for kernel, each in _map(data["kernels"]).items()
        ),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"{values!r} is no list")
    return tuple(_text(value) for value in values)


def _number(value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _map(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no mapping")
    return value
