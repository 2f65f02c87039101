"""Leaves of ``composition.json`` as the hub's configuration reads them: of exactly one type."""

from __future__ import annotations

from typing import TypeVar

from lego_compile.targets.reading import Reading

T = TypeVar("T")


def leaf(reading: Reading, kind: type[T], empty: T, *path: str | int) -> T:
    """A value of exactly one type (true is no number); a complaint and the empty value otherwise."""
    value = reading.take(*path)
    if type(value) is kind:
        return value
    if reading.has(*path):
        reading.complain(f"{value!r} is no {kind.__name__}, which the hub expects here", *path)
    return empty


def optional(reading: Reading, kind: type[T], empty: T, *path: str | int) -> T | None:
    """The same, or null."""
    return None if null(reading, *path) else leaf(reading, kind, empty, *path)


def null(reading: Reading, *path: str | int) -> bool:
    """Whether the node is there and null, and then it is taken."""
    if reading.has(*path) and reading.peek(*path) is None:
        reading.take(*path)
        return True
    return False


def unless_absent(reading: Reading, *path: str | int) -> str:
    """A text, or nothing where the hub does without."""
    return reading.text(*path) if reading.has(*path) else ""


def texts(reading: Reading, *path: str | int) -> list[str]:
    """A list of texts."""
    return [reading.text(*path, index) for index in reading.indices(*path)]
