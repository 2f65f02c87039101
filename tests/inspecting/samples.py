"""Small bricks and system images with genuine programs, sound until a test damages them."""

from __future__ import annotations

import importlib.util
import json
import shutil
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lego_compile.diagnostic.model import Report
from lego_compile.inspecting.inspection import Expected, Inspection, inspect
from lego_compile.inspecting.sources import Layout, images
from tests.images.oci import Built, Entry, directory, image, script, text, write_layout

PREFIX = "/opt/bricks/ocean"
LIB = "lib/python3.12"
LABEL = "org.gaia-data.lego."
KERNEL = {
    "argv": [f"{PREFIX}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "display_name": "Ocean (Python 3.12)",
    "language": "python",
}
SPEC = "share/jupyter/kernels/python3/kernel.json"
PLATFORM = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[__import__("platform").machine()]
OTHER = {"linux/amd64": "linux/arm64", "linux/arm64": "linux/amd64"}[PLATFORM]
BRICK_LABELS = {
    "spec": "1",
    "name": "ocean",
    "prefix": PREFIX,
    "subpath": "/",
    "kernels": json.dumps([{"dir": "python3", "display_name": "Ocean (Python 3.12)", "language": "python"}]),
}


def program() -> bytes:
    """A genuine program of this machine, which needs glibc."""
    found = shutil.which("true")
    assert found is not None
    return Path(found).read_bytes()


def library() -> bytes:
    """The C library of this machine."""
    for name in ("/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6"):
        if Path(name).exists():
            return Path(name).read_bytes()
    raise AssertionError("this machine has no glibc where glibc is")


def pyc(source: bytes, *, flags: int = 1, mtime: int = 0) -> Entry:
    """A compiled file with a header as cpython writes it (PEP 552)."""
    tail = importlib.util.source_hash(source) if flags else struct.pack("<II", mtime, len(source))
    return Entry(importlib.util.MAGIC_NUMBER + struct.pack("<I", flags) + tail + b"\xe3")


def package(name: str, version: str) -> dict[str, Entry]:
    """An installed Python package, below a prefix."""
    folder = f"{LIB}/site-packages/{name}-{version}.dist-info"
    return {f"{folder}/METADATA": text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nbody\n")}


def extension(name: str, version: str) -> dict[str, Entry]:
    """A lab extension, below a prefix."""
    folder = f"share/jupyter/labextensions/{name}"
    return {f"{folder}/package.json": text(json.dumps({"name": name, "version": version}))}


def brick() -> dict[str, Entry]:
    """The environment of a sound brick, below its prefix."""
    source = b"print('ocean')\n"
    return {
        "bin/python": Entry(program(), 0o755),
        "bin/ocean": script(f"#!{PREFIX}/bin/python\nprint()\n"),
        "bin/activate": script("#!/bin/sh\n"),
        SPEC: text(json.dumps(KERNEL)),
        "conda-meta/history": text(""),
        "conda-meta/frozen": text("{}"),
        "conda-meta/ipykernel-7.0.1-0.json": text(json.dumps({"name": "ipykernel", "version": "7.0.1"})),
        f"{LIB}/ocean.py": Entry(source),
        f"{LIB}/__pycache__/ocean.cpython-312.pyc": pyc(source),
        "etc/conda/activate.d/ocean.sh": text("export GDAL_DATA=/x\n"),
        "etc/conda/env_vars.d/ocean.json": text('{"OCEAN_HOME": "/x"}'),
        **package("ipywidgets", "8.1.9"),
        **extension("@jupyter-widgets/jupyterlab-manager", "5.0.16"),
    }


def system() -> dict[str, Entry]:
    """A sound system image."""
    prefix = {
        "bin/python": Entry(program(), 0o755),
        **{
            f"bin/{name}": script("#!/bin/sh\n") for name in ("jupyter-lab", "jupyterhub-singleuser", "conda")
        },
        "conda-meta/history": text(""),
        "conda-meta/conda-26.7.1-0.json": text(json.dumps({"name": "conda", "version": "26.7.1"})),
        **package("jupyterlab", "4.6.6"),
        **package("jupyterhub", "6.1.1"),
        **package("nb_conda_kernels", "2.5.2"),
        **extension("@jupyter-widgets/jupyterlab-manager", "5.0.16"),
    }
    return {
        "bin/bash": Entry(program(), 0o755),
        "bin/sh": Entry(program(), 0o755),
        "lib/x86_64-linux-gnu/libc.so.6": Entry(library(), 0o755),
        "etc/passwd": text("root:x:0:0:root:/root:/bin/sh\njovyan:x:1000:100::/home/jovyan:/bin/sh\n"),
        "home/jovyan": directory(0o755, 1000, 100),
        **{f"opt/conda/{path}": entry for path, entry in prefix.items()},
    }


def glibc(needed: bool) -> str:
    """What an independent reader (pyelftools) says of this machine's program, or of its C library."""
    import io
    import re

    from elftools.elf.elffile import ELFFile

    file = ELFFile(io.BytesIO(program() if needed else library()))
    section = file.get_section_by_name(".gnu.version_r" if needed else ".gnu.version_d")
    names = [each.name for _, every in section.iter_versions() for each in every]
    found = [re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", name) for name in names]
    return ".".join(map(str, max((int(each[1]), int(each[2])) for each in found if each)))


def labels(kind: str, facts: Mapping[str, str]) -> dict[str, str]:
    """Whole labels."""
    return {f"{LABEL}{kind}.{fact}": value for fact, value in facts.items()}


def built(files: Mapping[str, Entry], said: Mapping[str, str] = {}, **options: Any) -> Built:
    """An image of one platform, with an index."""
    settings = options.pop("settings", {})
    return image({options.pop("platform", PLATFORM): files}, said, settings, **options)


def look(
    folder: Path,
    made: Built,
    expected: Expected = Expected(),  # noqa: B008 - it is a constant
) -> tuple[list[Inspection], Report]:
    """Inspect an image that is written as a layout."""
    write_layout(folder, {("r", "1"): made})
    report = Report()
    word = f"oci:{folder}:r:1"
    found = [
        inspect(each, expected, report)
        for each in images(Layout(str(folder), "r:1"), word, lambda: None)  # type: ignore[arg-type,return-value]
    ]
    return found, report


def codes(report: Report) -> list[str]:
    """The codes that were reported, sorted."""
    return sorted(each.code for each in report)


assert sys.byteorder == "little"
