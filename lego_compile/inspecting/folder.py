"""A folder → the tree of its files. It is read as it is, never followed out of."""

from __future__ import annotations

import os
import stat

from lego_compile.inspecting.content import NOTHING, Content, content_of
from lego_compile.inspecting.model import Unreadable
from lego_compile.inspecting.tree import Node, Tree


def read_folder(folder: str) -> Tree:
    """The tree of a folder on disk.

    Raises:
        Unreadable: some of it cannot be read by this user.
    """
    root = _node(folder, "")
    root.mode |= 0o555  # a working folder may be closed to others; what is in it is what becomes a brick
    inodes: dict[tuple[int, int], Node] = {}
    waiting = [(folder, "", root)]
    while waiting:
        here, path, node = waiting.pop()
        try:
            with os.scandir(here) as found:
                entries = [*found]
        except OSError as error:
            raise _failed(here, error) from None
        for entry in entries:
            below = f"{path}/{entry.name}" if path else entry.name
            try:
                state = entry.stat(follow_symlinks=False)
                identity = (state.st_dev, state.st_ino)
                child = inodes.get(identity) if state.st_nlink > 1 else None
                if child is None or child.is_directory:
                    child = inodes[identity] = _node(entry.path, below, state)
            except OSError as error:
                raise _failed(entry.path, error) from None
            node.children[entry.name] = child
            if child.is_directory:
                waiting.append((entry.path, below, child))
    return Tree(root)


def _node(name: str, path: str, state: os.stat_result | None = None) -> Node:
    state = state or os.stat(name)
    target = os.readlink(name) if stat.S_ISLNK(state.st_mode) else ""
    content = _content(name, path, state.st_size) if stat.S_ISREG(state.st_mode) else NOTHING
    return Node(
        state.st_mode, size=state.st_size, mtime=int(state.st_mtime // 1), target=target, content=content
    )


def _content(name: str, path: str, size: int) -> Content:
    """What is kept of a file; what has become a link or a pipe meanwhile is not opened."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return NOTHING
        return content_of(path, size, file)


def _failed(name: str, error: OSError) -> Unreadable:
    why = (error.strerror or "no reason").lower()
    return Unreadable(
        f"`{name}` cannot be read: {why}", "read it as the user that may, such as root; nothing in it is run"
    )
