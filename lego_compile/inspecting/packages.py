"""Packages of an environment, and the lab extensions that it has: names and versions, from their own records."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from lego_compile.inspecting.tree import Place, Tree

_METADATA = re.compile(r"((?:.*/)?)lib/python\d[^/]*/(?:site|dist)-packages/[^/]+\.dist-info/METADATA")
EXTENSIONS = "share/jupyter/labextensions"


def normal(name: str) -> str:
    """A name as it is compared (packaging.python.org, "Name normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()


def packages(environment: Tree, places: list[Place]) -> dict[str, str]:
    """Package → version; what Python itself sees comes before what conda noted.

    Args:
        environment: the environment, for conda's records.
        places: every file of it.
    """
    found: dict[str, str] = {}
    for name in environment.names("conda-meta"):
        node = environment.file(f"conda-meta/{name}")
        if node is not None and node.content.package:
            found[normal(node.content.package[0])] = node.content.package[1]
    for path, node in places:
        if node.content.package and (match := _METADATA.fullmatch(path)) and not match[1]:
            found[normal(node.content.package[0])] = node.content.package[1]
    return found


def servers(places: list[Place]) -> list[str]:
    """Prefixes below which JupyterLab is installed as a package."""
    found = []
    for path, node in places:
        if node.content.package and normal(node.content.package[0]) == "jupyterlab":
            match = _METADATA.fullmatch(path)
            found += [match[1].rstrip("/")] if match else []
    return sorted({*found})


def extensions(environment: Tree) -> dict[str, str]:
    """Prebuilt lab extensions, name → version (jupyterlab:jupyterlab/federated_labextensions.py, get_federated)."""
    found: dict[str, str] = {}
    for name in environment.names(EXTENSIONS):
        below = environment.names(f"{EXTENSIONS}/{name}") if name.startswith("@") else [""]
        for each in below:
            folder = f"{EXTENSIONS}/{name}/{each}".rstrip("/")
            node = environment.file(f"{folder}/package.json")
            said = _object(node.content.text) if node is not None else {}
            if isinstance(said.get("name"), str) and isinstance(said.get("version"), str):
                found[str(said["name"])] = str(said["version"])
    return dict(sorted(found.items()))


def _object(text: bytes | None) -> Mapping[str, object]:
    try:
        said = json.loads(text or b"")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
