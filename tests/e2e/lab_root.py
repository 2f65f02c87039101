"""A second folder with Debian sid, for the images of the Compose tests: real programs of Debian, PyPI, npm.

``lab/build.sh`` makes layers there once; see it for what they hold. conda and nb_conda_kernels are in none of these
registries, and have stand-ins: see ``lab_images.py``.
"""

from __future__ import annotations

from pathlib import Path

from tests.e2e.root import Recipe

PACKAGES = (
    "ca-certificates", "python3", "python3-venv", "python3.14-venv", "python3.13", "caddy", "haproxy",
    "busybox-static", "patchelf", "libcap2-bin",
)  # fmt: skip

LAB = Recipe("lab", 1, PACKAGES, (Path(__file__).parent / "lab" / "build.sh").read_text())
