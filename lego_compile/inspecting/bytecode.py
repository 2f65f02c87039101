"""Compiled Python: whether the interpreter will use it, or compile again at every start of a kernel.

PEP 552; cpython:Lib/importlib/_bootstrap_external.py (_classify_pyc, _validate_timestamp_pyc).
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from lego_compile.inspecting.tree import Place

_CACHED = re.compile(r"((?:.*/)?)__pycache__/([^/]+)\.cpython-(\d+)\.pyc")
_LIBRARY = re.compile(r"(?:.*/)?lib/python(\d)\.(\d+)/(?:.*/)?([^/]+)\.py")


class Bytecode(NamedTuple):
    """What was found.

    Attributes:
        sources: Python files of the library directories.
        compiled: those of them that have a ``.pyc`` for their Python.
        unchecked: ``.pyc`` that are used whatever the source is: the fastest and the most robust.
        checked: ``.pyc`` for which the source is hashed each time.
        timed: ``.pyc`` that are compared with the time and size of the source.
        stale: those of them that do not agree with their source; they are ignored.
    """

    sources: int
    compiled: int
    unchecked: int
    checked: int
    timed: int
    stale: tuple[str, ...]


def bytecode(places: list[Place]) -> Bytecode:
    """Judge the compiled files among all files of an environment."""
    nodes = {place.path: place.node for place in places if place.node.is_file}
    counts = {"unchecked": 0, "checked": 0, "timed": 0}
    stale = []
    for path, node in nodes.items():
        found = _CACHED.fullmatch(path) if path.endswith(".pyc") else None
        head = node.content.head
        source = nodes.get(f"{found[1]}{found[2]}.py") if found else None
        if source is None or len(head) < 16:
            continue
        flags, mtime, size = struct.unpack("<III", head[4:16])
        if flags & 1:
            counts["checked" if flags & 2 else "unchecked"] += 1
            continue
        counts["timed"] += 1
        if (source.mtime & 0xFFFFFFFF, source.size & 0xFFFFFFFF) != (mtime, size):
            stale.append(path)
    sources = compiled = 0
    for path in nodes:
        library = _LIBRARY.fullmatch(path) if path.endswith(".py") else None
        if library:
            folder = path[: -len(library[3]) - len(".py")]
            sources += 1
            compiled += f"{folder}__pycache__/{library[3]}.cpython-{library[1]}{library[2]}.pyc" in nodes
    return Bytecode(sources, compiled, **counts, stale=tuple(stale))
