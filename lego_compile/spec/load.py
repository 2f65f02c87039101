"""Files → checked documents: centre (with what it extends), catalog, lock.

Reads through a function that it is given, so that it stays free of the file system.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from lego_compile.diagnostic.model import CompileFailed, Label, Path, Report
from lego_compile.source.document import Tree, merge, parse
from lego_compile.spec.conform import conform
from lego_compile.spec.secrets import find_secrets
from lego_compile.spec.view import filled, view

if TYPE_CHECKING:
    from lego_compile.source.document import Problem, Span
    from lego_compile.spec.catalog import CatalogSpec
    from lego_compile.spec.center import CenterSpec
    from lego_compile.spec.lock import LockSpec

Read = Callable[[str], tuple[str | None, "list[Problem]"]]
"""File name → its text and what was wrong with it."""

_CODES = {
    "missing": "LC101", "unreadable": "LC101", "encoding": "LC102", "syntax": "LC103", "duplicate-key": "LC104",
    "anchor": "LC105", "tag": "LC106", "directive": "LC106", "multiple-documents": "LC107", "empty": "LC108",
    "ambiguous": "LC109", "key-not-text": "LC110", "nesting": "LC111",
}  # fmt: skip
_WORDS = {"center": "centre", "shared": "file that centres share", "catalog": "catalog", "lock": "lock"}
_NULLS = ("", "~", "null", "Null", "NULL")
_LARGEST_CHAIN = 16
_SAYS = re.compile(r"^(?!---)\s*[^\s#]", re.MULTILINE)
"""Something else than comments."""
_OURS = re.compile(r"""(?:^|[\s{,"'])lego["']?\s*:""")
"""The key `lego`, be it in the middle of a line, as a program may write JSON."""
_NO_LOCK = "a lock pins every image of the centre by digest; `lego-compile lock SPEC` writes it"
_HARMLESS = {"LC104", "LC105", "LC106", "LC109", "LC202", "LC207", "LC208"}
"""Findings after which every value still has the type that later passes rely on: they go on, and report too."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What diagnostics point into.

    Attributes:
        trees: documents by the name that begins a path.
        texts: files by name, also those that could not be parsed.
    """

    trees: dict[str, Tree] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


class Inputs(NamedTuple):
    """The three documents of one centre.

    Attributes:
        center: the centre spec, with what it inherits.
        catalog: the catalog it names.
        lock: the lock it names.
        options: a target's block as plain data, every default filled in.
    """

    center: CenterSpec
    catalog: CatalogSpec
    lock: LockSpec
    options: dict[str, dict[str, Any]]


class Unlocked(NamedTuple):
    """A centre before its lock.

    Attributes:
        center: the centre spec, with what it inherits.
        catalog: the catalog it names.
        lock_file: name of the file that its lock is in, or will be.
    """

    center: CenterSpec
    catalog: CatalogSpec
    lock_file: str


def load(name: str, read: Read, sources: Sources, report: Report) -> Inputs:
    """Read a centre and the documents it names, and report everything that is wrong with any of them.

    Args:
        name: file name of the centre spec.
        read: reads a file.
        sources: receives every document and text, for places and excerpts.
        report: receives the findings (LC101-LC208).

    Raises:
        CompileFailed: when a document has errors.
    """
    documents, sound = _documents(name, ("catalog", "lock"), read, sources, report)
    if len(documents) < 3 or not sound or any(each.code not in _HARMLESS for each in report):
        raise CompileFailed
    center = documents["center"]
    schema = schema_of("center")
    targets = schema["properties"]["targets"]["properties"]
    options = {
        target: filled(block, targets[target], schema)
        for target, block in center.data["targets"].items()
        if target in targets
    }
    return Inputs(
        cast("CenterSpec", view(center.data, schema)),
        cast("CatalogSpec", view(documents["catalog"].data, schema_of("catalog"))),
        cast("LockSpec", view(documents["lock"].data, schema_of("lock"))),
        options,
    )


def load_unlocked(name: str, read: Read, sources: Sources, report: Report) -> Unlocked:
    """Read a centre and its catalog, and say which file its lock is, or is to be.

    Args and errors are those of ``load``.
    """
    documents, sound = _documents(name, ("catalog",), read, sources, report)
    if len(documents) < 2 or not sound or any(each.code not in _HARMLESS for each in report):
        raise CompileFailed
    center = documents["center"]
    said = _said(center, "lock", name)
    assert said is not None  # a centre that conforms has a name, and so a lock of its own
    return Unlocked(
        cast("CenterSpec", view(center.data, schema_of("center"))),
        cast("CatalogSpec", view(documents["catalog"].data, schema_of("catalog"))),
        said[0],
    )


def load_lock(file: str, read: Read, sources: Sources, report: Report) -> LockSpec:
    """Read a lock that is there; the errors are those of ``load``."""
    return cast("LockSpec", _alone(file, "lock", read, sources, report))


def load_catalog(file: str, read: Read, sources: Sources, report: Report) -> CatalogSpec:
    """Read a catalog alone; the errors are those of ``load``."""
    return cast("CatalogSpec", _alone(file, "catalog", read, sources, report))


def load_tree(file: str, read: Read, sources: Sources, report: Report) -> Tree | None:
    """Read a document of somebody else's format, as YAML and no more (LC101-LC111); None when nothing can be read."""
    return _parse(file, file, None, read, sources, report)


def _alone(file: str, kind: str, read: Read, sources: Sources, report: Report) -> Any:
    before = len(report)
    tree = _read_document(file, kind, None, read, sources, report)
    if tree is None or not _check(tree, kind, report):
        raise CompileFailed
    if any(each.code not in _HARMLESS for each in report.diagnostics[before:]):
        raise CompileFailed
    return view(tree.data, schema_of(kind))


def _documents(
    name: str, kinds: tuple[str, ...], read: Read, sources: Sources, report: Report
) -> tuple[dict[str, Tree], bool]:
    """The centre and the documents that it names, and whether every value has the type it should have.

    Raises:
        CompileFailed: when the centre itself cannot be read whole.
    """
    center, whole = _read_center(name, read, sources, report)
    if center is None:
        raise CompileFailed
    sources.trees["center"] = center
    sound = _check(center, "center", report, whole=whole)
    if not whole:
        raise CompileFailed
    documents: dict[str, Tree] = {"center": center}
    for kind in kinds:
        said = _said(center, kind, name)
        if said is None:
            continue
        tree = _read_document(said[0], kind, said[1], read, sources, report)
        if tree is not None:
            documents[kind] = tree
            sound = _check(tree, kind, report) and sound
    return documents, sound


def _said(center: Tree, kind: str, name: str) -> tuple[str, Path] | None:
    """The file of a document that a centre names, and the place that names it; None when it names none."""
    said = center.data.get(kind)
    if isinstance(said, str):
        return _beside(center.span((kind,)).file, said), ("center", kind)
    if kind == "lock" and "center" in center.data:  # else it is hardly a centre, and has no lock to miss
        return _lock_name(name), ("center", "center")
    return None


@cache
def schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of document, from the package, or from the checkout it runs in."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    name = f"{kind}.schema.json"
    for folder in (os.path.join(package, "schemas"), os.path.join(os.path.dirname(package), "schemas")):
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                schema: dict[str, Any] = json.load(file)
                return schema
        except FileNotFoundError:
            continue
    raise FileNotFoundError(name)


def _lock_name(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}.lock.yaml" if dot and suffix in ("yaml", "yml") else f"{name}.lock.yaml"


def _beside(file: str, name: str) -> str:
    return shortest(os.path.join(os.path.dirname(file), name))


def shortest(name: str) -> str:
    """A file name without needless steps, as long as it is the same file: `..` may follow a link."""
    short = os.path.normpath(name)
    return short if _same_file(short, name) else name


def _read_center(name: str, read: Read, sources: Sources, report: Report) -> tuple[Tree | None, bool]:
    """The centre with everything it extends merged below it, and whether all of that could be read."""
    chain: list[tuple[str, Tree]] = []
    file, asked, whole = name, None, False
    while True:
        if len(chain) >= _LARGEST_CHAIN:
            words = f"`extends` leads through more than {_LARGEST_CHAIN} files"
            report.add("LC112", words, asked or ("file", name), help="share with fewer files")
            break
        if any(_same_file(file, earlier) for earlier, _ in chain):
            circle = " → ".join([each for each, _ in chain] + [file])
            report.add(
                "LC112",
                f"`extends` goes in a circle: {circle}",
                asked or ("file", name),
                help="remove one `extends:` of the circle",
            )
            break
        root = "center" if not chain else f"extended-{len(chain)}"
        tree = _parse(file, root, asked, read, sources, report)
        if tree is None or not _is_document(tree, "shared" if chain else "center", root, report):
            break
        chain.append((file, tree))
        said = tree.data.get("extends")
        if not isinstance(said, str) or not said or "\0" in said:
            whole = said is None
            if not whole and root != "center":  # the centre's own is checked with its other values
                code = "LC204" if isinstance(said, str) else "LC201"
                report.add(code, "`extends` names no file", (root, "extends"))
            break
        asked = (root, "extends")
        file = _beside(file, said)
    if not chain:
        return None, False
    merged = chain[-1][1]
    for index in range(len(chain) - 2, -1, -1):
        merged = merge(merged, chain[index][1])
    return merged, whole


def _same_file(first: str, second: str) -> bool:
    try:
        return os.path.realpath(first) == os.path.realpath(second)
    except ValueError:  # a name that no file can have; reading it says so
        return first == second


def _read_document(
    file: str, kind: str, asked: Path | None, read: Read, sources: Sources, report: Report
) -> Tree | None:
    tree = _parse(file, kind, asked, read, sources, report)
    return tree if tree is not None and _is_document(tree, kind, kind, report) else None


def _parse(
    file: str,
    root: str,
    asked: tuple[str | int, ...] | None,
    read: Read,
    sources: Sources,
    report: Report,
) -> Tree | None:
    text, problems = read(file)
    if text is None:
        for problem in problems:
            label = (Label(asked, "named here"),) if asked and asked != ("center", "center") else ()
            help_ = _NO_LOCK if root == "lock" and problem.kind == "missing" else problem.help
            report.add(
                _CODES[problem.kind], problem.message, _at(file, problem.span), related=label, help=help_
            )
        return None
    if asked and _SAYS.search(text) and not _OURS.search(text):
        # Whoever may change a specification may name any file that the machine can read: its lines are not shown.
        report.add(
            "LC206",
            f"{file!r} is no document of lego-compile: it has no key `lego`",
            _at(file, None),
            related=(Label(asked, "named here"),) if asked != ("center", "center") else (),
            help="write `lego: 1` into it, or name another file",
        )
        return None
    sources.texts[file] = text
    tree, found = parse(file, text)
    for problem in (*problems, *found):
        report.add(
            _CODES[problem.kind],
            problem.message,
            _at(file, problem.span),
            related=tuple(Label(_at(span.file, span), words) for span, words in problem.related),
            help=problem.help,
        )
    if tree is not None:
        sources.trees[root] = tree
    return tree


def _at(file: str, span: Span | None) -> Path:
    if span is None:
        return ("file", file)
    return ("file", file, span.line, span.column, span.end_line, span.end_column)


def _is_document(tree: Tree, kind: str, root: str, report: Report) -> bool:
    """Whether a tree is a mapping of our format and of this kind (LC205, LC206)."""
    data = tree.data
    if not isinstance(data, dict):
        report.add("LC201", f"a {_WORDS[kind]} is a mapping, and this is something else", (root,))
        return False
    version = data.get("lego")
    if "lego" in data and version != 1 and isinstance(version, int | float | str):
        report.add(
            "LC205",
            f"format version {tree.raw(('lego',)) or version} is not known to this lego-compile",
            (root, "lego"),
            help="write `lego: 1`",
        )
        return False
    looks = _kind_of(data)
    if kind == "shared" and "center" in data:
        report.add(
            "LC206",
            "this is a whole centre, where a file that centres share is expected",
            (root, "center"),
            key=True,
            help="move what both share into a file of its own, and let both extend it",
        )
        return False
    if looks and looks != ("center" if kind == "shared" else kind):
        report.add(
            "LC206",
            f"this is a {_WORDS[looks]}, where a {_WORDS[kind]} is expected",
            (root, "lego"),
            key=True,
        )
        return False
    return True


def _kind_of(data: dict[str, Any]) -> str | None:
    """What a mapping is by the keys that only one kind of document has."""
    if _has_pins(data) or ("lock" in data and "systems" in data):
        return "lock"
    if "systems" in data or "bricks" in data:
        return "catalog"
    return "center" if {"center", "profiles", "targets"} & data.keys() else None


def _has_pins(data: dict[str, Any]) -> bool:
    systems = data.get("systems")
    return isinstance(systems, dict) and any(
        isinstance(each, dict) and "digest" in each for each in systems.values()
    )


def _check(tree: Tree, kind: str, report: Report, *, whole: bool = True) -> bool:
    """Report what is wrong with the shape of a document; ``whole`` is false when what it extends was not read.

    Returns:
        Whether every value has the type that later passes rely on, what is not reported again included.
    """
    schema = schema_of(kind)
    if kind == "center":
        schema = {**schema, "required": [*schema["required"], *schema["else"]["required"]]}
    found = Report()
    conform(tree, schema, kind, found)
    sound = True
    doubted = {each.primary[1:4] for each in report if each.code in ("LC105", "LC106", "LC109")}
    for each in found:
        span = tree.span(each.primary[1:], each.key)
        if each.code in ("LC201", "LC204") and (span.file, span.line, span.column) in doubted:
            sound = False
            continue  # what a value is not that was misread is no second mistake
        if not whole and (each.code == "LC203" or tree.raw(each.primary[1:]) in _NULLS):
            continue  # what is needed, or removed by a null, may be in the part that was not read
        report.diagnostics.append(each)
    find_secrets(tree, kind, report)
    return sound
