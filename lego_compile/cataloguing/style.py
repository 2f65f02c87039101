"""How a catalog is written: its indentation, its blank lines, its quotes."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lego_compile.emit.yaml import dump

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lego_compile.diagnostic.model import Path
    from lego_compile.source.document import Node, Tree

KINDS = ("systems", "bricks")


class Style:
    """How a catalog is written, seen from what is there.

    Attributes:
        step: columns from a key to the keys below it.
        dash: columns from a key to the dashes of its list.
        spaced: whether a blank line stands between entries.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        blocks = [*_blocks(tree.node)]
        steps = [column(below[0]) - column(above) for above, below in blocks if above.key_start >= 0]
        self.step = next((step for step in steps if step > 0), 2)
        dashes = [*_dashes(tree.node)]
        self.dash = max(0, min(dashes[0], self.step)) if dashes else 2
        gaps = [
            re.search(r"\n[ \t]*\r?\n|\r[ \t]*\r", _text_between(first, second)) is not None
            for kind in KINDS
            for first, second in _neighbours(tree, kind)
        ]
        empty = isinstance(tree.node.items, dict) and not {*KINDS} & tree.node.items.keys()
        airy = empty or re.search(r"\n\r?\n|\r\r", tree.node.source.text) is not None
        self.spaced = any(gaps) if gaps else airy

    def column(self, items: Mapping[str, Node], path: Path) -> int:
        """The column of the keys of a block, counted from 0."""
        if items:
            return column(next(iter(items.values())))
        return self._tree.span(path, key=True).column - 1 + self.step if path else 0


def column(node: Node) -> int:
    """The column of a value's key, counted from 0."""
    return node.source.span(node.key_start, node.key_end).column - 1


def _blocks(node: Node) -> Iterator[tuple[Node, list[Node]]]:
    """Every map in block style below a node, with its values."""
    if isinstance(node.items, dict):
        if not node.style and node.items:
            yield node, [*node.items.values()]
        for each in node.items.values():
            yield from _blocks(each)


def _dashes(node: Node) -> Iterator[int]:
    """How far the dashes of every list are from its key."""
    if isinstance(node.items, dict):
        for each in node.items.values():
            if isinstance(each.items, list) and not each.style and each.items:
                at = each.source.span(each.start, each.start).column - 1
                yield at - column(each)
            yield from _dashes(each)


def _neighbours(tree: Tree, kind: str) -> Iterator[tuple[Node, Node]]:
    found = (tree.node.items or {}).get(kind) if isinstance(tree.node.items, dict) else None
    if found is not None and isinstance(found.items, dict) and not found.style:
        nodes = [*found.items.values()]
        yield from pairwise(nodes)


def _text_between(first: Node, second: Node) -> str:
    return first.source.text[first.end : second.key_start]


def made(value: Any, parent: str = "", *, flow: bool = False) -> Any:
    """Plain data as ruamel.yaml is to write it: short things in braces, doubtful text in quotes.

    Args:
        value: plain data.
        parent: the key that it is the value of.
        flow: it stands in braces, or is to.
    """
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(value, dict):
        flow = flow or not value or parent == "requires"
        node = CommentedMap()
        for key, each in value.items():
            written = _quoted(key) if parent == "releases" else _text(key, flow=flow)
            node[written] = made(each, key, flow=flow or parent == "releases")
        if flow:
            node.fa.set_flow_style()
        return node
    if isinstance(value, list):
        simple = flow or not any(isinstance(each, dict) for each in value)
        items = CommentedSeq(made(each, flow=True) for each in value)
        if simple:
            items.fa.set_flow_style()
        return items
    return _text(value, flow=flow) if isinstance(value, str) else value


def _text(text: str, *, flow: bool) -> Any:
    return _quoted(text) if dump(text).startswith('"') or (flow and "," in text) else text


def _quoted(text: str) -> Any:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    return DoubleQuotedScalarString(text)
