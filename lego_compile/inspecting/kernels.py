"""Kernels of an environment: its kernel.json files, read as Jupyter and nb_conda_kernels read them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from lego_compile.inspecting.tree import Tree

FOLDER = "share/jupyter/kernels"


class Kernel(NamedTuple):
    """One kernelspec.

    Attributes:
        directory: its name.
        title: ``display_name``; empty when it has none.
        language: as it says; empty when it says none.
        argv: program and arguments; empty when they are unusable.
        faults: what is wrong with it, in words that follow "its kernel.json".
    """

    directory: str
    title: str = ""
    language: str = ""
    argv: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Of its kernel.json, below the prefix."""
        return f"{FOLDER}/{self.directory}/kernel.json"


def kernels(environment: Tree) -> tuple[Kernel, ...]:
    """The kernels of an environment, by directory.

    nb_conda_kernels globs ``share/jupyter/kernels/*/kernel.json`` (nb_conda_kernels/manager.py@2.5.2, _all_specs).
    """
    found = []
    for name in environment.names(FOLDER):
        file = environment.file(f"{FOLDER}/{name}/kernel.json")
        if file is not None:
            found.append(_kernel(name, file.content.text))
    return tuple(found)


def _kernel(name: str, text: bytes | None) -> Kernel:
    if text is None:
        return Kernel(name, faults=("is too long",))
    try:
        said = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):  # nb_conda_kernels logs it and goes on, and nobody sees a kernel
        return Kernel(name, faults=("is no JSON in UTF-8",))
    if not isinstance(said, dict):
        return Kernel(name, faults=("holds no object",))
    faults = []
    if not isinstance(said.get("display_name"), str) or not said["display_name"].strip():
        faults.append("has no `display_name`: with nb_conda_kernels nobody's Lab starts")
    if not isinstance(said.get("language"), str) or not said["language"].strip():
        faults.append("has no `language`")
    argv = said.get("argv")
    if not isinstance(argv, list) or not argv or not all(isinstance(each, str) for each in argv):
        faults.append("has no `argv`, a list of texts")
        argv = []
    return Kernel(name, _text(said, "display_name"), _text(said, "language"), tuple(argv), tuple(faults))


def _text(said: dict[str, Any], key: str) -> str:
    value = said.get(key)
    return value.strip() if isinstance(value, str) else ""
