"""Trees → files; the fixed files join them, and labels make Compose see a change of any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.emit import json, yaml
from lego_compile.emit.tree import File
from lego_compile.targets.assets import asset
from lego_compile.targets.compose.digest import CONFIG_LABEL, config_digest

_HEADER = "Compiled by lego-compile from the centre specification: edit that, not this file."
_FIXED = ("Caddyfile", "env.example", "jupyterhub_config.py")


def emit(trees: Mapping[str, Any]) -> dict[str, File]:
    """Files by path below the target's folder.

    Args:
        trees: what ``lower`` made.
    """
    fixed = {name: asset("compose", name) for name in _FIXED}
    composition = json.dump(trees["composition.json"]).encode()
    compose = trees["compose.yaml"]
    # Compose hashes a service, and not what its configs hold (docker/compose#11900).
    edge = config_digest({"Caddyfile": fixed["Caddyfile"]})
    hub = config_digest(
        {"composition.json": composition, "jupyterhub_config.py": fixed["jupyterhub_config.py"]}
    )
    services = {
        **compose["services"],
        "edge": {**compose["services"]["edge"], "labels": {CONFIG_LABEL: edge}},
        "hub": {**compose["services"]["hub"], "labels": {CONFIG_LABEL: hub}},
    }
    text = yaml.dump({**compose, "services": services}, _HEADER)
    return {
        "compose.yaml": File(text.encode()),
        "composition.json": File(composition),
        **{name: File(data) for name, data in fixed.items()},
    }
