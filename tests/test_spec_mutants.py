"""Every node of every example document, spoilt: a compile ends with findings, or with outputs that are proven.

Never with an exception of ours, and never without a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lego_compile.pipeline import Outcome, compile_center
from lego_compile.source.document import Problem, Tree, parse
from lego_compile.spec import load
from lego_compile.verify import COMPOSITION
from tests.spec.damage import MISSING, Place, get, places, put, rename
from tests.thorough import first_fast

ROOT = Path(__file__).parents[1]
SPECS = sorted(path.name for path in (ROOT / "centers").glob("*.yaml") if ".lock." not in path.name)
OTHERS = {
    "catalog/gaia-data.yaml": "nice",
    "centers/nice.lock.yaml": "nice",
    "centers/shared/gaia-data.yaml": "lyon",
}
"""Documents that are no centre, and the centre that is compiled with each when it is spoilt."""
UNUSED = {"lab-classic", "climate", "hydro", "glacio", "atmo", "remote-sensing", "r-stats"}
"""Entries of the catalog that this centre does not use: spoiling them is spoiling the others once more."""
TYPES: tuple[object, ...] = ("word", 7, True, None, ["word"], {"word": "word"})


@cache
def text_of(name: str) -> str:
    """A file of the repository, by its path from there."""
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def parsed(name: str, text: str) -> tuple[Tree | None, list[Problem]]:
    """``parse``, which is most of the time of a compile, once for each text."""
    return parse(name, text)


def compiled(spec: str, document: str, text: str) -> Outcome:
    """The outcome of a centre when one document holds another text."""

    def read(name: str) -> tuple[str | None, list[Problem]]:
        try:
            return (text if name == document else text_of(name)), []
        except FileNotFoundError:
            return None, [Problem("unreadable", f"there is no file `{name}`", None)]

    return compile_center(spec, read)


def mutants(data: Any, rotation: int) -> Iterator[tuple[Place, str, Any]]:
    """A document with each node dropped, renamed, and given a type that it does not have: each type in turn."""
    for number, place in enumerate(places(data)):
        if place[:1] in (("systems",), ("bricks",)) and place[1:] and place[1] in UNUSED:
            continue
        yield place, "dropped", put(data, place, MISSING)
        if isinstance(place[-1], str):
            yield place, "renamed", rename(data, place, f"{place[-1]}x")
        now = get(data, place)
        others = [each for each in TYPES if type(each) is not type(now)]
        value = others[(number + rotation) % len(others)]
        yield place, f"retyped to {value!r}", put(data, place, value)


@pytest.mark.parametrize(
    ("spec", "document"),
    first_fast(
        [(f"centers/{name}", f"centers/{name}") for name in SPECS]
        + [(f"centers/{center}.yaml", document) for document, center in OTHERS.items()]
    ),
)
def test_a_spoilt_document_is_refused_or_compiled_and_proven(
    spec: str, document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever one node becomes: errors and no outputs, or outputs that read back as what went in."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(load, "parse", parsed)
    before = compiled(spec, document, text_of(document))
    assert not before.failed
    data = parse(document, text_of(document))[0]
    assert data is not None
    counts = {"refused": 0, "same": 0, "changed": 0}
    for place, how, spoilt in mutants(data.data, len(spec)):
        outcome = compiled(spec, document, json.dumps(spoilt))
        errors = [found for found in outcome.findings if found.severity == "error"]
        what = f"{document}: {place} {how}"
        assert outcome.failed == bool(errors) == (outcome.files == {}), what
        assert not any(found.code.startswith(("LC7", "LC9")) for found in errors), what
        for found in outcome.findings:
            assert found.message, what
            assert found.file, what
        if outcome.failed:
            counts["refused"] += 1
        elif outcome.files == before.files:
            counts["same"] += 1
        else:
            counts["changed"] += 1
            assert outcome.files[COMPOSITION] != before.files[COMPOSITION], what
    assert counts["refused"] > counts["changed"], counts
