"""``docs/same-composition.md``, which somebody wrote with real engines, says what the comparison of today would."""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e.sameness import DIFFERENCES, PLATFORMS, TITLES, explained

_PAGE = Path(__file__).parent.parent / "docs" / "same-composition.md"


def test_the_differences_are_those_of_the_comparison() -> None:
    """Who excuses one more has to let the Labs run again, and write the page."""
    assert _PAGE.read_text().partition("## What differs, and must\n\n")[2] == explained()


def test_columns_are_equal() -> None:
    """What the three Labs said is the same, and there is something of each brick."""
    text = _PAGE.read_text().partition("## What differs")[0]
    lines = [
        line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| started by")
    ]
    (head, *rows) = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert head == ["", *(TITLES[each] for each in PLATFORMS)]
    assert len(rows) >= 15
    assert [row[0] for row in rows if len(row) != 4 or len(set(row[1:])) > 1] == []
    assert {name for row in rows for name in re.findall(r"\*\*(\w+)\*\*", row[0])} == {
        "ocean",
        "hydro",
        "pangeo",
    }


def test_each_difference_has_a_reason() -> None:
    """Names compile, platforms exist, and nothing is excused without a word."""
    for each in DIFFERENCES:
        assert re.compile(each.names)
        assert set(each.where) <= set(PLATFORMS)
        assert len(each.why.split()) > 3
