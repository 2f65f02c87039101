"""Predict the kernel names that nb_conda_kernels gives, because notebooks store them.

Imitates anaconda/nb_conda_kernels:nb_conda_kernels/manager.py@2.5.2 (``_all_envs``, ``_all_specs``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from posixpath import basename, dirname

_SHORT = {"python2": "py", "python3": "py", "ir": "r"}


def environment_names(conda: str, prefixes: Iterable[str]) -> dict[str, str]:
    """Name of each environment, by prefix.

    Args:
        conda: prefix of the system's conda, which is called ``base``.
        prefixes: absolute paths of the bricks. Their order does not matter: conda lists them sorted.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for prefix in sorted({conda, *prefixes}):
        stem = "base" if prefix == conda else basename(prefix)
        parent = dirname(prefix)
        if prefix != conda and basename(parent) == "envs" and (parent != f"{conda}/envs" or stem in taken):
            stem = f"{basename(dirname(parent))}-{stem}"
        name, count = stem, 2
        while name in taken:
            name, count = f"{stem}-{count}", count + 1
        names[prefix] = name
        taken.add(name)
    return names


def kernel_name(environment: str, directory: str) -> str:
    """Name of a kernel of an environment, as it is stored in notebooks (``conda-env-ocean-py``).

    Args:
        environment: name of the environment, from ``environment_names``.
        directory: name of the kernelspec's directory (``python3``).
    """
    middle = "" if environment == "base" else "env-"
    name = f"conda-{middle}{environment}-{_SHORT.get(directory, directory)}"
    if not name.isascii():
        name = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return re.sub(r"[^a-zA-Z0-9._\-]", "_", name)
