"""Leaves of the values that may be missing, as the chart reads them."""

from __future__ import annotations

from typing import Any

from lego_compile.targets.reading import Reading

Step = str | int


def text(values: Reading, *path: Step) -> str | None:
    """A text that may be missing."""
    return values.text(*path) if values.has(*path) else None


def texts(values: Reading, *path: Step) -> list[str]:
    """A list of texts."""
    return [values.text(*path, index) for index in values.indices(*path)]


def some_texts(values: Reading, *path: Step) -> list[str]:
    """A list of texts that may be missing."""
    return texts(values, *path) if values.has(*path) else []


def words(values: Reading, *path: Step) -> dict[str, str]:
    """A mapping of texts that may be missing."""
    return {key: values.text(*path, key) for key in values.keys(*path)} if values.has(*path) else {}


def table(values: Reading, *path: Step) -> dict[str, list[str]]:
    """A mapping of lists of texts that may be missing."""
    return {key: texts(values, *path, key) for key in values.keys(*path)} if values.has(*path) else {}


def flag(values: Reading, *path: Step) -> bool:
    """True or false."""
    value = values.take(*path)
    if not isinstance(value, bool) and values.has(*path):
        values.complain(f"this is {value!r}, which is neither true nor false", *path)
    return value is True


def number(values: Reading, *path: Step) -> int:
    """A whole number."""
    value = values.take(*path)
    if type(value) is not int:
        if values.has(*path):
            values.complain(f"this is {value!r}, which is no whole number", *path)
        return 0
    return value


def cores(values: Reading, *path: Step) -> int | float | None:
    """A number of processor cores that may be missing."""
    value = values.maybe(*path)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        values.complain(f"`{path[-1]}` is {value!r}, which is no number", *path)
        return None
    return value


def size(values: Reading, *path: Step, default: Any = None) -> str | None:
    """Memory as JupyterHub reads it (``8G``); None for none, which is 0."""
    value = values.maybe(*path, default=default)
    if not (isinstance(value, str) or value in (None, 0)) or value is False:
        values.complain(f"`{path[-1]}` is {value!r}, which is no size", *path)
    return value if isinstance(value, str) else None


def whole_size(values: Reading, *path: Step) -> str | None:
    """A size of ours out of a Kubernetes quantity in powers of 1024 (``20Gi`` is ``20G``); it may be missing."""
    value = text(values, *path)
    if value is None:
        return None
    if not value.endswith("i"):
        values.complain(f"{value!r} is no size in powers of 1024", *path)
    return value.removesuffix("i")


def toleration(values: Reading, *path: Step) -> dict[str, Any]:
    """One toleration (kubernetes/api:core/v1/types.go, ``Toleration``)."""
    value = text(values, *path, "value")
    values.expect("Exists" if value is None else "Equal", *path, "operator")
    return {"key": values.text(*path, "key"), "value": value, "effect": text(values, *path, "effect")}


def tolerations(values: Reading, *path: Step) -> list[dict[str, Any]]:
    """A list of them that may be missing."""
    return [toleration(values, *path, index) for index in values.indices(*path)] if values.has(*path) else []
