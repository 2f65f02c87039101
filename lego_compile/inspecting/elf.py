"""What the dynamic linker would read of a program or library: its machine, and the C library that it asks for.

Only what the linker reads is read (program headers, the dynamic segment), not the sections, which ``strip`` may take
away. glibc:elf/dl-load.c, elf/dl-version.c; elf(5); Linux Standard Base Core 5.0, "Symbol Versioning". Every loop is
bounded by the size of a table that was read: files of strangers go through here.
"""

from __future__ import annotations

import re
import struct
from typing import IO, NamedTuple

_MACHINES = {
    (0x03, 32): "386", (0x3E, 64): "amd64", (0x28, 32): "arm", (0xB7, 64): "arm64", (0x15, 64): "ppc64le",
    (0x16, 64): "s390x", (0xF3, 64): "riscv64", (0x102, 64): "loong64",
}  # fmt: skip
"""Machine and bits → architecture, as in the platform of an image (Go's GOARCH)."""
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NEEDED, _STRINGS, _STRINGS_SIZE = 1, 5, 10
_DEFINED, _DEFINED_COUNT, _WANTED, _WANTED_COUNT = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
_WEAK = 2  # the linker does not insist
_TABLE = 4 * 1024 * 1024
"""Bytes of the longest table that is read."""
_COUNT = 4096
"""Versions of the longest list; glibc itself defines some sixty."""
_VERSION = re.compile(rb"GLIBC_(\d{1,4})\.(\d{1,4})(?:\.\d+)?")
_FEATURES = {b"GLIBC_ABI_DT_RELR": (2, 36)}
"""Features that are asked for like a version, and the first C library that has them (glibc:NEWS)."""

Version = tuple[int, int]


class Elf(NamedTuple):
    """One program or library.

    Attributes:
        machine: architecture as in a platform (``amd64``), or ``e_machine=N``.
        needs: the highest version of glibc that it asks for; None when it asks for none.
        defines: the highest version of glibc that it defines, which only glibc does.
        musl: whether it is linked with musl.
    """

    machine: str
    needs: Version | None = None
    defines: Version | None = None
    musl: bool = False


class _Layout(NamedTuple):
    """How numbers are written in a file."""

    order: str
    wide: bool

    def read(self, form: str, data: bytes, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self.order + form, data, at)


def read_elf(file: IO[bytes]) -> Elf | None:
    """What is in a file that begins like an ELF file; None when it is cut short or makes no sense."""
    try:
        return _read(file)
    except (struct.error, OverflowError, ValueError, OSError):
        return None


def _read(file: IO[bytes]) -> Elf | None:
    header = _at(file, 0, 64)
    if len(header) < 52 or header[:4] != b"\x7fELF" or header[4] not in (1, 2) or header[5] not in (1, 2):
        return None
    layout = _Layout("<" if header[5] == 1 else ">", header[4] == 2)
    (number,) = layout.read("H", header, 18)
    machine = _MACHINES.get((number, 64 if layout.wide else 32), f"e_machine={number}")
    start = layout.read("Q" if layout.wide else "I", header, 32 if layout.wide else 28)[0]
    size, count = layout.read("HH", header, 54 if layout.wide else 42)
    table = _at(file, start, size * count)
    segments: list[tuple[int, int, int, int]] = []  # kind, offset, address, size in the file
    for at in range(0, len(table) - (55 if layout.wide else 31), max(size, 1)):
        if layout.wide:
            kind, _, offset, address, _, length = layout.read("IIQQQQ", table, at)
        else:
            kind, offset, address, _, length = layout.read("IIIII", table, at)
        segments.append((kind, offset, address, length))
    # Of several, which no tool writes, one: thousands of them, each of the longest table, would fill the memory.
    places = {kind: (offset, length) for kind, offset, _, length in segments}
    interpreter, dynamic = (
        _at(file, offset, min(length, most))
        for kind, most in ((_INTERPRETER, 4096), (_DYNAMIC, _TABLE))
        for offset, length in (places.get(kind, (0, 0)),)
    )
    loaded = [(address, offset, length) for kind, offset, address, length in segments if kind == _LOAD]
    return _linked(file, layout, machine, interpreter, dynamic, loaded)


def _linked(
    file: IO[bytes],
    layout: _Layout,
    machine: str,
    interpreter: bytes,
    dynamic: bytes,
    loaded: list[tuple[int, int, int]],
) -> Elf:
    """What the dynamic segment says."""
    needed, tags = [], dict[int, int]()
    step = 16 if layout.wide else 8
    for at in range(0, len(dynamic) - step + 1, step):
        tag, value = layout.read("QQ" if layout.wide else "II", dynamic, at)
        if tag == 0:
            break
        if tag == _NEEDED:
            needed.append(value)
        else:
            tags.setdefault(tag, value)

    def table(tag: int, size: int) -> bytes:
        """The bytes at the address of a tag, at most so many, and no further than what is loaded there."""
        address = tags.get(tag)
        for begin, offset, length in loaded:
            if address is not None and begin <= address < begin + length:
                return _at(file, offset + address - begin, min(size, begin + length - address))
        return b""

    strings = table(_STRINGS, min(tags.get(_STRINGS_SIZE, 0), _TABLE))
    libraries = [_string(strings, each) for each in needed[:_COUNT]]
    musl = b"ld-musl-" in interpreter or any(each.startswith(b"libc.musl-") for each in libraries)
    wanted = _wanted(layout, table(_WANTED, _TABLE), tags.get(_WANTED_COUNT, 0))
    defined = _defined(layout, table(_DEFINED, _TABLE), tags.get(_DEFINED_COUNT, 0))
    return Elf(
        machine, _highest(strings, wanted), _highest(strings, defined), musl
    )  # a static program asks for nothing


def _wanted(layout: _Layout, table: bytes, count: int) -> list[int]:
    """Where the names of the versions are that a file asks for, those that are optional left out."""
    names: list[int] = []
    at = 0
    left = _COUNT  # of all lists together: tables of strangers may lead through the same one again and again
    for _ in range(min(count, _COUNT)):
        _, auxiliaries, _, first, following = layout.read("HHIII", table, at)
        inner = at + first
        for _ in range(min(auxiliaries, left)):
            left -= 1
            _, flags, _, name, more = layout.read("IHHII", table, inner)
            if not flags & _WEAK:
                names.append(name)
            if not more:
                break
            inner += more
        if not following:
            break
        at += following
    return names


def _defined(layout: _Layout, table: bytes, count: int) -> list[int]:
    """Where the names of the versions are that a file defines."""
    names: list[int] = []
    at = 0
    for _ in range(min(count, _COUNT)):
        _, _, _, _, _, first, following = layout.read("HHHHIII", table, at)
        names.append(layout.read("I", table, at + first)[0])
        if not following:
            break
        at += following
    return names


def _highest(strings: bytes, names: list[int]) -> Version | None:
    versions: list[Version] = []
    for each in names:
        name = _string(strings, each)
        found = _VERSION.fullmatch(name)
        if found:
            versions.append((int(found[1]), int(found[2])))
        elif name in _FEATURES:
            versions.append(_FEATURES[name])
    return max(versions, default=None)


def _string(strings: bytes, at: int) -> bytes:
    """The text at an offset; versions and names of libraries are short."""
    return strings[at : at + 256].partition(b"\0")[0]


def _at(file: IO[bytes], offset: int, size: int) -> bytes:
    if size > _TABLE:
        raise ValueError(size)
    file.seek(offset)
    return file.read(size)
