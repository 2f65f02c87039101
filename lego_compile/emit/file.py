"""One file replaced, all or nothing: a document of the user's own, whose permissions and link stay."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from lego_compile.emit.manifest import TEMPORARY, OutputError, failed
from lego_compile.emit.tree import File, write_new

_MARK = "\ufeff"


def mark_of(path: str) -> str:
    """The byte order mark that a file begins with, which reading drops; empty for none. Some editor may want it."""
    try:
        with open(path, "rb") as file:
            return _MARK if file.read(3) == _MARK.encode() else ""
    except OSError:  # nothing is there yet, or what is wrong with it shows when it is written
        return ""


def replace_file(path: str, text: str) -> None:
    """Make ``path`` hold a text; a symbolic link is followed, and a new file has mode 0644.

    Raises:
        OutputError: it cannot be written; what was there is as it was.
    """
    target = os.path.realpath(path)
    temporary = os.path.join(os.path.dirname(target), f"{TEMPORARY}{os.getpid()}-{os.path.basename(target)}")
    try:
        if os.path.lexists(target) and not os.access(target, os.W_OK):
            raise OutputError(path, "cannot be written: it is read-only")
        write_new(temporary, path, File(text.encode()))
        with suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except OSError as error:
        raise failed(path, "written", error) from None
    finally:
        with suppress(OSError):
            os.unlink(temporary)
