"""``conform``, the pydantic models and a JSON Schema checker agree about every document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError, validators
from pydantic import BaseModel
from pydantic import ValidationError as ModelError

from lego_compile.diagnostic.model import Report
from lego_compile.source.document import Tree, merge, parse
from lego_compile.spec.catalog import CatalogSpec
from lego_compile.spec.center import CenterSpec
from lego_compile.spec.conform import conform
from lego_compile.spec.load import schema_of
from lego_compile.spec.lock import LockSpec
from lego_compile.targets import TARGETS
from tests.spec.damage import MISSING, RETYPED, TRICKY, Place, get, places, put, rename

ROOT = Path(__file__).parents[2]
NAMED = {
    "profiles", "groups", "mirrors", "environment", "systems", "bricks", "releases", "provides", "system",
    "platforms", "facts",
}  # fmt: skip
"""Mappings whose keys are names that people chose: what is below one of them is as what is below the others."""
MODELS: dict[str, type[BaseModel]] = {"center": CenterSpec, "catalog": CatalogSpec, "lock": LockSpec}


def tree_of(file: Path) -> Tree:
    """A file that is known to be right, read."""
    tree, problems = parse(file.name, file.read_text(encoding="utf-8"))
    assert problems == []
    assert tree is not None
    return tree


@cache
def documents() -> dict[str, tuple[str, Any]]:
    """The example documents as plain data: name → kind and data; centres with what they extend merged in."""
    found: dict[str, tuple[str, Any]] = {}
    for file in sorted((ROOT / "centers").glob("*.yaml")):
        if file.name.endswith(".lock.yaml"):
            found[file.name] = ("lock", tree_of(file).data)
            continue
        tree = tree_of(file)
        if "extends" in tree.data:
            tree = merge(tree_of(file.parent / tree.data["extends"]), tree)
        found[file.name] = ("center", {key: each for key, each in tree.data.items() if key != "extends"})
    for file in sorted((ROOT / "catalog").glob("*.yaml")):
        found[file.name] = ("catalog", tree_of(file).data)
    return found


def conforms(kind: str, data: Any) -> bool:
    """The verdict of ``conform``, which reads text as a compile does."""
    schema = schema_of(kind)
    if kind == "center":  # what ``load`` asks of the merged document
        schema = {**schema, "required": [*schema["required"], *schema["else"]["required"]]}
    tree, problems = parse("document.json", json.dumps(data))
    assert problems == []
    assert tree is not None
    report = Report()
    conform(tree, schema, kind, report)
    return len(report) == 0


def models(kind: str, data: Any) -> bool:
    """The verdict of the pydantic models, with each target's options by its own model."""
    if isinstance(data, dict) and data.get("lego") is True:
        return False  # pydantic takes true for the 1 of ``Literal[1]``
    try:
        MODELS[kind].model_validate_json(json.dumps(data))
        for name, block in data["targets"].items() if kind == "center" else ():
            if name not in TARGETS:
                return False
            options = import_module(f"lego_compile.targets.{name}.options").Options
            options.model_validate_json(json.dumps(block))
    except ModelError:
        return False
    return True


def _pattern(_: object, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    """As ECMA 262 has it: Python's ``$`` also matches before a line feed at the end."""
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield ValidationError(f"{value!r} does not match")


@cache
def checker(kind: str) -> Callable[[Any], bool]:
    """The verdict of a JSON Schema checker, as an editor would give it."""
    integers = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer",  # YAML tells 1 from 1.0, JSON Schema does not
        lambda _, value: isinstance(value, int) and not isinstance(value, bool),
    )
    judge = validators.extend(Draft202012Validator, {"pattern": _pattern}, type_checker=integers)
    valid: Callable[[Any], bool] = judge(schema_of(kind)).is_valid
    return valid


def verdicts(kind: str, data: Any) -> dict[str, bool]:
    """Whether each of the three accepts a document."""
    return {
        "conform": conforms(kind, data),
        "models": models(kind, data),
        "jsonschema": checker(kind)(data),
    }


def the_three_agree(kind: str, data: Any, what: object) -> None:
    """All accept, or all refuse."""
    found = verdicts(kind, data)
    assert len(set(found.values())) == 1, (what, found)


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_examples_are_accepted(name: str) -> None:
    """Each example document is right for all three."""
    kind, data = documents()[name]

    assert {"conform": True, "models": True, "jsonschema": True} == verdicts(kind, data)


@settings(max_examples=500)
@given(st.data())
def test_the_three_agree_on_spoilt_documents(data: st.DataObject) -> None:
    """However one or two nodes are dropped, renamed, retyped or replaced, all three say the same."""
    name = data.draw(st.sampled_from(sorted(documents())))
    kind, document = documents()[name]
    for _ in range(data.draw(st.integers(1, 2))):
        nodes = st.sampled_from(sorted(places(document), key=repr))
        place = data.draw(nodes)
        how = data.draw(st.sampled_from(["drop", "rename", "replace", "replace", "borrow"]))
        if how == "drop":
            document = put(document, place, MISSING)
        elif how == "rename" and isinstance(place[-1], str):
            document = rename(
                document, place, data.draw(st.sampled_from(["extra", "", "A b", place[-1] + "s"]))
            )
        elif how == "borrow":
            document = put(document, place, get(document, data.draw(nodes)))
        else:
            document = put(document, place, data.draw(st.sampled_from((*RETYPED, *TRICKY))))

    the_three_agree(kind, document, name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_the_two_of_ours_agree_on_every_node(kind: str) -> None:
    """Each kind of node of the examples, dropped and given a value of every type: the model and ``conform`` agree."""
    seen: set[Place] = set()
    for name, (of_kind, document) in sorted(documents().items()):
        if of_kind != kind:
            continue
        for place in places(document):
            above = (None, *place)
            shape = tuple(
                "*" if above[i] in NAMED or isinstance(step, int) else step for i, step in enumerate(place)
            )
            if shape in seen:
                continue
            seen.add(shape)
            for value in (MISSING, *RETYPED):
                spoilt = put(document, place, value)
                assert models(kind, spoilt) == conforms(kind, spoilt), (name, place, value)


@pytest.mark.parametrize("value", ["text", 7, True, [], ["center"], {}])
@pytest.mark.parametrize("kind", MODELS)
def test_a_document_of_another_type_is_refused(kind: str, value: object) -> None:
    """What is no mapping with the needed keys is refused by all three."""
    assert {"conform": False, "models": False, "jsonschema": False} == verdicts(kind, value)
