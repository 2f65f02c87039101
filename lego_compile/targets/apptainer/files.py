"""The files of the folder: data, and the fixed ones that obey it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.targets.apptainer.files_around import executable_around, fixed_around
from lego_compile.targets.apptainer.files_hub import executable_hub, fixed_hub

HEADER = "Compiled by lego-compile from the centre specification: edit that, not this file."
"""What every data file says of itself."""

COMPOSITION, IMAGES = "composition.json", "images.json"
"""What sessions are, which lego-launch and the hub obey; and what lego-materialize fetches for them."""

PROGRAMS = ("lego-doctor", "lego-launch", "lego-materialize")
SETTINGS = ("jupyter_server_config.json", "ipython_config.json", "start_kernel.py")


def fixed(data: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The files that are the same for every centre that has them: path → folder of the asset, and its name.

    Args:
        data: of composition.json, which somebody may have damaged; what there is depends on its options.
    """
    found = {f"bin/{name}": ("apptainer", name) for name in PROGRAMS}
    found |= {f"jupyter/{name}": ("apptainer", name) for name in SETTINGS}
    return found | fixed_hub(data) | fixed_around(data)


def executable(path: str) -> bool:
    """Whether a file is a program."""
    return path.startswith("bin/") or executable_hub(path) or executable_around(path)
