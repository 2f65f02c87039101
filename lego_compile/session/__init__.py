"""What runs in a session of every target, and is the same for every centre: a fixed program."""

from __future__ import annotations

import os

IN_BRICK = "in_brick.py"
"""Its file, which runs things in the environment of a brick, and tells Jupyter about the kernels of bricks."""


def program() -> str:
    """The text of the program."""
    with open(os.path.join(os.path.dirname(__file__), "assets", IN_BRICK), encoding="utf-8") as file:
        return file.read()
