"""Reading a file's text, with every reason why it cannot be read said in words."""

from __future__ import annotations

import os
import stat

from lego_compile.source.document import Problem, Span

LARGEST = 8 * 1024 * 1024
LARGEST_REPORT = 64 * 1024 * 1024
"""Machines write reports, and some name every file of an image."""

_MARKS = (  # longest first: the mark of UTF-32 begins with that of UTF-16
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_OTHER_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_text(name: str) -> tuple[str | None, list[Problem]]:
    """Read a UTF-8 file; a byte order mark is dropped, line ends stay as they are.

    Args:
        name: its path.

    Returns:
        The text, None when there is none, and at most one problem: ``missing``, ``unreadable`` or ``encoding``.
    """
    try:
        return _read(name, LARGEST, "name the file that people write")
    except FileNotFoundError:
        return None, [_missing(name)]


def read_if_there(name: str) -> tuple[str | None, list[Problem]]:
    """Read as ``read_text`` does a report that may be missing: no text and no problem when nothing has that name."""
    try:
        return _read(name, LARGEST_REPORT, "name the report that a scanner wrote")
    except FileNotFoundError:
        return None, [_missing(name)] if os.path.islink(name) else []


def _read(name: str, largest: int, too_large: str) -> tuple[str | None, list[Problem]]:
    """What both have in common.

    Raises:
        FileNotFoundError: nothing has that name.
    """
    try:
        mode = os.stat(name).st_mode  # before opening: opening a pipe waits, and a device may act on it
        if not stat.S_ISREG(mode):
            what = next((words for test, words in _OTHER_KINDS if test(mode)), "no file")
            return None, [Problem("unreadable", f"`{name}` is {what}", None, "name a file")]
        with open(name, "rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return None, [Problem("unreadable", f"`{name}` cannot be read: {why.lower()}", None)]
    if len(data) > largest:
        message = f"`{name}` is larger than {largest // 1024 // 1024} MiB"
        return None, [Problem("unreadable", message, None, too_large)]
    return _decode(name, data)


def _decode(name: str, data: bytes) -> tuple[str | None, list[Problem]]:
    """Bytes to text; one problem when they are none."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return None, [_garbled(name, data, 0, f"`{name}` is written in {encoding}", "save it as UTF-8")]
    at = data.find(b"\0")
    if at >= 0:
        message = f"`{name}` is no text: byte {at} is NUL"
        return None, [_garbled(name, data, at, message, "name a text file in UTF-8")]
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        # The codec drops a mark before it counts.
        at = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
    line = data.count(b"\n", 0, at) + 1
    message = f"`{name}` is not in UTF-8: byte {at}, in line {line}, is 0x{data[at]:02x}"
    guess = bytes([data[at]]).decode("latin-1")
    help = "save it as UTF-8" + (f"; the character may be `{guess}`" if guess.isalpha() else "")
    return None, [_garbled(name, data, at, message, help)]


def _garbled(name: str, data: bytes, at: int, message: str, help: str) -> Problem:
    """An ``encoding`` problem at one byte."""
    line = data.count(b"\n", 0, at) + 1
    head = data[data.rfind(b"\n", 0, at) + 1 : at].decode("utf-8", "replace").removeprefix("\ufeff")
    column = len(head) + 1
    return Problem("encoding", message, Span(name, line, column, line, column + 1), help)


def _missing(name: str) -> Problem:
    """Nothing has that name; perhaps something beside it has nearly that name."""
    if os.path.islink(name):
        return Problem(
            "unreadable", f"`{name}` is a link to nothing", None, "repair the link, or name a file"
        )
    parts = name.split(os.sep)
    present = os.sep if name.startswith(os.sep) else os.curdir
    for index, part in enumerate(parts):
        if os.path.isdir(os.path.join(present, part)) and index < len(parts) - 1:
            present = os.path.join(present, part)
            continue
        from difflib import get_close_matches

        try:
            beside = sorted(os.listdir(present))[:10000]
        except OSError:
            break
        near = get_close_matches(part, beside, n=1, cutoff=0.6)
        help = (
            f"did you mean `{os.sep.join([*parts[:index], near[0], *parts[index + 1 :]])}`?" if near else None
        )
        what = "file" if index == len(parts) - 1 else "directory"
        missing = os.sep.join(parts[: index + 1])
        return Problem("missing", f"there is no {what} `{missing}`", None, help)
    return Problem("missing", f"there is no file `{name}`", None)
