"""Files that are the same for every centre: behaviour is code, shipped and tested once; choice is data beside it."""

from __future__ import annotations

import os
from typing import Any

from lego_compile.session import program
from lego_compile.targets.reading import Complaint


def asset(target: str, name: str) -> bytes:
    """The bytes of ``targets/TARGET/assets/NAME``, part of the package; of ``session/assets/NAME`` for ``session``."""
    if target == "session":
        return program().encode()
    with open(os.path.join(os.path.dirname(__file__), target, "assets", name), "rb") as file:
        return file.read()


def facts(target: str, name: str) -> dict[str, Any]:
    """The tables of ``targets/TARGET/NAME``, a TOML file of the package: facts that are data."""
    import tomllib

    with open(os.path.join(os.path.dirname(__file__), target, name), "rb") as file:
        return tomllib.load(file)


def changed(target: str, name: str, found: bytes | None, file: str) -> tuple[Complaint, ...]:
    """A complaint when a fixed file is missing (LC703) or not the one we ship (LC704)."""
    if found is None:
        return (Complaint("LC703", f"{file!r} is missing", (file,)),)
    if found != asset(target, name):
        return (Complaint("LC704", f"{file!r} is not the file that lego-compile ships", (file,)),)
    return ()
