"""``view`` and ``filled`` show a document as its pydantic model would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from lego_compile.spec.load import schema_of
from lego_compile.spec.view import filled, view
from lego_compile.targets import TARGETS
from tests.spec.damage import MISSING, places, put
from tests.spec.test_spec_conform import MODELS, documents

OPTIONS = [
    (name, target, data["targets"][target])
    for name, (kind, data) in sorted(documents().items())
    if kind == "center"
    for target in data["targets"]
]


def attributes(model: BaseModel) -> list[str]:
    """Attributes to compare; a target's options have models of their own."""
    return [name for name in type(model).model_fields if name != "targets"]


def shown(value: Any, like: Any) -> Any:
    """A view as plain data, with the attributes that the model has."""
    if isinstance(like, BaseModel):
        return {name: shown(getattr(value, name), getattr(like, name)) for name in attributes(like)}
    if isinstance(like, Mapping):
        assert isinstance(value, Mapping)
        assert list(like) == list(value)
        return {key: shown(value[key], each) for key, each in like.items()}
    if isinstance(like, tuple):
        assert isinstance(value, tuple)
        assert len(like) == len(value)
        return tuple(shown(a, b) for a, b in zip(value, like, strict=True))
    return value


def plain(model: Any) -> Any:
    """A model as plain data, tuples as tuples."""
    if isinstance(model, BaseModel):
        return {name: plain(getattr(model, name)) for name in attributes(model)}
    if isinstance(model, Mapping):
        return {key: plain(each) for key, each in model.items()}
    return tuple(plain(each) for each in model) if isinstance(model, tuple) else model


def compared(kind: str, data: Any) -> tuple[Any, Any]:
    """What the model and the view say of a document."""
    model = MODELS[kind].model_validate_json(json.dumps(data))
    return plain(model), shown(view(data, schema_of(kind)), model)


@pytest.mark.parametrize("name", sorted(documents()))
def test_a_view_is_the_model(name: str) -> None:
    """Attribute by attribute, an example document reads the same."""
    model, seen = compared(*documents()[name])

    assert model == seen


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_defaults_are_those_of_the_model(kind: str) -> None:
    """Wherever a node may be left out or be null, the view shows the model's default."""
    accepted = 0
    for _, (of_kind, data) in sorted(documents().items()):
        for place in places(data) if of_kind == kind else ():
            for value in (MISSING, None):
                try:
                    model, seen = compared(kind, put(data, place, value))
                except ValidationError:
                    continue
                accepted += 1
                assert model == seen, place
    assert accepted > 50


@pytest.mark.parametrize(("name", "target", "block"), OPTIONS)
def test_options_are_filled_as_by_the_model(name: str, target: str, block: dict[str, Any]) -> None:
    """A target's options are plain data with every default of the model, whatever is left out or null."""
    model = import_module(f"lego_compile.targets.{target}.options").Options
    schema = schema_of("center")
    for place in [(), *places(block)]:
        for value in (MISSING, None) if place else (block,):
            spoilt = put(block, place, value)
            try:
                expected = model.model_validate_json(json.dumps(spoilt)).model_dump(
                    mode="json", by_alias=True
                )
            except ValidationError:
                continue
            found = filled(spoilt, schema["$defs"][target], schema)
            assert expected == found, place
            assert json.dumps(expected) == json.dumps(found), place


def test_every_target_has_an_example() -> None:
    """The examples enable each target, so that the comparison above means something."""
    assert set(TARGETS) == {target for _, target, _ in OPTIONS}


def test_an_unknown_attribute_is_a_mistake_of_ours() -> None:
    """A misspelt attribute raises, and does not read as a default."""
    _, data = documents()["grenoble.yaml"]

    with pytest.raises(AttributeError, match="sytem"):
        view(data, schema_of("center")).sytem  # noqa: B018 - the attribute is what is tested
