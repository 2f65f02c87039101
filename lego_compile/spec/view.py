"""A checked document, read through its schema: attributes as on the pydantic models, defaults filled in.

``view(data, schema)`` behaves as ``CenterSpec.model_validate(data)`` would to a reader, and mypy sees that model,
but nothing of pydantic is imported (see ``conform.py`` for the reason; ``tests/spec`` compares the two).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


class View:
    """A block: an object whose attributes are the keys of a mapping, with the defaults of its schema."""

    def __init__(self, data: Mapping[str, Any], schema: Schema, root: Schema) -> None:
        self._data, self._schema, self._root = data, schema, root

    def __getattr__(self, name: str) -> Any:
        """Called once for each key: the result is kept as an ordinary attribute."""
        try:
            schema = self._schema["properties"][name]
        except KeyError:
            raise AttributeError(name) from None
        data = self._data.get(name)
        value = _default(schema, self._root) if data is None else _wrap(data, schema, self._root)
        self.__dict__[name] = value
        return value


def view(data: Mapping[str, Any], schema: Schema) -> Any:
    """A document that ``conform`` found nothing wrong with, as its model would show it."""
    return View(data, schema, schema)


def filled(data: Any, schema: Schema, root: Schema) -> Any:
    """A value as plain data with every default of its schema filled in; keys in the order of the schema."""
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        schema = _alternative(data, schema, root)
    if isinstance(data, Mapping) and "properties" in schema:
        known = schema["properties"]
        return {
            key: filled(data[key], below, root) if data.get(key) is not None else _plain_default(below, root)
            for key, below in known.items()
        }
    if isinstance(data, Mapping):
        rest = schema.get("additionalProperties")
        return {
            key: filled(each, rest, root) if isinstance(rest, Mapping) else each for key, each in data.items()
        }
    if isinstance(data, list):
        items = schema.get("items")
        return [filled(each, items, root) if items else each for each in data]
    return _number(data, schema)


def _plain_default(schema: Schema, root: Schema) -> Any:
    if "default" in schema:
        return schema["default"]
    resolved = _resolved(schema, root)
    if resolved.get("type") == "object":
        return filled({}, resolved, root)
    return [] if resolved.get("type") == "array" else None


def _wrap(value: Any, schema: Schema, root: Schema) -> Any:
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        schema = _alternative(value, schema, root)
    if isinstance(value, Mapping):
        if "properties" in schema:
            return View(value, schema, root)
        rest = schema.get("additionalProperties")
        return {
            key: _wrap(each, rest, root) if isinstance(rest, Mapping) else each for key, each in value.items()
        }
    if isinstance(value, list):
        return tuple(_wrap(each, schema.get("items", {}), root) for each in value)
    return _number(value, schema)


def _number(value: Any, schema: Schema) -> Any:
    """A whole number is one of the others where they are asked for, as for the model."""
    return float(value) if schema.get("type") == "number" and type(value) is int else value


def _default(schema: Schema, root: Schema) -> Any:
    return _wrap(_plain_default(schema, root), schema, root)


def _alternative(value: Any, schema: Schema, root: Schema) -> Schema:
    kind = "object" if isinstance(value, Mapping) else "array" if isinstance(value, list) else None
    branches = [_resolved(each, root) for each in schema["anyOf"]]
    if kind is None:
        return next(
            (each for each in branches if each.get("type") not in ("object", "array", "null")), branches[0]
        )
    return next((each for each in branches if each.get("type") == kind), branches[0])


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].split("/")[1:]:
            target = target[step]
        schema = target
    return schema
