"""Plain data to JSON text, always the same bytes for the same data."""

from __future__ import annotations

import json
from collections.abc import Mapping


def dump(data: object) -> str:
    """Write ``data`` as JSON: two spaces of indent, keys in the order given, text as it is, a final newline.

    Args:
        data: dicts with string keys, lists, tuples, strings, booleans, finite numbers and None.

    Raises:
        TypeError: another type, or a key that is no string (``json`` alone would turn ``1`` into ``"1"``).
        ValueError: a number that is not finite, or text that UTF-8 cannot hold.
    """
    _check_keys(data)
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    text.encode()  # a lone surrogate fails here, not when the file is written
    return text


def _check_keys(data: object) -> None:
    if isinstance(data, Mapping):
        for key, value in data.items():
            if not isinstance(key, str):
                raise TypeError(f"a key must be a string, not {key!r}")
            _check_keys(value)
    elif isinstance(data, list | tuple):
        for item in data:
            _check_keys(item)
