"""What an operator needs to unpack bricks beforehand, where sessions mount directories instead of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.ir.model import Deployment
from lego_compile.targets.assets import asset
from lego_compile.targets.z2jh.lower_mounts import place

LIST, SCRIPT = "bricks.tsv", "unpack-bricks"


def unpack_files(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, str]:
    """The list of images with their places, and the script that unpacks them; nothing where images are mounted."""
    if options["mounts"] not in ("hostPath", "nfs"):
        return {}
    images = {
        brick.image.pinned: place(brick.image)
        for profile in deployment.profiles
        for brick in (*profile.bricks, *profile.offers)
    }
    rows = [f"{reference}\t{below}\n" for reference, below in sorted(images.items())]
    return {LIST: "".join(rows), SCRIPT: asset("z2jh", SCRIPT).decode()}
