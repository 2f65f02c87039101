"""Which tag is newer: by numbers as people count them, and only among tags of one shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lego_compile.tags import newer_tags, order

NUMBERS = st.lists(st.integers(0, 3000), min_size=1, max_size=4).map(lambda each: ".".join(map(str, each)))
TAGS = st.one_of(
    NUMBERS,
    st.builds("v{}".format, NUMBERS),
    st.builds("{}-r{}".format, NUMBERS, st.integers(0, 30)),
    st.sampled_from(["latest", "sha-8f3c2ab", "2026.10-rc1", "stable", "", "v", "1..2", "\u0663.1"]),
)


def test_numbers_are_counted_and_not_spelled() -> None:
    """2026.10 comes after 2026.4, a revision after its release, and a correction after both."""
    words = ["2026.4", "2026.10", "2026.10-r1", "2026.10-r2", "2026.10-r10", "2026.10.1", "2027.1"]

    assert sorted({*words}, key=lambda word: order(word) or ((), 0)) == words


@pytest.mark.parametrize(
    "tag", ["latest", "sha-8f3c2ab", "2026.10-rc1", "2026-10-01", "", "v", "1.", ".1", "\u0663", "1" * 200]
)
def test_what_is_no_release_has_no_order(tag: str) -> None:
    """Nobody can say whether ``latest`` is newer."""
    assert order(tag) is None
    assert newer_tags("2026.10", [tag]) == ()
    assert newer_tags(tag, ["2026.10"]) == ()


@pytest.mark.parametrize(
    ("listed", "tags", "newer"),
    [
        ("2026.10", ["2026.3", "2026.10", "latest", "2026.11", "2026.12-r1", "2026.12"],
         ("2026.11", "2026.12", "2026.12-r1")),
        ("2026.10", ["2026.10-r1", "v2026.11"], ("2026.10-r1",)),
        ("v1.9", ["1.10", "v1.10", "v1.2"], ("v1.10",)),
        ("2026.01.30", ["2026.1.30", "2026.02.03", "2026.01.30"], ("2026.02.03",)),
        ("4.6.1", ["5", "5.0", "5.0.1", "latest"], ("5.0.1",)),
        ("2026.10.1", ["2027.1", "18334"], ("2027.1",)),
        ("2026.10", ["2026.10.1", "2026.10.0"], ("2026.10.1",)),
        ("7", ["8", "8.1", "6"], ("8", "8.1")),
        ("2026.10", [], ()),
    ],
)  # fmt: skip
def test_newer_tags_are_those_of_the_same_shape(listed: str, tags: list[str], newer: tuple[str, ...]) -> None:
    """Moved tags, build numbers and other schemes are not offered as releases."""
    assert newer_tags(listed, tags) == newer


@given(TAGS, st.lists(TAGS))
def test_newer_tags_are_newer(listed: str, tags: list[str]) -> None:
    """What is returned is among the tags, once, in order, after the one that is known; order changes nothing."""
    found = newer_tags(listed, tags)

    assert set(found) <= set(tags)
    assert len(set(found)) == len(found)
    keys = [order(tag) or ((), -1) for tag in found]
    assert keys == sorted(keys)
    assert all(key > (order(listed) or ((), -1)) for key in keys)
    assert newer_tags(listed, tags[::-1]) == found
