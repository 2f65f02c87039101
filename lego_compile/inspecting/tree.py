"""The files of an image, in memory: names, modes, links, and of each content the little that is asked for later.

Nothing of it touches the file system: links are followed inside the tree and nowhere else.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import NamedTuple

from lego_compile.inspecting.content import NOTHING, Content

_LINKS = 40
"""Links that are followed to find one file, as Linux does (path_resolution(7))."""


class Node:
    """A file, directory, link, or something else. Two names of one file (hard links) share a node.

    Attributes:
        mode: type and permissions, as ``os.stat`` has them.
        size: bytes of a file.
        mtime: seconds, whole.
        target: of a symbolic link.
        content: what was kept of a file's content.
        children: of a directory, by name.
    """

    __slots__ = ("children", "content", "mode", "mtime", "size", "target")

    def __init__(
        self, mode: int, *, size: int = 0, mtime: int = 0, target: str = "", content: Content = NOTHING
    ) -> None:
        self.mode = mode
        self.size = size
        self.mtime = mtime
        self.target = target
        self.content = content
        self.children: dict[str, Node] = {}

    @property
    def is_file(self) -> bool:
        """Whether it is an ordinary file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)


def directory(mode: int = 0o755) -> Node:
    """An empty directory."""
    return Node(stat.S_IFDIR | mode)


class Place(NamedTuple):
    """Something in a tree: its path below the root, without a slash in front, and what is there."""

    path: str
    node: Node


class Tree:
    """A tree that lies somewhere.

    Args:
        root: the directory that it is.
        at: the absolute path at which sessions see it; absolute links below that lead back into the tree.
    """

    def __init__(self, root: Node, at: str = "/") -> None:
        self.root = root
        self.at = at.rstrip("/")

    def walk(self) -> Iterator[Place]:
        """Everything in it, parents first, in order of names; links are not followed."""
        waiting = [Place("", self.root)]
        while waiting:
            path, node = waiting.pop()
            if path:
                yield Place(path, node)
            for name in sorted(node.children, reverse=True):
                waiting.append(Place(f"{path}/{name}" if path else name, node.children[name]))

    def find(self, path: str) -> Place | None:
        """What a path leads to, links followed; None where it leads nowhere, out of the tree, or in a circle.

        Args:
            path: below the root, or absolute as sessions see it.
        """
        waiting = self._parts(path)
        if waiting is None:
            return None
        done: list[tuple[str, Node]] = []
        links = 0
        while waiting:
            name = waiting.pop()
            if name == "..":
                if not done:
                    if self.at:
                        return None
                    continue  # above the root of a file system there is the root
                done.pop()
                continue
            here = done[-1][1] if done else self.root
            found = here.children.get(name)
            if found is None:
                return None
            if found.is_link:
                links += 1
                more = self._parts(found.target)
                if links > _LINKS or more is None:
                    return None
                if found.target.startswith("/"):
                    done.clear()
                waiting += more
                continue
            done.append((name, found))
        return Place("/".join(name for name, _ in done), done[-1][1] if done else self.root)

    def file(self, path: str) -> Node | None:
        """The ordinary file at a path, links followed."""
        found = self.find(path)
        return found.node if found is not None and found.node.is_file else None

    def names(self, path: str) -> list[str]:
        """Names in a directory, links followed, sorted; none where there is none."""
        found = self.find(path)
        return sorted(found.node.children) if found is not None else []

    def leaves(self, path: str, target: str) -> bool:
        """Whether a symbolic link at a path points out of the tree, whatever lies there."""
        if target.startswith("/"):
            return self._parts(target) is None
        depth = path.count("/")
        for part in target.split("/"):
            depth += -1 if part == ".." else 0 if part in ("", ".") else 1
            if depth < 0:
                return bool(self.at)
        return False

    def below(self, path: str, at: str) -> Tree | None:
        """The tree of one directory, seen at a path of its own; None where there is no directory."""
        found = self.find(path)
        return Tree(found.node, at) if found is not None and found.node.is_directory else None

    def _parts(self, path: str) -> list[str] | None:
        """Names of a path, last one first; None for an absolute one that is not in the tree."""
        if path.startswith("/"):
            if not (path == self.at or path.startswith(self.at + "/")):
                return None
            path = path[len(self.at) :]
        return [part for part in reversed(path.split("/")) if part not in ("", ".")]
