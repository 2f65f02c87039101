"""The text of a catalog, changed in single places: every line that says what it said stays as people wrote it.

Where something is added, only that is added. Where a value changes, ruamel.yaml reads and writes this value, with the
comments in it; lines that come out as they would have without the change are kept as they were.
"""

from __future__ import annotations

import copy
import io
import json
import re
from collections import Counter
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from lego_compile.cataloguing.style import Style, made
from lego_compile.source.document import Tree, parse

if TYPE_CHECKING:
    from lego_compile.diagnostic.model import Path
    from lego_compile.source.document import Node

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class Page:
    """A catalog that is being changed.

    Args:
        text: one that our reader has nothing against.

    Attributes:
        text: as it is now.
        data: what it says now, as plain data.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.data: Any = copy.deepcopy(_tree(text).data)

    def add(self, path: Path, key: str, value: Any, after: str | None) -> None:
        """Put a key into the map at ``path``, behind another of its keys, or first.

        Args:
            path: of a map that is there.
            key: one that it does not have.
            value: plain data.
            after: the key before it; None for the first place.
        """
        here = _at(self.data, path)
        assert key not in here
        before = [*here][: [*here].index(after) + 1 if after is not None else 0]
        rest = {each: here.pop(each) for each in [*here] if each not in before}
        here |= {key: copy.deepcopy(value), **rest}
        tree = _tree(self.text)
        node = _node(tree, path)
        if not node.style:
            new = self._with_lines(tree, node, path, key, value, after)
        elif not node.items and path and not _in_flow(tree, path):
            new = self._opened(tree, node, path, key, value)
        else:
            new = self._in_braces(node, path, key, value, after)
        self._turn(new, (*path, key))

    def set(self, path: Path, value: Any) -> None:
        """Make the value at ``path`` another one; what of it stays the same is not touched."""
        above = _at(self.data, path[:-1])
        value = above[path[-1]] = _in_order(above[path[-1]], value)
        tree = _tree(self.text)
        node = _node(tree, path)
        if node.items is not None and not node.style:
            new = self._block(tree, node, path, value)
        else:
            there = _become(_load(self.text[node.start : node.end]), value, flow=True)
            new = self.text[: node.start] + _flow(there) + self.text[node.end :]
        self._turn(new, path)

    def _with_lines(self, tree: Tree, node: Node, path: Path, key: str, value: Any, after: str | None) -> str:
        """A key more in a block: its lines, and nothing else."""
        style = Style(tree)
        items = node.items
        assert isinstance(items, dict)
        column = style.column(items, path)
        lines = _indented(_dump(_one(path, key, value, flow=False), style), column)
        if after is None:
            at = _line_start(self.text, next(iter(items.values())).key_start)
            return _spliced(self.text, at, lines)
        last = after == [*items][-1]  # else what is written above the next key belongs to that
        at = _behind(self.text, items[after], column if last else column + 1)
        if len(path) < 2 and style.spaced:
            lines = ["", *lines]
        return _spliced(self.text, at, lines)

    def _opened(self, tree: Tree, node: Node, path: Path, key: str, value: Any) -> str:
        """The first key of a map that was written ``{}``."""
        style = Style(tree)
        column = tree.span(path, key=True).column - 1 + style.step
        lines = _indented(_dump(_one(path, key, value, flow=False), style), column)
        begin = len(self.text[: node.start].rstrip(" "))
        at = _line_end(self.text, node.end) - (node.end - begin)
        return _spliced(self.text[:begin] + self.text[node.end :], at, lines)

    def _in_braces(self, node: Node, path: Path, key: str, value: Any, after: str | None) -> str:
        """A key more between braces."""
        items = node.items
        assert isinstance(items, dict)
        pair = _flow(_one(path, key, value, flow=True))[1:-1]
        if after is None:
            at, words = node.start + 1, f"{pair}, " if items else pair
        else:
            at, words = items[after].end, f", {pair}"
        return self.text[:at] + words + self.text[at:]

    def _block(self, tree: Tree, node: Node, path: Path, value: Any) -> str:
        """A key with the block below it: ruamel.yaml changes it, and what came out the same stays."""
        begin, end = _line_start(self.text, node.key_start), _line_end(self.text, node.end)
        old = _LINE.findall(self.text[begin:end])
        column = tree.span(path, key=True).column - 1
        plain = "".join(_dedented(line, column) + "\n" for line in old)
        style = Style(tree)
        same = _indented(_dump(_load(plain), style), column)
        document = _load(plain)
        document[path[-1]] = _become(document[path[-1]], value, flow=False)
        new = _indented(_dump(document, style), column)
        eol = _eol(self.text)
        kept: list[str] = []
        if len(same) != len(old):  # something of several lines was joined
            old = [line + eol for line in same]
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, same, new, autojunk=False).get_opcodes():
            kept += old[i1:i2] if tag == "equal" else [line + eol for line in new[j1:j2]]
        if end == len(self.text) and not self.text.endswith(("\n", "\r")):
            kept[-1] = kept[-1].rstrip("\r\n")
        return self.text[:begin] + "".join(_ended(kept, eol)) + self.text[end:]

    def _turn(self, text: str, touched: Path) -> None:
        """Take a new text, when it says what was meant and nothing else is different."""
        before, after = _tree(self.text), _tree(text)
        assert json.dumps(after.data) == json.dumps(self.data), "the catalog would not say what was meant"
        places: list[Path] = [
            (kind, name) for kind in ("systems", "bricks") for name in before.data.get(kind) or {}
        ]
        places += [(key,) for key in before.data if key not in ("systems", "bricks")]
        for place in places:
            if touched[: len(place)] != place:
                assert _slice(before, place) == _slice(after, place), f"{place} would be written anew"
        lost = Counter(_stripped(self.text)) - Counter(_stripped(text))
        own = Counter(_stripped(_slice(before, touched[:2])))
        assert not [line for line in lost - own if line.startswith("#")], "a comment would be lost"
        self.text = text


def _tree(text: str) -> Tree:
    tree, problems = parse("catalog.yaml", text)
    assert tree is not None, problems
    assert not problems, problems
    return tree


def _in_order(old: Any, new: Any) -> Any:
    """A copy of ``new`` whose keys come in the order that they have in ``old``."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [key for key in old if key in new] + [key for key in new if key not in old]
        return {key: _in_order(old.get(key), new[key]) for key in keys}
    return copy.deepcopy(new)


