#!/opt/mamba/bin/python
"""Stands in for micromamba, which is in no registry that the tests reach: installs environments of explicit files.

``micromamba create -y -q -p PREFIX --file LOCK`` only, and as that does it: packages are checked against the digests of
the file and linked with the prefix in place (mamba-org/mamba:libmamba/src/api/install.cpp, ``install_explicit_specs``);
what each package brought is in ``conda-meta/*.json``, what was done in ``conda-meta/history``. The engine is rattler.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import os
import sys
import tarfile
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import rattler  # type: ignore[import-not-found, unused-ignore]
from rattler import PackageRecord, RepoDataRecord


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="micromamba")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create")
    create.add_argument("-y", "--yes", action="store_true", required=True)
    create.add_argument("-q", "--quiet", action="store_true")
    create.add_argument("-p", "--prefix", type=Path, required=True)
    create.add_argument("-f", "--file", type=Path, required=True)
    said = parser.parse_args()
    records = [_record(each) for each in _explicit(said.file.read_text())]
    asyncio.run(_install(records, said.prefix))
    with (said.prefix / "conda-meta/history").open("a") as history:
        history.write("==> 2026-10-01 00:00:00 <==\n# cmd: " + " ".join(sys.argv) + "\n")
        history.writelines(f"+{each.url}\n" for each in records)
    return 0


def _explicit(text: str) -> list[str]:
    lines = [each.strip() for each in text.splitlines()]
    lines = [each for each in lines if each and not each.startswith("#")]
    if lines[:1] != ["@EXPLICIT"]:
        sys.exit("micromamba: not an explicit file")
    return lines[1:]


def _record(line: str) -> RepoDataRecord:
    """What rattler wants to know of a package, from the package itself: an explicit file has its digest only."""
    url, _, md5 = line.partition("#")
    path = Path(unquote(urlsplit(url).path))
    content = path.read_bytes()
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        sys.exit(f"micromamba: {path.name} is not what the lock says")
    with tempfile.NamedTemporaryFile(suffix=".json") as index:
        index.write(_index(path))
        index.flush()
        record = PackageRecord.from_index_json(
            index.name, size=len(content), sha256=hashlib.sha256(content).hexdigest(), md5=md5
        )
    return RepoDataRecord(record, path.name, url, url.rsplit("/", 2)[0])


def _index(path: Path) -> bytes:
    """``info/index.json`` of a package of either format."""
    with ExitStack() as opened:
        file: IO[bytes] = opened.enter_context(path.open("rb"))
        if path.suffix == ".conda":
            outer = opened.enter_context(zipfile.ZipFile(file))
            file = io.BytesIO(outer.read(f"info-{path.stem}.tar.zst"))
        archive = opened.enter_context(tarfile.open(fileobj=file))
        member = archive.extractfile("info/index.json")
        assert member is not None
        return member.read()


async def _install(records: list[RepoDataRecord], prefix: Path) -> None:
    prefix.mkdir(parents=True, exist_ok=True)
    # a place that is the same in every build, since records in conda-meta name it
    cache = Path(os.environ["MAMBA_ROOT_PREFIX"]) / "pkgs"
    await rattler.install(records, prefix, cache_dir=cache, show_progress=False)
    (prefix / "CACHEDIR.TAG").unlink(missing_ok=True)  # rattler's own


if __name__ == "__main__":
    sys.exit(main())
