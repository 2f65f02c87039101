"""JSON of strangers: no key twice, however many keys there are."""

from __future__ import annotations

import json

import pytest

from lego_compile.uniquejson import RepeatedKeyError, unique


def test_a_repeated_key_is_named() -> None:
    """The first key that occurs a second time, at whatever depth."""
    with pytest.raises(RepeatedKeyError, match=r"^b$"):
        json.loads('{"a": 1, "c": {"b": 1, "d": 2, "b": 3}}', object_pairs_hook=unique)


def test_an_object_without_repetition_is_a_mapping() -> None:
    """In the order of the text; the same key in two objects is no repetition."""
    assert {"b": {"a": 1}, "a": 2} == json.loads('{"b": {"a": 1}, "a": 2}', object_pairs_hook=unique)


def test_a_repetition_behind_very_many_keys_is_found() -> None:
    """Looking at every pair once: at the square of this length the test would not end."""
    pairs: list[tuple[str, object]] = [(str(number), None) for number in range(200_000)]
    with pytest.raises(RepeatedKeyError, match=r"^199999$"):
        unique([*pairs, ("199999", None)])
