"""A system image: JupyterLab and what is around it, as its files and its configuration say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lego_compile.inspecting.elf import Version
from lego_compile.inspecting.model import Image
from lego_compile.inspecting.packages import extensions, packages, servers
from lego_compile.inspecting.tree import Place, Tree

PROVIDED = ("jupyterlab", "jupyterhub", "batchspawner", "conda", "nb_conda_kernels")
"""What bricks and targets may ask for, spelled as catalogs do."""
_LIBRARY = re.compile(r"(?:usr/)?lib(?:64)?/(?:[^/]+-linux-gnu[^/]*/)?libc\.so\.6")
_MUSL = re.compile(r"(?:usr/)?lib/ld-musl-[^/]+\.so\.1")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class System:
    """What the files of a system image say.

    Attributes:
        tree: its files.
        places: every one of them.
        server: the prefix in which JupyterLab is, as a path; None without one.
        conda: the prefix that has conda; None without one.
        pretender: ``micromamba`` or ``mamba``, where such a program is on the path; empty without one.
        packages: of the server's prefix, normal name → version.
        extensions: lab extensions of the server.
        glibc: its C library; None where there is none, or another one.
        musl: whether its C library is musl.
        machines: architectures of its C library.
        programs: which of the programs that sessions need are there.
        user: numeric user and group of sessions; None when its configuration names somebody unknown.
        home: of that user.
        size: bytes of all files.
        files: how many there are.
    """

    tree: Tree
    places: list[Place]
    server: str | None
    conda: str | None
    pretender: str
    packages: dict[str, str]
    extensions: dict[str, str]
    glibc: Version | None
    musl: bool
    machines: tuple[str, ...]
    programs: tuple[str, ...]
    user: tuple[int, int] | None
    home: str | None
    size: int
    files: int

    @property
    def provides(self) -> dict[str, str]:
        """What bricks and targets ask for, with versions."""
        found = {name: self.packages.get(name.replace("_", "-"), "") for name in PROVIDED}
        return {name: version for name, version in sorted(found.items()) if version}


def read_system(image: Image, tree: Tree) -> System:
    """Read a system image."""
    places = [*tree.walk()]
    path = image.variables.get("PATH", _PATH).split(":")
    prefixes = servers(places)
    on_path = [folder.removesuffix("/bin").strip("/") for folder in path]
    server = next((each for each in on_path if each in prefixes), prefixes[0] if prefixes else None)
    below = tree.below(server, f"/{server}") if server is not None else None
    installed = packages(below, [*below.walk()]) if below is not None else {}
    libraries = [
        place.node.content for place in places if place.node.content.release or _is_library(place.path)
    ]
    libraries = [each for each in libraries if each.elf is not None]
    user, home = _user(tree, image)
    needed = ("bash", "jupyter-lab", "jupyterhub-singleuser")
    folders = [*path, *([f"/{server}/bin"] if server is not None else [])]
    return System(
        tree,
        places,
        f"/{server}" if server is not None else None,
        _conda(tree, installed, server, path),
        next((name for name in ("micromamba", "mamba") if _runs(tree, name, folders)), ""),
        installed,
        extensions(below) if below is not None else {},
        max((_glibc(each.release, each.elf.defines) for each in libraries if each.elf), default=None) or None,
        any(_MUSL.fullmatch(place.path) for place in places) and not libraries,
        tuple(sorted({each.elf.machine for each in libraries if each.elf})),
        tuple(name for name in needed if _runs(tree, name, folders)),
        user,
        home,
        sum(node.size for node in {id(place.node): place.node for place in places}.values() if node.is_file),
        sum(place.node.is_file for place in places),
    )


def is_system(tree: Tree) -> bool:
    """Whether an image that does not say what it is looks like a system image: JupyterLab on a whole system."""
    libraries = (place for place in tree.walk() if _is_library(place.path) or _MUSL.fullmatch(place.path))
    return next(libraries, None) is not None and bool(servers([*tree.walk()]))


def _is_library(path: str) -> bool:
    return _LIBRARY.fullmatch(path) is not None


def _glibc(release: str, defines: Version | None) -> Version:
    """The release that it calls itself; it may define no version of its own (2.37 adds none to ``libc.so.6``)."""
    called = tuple(map(int, release.split("."))) if release else (0, 0)
    return max((called[0], called[1]), defines or (0, 0))


def _runs(tree: Tree, name: str, folders: list[str]) -> bool:
    """Whether a program is in one of some folders."""
    return any(
        (node := tree.file(f"{folder}/{name}")) is not None and node.mode & 0o111 for folder in folders
    )


def _conda(tree: Tree, installed: Mapping[str, str], server: str | None, path: list[str]) -> str | None:
    """Where conda is: its package beside JupyterLab, or else a prefix with its program and its records."""
    if server is not None and "conda" in installed:
        return f"/{server}"
    for folder in path:
        prefix = folder.removesuffix("/condabin").removesuffix("/bin")
        records = any(re.fullmatch(r"conda-\d.*\.json", name) for name in tree.names(f"{prefix}/conda-meta"))
        if records and prefix and _runs(tree, "conda", [f"{prefix}/bin", f"{prefix}/condabin"]):
            return prefix
    return None


def _user(tree: Tree, image: Image) -> tuple[tuple[int, int] | None, str | None]:
    """The user of sessions, and their home, looked up as engines do (opencontainers/image-spec:config.md, User)."""
    node = tree.file("/etc/passwd")
    text = ((node.content.text if node is not None else None) or b"").decode("utf-8", "replace")
    rows = [row for row in (line.split(":") for line in text.splitlines()) if len(row) >= 6]
    known = [row for row in rows if row[2].isdigit() and row[3].isdigit()]
    name, _, group = (image.user or "0").partition(":")
    row = next((row for row in known if name in (row[0], row[2])), None)
    if not name.isdigit() and row is None:
        return None, None
    uid = int(name) if name.isdigit() else int(row[2]) if row else 0
    gid = int(group) if group.isdigit() else int(row[3]) if row else 0
    return (uid, gid), (row[5] or None if row else None)
