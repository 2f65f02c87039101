"""A document that was read: plain data, and the place in the text where each value was written."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

TYPE_CHECKING = False  # the name that type checkers know; importing `typing` for it would cost a compile 3 ms
if TYPE_CHECKING:
    from typing import Any

Path = tuple[str | int, ...]

# What editors call a line. YAML 1.1 also breaks lines at U+0085, U+2028 and U+2029: for that reason no line
# number of the parser is used, only its offsets.
_LINE_END = re.compile(r"\r\n|[\r\n]")

QUOTING = frozenset("'\"|>")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a file. Lines and columns count from 1, columns in code points, and the end is exclusive.

    A value that was left out (``key:``) has a span of no width, just behind the colon.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a text.

    Attributes:
        kind: what it is: ``missing``, ``unreadable``, ``encoding``, ``syntax``, ``duplicate-key``, ``anchor``,
            ``tag``, ``multiple-documents``, ``empty``, ``nesting``, ``directive``, ``ambiguous`` or ``key-not-text``.
        message: this occurrence in one line; lower case, no full stop.
        span: the place, None when the file has no text to point at.
        help: what to type instead.
        related: second places, each with what to say there.
    """

    kind: str
    message: str
    span: Span | None
    help: str | None = None
    related: tuple[tuple[Span, str], ...] = ()


# The classes below are written by hand: each dataclass would add about a millisecond to every start.


class Source:
    """One file's text. Offsets count code points, from 0; lines are looked up when somebody asks."""

    __slots__ = ("name", "split", "starts", "text")

    def __init__(self, name: str, text: str) -> None:
        """A file called ``name`` that holds ``text``."""
        self.name = name
        self.text = text
        self.starts: list[int] = []  # where the lines begin; empty until somebody asked
        self.split: list[str] = []  # the lines, likewise: each finding asks for those around it

    def span(self, start: int, end: int) -> Span:
        """The lines and columns of ``text[start:end]``."""
        starts = self.starts
        if not starts:
            starts += [0, *(found.end() for found in _LINE_END.finditer(self.text))]
        line, end_line = bisect_right(starts, start), bisect_right(starts, end)
        return Span(self.name, line, start - starts[line - 1] + 1, end_line, end - starts[end_line - 1] + 1)

    def lines(self) -> list[str]:
        """The text, line by line, without line ends."""
        if not self.split:
            self.split = _LINE_END.split(self.text)
        return self.split


class Node:
    """Where one value was written; offsets into ``source.text``, the end exclusive.

    Attributes:
        source: the file.
        start: where the value begins.
        end: where it ends.
        key_start: where its mapping key begins; -1 when it has none.
        key_end: where the key ends.
        style: how it begins: ``'``, ``"``, ``|`` or ``>`` for a scalar, ``{`` or ``[`` for a collection, and
            nothing for what is written without any of these.
        items: the places inside, by key or by index; None for a scalar.
    """

    __slots__ = ("end", "items", "key_end", "key_start", "source", "start", "style")

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        key_start: int,
        key_end: int,
        style: str,
        items: dict[str, Node] | list[Node] | None,
    ) -> None:
        """See the attributes."""
        self.source = source
        self.start = start
        self.end = end
        self.key_start = key_start
        self.key_end = key_end
        self.style = style
        self.items = items


class Tree:
    """A document: what it says, and where it says it.

    Attributes:
        data: dict, list, str, int, float, bool or None; the keys of every dict are text.
        node: where the document itself was written.
        sources: the files that take part, by name, the main one first.
    """

    __slots__ = ("data", "node", "sources")

    def __init__(self, data: Any, node: Node, sources: dict[str, Source]) -> None:
        """See the attributes."""
        self.data = data
        self.node = node
        self.sources = sources

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that take part, the main one first."""
        return tuple(self.sources)

    def lines(self, file: str) -> list[str]:
        """The text of a file that takes part, line by line, without line ends.

        Raises:
            KeyError: when the file takes no part.
        """
        return self.sources[file].lines()

    def span(self, path: Path, key: bool = False) -> Span:
        """Where the value at ``path`` was written; where there is none, its nearest parent.

        Args:
            path: keys and indices, from the top; ``()`` is the whole document.
            key: point at the mapping key instead, where the value (or the parent found) has one.
        """
        node, _ = self._find(path)
        if key and node.key_start >= 0:
            return node.source.span(node.key_start, node.key_end)
        return node.source.span(node.start, node.end)

    def raw(self, path: Path) -> str | None:
        """A scalar as it was typed, quotes and all; None where there is no scalar."""
        node, exact = self._find(path)
        return node.source.text[node.start : node.end] if exact and node.items is None else None

    def quoted(self, path: Path) -> bool:
        """Whether there is a scalar that was written in quotes or as a block (``|``, ``>``)."""
        node, exact = self._find(path)
        return exact and node.style in QUOTING

    def _find(self, path: Path) -> tuple[Node, bool]:
        """The place at ``path`` or of its nearest parent, and whether it is the path itself."""
        node = self.node
        for step in path:
            items = node.items
            if isinstance(items, dict):
                inside = items.get(step) if isinstance(step, str) else None
            else:
                inside = items[step] if items and isinstance(step, int) and 0 <= step < len(items) else None
            if inside is None:
                return node, False
            node = inside
        return node, True


def parse(name: str, text: str) -> tuple[Tree | None, list[Problem]]:
    """Read one YAML or JSON document.

    Never raises for what a text holds. All mistakes are returned, in the order of the text; only after a
    ``syntax`` or ``nesting`` mistake is the rest unread. With a mistake that leaves something to go on with,
    the tree holds the best guess.

    Args:
        name: what to call the file. With ``.json`` at its end, numbers are read as JSON does, without the
            questions that two versions of YAML raise.
        text: what it holds.

    Returns:
        The tree, None when nothing is usable, and the mistakes.
    """
    from lego_compile.source.yaml import read

    return read(name, text)


def merge(base: Tree, over: Tree) -> Tree:
    """Lay ``over`` on ``base``: maps are merged key by key, everything else of ``over`` replaces.

    A null in ``over`` deletes the inherited key; where nothing was inherited it stays a null, for there was
    nothing to delete. Inherited keys come first, in their order. Every place still points into the file where
    the surviving value was written; a map made of both is at its place in ``over``. Both trees stay as they
    were (the result shares what it did not have to change).
    """
    data, node = _merge(base.data, base.node, over.data, over.node)
    return Tree(data, node, over.sources | {k: v for k, v in base.sources.items() if k not in over.sources})


def _merge(base: Any, base_node: Node, over: Any, over_node: Node) -> tuple[Any, Node]:
    """Merge two values with their places. Recursion is bounded by the nesting that ``parse`` allows."""
    below, above = base_node.items, over_node.items
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return over, over_node
    data: dict[str, Any] = dict(base)
    items = dict(below)
    for key, value in over.items():
        if key not in data:
            data[key], items[key] = value, above[key]
        elif value is None:
            del data[key], items[key]
        else:
            data[key], items[key] = _merge(data[key], items[key], value, above[key])
    at = over_node
    return data, Node(at.source, at.start, at.end, at.key_start, at.key_end, at.style, items)
