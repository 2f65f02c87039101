"""Values of the data files, each a complaint when it is of another kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lego_compile.targets.reading import Complaint, Reading

_DEEPEST = 20


def read_json(files: Mapping[str, bytes], name: str, complaints: list[Complaint]) -> dict[str, Any] | None:
    """A data file as Python's ``json`` reads it; None with a complaint when it cannot, or would hide something."""
    if name not in files:
        complaints.append(Complaint("LC703", f"{name!r} is missing", (name,)))
        return None

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            complaints.append(
                Complaint("LC702", f"`{key}` is there twice, and the first one is not read", (name,))
            )
        return dict(pairs)

    try:
        data = json.loads(files[name].decode("utf-8"), object_pairs_hook=mapping)
        json.dumps(data, ensure_ascii=False).encode()  # half of a surrogate pair fails here
    except (ValueError, RecursionError) as error:
        complaints.append(Complaint("LC705", f"{name!r} is not JSON: {error}", (name,)))
        return None
    if not isinstance(data, dict) or _deeper(data):
        complaints.append(Complaint("LC705", f"{name!r} is not what lego-compile writes", (name,)))
        return None
    return data


def _deeper(data: Any) -> bool:
    """Whether the data is nested beyond anything that a data file needs."""
    level = [data]
    for _ in range(_DEEPEST):
        below = [
            node.values() if isinstance(node, dict) else node
            for node in level
            if isinstance(node, dict | list)
        ]
        level = [each for nodes in below for each in nodes]
    return any(isinstance(node, dict | list) for node in level)


def maybe_text(reading: Reading, *path: str | int) -> str | None:
    """A text, or None where there is none."""
    return reading.text(*path) if reading.has(*path) else None


def texts(reading: Reading, *path: str | int) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(reading.text(*path, index) for index in reading.indices(*path))


def one_of(reading: Reading, known: tuple[str, ...], *path: str | int) -> str:
    """A text that is one of those that are known."""
    value = reading.text(*path)
    if value and value not in known:
        reading.complain(f"{value!r} is none of {', '.join(known)}", *path)
    return value


def truth(reading: Reading, *path: str | int) -> bool:
    """True or false."""
    value = reading.take(*path)
    if not isinstance(value, bool) and reading.has(*path):
        reading.complain(f"{value!r} is neither true nor false", *path)
    return value is True


def number(reading: Reading, *path: str | int) -> int:
    """A whole number above zero."""
    value = reading.take(*path)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if reading.has(*path):
        reading.complain(f"{value!r} is not a whole number above zero", *path)
    return 0


def maybe_number(reading: Reading, *path: str | int) -> int | None:
    """A whole number above zero, or None for null."""
    if reading.has(*path) and reading.peek(*path) is None:
        reading.take(*path)
        return None
    return number(reading, *path)
