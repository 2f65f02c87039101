"""The files of the folder: data, and the fixed ones that obey it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.session import IN_BRICK
from lego_compile.targets.apptainer.files_around import executable_around, fixed_around
from lego_compile.targets.apptainer.files_hub import executable_hub, fixed_hub

HEADER = "Compiled by lego-compile from the centre specification: edit that, not this file."
"""What every data file says of itself."""

COMPOSITION, IMAGES = "composition.json", "images.json"
"""What sessions are, which lego-launch and the hub obey; and what lego-materialize fetches for them."""

PROGRAMS = ("lego-doctor", "lego-launch", "lego-materialize")
SETTINGS = ("jupyter_server_config.json", "ipython_config.json")


def fixed(data: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The files that are the same for every centre that has them: path → folder of the asset, and its name.

    Args:
        data: of composition.json, which somebody may have damaged; what there is depends on its options.
    """
    found = {f"bin/{name}": ("apptainer", name) for name in PROGRAMS}
    found |= {f"jupyter/{name}": ("apptainer", name) for name in SETTINGS}
    found[f"jupyter/{IN_BRICK}"] = ("session", IN_BRICK)
    return found | fixed_hub(data) | fixed_around(data)


_READERS = {
    "bin": "is on the PATH of whoever loads a module",
    "jupyter": "every session reads its Jupyter settings there",
    "jupyterhub": "the hub may import it",
    "kernels": "every Jupyter looks for kernels there whose user loads a module",
    "modulefiles": "Lmod reads it",
    "moss": "the job of a session may run it",
    "ondemand": "Open OnDemand may read it",
}
FOLDERS = (*_READERS, "batch")
"""Where our files are."""

_OF_SITE = "jupyterhub/jupyterhub_config.d/"


def obeys(path: str, _data: bytes) -> str | None:
    """Why something reads a file beside ours, in the folders that it looks into; not in the store."""
    return "the hub obeys it" if invites(path) else _READERS.get(path.partition("/")[0])


def invites(path: str) -> bool:
    """Whether it is for the site to write: who may log in, the database, the proxy."""
    name = path.removeprefix(_OF_SITE)
    return name != path and "/" not in name and name.endswith(".py")


def executable(path: str) -> bool:
    """Whether a file is a program."""
    return path.startswith("bin/") or executable_hub(path) or executable_around(path)
