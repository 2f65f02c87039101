"""A tree of plain data that must be read to the last leaf.

``lift`` takes leaves out of a ``Reading``; what nobody took is a complaint (LC702), because a leaf that we do
not understand may be one that the platform obeys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something about an artifact that proves nothing, or the wrong thing.

    Attributes:
        code: LC701 (not what the platform needs), LC702 (read by nobody), LC703, LC704 or LC705.
        message: one line, lower case.
        place: file, then the path inside it (``("z2jh/values.yaml", "singleuser", "cmd")``).
    """

    code: str
    message: str
    place: Path


class Reading:
    """One artifact, as a tree of dicts, lists and scalars.

    Every method takes the path of a node as positional arguments. A missing node or one of another type is a
    complaint, and the method returns the empty value of its type, so that one run finds every mistake.
    """

    def __init__(self, file: str, data: Any) -> None:
        self.file = file
        self.data = data
        self.complaints: list[Complaint] = []
        self._taken: set[Path] = set()

    def place(self, *path: str | int) -> Path:
        """The path with the file in front, for ``origin`` fields and messages."""
        return (self.file, *path)

    def complain(self, message: str, *path: str | int, code: str = "LC701") -> None:
        """Add a complaint about a node."""
        self.complaints.append(Complaint(code, message, self.place(*path)))

    def has(self, *path: str | int) -> bool:
        """Whether the node exists, be it null; nothing is taken."""
        return self._find(path)[0]

    def peek(self, *path: str | int) -> Any:
        """The node without taking it; None when missing."""
        return self._find(path)[1]

    def take(self, *path: str | int) -> Any:
        """The node with all that is below it; a complaint when missing."""
        found, value = self._find(path)
        if not found:
            self.complain(f"`{_dotted(path)}` is missing", *path)
        self._taken.add(path)
        return value

    def maybe(self, *path: str | int, default: Any = None) -> Any:
        """The node with all that is below it, or the default when missing."""
        found, value = self._find(path)
        if found:
            self._taken.add(path)
        return value if found else default

    def text(self, *path: str | int) -> str:
        """A string leaf; a complaint and ``""`` otherwise."""
        value = self.take(*path)
        if not isinstance(value, str):
            if self._find(path)[0]:
                self.complain(f"`{_dotted(path)}` is {value!r}, which is no text", *path)
            return ""
        return value

    def keys(self, *path: str | int) -> tuple[str, ...]:
        """Keys of a mapping, in order; nothing is taken but an empty mapping itself."""
        value = self.peek(*path)
        if not isinstance(value, dict):
            self.complain(f"`{_dotted(path)}` is missing or no mapping", *path)
            self._taken.add(path)
            return ()
        if not value:
            self._taken.add(path)
        return tuple(str(key) for key in value)

    def indices(self, *path: str | int) -> range:
        """Indices of a list; nothing is taken but an empty list itself."""
        value = self.peek(*path)
        if not isinstance(value, list):
            self.complain(f"`{_dotted(path)}` is missing or no list", *path)
            self._taken.add(path)
            return range(0)
        if not value:
            self._taken.add(path)
        return range(len(value))

    def expect(self, value: Any, *path: str | int) -> bool:
        """Take a node that must have exactly this value (a leaf or a whole tree); a complaint otherwise."""
        found, actual = self._find(path)
        self._taken.add(path)
        if found and _same(actual, value):
            return True
        if not found:
            self.complain(f"`{_dotted(path)}` is missing and has to be {value!r}", *path)
        elif isinstance(value, dict) and isinstance(actual, dict):
            for key in {**value, **actual}:
                if key not in value:
                    self.complain(f"`{_dotted((*path, key))}` is not expected", *path, key, code="LC702")
                else:
                    self.expect(value[key], *path, key)
        else:
            self.complain(f"`{_dotted(path)}` is {actual!r} and has to be {value!r}", *path)
        return False

    def finish(self) -> tuple[Complaint, ...]:
        """All complaints, with one for every leaf that nobody took."""
        for path in self._untaken(self.data, ()):
            self.complain(f"nothing is known about `{_dotted(path)}`", *path, code="LC702")
        return tuple(self.complaints)

    def _find(self, path: Path) -> tuple[bool, Any]:
        node = self.data
        for step in path:
            inside = isinstance(node, list) and isinstance(step, int) and step < len(node)
            if inside or (isinstance(node, dict) and step in node):
                node = node[step]
            else:
                return False, None
        return True, node

    def _untaken(self, node: Any, path: Path) -> Iterator[Path]:
        """Leaves that were taken neither themselves nor with something above them."""
        if path in self._taken:
            return
        if isinstance(node, dict) and node:
            for key, value in node.items():
                yield from self._untaken(value, (*path, key))
        elif isinstance(node, list) and node:
            for index, value in enumerate(node):
                yield from self._untaken(value, (*path, index))
        else:
            yield path


def _same(left: Any, right: Any) -> bool:
    """Equal in value and in type: 1 is not true, and not 1.0."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and bool(left == right)


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path) or "the whole file"
