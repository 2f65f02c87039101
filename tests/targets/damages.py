"""Damages to trees of plain data, one node at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

Change = Callable[[Any, Any], None]
"""Changes what a mapping or list has under a key."""


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place below the top of a tree."""
    for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield (*at, key)
        yield from places(node[key], (*at, key))


def damaged(tree: Any, at: tuple[Any, ...], change: Change) -> Any:
    """A copy of a tree, changed at a place."""
    tree = copy.deepcopy(tree)
    node = tree
    for key in at[:-1]:
        node = node[key]
    change(node, at[-1])
    return tree


def other(node: Any, key: Any) -> None:
    """Another value of the same type."""
    value = node[key]
    if isinstance(value, bool):
        node[key] = not value
    elif isinstance(value, int | float):
        node[key] = value + 1
    elif isinstance(value, str):
        node[key] = value + "x"
    elif value is None:
        node[key] = "x"
    elif isinstance(value, list):
        node[key] = [*value, "x"]
    else:
        node[key] = {**value, "x": "x"}


def drop(node: Any, key: Any) -> None:
    """Nothing."""
    del node[key]


def null(node: Any, key: Any) -> None:
    """Null, or a list where null is."""
    node[key] = [] if node[key] is None else None


CHANGES: dict[str, Change] = {"other": other, "drop": drop, "null": null}
"""What every node has to withstand."""
