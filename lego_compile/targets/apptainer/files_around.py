"""The files around the sessions: their names, for the writer and for the reader alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.ir.model import INCLUDE

ONDEMAND = (
    "submit.yml.erb",
    "view.html.erb",
    "form.js",
    "template/before.sh",
    "template/script.sh.erb",
    "template/after.sh",
)
"""What of the interactive app is the same for every centre."""

DEFAULT_MODULE = "modulefiles/lego/.modulerc.lua"
MANIFEST, FORM, CHOICES = "ondemand/manifest.yml", "ondemand/form.yml", "ondemand/profiles.json"


def fixed_around(data: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The files that are the same for every centre that has them: path → target of the asset, and its name.

    Args:
        data: of composition.json.
    """
    if not has_ondemand(data):
        return {}
    return {f"ondemand/{name}": ("apptainer", f"ondemand/{name}") for name in ONDEMAND}


def executable_around(path: str) -> bool:
    """Whether a file has to be a program: oarsub runs the template itself, Open OnDemand the script."""
    return path.startswith("batch/") or path == "ondemand/template/script.sh.erb"


def has_ondemand(data: Mapping[str, Any]) -> bool:
    """Whether there is an interactive app; Open OnDemand cannot ask OAR (OSC/ood_core:lib/ood_core/job/adapters)."""
    return data.get("ondemand") is not None and data.get("scheduler") == "slurm"


def module(slug: str) -> str:
    """Where the modulefile of a profile is."""
    return f"modulefiles/lego/{slug}.lua"


def batch(slug: str) -> str:
    """Where the batch template of a profile is."""
    return f"batch/{slug}.sh"


def kernelspec(slug: str, brick: str, choice: str, directory: str) -> str:
    """Where a kernelspec is; the name of its folder is that of the kernel, which notebooks store.

    Slugs, names and keys have neither dots nor underscores, so no two kernels have one name. The release that the spec
    does not name goes without its key: it is called the same before and after there is a second one.

    Args:
        slug: of the profile.
        brick: its name.
        choice: the key of its release where it is offered in several; else empty.
        directory: of the kernelspec in the brick.
    """
    release = f"_{choice}" if choice not in ("", INCLUDE) else ""
    return f"kernels/{slug}/kernels/lego-{slug}.{brick}{release}.{directory}/kernel.json"


def field(slug: str, brick: str) -> str:
    """The field of the app's form for an offered brick: Ruby calls it by this name, which has no hyphens then."""
    return f"offer__{slug}__{brick}".replace("-", "_")
