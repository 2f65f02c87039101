"""The data as JSON, what is made of it for people and their tools, and the fixed programs that obey it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.emit import json
from lego_compile.emit.tree import File
from lego_compile.targets.apptainer.files import COMPOSITION, executable, fixed
from lego_compile.targets.assets import asset


def emit(trees: Mapping[str, Any]) -> Mapping[str, File]:
    """Every file of this target; what there is besides the data depends on what it says."""
    files = {}
    for path, tree in trees.items():
        text = tree if isinstance(tree, str) else json.dump(tree)
        files[path] = File(text.encode(), executable=executable(path))
    for path, (folder, name) in fixed(trees[COMPOSITION]).items():
        files[path] = File(asset(folder, name), executable=executable(path))
    return files
