"""``SHA256SUMS``: which files of a folder are ours, and what is on disk beside and behind that.

``sha256sum -c SHA256SUMS`` checks what this module reads. Nothing here changes anything.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress

from lego_compile.hashing import sha256

MANIFEST = "SHA256SUMS"
TEMPORARY = ".lego-tmp-"
DAMAGED = "is damaged, so nothing says which files are ours: restore it, or move the folder elsewhere"
LARGEST = 1 << 20
"""Bytes that are read of a file of somebody else."""

_CONFLICT = re.compile(r"^(<{7}|\|{7}|={7}|>{7})( .*)?\n", re.MULTILINE)
_ENTRY = re.compile(r"([0-9a-f]{64})  ([^\n]+)")


class OutputError(Exception):
    """A folder that cannot be read or written as it should.

    Attributes:
        path: the file or folder, root included, as the user would type it.
        reason: what is the matter, in words that follow the path.
        in_the_way: the matter is a file or folder of somebody else.
    """

    def __init__(self, path: str, reason: str, *, in_the_way: bool = False) -> None:
        """Say what is wrong where."""
        super().__init__(path, reason)
        self.path = path
        self.reason = reason
        self.in_the_way = in_the_way

    def __str__(self) -> str:
        """One line: the path in quotes and the reason."""
        return f"'{self.path}' {self.reason}"


def manifest(root: str) -> dict[str, str]:
    """Read which files of ours ``root`` holds: path → SHA-256 in hexadecimal.

    Empty when there is no manifest, or when it is not as ``write`` would make it: a path that leads elsewhere must
    never be followed. A conflict that git left in it is read with both sides, since compiling again settles it.

    Raises:
        OutputError: the manifest is there and cannot be read.
    """
    _, data, _ = look(os.path.join(root, MANIFEST))
    try:
        text = (data or b"").decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        return {}
    merged = _CONFLICT.search(text) is not None
    digests: dict[str, str] = {}
    for line in _CONFLICT.sub("", text).split("\n")[:-1]:
        entry = _ENTRY.fullmatch(line)
        if entry is None or path_fault(entry[2]):
            return {}
        digests[entry[2]] = entry[1]
    return digests if merged or manifest_text(digests) == text else {}


def is_damaged(root: str) -> bool:
    """Whether there is a manifest that cannot be believed, so that nothing in the folder counts as ours."""
    return os.path.lexists(os.path.join(root, MANIFEST)) and not manifest(root)


def read(root: str) -> dict[str, bytes]:
    """Read the files of ours (those that the manifest lists) that are there: path → bytes.

    Raises:
        OutputError: a file is there and cannot be read, or is reached through a symbolic link.
    """
    files = {}
    for path in manifest(root):
        check_parents(root, path)
        _, data, _ = look(os.path.join(root, path))
        if data is not None:
            files[path] = data
    return files


def foreign(root: str) -> dict[str, bytes]:
    """What others put into the folders of ours, and below them: path → bytes.

    A link, a pipe and the like has no bytes; neither has a file in a folder that holds none of ours: it may be large.
    """
    ours = manifest(root)
    folders = {parent for path in ours for parent in parents(path)}
    found = {}
    for top in sorted(folder for folder in folders if "/" not in folder):
        for place, names, files in os.walk(os.path.join(root, top)):
            folder = os.path.relpath(place, root)
            links = [name for name in names if os.path.islink(os.path.join(place, name))]
            for path in sorted(f"{folder}/{name}" for name in (*files, *links)):
                if path not in ours:
                    found[path] = _beginning(os.path.join(root, path)) if folder in folders else b""
    return found


def _beginning(path: str) -> bytes:
    """The first bytes of a file; none of anything that is no file, or cannot be read."""
    with suppress(OSError):
        if stat.S_ISREG(os.lstat(path).st_mode):
            with open(path, "rb") as file:
                return file.read(LARGEST)
    return b""


def permissions(root: str) -> dict[str, int]:
    """Permission bits of the files of ours that are there: path → mode, as of ``stat``."""
    modes = {}
    for path in manifest(root):
        with suppress(OSError):
            modes[path] = stat.S_IMODE(os.stat(os.path.join(root, path)).st_mode)
    return modes


def edited(root: str) -> set[str]:
    """Files of ours that somebody changed since they were written, or removed.

    Raises:
        OutputError: a file is there and cannot be read.
    """
    files = read(root)
    return {path for path, digest in manifest(root).items() if not matches(files.get(path), digest)}


def manifest_text(digests: Mapping[str, str]) -> str:
    """The manifest of these files, as ``sha256sum`` writes it, sorted."""
    return "".join(f"{digests[path]}  {path}\n" for path in sorted(digests))


def path_fault(path: str) -> str | None:
    """Say why ``path`` cannot be in a tree; None when it can."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "is not relative, or not in its shortest form"
    if "\\" in path or not path.isprintable():  # sha256sum would escape, or garble, such a name
        return "holds a backslash, or something that cannot be printed"
    if parts[0] == MANIFEST or any(part.startswith(TEMPORARY) for part in parts):
        return "is reserved"
    return None


def parents(path: str) -> list[str]:
    """``a/b/c`` → ``a``, ``a/b``."""
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def matches(data: bytes | None, digest: str) -> bool:
    """Whether bytes are there and have this digest."""
    return data is not None and sha256(data) == digest


def look(path: str) -> tuple[bool, bytes | None, bool]:
    """See whether something is at ``path``, its bytes, and whether it may be run.

    No bytes for a symbolic link, a pipe and the like: these are seen, and never followed or read.
    """
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            raise OutputError(path, "is a folder where a file should be; move it elsewhere", in_the_way=True)
        if not stat.S_ISREG(mode):
            return True, None, False
        with open(path, "rb") as file:
            return True, file.read(), bool(mode & stat.S_IXUSR)
    except (FileNotFoundError, NotADirectoryError):
        return False, None, False
    except OSError as error:
        raise failed(path, "read", error) from None


def check_parents(root: str, path: str) -> None:
    """Refuse a path that leads through something other than a folder: a link may lead out of ``root``."""
    for parent in parents(path):
        full = os.path.join(root, parent)
        if os.path.islink(full):
            raise OutputError(
                full, "is a symbolic link where a folder should be; move it elsewhere", in_the_way=True
            )
        if os.path.exists(full) and not os.path.isdir(full):
            raise OutputError(full, "is a file where a folder should be; move it elsewhere", in_the_way=True)


def failed(path: str, verb: str, error: OSError) -> OutputError:
    """What the system said about a path, in words."""
    reason = (error.strerror or type(error).__name__).lower()
    return OutputError(path, f"cannot be {verb}: {reason}")
