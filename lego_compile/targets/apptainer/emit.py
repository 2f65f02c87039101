"""The data as JSON, and beside it the fixed programs that obey it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.emit import json
from lego_compile.emit.tree import File
from lego_compile.targets.assets import asset

PROGRAMS = ("lego-launch", "lego-materialize")
SETTINGS = ("jupyter_server_config.json", "ipython_config.json")
HUB = "jupyterhub_config.py"


def emit(trees: Mapping[str, Any]) -> Mapping[str, File]:
    """Every file of this target; the hub's only where Slurm starts the sessions."""
    files = {path: File(json.dump(tree).encode()) for path, tree in trees.items()}
    for name in PROGRAMS:
        files[f"bin/{name}"] = File(asset("apptainer", name), executable=True)
    for name in SETTINGS:
        files[f"jupyter/{name}"] = File(asset("apptainer", name))
    if "slurm" in trees["composition.json"]:
        files[f"jupyterhub/{HUB}"] = File(asset("apptainer", HUB))
    return files
