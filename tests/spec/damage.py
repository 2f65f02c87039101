"""Ways to spoil a document: what a person or a bad merge does to YAML, done to every node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Step = str | int
Place = tuple[Step, ...]

MISSING = object()
RETYPED: tuple[object, ...] = ("word", 7, 2.5, True, None, [], {}, ["word"], {"word": 1})
"""A value of every type that YAML has."""

TRICKY: tuple[object, ...] = (
    "", " ", "a\n", "a\u0085", "A b", "a--b", "-a", "a-", "../a", "/", "/a/", "/a/../b", "a@b@c", "lab@", "@2",
    "sha256:" + "0" * 64, "sha256:" + "0" * 63, "x" * 41, "x" * 500, "8Gi", "8G", "0G", "1.30", "linux/AMD64",
    "registry.example.org", "registry.example.org/a:b", "https://hub.example.org:8000/x", "{x}", "$HOME", "\u2028",
    "é", "0", -1, 0, 1, 2**31, 2**63, 1e300, 0.0005, False, [1], [None], [["a"]], {"": 1}, {"a b": {}}, {"a": None},
)  # fmt: skip
"""Values at the edges of the grammars of ``spec/types.py``."""


def places(data: Any, here: Place = ()) -> Iterator[Place]:
    """Every node of a document but the document itself, outermost first."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, below in items:
        yield (*here, key)
        yield from places(below, (*here, key))


def get(data: Any, place: Place) -> Any:
    """The value at a place."""
    for step in place:
        data = data[step]
    return data


def put(data: Any, place: Place, value: object) -> Any:
    """A copy with another value at a place; ``MISSING`` leaves the node out. What is beside it is shared."""
    if not place:
        return value
    step, rest = place[0], place[1:]
    if isinstance(data, list):
        new = put(data[step], rest, value)
        return [*data[:step], *([] if new is MISSING else [new]), *data[step + 1 :]]  # type: ignore[operator]
    changed = {key: put(below, rest, value) if key == step else below for key, below in data.items()}
    return {key: below for key, below in changed.items() if below is not MISSING}


def rename(data: Any, place: Place, name: str) -> Any:
    """A copy in which the last key of a place has another name; the order stays."""
    *above, last = place
    mapping = get(data, tuple(above))
    return put(data, tuple(above), {name if key == last else key: below for key, below in mapping.items()})
