"""How Helm lays values files over each other, and over the chart's own.

One file after the other is merged: maps key by key, and everything else replaces, a null too
(helm/helm:pkg/cli/values/options.go@v3.16.0, ``MergeValues`` and ``mergeMaps``). The result is laid over the chart's
own values, and there a null takes the chart's value away (pkg/chartutil/coalesce.go, ``coalesceTablesFullKey``); where
the chart has none, it stays a null since Helm 4.1 (helm/helm#31644). ``lift`` reads a null so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lego_compile.ir.model import Path

NOTHING: Any = object()
"""What is at a place that a tree does not have; null is something."""


def merged(base: Any, over: Any) -> Any:
    """``mergeMaps`` of Helm: maps are merged key by key, everything else of the second replaces."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    result = dict(base)
    for key, value in over.items():
        result[key] = merged(base[key], value) if key in base else value
    return result


def only(values: Any, part: Path) -> Any:
    """The branch of a tree that leads to a place; an empty map when there is none."""
    if not part:
        return values
    if not isinstance(values, dict) or at(values, part) is NOTHING:
        return {}
    return {part[0]: only(values[part[0]], part[1:])}


def at(data: Any, path: Path) -> Any:
    """What a tree has at a place; ``NOTHING`` when it does not have it."""
    for step in path:
        inside = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if not (inside or (isinstance(data, dict) and step in data)):
            return NOTHING
        data = data[step]
    return data


def leaves(data: Any, path: Path = ()) -> Iterator[Path]:
    """The places of everything that is no map with keys; lists count as one."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, (*path, key))
    else:
        yield path
