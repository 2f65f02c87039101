"""A file that passes by, once → the little of it that is asked for later.

Layers are streams of hundreds of megabytes; what is kept is chosen by name and by the first bytes.
"""

from __future__ import annotations

import json
import re
import tempfile
from typing import IO, NamedTuple

from lego_compile.inspecting.elf import Elf, read_elf

HEAD = 4096
"""Bytes that are looked at of every file."""
_KEPT = 1024 * 1024
"""Bytes of the longest text that is kept; a longer one is kept as None."""
_LARGEST_ELF = 1024 * 1024 * 1024
_CHUNK = 256 * 1024
_IN_MEMORY = 8 * 1024 * 1024
_LARGEST_RECORD = 16 * 1024 * 1024
_TEXTS = re.compile(
    r"(?:.*/)?kernel\.json"
    r"|(?:.*/)?labextensions/(?:@[^/]+/)?[^/]+/package\.json"
    r"|(?:.*/)?etc/conda/(?:env_vars\.d/[^/]+\.json|activate\.d/[^/]+\.sh)"
    r"|(?:.*/)?conda-meta/state"
    r"|(?:.*/)?direct_url\.json"
    r"|(?:.*/)?[^/]+\.pth"
    r"|(?:.*/)?etc/passwd"
)
_PACKAGES = re.compile(r"(?:.*/)?(?:conda-meta/[^/]+\.json|[^/]+\.dist-info/METADATA)")
_RELEASE = re.compile(rb"GNU C Library [^\n]{0,200}?release version (\d+\.\d+)")


class Content(NamedTuple):
    """What was kept of one file.

    Attributes:
        head: its first bytes, where they are of use: two lines of a script, 16 bytes of a ``.pyc``.
        text: the whole of a small text that is read later; None when it is not one of those, or too long.
        elf: of a program or library.
        package: name and version, of a file that says them of a package.
        release: of the C library that it is; empty for every other file.
    """

    head: bytes = b""
    text: bytes | None = None
    elf: Elf | None = None
    package: tuple[str, str] | None = None
    release: str = ""


NOTHING = Content()


def content_of(path: str, size: int, file: IO[bytes]) -> Content:
    """What is kept of a file.

    Args:
        path: of the file; what it ends in decides what is kept.
        size: bytes that it has, as somebody says who may be wrong.
        file: its bytes, which are read once, from the beginning, and no further than needed.
    """
    if not size:
        return Content(text=b"") if _TEXTS.fullmatch(path) else NOTHING
    head = file.read(HEAD)
    if head[:4] == b"\x7fELF":
        return _binary(path, head, file)
    if path.endswith(".pyc"):
        return Content(head=head[:16])
    if _TEXTS.fullmatch(path):
        text = head + file.read(_KEPT + 1 - len(head))
        return Content(text=text) if len(text) <= _KEPT else NOTHING
    if _PACKAGES.fullmatch(path):
        return Content(package=_package(path, head, file))
    if head[:2] == b"#!":
        return Content(head=b"\n".join(head.split(b"\n", 2)[:2])[:1024])
    return NOTHING


def _binary(path: str, head: bytes, file: IO[bytes]) -> Content:
    """A program or library; where the stream cannot go back, it is spooled."""
    named = path.rpartition("/")[2] == "libc.so.6"
    if file.seekable():
        return Content(elf=read_elf(file), release=_release(file) if named else "")
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spooled:
        spooled.write(head)
        _copy(file, spooled, _LARGEST_ELF)
        return Content(elf=read_elf(spooled), release=_release(spooled) if named else "")


def _copy(source: IO[bytes], out: IO[bytes], most: int) -> None:
    """Copy a stream, or the beginning of one that is longer than anything should be."""
    while most > 0 and (chunk := source.read(min(most, _CHUNK))):
        most -= len(chunk)
        out.write(chunk)


def _release(file: IO[bytes]) -> str:
    """The release in the C library's own words (glibc:csu/version.c), ``2.36``; empty when it has none."""
    file.seek(0)
    found = _RELEASE.search(file.read(16 * 1024 * 1024))
    return found[1].decode() if found else ""


def _package(path: str, head: bytes, file: IO[bytes]) -> tuple[str, str] | None:
    """Name and version of a package: a header of METADATA, or keys of conda's record."""
    if path.endswith("METADATA"):
        fields: dict[str, str] = {}
        for line in head.decode("utf-8", "replace").split("\n\n")[0].splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.lower(), value.strip())
        return (fields["name"], fields["version"]) if {"name", "version"} <= fields.keys() else None
    data = head + file.read(_LARGEST_RECORD)
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    name, version = (record.get("name"), record.get("version")) if isinstance(record, dict) else (None, None)
    return (name, version) if isinstance(name, str) and isinstance(version, str) else None
