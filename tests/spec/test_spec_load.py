"""``load``: a centre, what it extends, its catalog and its lock."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from lego_compile.diagnostic.model import CompileFailed, Report
from lego_compile.diagnostic.view import Finding, order, view
from lego_compile.source.document import Problem
from lego_compile.spec.load import Inputs, Sources, load

CATALOG = """\
lego: 1
catalog: small
systems: {lab: {title: Lab, image: registry.example.org/lab, releases: {"1": {}}}}
"""
DIGEST = "sha256:" + "0" * 64
LOCK = f"""\
lego: 1
lock: c
systems:
  lab:
    release: "1"
    repository: registry.example.org/lab
    tag: "1"
    digest: {DIGEST}
    resolved_from: {DIGEST}
    platforms: {{linux/amd64: {{digest: {DIGEST}, size: 1}}}}
"""
TOP = """\
lego: 1
catalog: ../catalog.yaml
title: Top
system: lab
storage: {home: {size: 1G}}
profiles:
  main: {title: Main}
  spare: {title: Spare}
targets:
  apptainer: {root: /opt/lego}
"""
MIDDLE = """\
lego: 1
extends: top/top.yaml
title: Middle
profiles:
  spare: null
  main: {resources: {cpu: 2}}
"""
CENTER = """\
lego: 1
extends: middle.yaml
center: c
storage: {home: {size: null}}
"""
FILES = {
    "c.yaml": CENTER,
    "middle.yaml": MIDDLE,
    "top/top.yaml": TOP,
    "catalog.yaml": CATALOG,
    "c.lock.yaml": LOCK,
}


def loading(files: Mapping[str, str]) -> tuple[Inputs | None, list[Finding], Sources]:
    """Load ``c.yaml`` of the files; the inputs (None when that fails), what is found, and the sources."""

    def read(name: str) -> tuple[str | None, list[Problem]]:
        text = files.get(name)
        return text, [] if text is not None else [Problem("unreadable", f"there is no file `{name}`", None)]

    report, sources = Report(), Sources()
    inputs: Inputs | None = None
    with suppress(CompileFailed):
        inputs = load("c.yaml", read, sources, report)
    return inputs, order([view(each, sources.trees, sources.texts) for each in report]), sources


def told(files: Mapping[str, str]) -> list[tuple[str, str, int | None]]:
    """Code, file and line of what is found."""
    return [(each.code, each.file, each.line) for each in loading(files)[1]]


def test_a_chain_of_files_is_merged() -> None:
    """The nearest file decides, maps merge at every depth, and the catalog is relative to the file that says it."""
    inputs, findings, _ = loading(FILES)

    assert [] == findings
    assert inputs is not None
    assert "Middle" == inputs.center.title
    assert ["main"] == list(inputs.center.profiles)
    assert ("Main", 2) == (inputs.center.profiles["main"].title, inputs.center.profiles["main"].resources.cpu)
    assert inputs.center.storage.home.size is None
    assert ["lab"] == list(inputs.catalog.systems)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("title",), ("middle.yaml", 3)),
        (("system",), ("top/top.yaml", 4)),
        (("profiles", "main", "title"), ("top/top.yaml", 7)),
        (("profiles", "main", "resources", "cpu"), ("middle.yaml", 6)),
        (("center",), ("c.yaml", 3)),
    ],
)
def test_places_are_in_the_file_that_was_typed(path: tuple[str, ...], place: tuple[str, int]) -> None:
    """A value is blamed where it was written, whichever file of the chain that is."""
    span = loading(FILES)[2].trees["center"].span(path)

    assert place == (span.file, span.line)


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("top/top.yaml", "system: lab", "system: lab ocean", [("LC204", "top/top.yaml", 4)]),
        ("middle.yaml", "cpu: 2", 'cpu: "2"', [("LC201", "middle.yaml", 6)]),
        ("c.yaml", "center: c", "centre: c", [("LC203", "c.yaml", 1), ("LC202", "c.yaml", 3)]),
        ("middle.yaml", "main: {", "main: {title: null, ", [("LC203", "middle.yaml", 6)]),
        ("top/top.yaml", "catalog: ../", "catalog: ", [("LC101", "top/catalog.yaml", None)]),
        ("middle.yaml", "extends: top/top.yaml", "extends: nowhere.yaml", [("LC101", "nowhere.yaml", None)]),
        ("middle.yaml", "extends: top/top.yaml", "extends: c.yaml", [("LC112", "middle.yaml", 2)]),
        ("middle.yaml", "extends: top/top.yaml", 'extends: "\\0"', [("LC204", "middle.yaml", 2)]),
        ("middle.yaml", "extends: top/top.yaml", "extends: [top/top.yaml]", [("LC201", "middle.yaml", 2)]),
        ("top/top.yaml", "lego: 1", "lego: 3", [("LC205", "top/top.yaml", 1)]),
        ("top/top.yaml", "title: Top", "center: top", [("LC206", "top/top.yaml", 3)]),
        ("top/top.yaml", TOP, "[\nlego: 1\n]", [("LC201", "top/top.yaml", 1)]),
        ("top/top.yaml", TOP, "[]", [("LC206", "top/top.yaml", None)]),
        ("middle.yaml", "title: Middle", "title: [", [("LC103", "middle.yaml", 3)]),
        ("c.yaml", "center: c", "center: c\nlock: other.yaml", [("LC101", "other.yaml", None)]),
        ("catalog.yaml", "lego: 1", "lego: 2", [("LC205", "catalog.yaml", 1)]),
        ("c.lock.yaml", LOCK, CATALOG, [("LC206", "c.lock.yaml", 1)]),
    ],
)
def test_one_mistake_in_a_chain_is_one_finding(
    file: str, old: str, new: str, expected: list[tuple[str, str, int | None]]
) -> None:
    """Each mistake is blamed where it is, and what follows from it is not reported as well."""
    files = {**FILES, file: FILES[file].replace(old, new)}
    assert files[file] != FILES[file]

    assert sorted(expected) == sorted(told(files))


def test_a_null_that_removes_everything_leaves_a_missing_key() -> None:
    """A null takes away an inherited key for good: what it was needed for is reported as missing."""
    files = {**FILES, "c.yaml": CENTER + "profiles: null\n"}

    assert [("LC203", "c.yaml", 1)] == told(files)


def test_a_very_long_chain_ends() -> None:
    """A chain without an end, each file by another name, is taken for a circle."""
    files: dict[str, Any] = {f"{n}.yaml": f"lego: 1\nextends: {n + 1}.yaml\n" for n in range(30)}
    files |= {"c.yaml": "lego: 1\nextends: 0.yaml\ncenter: c\n"}

    assert [("LC112", "14.yaml", 2)] == told(files)


def test_mistakes_in_all_documents_are_told_at_once() -> None:
    """One run shows what is wrong with the centre, the catalog and the lock."""
    files = {
        **FILES,
        "c.yaml": CENTER + "colour: blue\n",
        "catalog.yaml": CATALOG.replace("title: Lab", "titel: Lab"),
        "c.lock.yaml": LOCK.replace('tag: "1"', "tag: 1"),
    }

    assert [
        ("LC201", "c.lock.yaml", 7),
        ("LC202", "c.yaml", 5),
        ("LC202", "catalog.yaml", 3),
        ("LC203", "catalog.yaml", 3),
    ] == sorted(told(files))
