"""YAML that lift believes is YAML that every reader understands alike."""

from __future__ import annotations

import pytest

from lego_compile.targets.goyaml import Unreadable, load


def test_plain_values() -> None:
    """Text, numbers, truth and nothing are what they look like, and quotes make text."""
    text = b"a: x y\nb: 12\nc: true\nd: null\ne: \"12\"\nf: [/x, {g: 'no'}]\nh: {}\ni: 1.5\nj: ~\nk:\n"
    expected = {"a": "x y", "b": 12, "c": True, "d": None, "e": "12", "f": ["/x", {"g": "no"}], "h": {}}
    expected |= {"i": 1.5, "j": None, "k": None}
    assert expected == load(text)


@pytest.mark.parametrize(
    "text",
    [
        b"\xff", b"a: b: c", b"a: 1\na: 2", b"1: x", b"<<: {a: b}", b"{[a]: b}",
        b"a: &x [b]\nc: *x", b"a: !!str x", b"a: !x {b: c}", b"a: no", b"a: On", b"a: 010", b"a: 1_0",
        b"a: 0x1f", b"a: 1:30", b"a: 2026-10-01", b"a: .inf", b"a: -x", b"a: 1e3",
        b"--- {a: b}\n--- {a: c}", b"a: " + b"[" * 80 + b"]" * 80, b"a: " + b"[" * 100_000,
    ],
)  # fmt: skip
def test_doubtful_text(text: bytes) -> None:
    """What is no YAML, has aliases, tags or keys twice, or means something else to another reader is refused."""
    with pytest.raises(Unreadable):
        load(text)
