"""Trees → files; the fixed files join them, and labels make Compose see a change of any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.emit import json, yaml
from lego_compile.emit.tree import File
from lego_compile.targets.assets import asset
from lego_compile.targets.compose.files import (
    COMPOSE,
    COMPOSITION,
    CONFIG_LABEL,
    EDGE_READS,
    FIXED,
    HEADER,
    HUB_READS,
    LAB,
    SEED,
    config_digest,
    shipped,
)


def emit(trees: Mapping[str, Any]) -> dict[str, File]:
    """Files by path below the target's folder.

    Args:
        trees: what ``lower`` made: data by file, or text.
    """
    seeds = (SEED,) if "seed" in trees[COMPOSE]["configs"] else ()
    data = {
        **{name: text.encode() for name, text in trees.items() if isinstance(text, str)},
        **{name: asset(*shipped(name)) for name in (*FIXED, *seeds)},
        COMPOSITION: json.dump(trees[COMPOSITION]).encode(),
    }
    if LAB in trees:
        data[LAB] = yaml.dump(trees[LAB], HEADER).encode()
    services = dict(trees[COMPOSE]["services"])
    for name, reads in (("edge", EDGE_READS), ("hub", HUB_READS)):
        services[name] = {**services[name], "labels": {CONFIG_LABEL: config_digest(data, reads)}}
    data[COMPOSE] = yaml.dump({**trees[COMPOSE], "services": services}, HEADER).encode()
    return {name: File(content) for name, content in data.items()}