def _at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


def _node(tree: Tree, path: Path) -> Node:
    node: Any = tree.node
    for step in path:
        node = node.items[step]
    found: Node = node
    return found


def _in_flow(tree: Tree, path: Path) -> bool:
    """Whether a key stands between braces, as every key does in JSON."""
    return any(_node(tree, path[:depth]).style for depth in range(len(path)))


def _slice(tree: Tree, path: Path) -> str:
    """The text of a key and its value; of the nearest map around it when it is not there."""
    while True:
        try:
            node = _node(tree, path)
        except KeyError:
            path = path[:-1]
            continue
        return node.source.text[node.key_start if path else 0 : node.end]


def _stripped(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _line_end(text: str, offset: int) -> int:
    """Where the line after an offset begins."""
    found = re.compile(r"\r\n|\r|\n").search(text, offset)
    return found.end() if found else len(text)


def _spliced(text: str, at: int, lines: list[str]) -> str:
    """A text with more lines at an offset where a line begins, or at the end."""
    eol = _eol(text)
    head = text[:at]
    if head and not head.endswith(("\n", "\r")):
        head += eol
    return head + "".join(line + eol for line in lines) + text[at:]


def _eol(text: str) -> str:
    """How lines end: as the first one does."""
    found = re.search(r"\r\n|\r|\n", text)
    return found[0] if found else "\n"


def _behind(text: str, node: Node, column: int) -> int:
    """Where the line after a value begins, and after the comments below it that are indented like its key."""
    at = end = _line_end(text, node.end)
    while end < len(text):
        after = _line_end(text, end)
        line = text[end:after]
        mark = line.lstrip(" ")
        if mark.strip() and not (mark.startswith("#") and len(line) - len(mark) >= column):
            break
        end = after
        at = end if mark.strip() else at
    return at


def _dedented(line: str, column: int) -> str:
    line = line.rstrip("\r\n")
    return line[column:] if not line[:column].strip(" ") else line.lstrip(" ")


def _indented(text: str, column: int) -> list[str]:
    return [" " * column + line if line else "" for line in text.split("\n")[:-1]]


def _one(path: Path, key: str, value: Any, *, flow: bool) -> Any:
    """A map of one key, as ruamel.yaml is to write it below ``path``."""
    return made({key: value}, str(path[-1]) if path else "", flow=flow)


def _become(node: Any, value: Any, *, flow: bool) -> Any:
    """A node of ruamel.yaml, changed as little as possible until it says ``value``."""
    if isinstance(node, dict) and isinstance(value, dict):
        flow = flow or _in_line(node)
        for key in [each for each in node if each not in value]:
            del node[key]
        for key, each in value.items():
            if key in node:
                node[key] = _become(node[key], each, flow=flow)
            else:
                written, below = next(iter(made({key: each}, flow=flow).items()))
                node[written] = below
        return node
    if isinstance(node, list) and isinstance(value, list):
        wanted = [*map(_identity, value)]
        for index in reversed([i for i, each in enumerate(node) if _identity(each) not in wanted]):
            del node[index]
        for index, each in enumerate(value):
            if index < len(node):
                node[index] = _become(node[index], each, flow=flow or _in_line(node))
            else:
                node.append(made(each, flow=True))
        return node
    return node if node == value else made(value, flow=flow)


def _in_line(node: Any) -> bool:
    """Whether a collection is written in braces or brackets."""
    return bool(node.fa.flow_style())


def _identity(item: Any) -> Any:
    """By what an item of a list is known: a kernel by its directory."""
    return item.get("directory", "python3") if isinstance(item, dict) else item


def _load(text: str) -> Any:
    return _yaml(None).load(text)


def _dump(document: Any, style: Style | None) -> str:
    out = io.StringIO()
    _yaml(style).dump(document, out)
    text = out.getvalue()
    return text if text.endswith("\n") else text + "\n"


def _flow(node: Any) -> str:
    """A value in one line, as it is written between braces."""
    from ruamel.yaml.comments import CommentedMap

    holder = CommentedMap(key=node)  # braces around it: a text is quoted there when it has to be
    holder.fa.set_flow_style()
    return _dump(holder, None).strip().removeprefix("{key: ").removesuffix("}")


def _ended(lines: list[str], eol: str) -> list[str]:
    """Lines of which only the last may have no end."""
    return [line if line.endswith(("\n", "\r")) else line + eol for line in lines[:-1]] + lines[-1:]


def _yaml(style: Style | None) -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 1_000_000  # lines are as long as people made them
    yaml.brace_single_entry_mapping_in_flow_sequence = True  # else [{title: x}] becomes [title: x]
    if style:
        yaml.indent(mapping=style.step, sequence=style.dash + 2, offset=style.dash)
    return yaml
