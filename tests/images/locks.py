"""Locks of the example centres: what ``lego-compile lock`` would write if a registry had the tiny images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from lego_compile.emit.yaml import dump
from tests.images.contents import LABEL, build
from tests.images.oci import Built

HEADER = (
    "Written by a machine (python -m tests.images lock): edit the centre specification, not this file.\n"
    "The digests are those of the tiny stand-in images that tests/images builds."
)


def read(path: str | Path) -> dict[str, Any]:
    """A YAML file as plain data.

    Raises:
        ValueError: when the file holds no mapping.
    """
    data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise ValueError(f"{path}: not a mapping")
    return data


def center(path: str | Path) -> dict[str, Any]:
    """A centre spec with what it inherits: maps merge, lists and scalars replace, null removes.

    ``catalog`` is made a path from here, since it is relative to the file that says it.
    """
    path = Path(path)
    own = read(path)
    if isinstance(own.get("catalog"), str):
        own["catalog"] = str(path.parent / own["catalog"])
    parent = own.pop("extends", None)
    return merge(center(path.parent / parent), own) if parent else own


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` laid over ``below``, as `extends:` does it."""
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def lock_path(path: str | Path) -> Path:
    """Where the lock of a centre spec is."""
    path = Path(path)
    named = center(path).get("lock")
    return path.parent / named if named else path.with_suffix(".lock.yaml")


def lock_text(path: str | Path) -> str:
    """The lock of a centre spec, as text."""
    spec = center(path)
    catalog = read(spec["catalog"])
    images = build(catalog)
    data: dict[str, Any] = {"lego": 1, "lock": spec["center"]}
    for kind in ("systems", "bricks"):
        data[kind] = {use: _pin(use, catalog[kind], images) for use in sorted(set(_uses(spec, kind)))}
    return dump(data, HEADER)


def _uses(spec: Mapping[str, Any], kind: str) -> Iterator[str]:
    if kind == "systems":
        yield spec["system"]
    for profile in spec["profiles"].values():
        if kind == "systems" and "system" in profile:
            yield profile["system"]
        if kind == "bricks":
            yield from (*profile.get("bricks", ()), *profile.get("offer", ()))


def _pin(use: str, entries: Mapping[str, Any], images: Mapping[tuple[str, str], Built]) -> dict[str, Any]:
    name, _, release = use.partition("@")
    entry = entries[name]
    release = release or list(entry["releases"])[-1]
    tag = (entry["releases"][release] or {}).get("tag", release)
    built = images[entry["image"], tag]
    labels = sorted(built.labels.items())
    facts = {key.removeprefix(LABEL): value for key, value in labels if key.startswith(LABEL)}
    return {
        "release": release,
        "repository": entry["image"],
        "tag": tag,
        "digest": built.index_digest,
        "platforms": {
            platform: {"digest": manifest, "size": size}
            for platform, (manifest, size) in sorted(built.platforms.items())
        },
        **({"facts": facts} if facts else {}),
    }
