"""Conda packages, made of any files: what conda-build does with them, as far as installers look.

Runs in the Debian root folder of ``build_root.py``, with its Python 3.14; nothing of this project can be imported here.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLACEHOLDER = ("/opt/" + "lego_placehold_" * 17)[:255]
"""The prefix that everything is built for (conda/conda-build:conda_build/config.py, ``_get_prefix_placeholder``): long,
since what comes in its place in a program may be shorter, and not longer. It ends in no word that a linker could share
with another string, as it would with a version."""

EPOCH = 1_767_225_600
"""Time of every file, and of packages of which nothing else is said: 2026-01-01."""


@dataclass(frozen=True)
class File:
    """A file or a symbolic link of a package."""

    content: bytes = b""
    executable: bool = False
    link: str = ""

    def mode(self) -> str:
        """``binary`` or ``text`` when the prefix is in it; else empty (conda-build: ``get_files_with_prefix``)."""
        if self.link or PLACEHOLDER.encode() not in self.content:
            return ""
        return "binary" if b"\0" in self.content else "text"

    def described(self, path: str) -> dict[str, Any]:
        """Its entry of ``info/paths.json``."""
        said: dict[str, Any] = {"_path": path, "path_type": "softlink" if self.link else "hardlink"}
        if not self.link:
            said |= {"sha256": hashlib.sha256(self.content).hexdigest(), "size_in_bytes": len(self.content)}
        if mode := self.mode():
            said |= {"prefix_placeholder": PLACEHOLDER, "file_mode": mode}
        return said


Files = Mapping[str, File]


@dataclass(frozen=True)
class Package:
    """One conda package.

    Args:
        name: without blanks and capitals.
        version: of it.
        build: the build string, ``py313_0``.
        files: by path below the prefix; of ``noarch: python`` with ``site-packages`` and ``python-scripts``.
        depends: match specs.
        noarch: for every platform, with Python files for every Python.
        entry_points: ``name = module:function``, of programs that the installer writes; only with ``noarch``.
        timestamp: seconds.
    """

    name: str
    version: str
    build: str
    files: Files
    depends: tuple[str, ...] = ()
    noarch: bool = False
    entry_points: tuple[str, ...] = ()
    timestamp: int = EPOCH
    license: str = field(default="LicenseRef-Unknown")

    @property
    def subdir(self) -> str:
        """Its folder of the channel."""
        return "noarch" if self.noarch else "linux-64"

    def write(self, channel: Path, *, old: bool = False) -> None:
        """Write it into a channel: ``.conda``, or the older ``.tar.bz2`` which has the same in one archive."""
        folder = channel / self.subdir
        folder.mkdir(parents=True, exist_ok=True)
        stem, info = f"{self.name}-{self.version}-{self.build}", self._info()
        if old:
            with tarfile.open(folder / f"{stem}.tar.bz2", "w:bz2", compresslevel=1) as archive:
                _fill(archive, {**info, **self.files})
            return
        # conda/ceps: CEP 27, "conda package format v2": the archive of archives is not compressed
        with zipfile.ZipFile(folder / f"{stem}.conda", "w") as outer:
            parts = {"metadata.json": b'{"conda_pkg_format_version": 2}'}
            parts |= {f"pkg-{stem}.tar.zst": _archive(self.files), f"info-{stem}.tar.zst": _archive(info)}
            for name, content in parts.items():
                outer.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)

    def _info(self) -> Files:
        index: dict[str, Any] = {
            "name": self.name, "version": self.version, "build": self.build, "build_number": 0,
            "subdir": self.subdir, "depends": list(self.depends), "license": self.license,
            "timestamp": self.timestamp * 1000,
        }  # fmt: skip
        index |= {"noarch": "python"} if self.noarch else {"arch": "x86_64", "platform": "linux"}
        paths = [entry.described(path) for path, entry in sorted(self.files.items())]
        found: dict[str, object] = {
            "index.json": index,
            "paths.json": {"paths": paths, "paths_version": 1},
            "about.json": {},
        }
        if self.noarch:
            python = {"type": "python", "entry_points": list(self.entry_points)}
            found["link.json"] = {"noarch": python, "package_metadata_version": 1}
        listed = File("".join(f"{path}\n" for path in sorted(self.files)).encode())
        return {
            **{f"info/{name}": File(json.dumps(value).encode()) for name, value in found.items()},
            "info/files": listed,
        }


def _archive(files: Files) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:zst", level=3) as archive:  # type: ignore[call-overload]
        _fill(archive, files)
    return made.getvalue()


def _fill(archive: tarfile.TarFile, files: Files) -> None:
    for path, file in sorted(files.items()):
        member = tarfile.TarInfo(path)
        member.mtime = EPOCH
        member.mode = 0o775 if file.executable or file.link else 0o664
        if file.link:
            member.type, member.linkname = tarfile.SYMTYPE, file.link
        else:
            member.size = len(file.content)
        archive.addfile(member, io.BytesIO(file.content))
