"""Trees → YAML files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.emit import yaml
from lego_compile.emit.tree import File

_HEADER = "Compiled by lego-compile from the centre specification: edit that, not this file."


def emit(trees: Mapping[str, Any]) -> dict[str, File]:
    """Files by path below the target's folder.

    Args:
        trees: what ``lower`` made.
    """
    return {name: File(yaml.dump(tree, _HEADER).encode()) for name, tree in trees.items()}
