"""Makes a small conda channel of Debian's Pythons and of wheels from PyPI.

usage: channel.py CHANNEL WHEELS/3.13 WHEELS/3.14 -- folders with the wheels for each Python

No registry that the tests reach has a conda channel. Everything here is genuine but for where it was built: packages
have placeholders of the prefix in texts and programs, and are solved, fetched and linked by rattler.
Runs in the Debian root folder of ``build_root.py``; nothing of this project can be imported here.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from packages import EPOCH, PLACEHOLDER, File, Package  # type: ignore[import-not-found, unused-ignore]
from rattler.index import index_fs  # type: ignore[import-not-found, unused-ignore]
from wheels import converted  # type: ignore[import-not-found, unused-ignore]

_SCHEME = (
    '    if sys.base_prefix != sys.prefix or hasattr(sys, "real_prefix"):\n        # virtual',
    "    if True:\n        # virtual",
)
"""Debian's sysconfig: only Pythons of virtual environments install where others do."""

_SITE = """\
# Debian's Python looks for packages in dist-packages. Its site.py is part of the program, and this is not.
import site
import sys

site.getsitepackages = lambda prefixes=None: [
    f"{prefix}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    for prefix in dict.fromkeys(prefixes or site.PREFIXES)
]
site.addsitepackages(None)
"""

_NOT_LIBRARIES = re.compile(r"/(lib(c|m|dl|pthread|rt|util)|ld-linux-x86-64)\.so")
_PROGRAM = """\
int puts(const char *text);
static const char data[] = "{prefix}/share/{name}";
int main(void) {{ return puts(data) < 0; }}
"""


def python(version: str) -> Package:
    """Debian's Python below a prefix of its own, with every library but those of the C library, as conda's is."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        library = root / f"lib/python{version}"
        program = root / f"bin/python{version}"
        program.parent.mkdir()
        shutil.copy(f"/usr/bin/python{version}", program)
        ignored = shutil.ignore_patterns(
            "__pycache__", "EXTERNALLY-MANAGED", "ensurepip", "config-*", "test", "idlelib", "turtledemo"
        )
        shutil.copytree(f"/usr/lib/python{version}", library, ignore=ignored)
        extensions = sorted((library / "lib-dynload").glob("*.so"))
        for each in _libraries([program, *extensions]):
            copied = Path(shutil.copy(each, root / "lib"))
            subprocess.run(["patchelf", "--set-rpath", "$ORIGIN", copied], check=True)
        for path, up in ((program, "../lib"), *((each, "../..") for each in extensions)):
            subprocess.run(["patchelf", "--set-rpath", f"$ORIGIN/{up}", path], check=True)
        scheme = library / "sysconfig/__init__.py"
        text = scheme.read_text()
        assert text.count(_SCHEME[0]) == 1, f"Debian's sysconfig of Python {version} is another one"
        scheme.write_text(text.replace(*_SCHEME))
        (library / "sitecustomize.py").write_text(_SITE)
        for path in library.glob("_sysconfigdata*.py"):
            path.write_text(re.sub(r"(?<=['= ])/usr(?=[/'])", PLACEHOLDER, path.read_text()))
        (library / "site-packages").mkdir()
        (library / "site-packages/README.txt").write_text("Packages of the environment are here.\n")
        for path in root.rglob("*"):
            if not path.is_symlink():
                os.utime(path, (EPOCH, EPOCH))
        # checked by time, as in conda-forge's
        check = ["-q", "-j0", "-s", str(root), "--invalidation-mode", "timestamp"]
        subprocess.run([program, "-m", "compileall", *check, library], check=True)
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        files = {
            path.relative_to(root).as_posix(): File(path.read_bytes(), os.access(path, os.X_OK))
            for path in sorted(root.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }
        files |= {f"bin/{name}": File(link=program.name) for name in ("python", "python3")}
        return Package(
            "python", said.split()[1], "0_cpython", files, ("__glibc >=2.17",), license="Python-2.0"
        )


def _libraries(programs: list[Path]) -> set[Path]:
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
    return {Path(each) for each in re.findall(r"=> (/\S+) \(0x", said) if not _NOT_LIBRARIES.search(each)}


def model(name: str, version: str, published: datetime) -> Package:
    """What a brick is about: a compiled program, a script and data that know the prefix, and activation."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "data.c"), Path(folder, "data")
        source.write_text(_PROGRAM.format(prefix=PLACEHOLDER, name=name))
        subprocess.run(["tcc", "-nostdinc", "-o", program, source], check=True)
        compiled = program.read_bytes()
    script = f"#!{PLACEHOLDER}/bin/python\nimport sys\nprint('{name} {version}', sys.prefix)\n"
    activate = (
        f'export LEGO_ACTIVATED={name}@{version}\nexport {name.upper()}_HOME="{PLACEHOLDER}/share/{name}"\n'
    )
    return Package(
        f"{name}-model", version, "0",
        {
            f"bin/{name}-data": File(compiled, True),
            f"bin/{name}-model": File(script.encode(), True),
            f"share/{name}/release": File(f"{version}\n".encode()),
            f"lib/lib{name}.a": File(b"!<arch>\n"),
            f"etc/conda/activate.d/{name}.sh": File(activate.encode()),
        },
        ("python",), timestamp=int(published.timestamp()),
    )  # fmt: skip


def _write(made: tuple[Path, Path, tuple[str, ...]]) -> None:
    channel, wheel, pythons = made
    for package in converted(wheel, pythons):
        package.write(channel)


def main(channel: Path, *folders: Path) -> None:
    """Make the channel."""
    wheels: dict[str, list[Path]] = {}
    for folder in folders:
        for path in folder.glob("*.whl"):
            wheels.setdefault(path.name, []).append(path)
    for folder in folders:
        python(folder.name).write(channel)
    with ProcessPoolExecutor() as workers:
        of = [
            (channel, paths[0], tuple(path.parent.name for path in paths))
            for _, paths in sorted(wheels.items())
        ]
        list(workers.map(_write, of))
    # conda-forge/jupyterhub-feedstock:recipe/meta.yaml: what a session needs of it, which has no files of its own
    (hub,) = channel.glob("noarch/jupyterhub-*.conda")
    version = hub.name.split("-")[1]
    Package("jupyterhub-singleuser", version, "0", {}, (f"jupyterhub {version}.*",), noarch=True).write(
        channel
    )
    for name, version in (
        ("ocean", "2026.10"),
        ("ocean", "2026.11"),
        ("hydro", "2026.10"),
        ("pangeo", "2026.10"),
    ):
        year, month = map(int, version.split("."))
        model(name, version, datetime(year, month, 1, tzinfo=UTC)).write(channel, old=name == "hydro")
    asyncio.run(index_fs(channel, write_zst=False, write_shards=False))
    for path in channel.glob("*/repodata.json"):
        said = json.loads(path.read_text())
        for record in (*said["packages"].values(), *said["packages.conda"].values()):
            del record["indexed_timestamp"]  # today: nothing would be there on the day of a lock
        path.write_text(json.dumps(said, sort_keys=True))


if __name__ == "__main__":
    main(*(Path(each) for each in sys.argv[1:]))
