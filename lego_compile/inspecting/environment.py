"""The environment in an image: where it lies, where it was built, and what it holds."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from lego_compile.inspecting.bytecode import Bytecode, bytecode
from lego_compile.inspecting.elf import Version
from lego_compile.inspecting.kernels import Kernel, kernels
from lego_compile.inspecting.packages import extensions, packages
from lego_compile.inspecting.tree import Place, Tree

_KERNEL = re.compile(r"(?:(.*)/)?share/jupyter/kernels/[^/]+/kernel\.json")
_HISTORY = re.compile(r"(?:(.*)/)?conda-meta/history")
_INSIDE = re.compile(r"(?:^|/)(?:lib/python[^/]*|pkgs)/")
"""Where packages have copies of such files that are no environments: in wheels, and in the cache of conda."""
_SYSTEM = ("", "/usr", "/usr/local")
"""Prefixes of programs that are the system image's: a script may ask for ``/bin/sh``."""
_TRAMPOLINE = re.compile(rb"""'''exec' "?([^"\n]+?)"? "\$0" """)
"""Second line of scripts whose first would be too long (pypa/distlib:distlib/scripts.py)."""
_SETS = re.compile(rb"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Environment:
    """What the files of an environment say.

    Attributes:
        tree: its files, as sessions see them.
        places: every one of them.
        subpath: where it lies in the image, ``/`` for all of it.
        prefixes: each prefix that files were written for, with how many programs say so: of the kernels, then of
            the scripts in ``bin``.
        kernels: its kernelspecs.
        scripts: programs in ``bin`` whose interpreter is elsewhere, with that interpreter.
        machines: architectures of its own programs and libraries, the most frequent one first.
        odd: those of its own programs and libraries that are of another architecture than most.
        glibc: the version of the C library that it needs.
        musl: programs and libraries that are linked with musl.
        packages: normal name → version.
        extensions: lab extensions.
        bytecode: of its Python.
        variables: names that activation sets.
        python: ``3.12``; empty without one.
        size: bytes of all files.
        files: how many there are.
    """

    tree: Tree
    places: list[Place]
    subpath: str
    prefixes: tuple[Counter[str], Counter[str]]
    kernels: tuple[Kernel, ...]
    scripts: tuple[tuple[str, str], ...]
    machines: tuple[str, ...]
    odd: tuple[str, ...]
    glibc: Version | None
    musl: tuple[str, ...]
    packages: dict[str, str]
    extensions: dict[str, str]
    bytecode: Bytecode
    variables: tuple[str, ...]
    python: str
    size: int
    files: int

    @property
    def prefix(self) -> str | None:
        """The prefix that most kernels, or else most scripts, were written for; None when nothing says so."""
        for votes in self.prefixes:
            if votes:
                return votes.most_common(1)[0][0]
        return None

    def has(self, path: str) -> bool:
        """Whether there is a file."""
        return self.tree.file(path) is not None


def candidates(image: Tree) -> list[str]:
    """Where an environment may lie in an image (``""`` for all of it), the likeliest first.

    One that conda lists and that has kernels comes before one that has only one of the two; the conda that other
    environments are made with comes last.
    """
    listed: dict[str, set[str]] = {}
    for path, node in image.walk():
        if node.is_directory or _INSIDE.search(path):
            continue
        for pattern, what in ((_HISTORY, "history"), (_KERNEL, "kernels")):
            match = pattern.fullmatch(path)
            if match:
                listed.setdefault(match[1] or "", set()).add(what)

    def rank(where: str) -> tuple[int, int, str]:
        base = image.file(f"{where}/condabin/conda") is not None
        return -len(listed[where]) + 3 * base, "history" not in listed[where], where

    return sorted(listed, key=lambda where: (where != "", rank(where)))


def locate(image: Tree, *hints: str | None) -> tuple[str, list[str]]:
    """Where the environment lies, and where others lie that may be meant as well.

    Args:
        image: the files of the image.
        hints: paths that somebody says, the best first; they decide between equals, and where nothing is found.
    """
    found = candidates(image)
    named = [each.strip("/") for each in hints if each is not None]
    for each in named:
        if each in found:
            return each, []
    if not found:
        return next((each for each in named if image.below(each, "/") is not None), ""), []
    if found[0] == "":
        return "", []
    best = [each for each in found if image.names(f"{each}/share/jupyter/kernels")] or found
    return best[0], best[1:]


def read_environment(image: Tree, where: str, at: str | None) -> Environment:
    """Read an environment.

    Args:
        image: the files of the image.
        where: it lies, below the image's root.
        at: the prefix that counts when its files say none, or None.
    """
    root = (image.below(where, "/") or Tree(image.root)).root
    bare = Tree(root, at or "/")
    specs = kernels(bare)
    votes = _of_kernels(bare, specs), _of_scripts(bare)
    prefix = next((each.most_common(1)[0][0] for each in votes if each), at)
    # At an unknown place, no absolute link can be known to lead back into the environment.
    tree = Tree(root, prefix or "/\0")
    places = [*tree.walk()]
    machines = Counter(place.node.content.elf.machine for place in _own(places) if place.node.content.elf)
    if not machines:
        machines = Counter(place.node.content.elf.machine for place in places if place.node.content.elf)
    ordered = tuple(name for name, _ in machines.most_common())
    main = ordered[0] if ordered else None
    odd = [
        place.path
        for place in _own(places)
        if place.node.content.elf and place.node.content.elf.machine != main
    ]
    elves = [(path, node.content.elf) for path, node in places if node.content.elf and "sysroot" not in path]
    needs = [elf.needs for _, elf in elves if elf.needs and elf.machine == main]
    return Environment(
        tree,
        places,
        f"/{where}",
        votes,
        specs,
        tuple(_elsewhere(tree, bare)),
        ordered,
        tuple(odd),
        max(needs, default=None),
        tuple(path for path, elf in elves if elf.musl and elf.machine == main),
        packages(tree, places),
        extensions(tree),
        bytecode(places),
        tuple(sorted({*_variables(tree)})),
        _python(tree),
        sum(node.size for node in {id(place.node): place.node for place in places}.values() if node.is_file),
        sum(place.node.is_file for place in places),
    )


def interpreters(environment: Tree) -> Iterator[tuple[str, str]]:
    """Programs of ``bin`` that are scripts, with the interpreter that each asks for."""
    for name in environment.names("bin"):
        node = environment.file(f"bin/{name}")
        head = node.content.head if node is not None else b""
        if not head.startswith(b"#!"):
            continue
        first, _, second = head.partition(b"\n")
        trampoline = _TRAMPOLINE.match(second)
        words = first[2:].split()
        asked = trampoline[1] if trampoline else words[0] if words else b""
        yield f"bin/{name}", asked.decode("utf-8", "replace")


def home_of(program: str, environment: Tree) -> str | None:
    """The prefix for which an absolute path means a program of an environment; None when it means none."""
    parts = program.split("/")
    for index in range(1, len(parts) - 1):
        if environment.file("/".join(parts[index:])) is not None:
            return "/".join(parts[:index])
    return None


def _of_kernels(environment: Tree, specs: tuple[Kernel, ...]) -> Counter[str]:
    votes: Counter[str] = Counter()
    for each in specs:
        program = each.argv[0] if each.argv else ""
        home = home_of(program, environment) if program.startswith("/") else None
        if home is None and program.startswith("/") and "/bin/" in program:
            home = program.rpartition("/bin/")[0]
        if home is not None and home not in _SYSTEM:
            votes[home] += 1
    return votes


def _of_scripts(environment: Tree) -> Counter[str]:
    votes: Counter[str] = Counter()
    for _, asked in interpreters(environment):
        home = home_of(asked, environment) if asked.startswith("/") else None
        if home is not None and home not in _SYSTEM:
            votes[home] += 1
    return votes


def _elsewhere(tree: Tree, bare: Tree) -> Iterator[tuple[str, str]]:
    """Scripts whose interpreter is neither of the environment, at its prefix, nor one that a system has."""
    for path, asked in interpreters(bare):
        folder = asked.rpartition("/")[0]
        system = folder.removesuffix("/bin").removesuffix("/sbin") in _SYSTEM
        if not system and (not asked.startswith("/") or tree.file(asked) is None):
            yield path, asked


def _own(places: list[Place]) -> Iterator[Place]:
    """Programs and libraries that every process of the environment may load, and no data of packages."""
    for place in places:
        folder = place.path.rpartition("/")[0]
        if folder in ("bin", "lib") or folder.endswith("/lib-dynload"):
            yield place


def _variables(environment: Tree) -> Iterator[str]:
    """conda/conda:conda/activate.py (``_get_environment_env_vars``), and what scripts set themselves."""
    for path in (
        "conda-meta/state",
        *(f"etc/conda/env_vars.d/{name}" for name in environment.names("etc/conda/env_vars.d")),
    ):
        node = environment.file(path)
        try:
            said = json.loads((node.content.text if node is not None else None) or b"{}")
        except (ValueError, RecursionError):
            continue
        values = said.get("env_vars", {}) if isinstance(said, dict) and path.endswith("state") else said
        yield from (str(name) for name in values) if isinstance(values, dict) else ()
    for name in environment.names("etc/conda/activate.d"):
        node = environment.file(f"etc/conda/activate.d/{name}")
        text = node.content.text if node is not None and name.endswith(".sh") else None
        yield from (each.decode() for each in _SETS.findall(text or b"") if not each.startswith(b"_"))


def _python(environment: Tree) -> str:
    found = [re.fullmatch(r"python(\d)\.(\d+)", name) for name in environment.names("lib")]
    versions = [(int(each[1]), int(each[2])) for each in found if each]
    return ".".join(map(str, max(versions))) if versions else ""
