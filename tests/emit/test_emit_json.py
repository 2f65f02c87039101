"""``emit.json``: plain JSON, the same bytes every time."""

from __future__ import annotations

import pytest

from lego_compile.emit import json


def test_form() -> None:
    """Two spaces of indent, the order given, text as it is, one newline at the end."""
    data = {"b": [1, 0.5, True, None], "a": {"é": '😀 "q"\n'}, "e": {}, "l": [], "t": ("x",)}
    expected = """\
{
  "b": [
    1,
    0.5,
    true,
    null
  ],
  "a": {
    "é": "😀 \\"q\\"\\n"
  },
  "e": {},
  "l": [],
  "t": [
    "x"
  ]
}
"""
    assert expected == json.dump(data)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_are_finite(number: float) -> None:
    """JSON has no infinity and no NaN."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        json.dump({"a": [number]})


@pytest.mark.parametrize("data", [{1: "a"}, [{"a": {True: 1}}], ({None: 1},)])
def test_keys_are_strings(data: object) -> None:
    """A key that is no string is refused rather than turned into one."""
    with pytest.raises(TypeError, match="a key must be a string"):
        json.dump(data)


def test_text_is_utf_8() -> None:
    """Half of a surrogate pair is refused when the text is made, not when it is written."""
    with pytest.raises(UnicodeEncodeError):
        json.dump(["\ud800"])
