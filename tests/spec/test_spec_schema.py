"""The JSON Schemas are current, and say nothing that ``conform`` does not understand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lego_compile.schema import NAMES, schemas

FOLDER = Path(__file__).parents[2] / "schemas"
JUDGED = {
    "$ref", "type", "anyOf", "const", "enum", "pattern", "maxLength", "minLength", "minimum", "maximum", "items",
    "minItems", "properties", "additionalProperties", "propertyNames", "required", "minProperties",
}  # fmt: skip
"""Keywords that ``spec/conform.py`` and ``spec/load.py`` obey."""
SAID = {"$schema", "$id", "$defs", "$comment", "x-code", "title", "description", "examples", "default"}
"""Keywords that decide nothing."""
AT_THE_TOP = {"if", "else"}
"""Keywords that ``spec/load.py`` obeys: a centre that extends nothing needs more keys."""


def loaded(name: str) -> dict[str, Any]:
    """A schema from the folder."""
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    return schema


def subschemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and every schema inside it."""
    yield schema
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            for each in value.values():
                yield from subschemas(each)
        elif key in ("items", "additionalProperties", "propertyNames") and isinstance(value, dict):
            yield from subschemas(value)
        elif key == "anyOf":
            for each in value:
                yield from subschemas(each)


def test_schemas_are_current() -> None:
    """The files are what ``lego-compile schema`` writes, all of them, and nothing else is there."""
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}

    assert schemas() == written


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_a_json_schema(name: str) -> None:
    """Editors and checkers take each of them as draft 2020-12."""
    Draft202012Validator.check_schema(loaded(name))


@pytest.mark.parametrize("name", NAMES)
def test_only_known_keywords_occur(name: str) -> None:
    """A keyword that ``conform`` would ignore is in no schema."""
    used = {key for schema in subschemas(loaded(name)) for key in schema}

    assert set() == used - JUDGED - SAID - (AT_THE_TOP if name in ("center", "shared") else set())


@pytest.mark.parametrize("name", NAMES)
def test_alternatives_have_types(name: str) -> None:
    """Each alternative says its type, since that is what ``conform`` and ``view`` choose by."""
    schema = loaded(name)
    alternatives = [each for below in subschemas(schema) for each in below.get("anyOf", ())]
    resolved = [
        schema["$defs"][each["$ref"].split("/")[-1]] if "$ref" in each else each for each in alternatives
    ]

    assert [] == [each for each in resolved if not isinstance(each.get("type"), str)]


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_described(name: str) -> None:
    """An editor shows a sentence for every key, and a missing key is explained with it."""
    whole = loaded(name)
    missing = [
        key
        for schema in subschemas(whole)
        for key, below in schema.get("properties", {}).items()
        # pydantic leaves out a description that is the one of the block itself
        if not {**whole["$defs"].get(below.get("$ref", "").split("/")[-1], {}), **below}.get("description")
    ]

    assert [] == missing


@pytest.mark.parametrize("name", NAMES)
def test_patterns_are_portable(name: str) -> None:
    """No pattern uses what ECMA 262, Python and Rust read differently: ``\\d``, ``\\w``, ``\\s``, look-around."""
    patterns = {schema["pattern"] for schema in subschemas(loaded(name)) if "pattern" in schema}

    assert [] == [
        each for each in patterns if any(sign in each for sign in ("\\d", "\\w", "\\s", "(?", "\\b"))
    ]
    assert [] == [each for each in patterns if not (each.startswith("^") and each.endswith("$"))]


def test_defaults_conform() -> None:
    """What a schema says is the default is accepted by it."""
    for name in NAMES:
        whole = loaded(name)
        for schema in subschemas(whole):
            for key, below in schema.get("properties", {}).items():
                if "default" in below:
                    judge = Draft202012Validator({**below, "$defs": whole.get("$defs", {})})
                    assert judge.is_valid(below["default"]), key
