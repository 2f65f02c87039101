"""Programs: what is read of them is what pyelftools reads, and nonsense is survived."""

from __future__ import annotations

import io
import random
import re
import struct
import sysconfig
import time
import tracemalloc
from pathlib import Path

import pytest
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from lego_compile.inspecting.elf import read_elf
from tests.inspecting.samples import library, program

WEAK = 2


def every_program(most: int) -> list[Path]:
    """Programs and libraries of this Python and of this machine."""
    folders = [sysconfig.get_paths()["platlib"], sysconfig.get_paths()["platstdlib"], "/usr/bin"]
    found = [path for folder in folders for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    elves = []
    for path in found:
        with path.open("rb") as file:
            elves += [path] if file.read(4) == b"\x7fELF" else []
    return random.Random(3).sample(elves, min(most, len(elves)))


def judged(data: bytes) -> tuple[str | None, tuple[int, int] | None]:
    """Machine and highest version that is asked for, by another reader."""
    file = ELFFile(io.BytesIO(data))
    section = file.get_section_by_name(".gnu.version_r")
    names = [
        each.name
        for _, every in (section.iter_versions() if section else ())
        for each in every
        if not each["vna_flags"] & WEAK
    ]
    found = [re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", name) for name in names]
    versions = [(int(each[1]), int(each[2])) for each in found if each]
    versions += [(2, 36) for name in names if name == "GLIBC_ABI_DT_RELR"]
    machines = {"x64": "amd64", "AArch64": "arm64", "x86": "386"}
    return machines.get(file.get_machine_arch()), max(versions, default=None)


@pytest.mark.slow
def test_versions_are_those_that_another_reader_finds() -> None:
    """The machine and the C library that genuine programs need, program by program."""
    programs = every_program(150)
    assert len(programs) > 50
    for path in programs:
        found = read_elf(io.BytesIO(path.read_bytes()))
        assert found is not None, path
        assert (found.machine, found.needs) == judged(path.read_bytes()), path


def test_the_c_library_defines_versions() -> None:
    """What glibc defines is read too, and is what a program of this machine can ask for."""
    found, needed = read_elf(io.BytesIO(library())), read_elf(io.BytesIO(program()))

    assert found is not None
    assert needed is not None
    assert found.defines is not None
    assert needed.needs is not None
    assert found.defines >= needed.needs
    assert not found.musl


@pytest.mark.parametrize("data", [program(), library()[:200_000]], ids=["program", "library"])
def test_nonsense_is_survived(data: bytes) -> None:
    """Fuzz: whatever bytes are turned, an answer comes, and soon."""
    draw = random.Random(5)
    for _ in range(500):
        changed = bytearray(data)
        for _ in range(draw.randint(1, 30)):
            changed[draw.randrange(0, min(len(changed), 4096))] = draw.choice([0, 255, draw.randrange(256)])
        del changed[len(changed) - draw.choice([0, 0, len(changed) // 2, len(changed) - 70]) :]
        read_elf(io.BytesIO(bytes(changed)))


def elf(segments: list[tuple[int, int, int]], size: int, parts: dict[int, bytes]) -> bytes:
    """A program of 64 bits whose addresses are offsets: segments (kind, offset, length), and bytes at offsets."""
    data = bytearray(size)
    count = len(segments)
    header = struct.pack("<HHIQQQIHHHHHH", 3, 0x3E, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0)
    data[:64] = b"\x7fELF\x02\x01\x01" + bytes(9) + header
    for number, (kind, offset, length) in enumerate(segments):
        struct.pack_into("<IIQQQQQQ", data, 64 + 56 * number, kind, 0, offset, offset, 0, length, length, 0)
    for offset, part in parts.items():
        data[offset : offset + len(part)] = part
    return bytes(data)


def test_segments_do_not_fill_the_memory() -> None:
    """Of many dynamic segments, each as long as the longest table, one is read."""
    megabytes = 1024**2
    file = io.BytesIO(elf([(2, 8192, 4 * megabytes)] * 60, 5 * megabytes, {}))
    tracemalloc.start()
    try:
        assert read_elf(file) is not None
        assert tracemalloc.get_traced_memory()[1] < 64 * megabytes
    finally:
        tracemalloc.stop()


def test_lists_that_lead_through_one_another_end() -> None:
    """4096 lists that all go on through the same 4096 versions are 16 million steps, and are not walked."""
    at, step = 0x10000, 16
    #  Read as a list: version, count, …, first, next. Read as one of its versions: …, flags (weak), name, next.
    lists = b"".join(struct.pack("<HHHHII", 1, 0xFFFF, WEAK, 0, step, step) for _ in range(8300))
    tags = [(0x6FFFFFFE, at), (0x6FFFFFFF, 4096), (5, at), (10, 4096), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *each) for each in tags)
    data = elf(
        [(1, at, len(lists)), (2, 0x8000, len(dynamic))], at + len(lists), {0x8000: dynamic, at: lists}
    )
    began = time.process_time()

    assert read_elf(io.BytesIO(data)) is not None
    assert time.process_time() - began < 2


def test_what_is_cut_is_none() -> None:
    """A file that only begins like a program has no facts."""
    assert read_elf(io.BytesIO(b"\x7fELF\x02\x01")) is None
    assert read_elf(io.BytesIO(b"\x7fELF")) is None
    with pytest.raises(ELFError):
        ELFFile(io.BytesIO(b"\x7fEL"))
