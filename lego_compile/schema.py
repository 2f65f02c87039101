"""JSON Schemas from the pydantic models and every target's options; written to ``schemas/`` and checked for drift.

The only module that imports pydantic: a compile reads the files that this one writes.
"""

from __future__ import annotations

import json
from typing import Any

BASE = "https://gaia-data.example.org/lego-compile/schemas"
NAMES = ("center", "shared", "catalog", "lock")


def schemas() -> dict[str, str]:
    """File name → text of every schema, deterministic."""
    from lego_compile.spec.catalog import CatalogSpec
    from lego_compile.spec.center import CenterSpec
    from lego_compile.spec.lock import LockSpec

    center = _with_targets(_tidy(CenterSpec.model_json_schema()))
    documents = {
        "center": _required_unless_extended(center),
        "shared": _shared(center),
        "catalog": _tidy(CatalogSpec.model_json_schema()),
        "lock": _tidy(LockSpec.model_json_schema()),
    }
    return {
        f"{name}.schema.json": json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": f"{BASE}/{name}.schema.json",
                **documents[name],
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
        for name in NAMES
    }


def _with_targets(center: dict[str, Any]) -> dict[str, Any]:
    """The centre's schema with the options of each target in the place of ``targets``."""
    from importlib import import_module

    from lego_compile.targets import TARGETS

    properties = {}
    for name in TARGETS:
        options = _tidy(import_module(f"lego_compile.targets.{name}.options").Options.model_json_schema())
        for key, definition in options.pop("$defs", {}).items():
            center["$defs"][f"{name}.{key}"] = _renamed(definition, name)
        center["$defs"][name] = _renamed(options, name)
        properties[name] = {"$ref": f"#/$defs/{name}", "description": options["description"]}
    center["properties"]["targets"] = {
        "type": "object",
        "description": center["properties"]["targets"]["description"],
        "properties": properties,
        "additionalProperties": False,
    }
    return center


def _renamed(node: Any, target: str) -> Any:
    """References into a target's own definitions, after those have moved into the centre's."""
    if isinstance(node, dict):
        return {
            key: value.replace("#/$defs/", f"#/$defs/{target}.") if key == "$ref" else _renamed(value, target)
            for key, value in node.items()
        }
    return [_renamed(each, target) for each in node] if isinstance(node, list) else node


def _required_unless_extended(center: dict[str, Any]) -> dict[str, Any]:
    """A centre that extends a shared file may inherit what it does not say; ``lego`` and ``center`` are its own."""
    required = center["required"]
    own = ["lego", "center"]
    rest = [name for name in required if name not in own]
    return {**center, "required": own, "if": {"required": ["extends"]}, "else": {"required": rest}}


def _shared(center: dict[str, Any]) -> dict[str, Any]:
    """What centres share: any key of a centre but its name, none required but the format version."""
    properties = {key: value for key, value in center["properties"].items() if key != "center"}
    return {
        **center,
        "title": "SharedSpec",
        "description": "Keys that several centres share, for `extends:`.",
        "properties": properties,
        "required": ["lego"],
    }


def _tidy(node: Any, *, named: bool = False) -> Any:
    """Pydantic's schema in the few keywords that ``spec/conform.py`` understands.

    ``patternProperties`` of a ``dict[Pattern, …]`` become ``additionalProperties`` with ``propertyNames``, so that a
    key outside the pattern is refused; titles that only repeat the key are dropped.
    """
    if isinstance(node, list):
        return [_tidy(each) for each in node]
    if not isinstance(node, dict):
        return node
    if named:
        return {key: _tidy(value) for key, value in node.items()}
    tidy = {
        key: _tidy(value, named=key in ("properties", "$defs"))
        for key, value in node.items()
        if not (key == "title" and "properties" not in node) and key != "examples"
    }
    if "examples" in node:
        tidy["examples"] = node["examples"]
    patterns = tidy.pop("patternProperties", None)
    if patterns:
        ((pattern, value),) = patterns.items()
        names = {"pattern": pattern, **tidy.get("propertyNames", {})}
        tidy = {**tidy, "propertyNames": names, "additionalProperties": value}
    return tidy
