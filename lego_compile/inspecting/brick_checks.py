"""What is wrong with a brick, before a session finds out: each condition under which its kernels run."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Sequence

from lego_compile.diagnostic.model import Path, Report
from lego_compile.inspecting.environment import Environment
from lego_compile.inspecting.labels import MANAGER
from lego_compile.inspecting.packages import EXTENSIONS

SERVERS = (
    "jupyterlab", "jupyterhub", "notebook", "jupyter-server-proxy", "jupyterlab-git", "dask-labextension",
    "nb-conda-kernels", "jupyter-resource-usage", "batchspawner",
)  # fmt: skip
"""Packages that work in the server, which never looks into a brick."""
COMPILED = 0.8
"""The part of the sources that is compiled where all was: templates and old dialects cannot be."""
_SHOWN = 3


def check_brick(
    found: Environment, platform: str | None, prefix: str | None, origin: Path, report: Report
) -> None:
    """Report every fault of a brick.

    Args:
        found: its environment.
        platform: that its image is for, or None.
        prefix: that is expected of it, by its labels or the user, or None.
        origin: of the brick.
        report: receives findings (LC652 to LC667).
    """
    if not found.has("conda-meta/history"):
        bare = " though it has `conda-meta`" if found.tree.find("conda-meta") else ""
        report.add(
            "LC652", f"it has no file `conda-meta/history`{bare}, so conda does not list it", origin,
            help="make it with conda, mamba or micromamba, and keep that file; it may be empty",
        )  # fmt: skip
    _check_kernels(found, prefix, origin, report)
    _check_prefix(found, prefix, origin, report)
    _check_programs(found, platform, origin, report)
    _check_files(found, origin, report)
    _check_python(found, origin, report)
    _check_lab(found, origin, report)


def _check_kernels(found: Environment, prefix: str | None, origin: Path, report: Report) -> None:
    if not found.kernels:
        words = "it has no `share/jupyter/kernels/*/kernel.json`, so it shows no kernel"
        report.add("LC653", words, origin, help="add ipykernel, or the kernel of its language, to it")
    at = found.prefix or prefix
    for each in found.kernels:
        for fault in each.faults:
            report.add("LC654", f"`{each.path}` {fault}", origin, help="correct it where the brick is built")
        program = each.argv[0] if each.argv else ""
        if not program or "{" in program:
            continue
        if not program.startswith("/"):
            if "/" in program or not found.has(f"bin/{program}"):
                words = (
                    f"kernel {each.directory!r} runs {program!r}, and the brick has no such program in `bin`"
                )
                report.add("LC655", words, origin, help="name it by its whole path, below the prefix")
        elif at is not None and program.startswith(f"{at}/"):
            node = found.tree.file(program)
            if node is None or not node.mode & 0o111:
                why = "is not there" if node is None else "cannot be run: it has no permission for that"
                words = f"kernel {each.directory!r} runs {program!r}, which {why}"
                report.add(
                    "LC655", words, origin, help="build the brick again; the kernel dies when it starts"
                )
        elif not any(program.startswith(f"{home}/") for home in found.prefixes[0]):  # else LC656 says it
            words = f"kernel {each.directory!r} runs {program!r}, which is not in the brick"
            report.add("LC655", words, origin, help="install the kernel into the environment itself")


def _check_prefix(found: Environment, prefix: str | None, origin: Path, report: Report) -> None:
    of_kernels, of_scripts = found.prefixes
    said = found.prefix
    again = "a brick works only where it was built: build it again with `-p` and the right prefix"
    if said is not None and prefix is not None and said != prefix:
        report.add("LC656", f"it was built for {said!r}, and is to be at {prefix!r}", origin, help=again)
    if len(of_kernels) > 1:
        shown = " and ".join(map(repr, sorted(of_kernels)))
        report.add("LC656", f"its kernels were built for {shown}", origin, help=again)
    most = of_scripts.most_common(1)
    if of_kernels and most and most[0][0] not in of_kernels:
        words = f"its kernels were built for {said!r}, and its scripts for {most[0][0]!r}"
        report.add("LC656", words, origin, help=again)
        return
    strays = [f"{path} ({asked})" for path, asked in found.scripts]
    if strays:
        words = f"{_count(strays, 'program')} whose interpreter is not in the brick"
        report.add("LC657", words, origin, help="such a program fails with 'No such file or directory'")


def _check_programs(found: Environment, platform: str | None, origin: Path, report: Report) -> None:
    wanted = platform.split("/")[1] if platform else None
    main = found.machines[0] if found.machines else None
    if wanted is not None and main is not None and main != wanted:
        words = f"it is an image for {platform}, and its programs are for {main}"
        report.add("LC658", words, origin, help="build it on, or for, that platform")
    if found.odd:
        words = f"its programs are for {main}, but {_count(found.odd, 'program')} for another architecture"
        report.add(
            "LC658", words, origin, help="packages of two platforms were mixed: lock and build it again"
        )
    if found.musl:
        words = f"{_count(found.musl, 'program')} linked with musl, the C library of Alpine"
        report.add("LC659", words, origin, help="use packages for glibc, such as those of conda-forge")


def _check_files(found: Environment, origin: Path, report: Report) -> None:
    closed, special, leaving = [], [], []
    for path, node in found.places:
        kind = stat.S_IFMT(node.mode)
        if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK) or (
            kind == stat.S_IFREG and node.mode & 0o6000
        ):
            special.append(path)
        elif (kind == stat.S_IFREG and not node.mode & 0o004) or (
            kind == stat.S_IFDIR and node.mode & 0o005 != 0o005
        ):
            closed.append(path)
        if kind == stat.S_IFLNK and found.tree.leaves(path, node.target):
            leaving.append(f"{path} -> {node.target}")
    if found.tree.root.mode & 0o005 != 0o005:
        closed.insert(0, "/")
    if closed:
        words = f"{_count(closed, 'file')} that not everybody may read"
        report.add("LC660", words, origin, help="end the build with: chmod -R a+rX PREFIX")
    if special:
        words = f"{_count(special, 'file')} that runs as its owner, or is no file but a device or a pipe"
        report.add("LC661", words, origin, help="remove it: an environment needs no such thing")
    if leaving:
        words = f"{_count(leaving, 'link')} out of the brick, where a session has something else, or nothing"
        report.add("LC662", words, origin, help="copy what the link leads to into the environment")
    outside = [*_editable(found)]
    if outside:
        words = f"{_count(outside, 'package')} installed in place, outside the brick"
        report.add("LC663", words, origin, help="install it without --editable: pip install PATH")


def _editable(found: Environment) -> Iterator[str]:
    """Packages that are where they were developed: ``direct_url.json`` (PEP 610), lines of ``.pth`` (site.py)."""
    for path, node in found.places:
        text = node.content.text
        if not text or "/lib/python" not in f"/{path}":
            continue
        if path.endswith(".dist-info/direct_url.json"):
            try:
                said = json.loads(text)
            except (ValueError, RecursionError):
                continue
            details = said.get("dir_info") if isinstance(said, dict) else None
            if isinstance(details, dict) and details.get("editable") is True:
                yield path.rpartition("/")[0].rpartition("/")[2].removesuffix(".dist-info")
        elif path.endswith(".pth"):
            for line in text.decode("utf-8", "replace").splitlines():
                if line.startswith("/") and found.tree.find(line.strip()) is None:
                    yield f"{path} ({line.strip()[:100]})"


def _check_python(found: Environment, origin: Path, report: Report) -> None:
    code = found.bytecode
    compile_ = "python -m compileall -q -f -j0 --invalidation-mode unchecked-hash PREFIX/lib"
    if code.stale:
        words = f"{_count(code.stale, 'compiled file')} older or newer than its source, and not used"
        report.add("LC664", words, origin, help=f"end the build with: {compile_}")
    if code.sources and code.compiled < COMPILED * code.sources:
        words = (
            f"{code.compiled} of {code.sources} Python files are compiled, so kernels compile at every start"
        )
        report.add("LC665", words, origin, help=f"end the build with: {compile_}")


def _check_lab(found: Environment, origin: Path, report: Report) -> None:
    ipywidgets = found.packages.get("ipywidgets", "")
    manager = found.extensions.get(MANAGER, "")
    pair = {"7": "3", "8": "5"}.get(ipywidgets.partition(".")[0])
    if pair is not None and manager and manager.partition(".")[0] != pair:
        words = f"it has ipywidgets {ipywidgets}, and {MANAGER} {manager}, which do not speak to each other"
        report.add("LC666", words, origin, help=f"with ipywidgets {ipywidgets[0]} goes {MANAGER} {pair}.x")
    servers = [f"{name} {found.packages[name]}" for name in SERVERS if name in found.packages]
    if servers:
        words = f"it has {', '.join(servers)}, which works in the server and never in a brick"
        report.add("LC667", words, origin, help=f"put it into the system image; so does `{EXTENSIONS}`")


def _count(things: Sequence[str], word: str) -> str:
    """``3 files (a, b, c)``, ``12 files (such as a, b, c)``."""
    shown = ", ".join(f"`{each}`" for each in things[:_SHOWN])
    number = f"{len(things)} {word}" + ("" if len(things) == 1 else "s")
    return f"{number} ({'such as ' if len(things) > _SHOWN else ''}{shown})"
