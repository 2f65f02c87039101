"""One image → what its files say, what is wrong with them, and where its labels disagree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lego_compile.diagnostic.model import Path, Report
from lego_compile.facts import LABEL, kinds
from lego_compile.inspecting.brick_checks import check_brick
from lego_compile.inspecting.environment import Environment, locate, read_environment
from lego_compile.inspecting.labels import brick_labels, compare, dotted, system_labels
from lego_compile.inspecting.model import Image
from lego_compile.inspecting.system import System, is_system, read_system
from lego_compile.inspecting.system_checks import check_system
from lego_compile.inspecting.tree import Tree


class Expected(NamedTuple):
    """What the user says of an image; None for nothing.

    Attributes:
        kind: ``brick`` or ``system``.
        name: of the environment, or of the system image.
        prefix: of the brick.
        labelling: labels that only the files know are about to be written, so what they say now does not matter.
    """

    kind: str | None = None
    name: str | None = None
    prefix: str | None = None
    labelling: bool = False


class Inspection(NamedTuple):
    """What is known of one image.

    Attributes:
        name: of the image.
        kind: ``brick`` or ``system``.
        platform: of the image, or None.
        facts: what its files say, as plain data.
        labels: that its files state: whole names, as text.
    """

    name: str
    kind: str
    platform: str | None
    facts: dict[str, Any]
    labels: dict[str, str]


def inspect(image: Image, expected: Expected, report: Report) -> Inspection:
    """Read an image, and report what is wrong with it.

    Raises:
        Unreadable, RegistryError: it cannot be read.
    """
    origin: Path = ("file", image.name)
    tree = image.files()
    sources = [("labels", image.labels or {}), *(("annotations", each) for each in image.annotations)]
    said = kinds({key: value for _, labels in sources for key, value in labels.items()})
    if said == {"bricks", "systems"}:
        words = "its labels speak of a brick and of a system image"
        report.add("LC326", words, origin, help="it is one of both: take the other's labels away")
    kind = expected.kind or ("brick" if expected.prefix else None)
    if kind is None:
        system = is_system(tree) if len(said) != 1 else said == {"systems"}
        kind = "system" if system else "brick"
    own = {
        key.removeprefix(f"{LABEL}{kind}."): value for _, labels in reversed(sources) for key, value in labels.items()
        if key.startswith(f"{LABEL}{kind}.")
    }  # fmt: skip
    if expected.name is not None and own.get("name", expected.name) != expected.name:
        words = f"its labels say name {own['name']!r}, and {expected.name!r} is expected"
        report.add("LC669", words, origin)
    if kind == "brick":
        environment, stated = _brick(image, tree, own, expected, origin, report)
        facts, packages = _of_brick(environment, tree), environment.packages
    else:
        found = read_system(image, tree)
        check_system(found, image.platform, image.variables, image.labels is not None, origin, report)
        stated, facts, packages = system_labels(found), _of_system(found), found.packages
    if expected.name is not None:
        stated["name"] = expected.name
    if image.labels is not None and said:
        compare(f"{kind}s", stated, sources, packages, origin, report, labelling=expected.labelling)
    labels = {f"{LABEL}{kind}.{fact}": value for fact, value in stated.items()}
    return Inspection(image.name, kind, image.platform, facts, labels)


def _brick(
    image: Image, tree: Tree, own: Mapping[str, str], expected: Expected, origin: Path, report: Report
) -> tuple[Environment, dict[str, str]]:
    where, others = locate(tree, own.get("subpath"), expected.prefix, own.get("prefix"))
    if others and "subpath" not in own and expected.prefix is None:
        shown = ", ".join(f"`/{each}`" for each in [where, *others][:4])
        words = f"it has several environments ({shown}); the first is looked at"
        report.add("LC652", words, origin, help="name the one that is meant: --prefix PATH")
    prefix = expected.prefix or own.get("prefix")
    found = read_environment(tree, where, prefix)
    check_brick(found, image.platform, expected.prefix, origin, report)
    shell = tree.file("/bin/sh")
    return found, brick_labels(found, shell is not None and bool(shell.mode & 0o111))


def _of_brick(found: Environment, image: Tree) -> dict[str, Any]:
    code, prefix, subpath = found.bytecode, found.prefix, found.subpath
    layout = "root" if subpath == "/" else "prefix" if subpath == prefix else "nested"
    interesting = (
        "ipykernel",
        "ipywidgets",
        "ipyleaflet",
        "ipympl",
        "anywidget",
        "bokeh",
        "panel",
        "distributed",
    )
    return {
        "prefix": prefix,
        "subpath": subpath,
        "layout": layout,
        "kernels": [
            {"dir": each.directory, "display_name": each.title, "language": each.language, "argv": [*each.argv]}
            for each in found.kernels
        ],
        "architecture": [*found.machines],
        "glibc": dotted(found.glibc) if found.glibc else None,
        "python": found.python or None,
        "labextensions": found.extensions,
        "packages": {name: found.packages[name] for name in interesting if name in found.packages},
        "activation": [*found.variables],
        "bytecode": {
            "sources": code.sources, "compiled": code.compiled, "unchecked-hash": code.unchecked,
            "checked-hash": code.checked, "timestamp": code.timed, "stale": len(code.stale),
        },
        "history": found.has("conda-meta/history"),
        "frozen": found.has("conda-meta/frozen"),
        "shell": image.file("/bin/sh") is not None,
        "bytes": found.size,
        "files": found.files,
    }  # fmt: skip


def _of_system(found: System) -> dict[str, Any]:
    return {
        "server": found.server,
        "conda": found.conda,
        "user": f"{found.user[0]}:{found.user[1]}" if found.user is not None else None,
        "home": found.home,
        "architecture": [*found.machines],
        "glibc": dotted(found.glibc) if found.glibc else None,
        "provides": found.provides,
        "labextensions": found.extensions,
        "programs": [*found.programs],
        "bytes": found.size,
        "files": found.files,
    }
