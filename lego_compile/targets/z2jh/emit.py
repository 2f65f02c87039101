"""Trees and texts → files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.emit import yaml
from lego_compile.emit.tree import File

_HEADER = "Compiled by lego-compile from the centre specification: edit that, not this file."


def emit(trees: Mapping[str, Any]) -> dict[str, File]:
    """Files by path below the target's folder; a text is written as it is, and may be run when it is a script.

    Args:
        trees: what ``lower`` made.
    """
    return {
        name: File(tree.encode(), tree.startswith("#!"))
        if isinstance(tree, str)
        else File(yaml.dump(tree, _HEADER).encode())
        for name, tree in trees.items()
    }
