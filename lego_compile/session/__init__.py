"""What runs in a session of every target, and is the same for every centre: a fixed program."""

from __future__ import annotations

import os
import re

OWN_VARIABLES = re.compile(
    r"^(CONDA_|JUPYTERHUB_|JPY_|LEGO_|PYTHONNOUSERSITE$|PYTHONHOME$|PYTHONPATH$|HOME$|PATH$|USER$|SHELL$)"
)
"""Names of variables that a session has from us or from its platform, and that nobody else may set (LC312)."""

IN_BRICK = "in_brick.py"
"""Its file, which runs things in the environment of a brick, and tells Jupyter about the kernels of bricks."""


def program() -> str:
    """The text of the program."""
    with open(os.path.join(os.path.dirname(__file__), "assets", IN_BRICK), encoding="utf-8") as file:
        return file.read()
