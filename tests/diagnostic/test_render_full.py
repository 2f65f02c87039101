"""Drawings for people. Each expected drawing is what a terminal would show."""

from __future__ import annotations

import re
from textwrap import dedent
from unicodedata import category, east_asian_width

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lego_compile.diagnostic.model import Diagnostic, Label, Path
from lego_compile.diagnostic.render import render
from lego_compile.diagnostic.view import Finding, view

CENTER = """\
center: grenoble
catalog: ../catalog/gaia-data.yaml
profiles:
  ocean:
    title: Oceanography
    bricks: [geo, ml]
    offer: [geo]
storage:
  home: {size: 20G}
"""
CATALOG = """\
bricks:
  geo:
    prefix: /opt/bricks/geo
  ml:
    prefix: /opt/bricks/geo/ml
"""
TEXTS = {"centers/grenoble.yaml": CENTER, "catalog/gaia-data.yaml": CATALOG}


def spot(text: str, *, file: str = "centers/grenoble.yaml", nth: int = 1) -> Path:
    """The place of the nth occurrence of a text in a file."""
    at = -1
    for _ in range(nth):
        at = TEXTS[file].index(text, at + 1)
    line = TEXTS[file].count("\n", 0, at) + 1
    column = at - TEXTS[file].rfind("\n", 0, at)
    return ("file", file, line, column, line, column + len(text))


def draw(diagnostic: Diagnostic, *, color: bool = False, width: int | None = None) -> str:
    """The drawing of one diagnostic about the files above."""
    return render("full", [view(diagnostic, {}, TEXTS)], color=color, width=width)


def shown_as(row: str, marks: str) -> str:
    """An excerpt of one line: the row, and what is drawn below it."""
    return f" 1 | {row}\n   | {marks} here\n"


def quoted(text: str, column: int, end: int, *, note: str = "here", width: int | None = 80) -> str:
    """The excerpt and the carets drawn for columns of a text of one line."""
    diagnostic = Diagnostic("LC204", "m", ("file", "f", 1, column, 1, end), note=note)
    drawn = render("full", [view(diagnostic, {}, {"f": text})], width=width)
    return drawn.split("   |\n", 1)[1]


def test_two_places_in_one_line() -> None:
    """Labels of one line are drawn below it, the primary one first; one line of context on both sides."""
    diagnostic = Diagnostic(
        "LC307",
        "brick 'geo' is offered and already fixed",
        spot("geo", nth=2),
        note="offered here",
        related=(Label(spot("geo"), "fixed here"), Label(spot("ml", nth=2), "this one is fine")),
        help="keep it in one of the lists",
    )
    assert draw(diagnostic) == dedent("""\
        error[LC307]: brick 'geo' is offered and already fixed
          --> centers/grenoble.yaml:7:13
           |
         5 |     title: Oceanography
         6 |     bricks: [geo, ml]
           |              --- fixed here
           |                   -- this one is fine
         7 |     offer: [geo]
           |             ^^^ offered here
         8 | storage:
           |
           = help: keep it in one of the lists
        """)


def test_a_gap_and_another_file() -> None:
    """Near places share an excerpt with ``...`` between; another file has a block of its own."""
    catalog = "catalog/gaia-data.yaml"
    diagnostic = Diagnostic(
        "LC402",
        "'ml' lies inside 'geo'",
        spot("ml", nth=2),
        related=(
            Label(spot("center"), "of this centre"),
            Label(spot("/opt/bricks/geo", file=catalog), "outer prefix"),
            Label(spot("/opt/bricks/geo/ml", file=catalog), "inner prefix"),
        ),
        help="build one of them for another prefix:\n\n    prefix: /opt/bricks/ml",
    )
    assert draw(diagnostic) == dedent("""\
        error[LC402]: 'ml' lies inside 'geo'
          --> centers/grenoble.yaml:6:19
           |
         1 | center: grenoble
           | ------ of this centre
         2 | catalog: ../catalog/gaia-data.yaml
        ...
         5 |     title: Oceanography
         6 |     bricks: [geo, ml]
           |                   ^^
         7 |     offer: [geo]
          ::: catalog/gaia-data.yaml:3:13
           |
         2 |   geo:
         3 |     prefix: /opt/bricks/geo
           |             --------------- outer prefix
         4 |   ml:
          ::: catalog/gaia-data.yaml:5:13
           |
         4 |   ml:
         5 |     prefix: /opt/bricks/geo/ml
           |             ------------------ inner prefix
         6 |
           |
           = help: build one of them for another prefix:

                       prefix: /opt/bricks/ml
        """)


def test_places_without_text() -> None:
    """A place without a position, or without a text to quote, is named on its line; its note is not lost."""
    diagnostic = Diagnostic(
        "LC703",
        "no values.yaml",
        ("file", "out/grenoble/z2jh/values.yaml"),
        note="it was there in the last compile",
        related=(Label(("file", "out/grenoble/SHA256SUMS", 3), "listed here"), Label((), "nowhere")),
        help="compile again",
    )
    assert draw(diagnostic) == dedent("""\
        error[LC703]: no values.yaml
          --> out/grenoble/z2jh/values.yaml
          ::: out/grenoble/SHA256SUMS:3: listed here
          ::: nowhere
           = note: it was there in the last compile
           = help: compile again
        """)


def test_a_line_without_a_column() -> None:
    """A place that is a line is quoted without carets, and its note stands below."""
    diagnostic = Diagnostic("LC801", "differs", ("file", "centers/grenoble.yaml", 9), note="was 10G")
    assert draw(diagnostic) == dedent("""\
        error[LC801]: differs
          --> centers/grenoble.yaml:9
           |
         8 | storage:
         9 |   home: {size: 20G}
        10 |
           |
           = note: was 10G
        """)


def test_nothing_but_a_message() -> None:
    """A finding about no file has no arrow."""
    assert draw(Diagnostic("LC900", "impossible state", ())) == "error[LC900]: impossible state\n"


def test_a_span_of_several_lines_marks_the_first() -> None:
    """Carets go to the end of the first line, without the blanks there."""
    diagnostic = Diagnostic("LC402", "m", ("file", "f", 1, 4, 3, 2), note="from here")
    drawn = render("full", [view(diagnostic, {}, {"f": "a: {b   \n c\n}"})])
    assert drawn.split("\n")[3:6] == [" 1 | a: {b", "   |    ^^ from here", " 2 |  c"]


def test_wide_line_numbers_move_the_gutter() -> None:
    """All blocks of a finding have one gutter, as wide as its longest number."""
    texts = {"f": "x\n" * 1000, "g": "y\n"}
    diagnostic = Diagnostic("LC402", "m", ("file", "g", 1, 1), related=(Label(("file", "f", 1000, 1), "r"),))
    assert render("full", [view(diagnostic, {}, texts)]).split("\n") == [
        "error[LC402]: m",
        "    --> g:1:1",
        "     |",
        "   1 | y",
        "     | ^",
        "   2 |",
        "    ::: f:1000:1",
        "     |",
        " 999 | x",
        "1000 | x",
        "     | - r",
        "1001 |",
        "",
    ]


def test_findings_are_separated_and_none_is_nothing() -> None:
    """A blank line stands between two findings; no findings are no text."""
    one = view(Diagnostic("LC900", "one", ()), {})
    assert render("full", [one, one]) == "error[LC900]: one\n\nerror[LC900]: one\n"
    assert render("full", []) == ""


def test_colour_only_adds_escapes() -> None:
    """With colour the same text is drawn; errors are red, warnings yellow, and every escape is reset."""
    diagnostic = Diagnostic(
        "LC402", "m", spot("ml", nth=2), note="n", related=(Label(spot("geo"), "r"),), help="h"
    )
    plain, coloured = draw(diagnostic), draw(diagnostic, color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert "\x1b" not in plain
    assert coloured.startswith("\x1b[1;31merror[LC402]\x1b[0m")
    assert coloured.count("\x1b[0m") * 2 == coloured.count("\x1b[")
    assert draw(Diagnostic("LC503", "m", ()), color=True).startswith("\x1b[1;33mwarning[LC503]\x1b[0m")


@pytest.mark.parametrize(
    ("text", "column", "end", "expected"),
    [
        ("\ta: b", 5, 6, shown_as("    a: b", "       ^")),
        ("海洋: bad", 5, 8, shown_as("海洋: bad", "      ^^^")),
        ("a: 海洋", 4, 6, shown_as("a: 海洋", "   ^^^^")),
        ("e\u0301te\u0301: x", 8, 9, shown_as("e\u0301te\u0301: x", "     ^")),
        ("\U0001f30a: x", 4, 5, shown_as("\U0001f30a: x", "    ^")),
        ("\u1112\u1161\u11ab: x", 6, 7, shown_as("\u1112\u1161\u11ab: x", "    ^")),
        ("\uff41: x", 4, 5, shown_as("\uff41: x", "    ^")),
        ("a\u20dd: x", 5, 6, shown_as("a\u20dd: x", "   ^")),
        ("a: \x1b[2Jb", 8, 9, shown_as("a: ␛[2Jb", "       ^")),
        ("a\u202e: b", 5, 6, shown_as("a<U+202E>: b", "           ^")),
        ("a\u00a0: b", 2, 3, shown_as("a<U+00A0>: b", " ^^^^^^^^")),
        ("a\x00\x7f\x9b: b", 7, 8, shown_as("a␀␡<U+009B>: b", "             ^")),
    ],
    ids=[
        "tab",
        "wide",
        "wide span",
        "combining",
        "astral",
        "hangul",
        "full width",
        "enclosing",
        "escape",
        "bidi",
        "nbsp",
        "controls",
    ],
)
def test_carets_stand_below_what_is_shown(text: str, column: int, end: int, expected: str) -> None:
    """Columns count code points; the drawing counts what a terminal shows for them."""
    assert quoted(text, column, end) == expected


@pytest.mark.parametrize(
    ("column", "end", "carets"), [(4, 4, "   ^"), (5, 9, "    ^"), (99, 120, "    ^"), (1, 99, "^^^^")]
)
def test_a_span_outside_of_the_line_is_kept_in_it(column: int, end: int, carets: str) -> None:
    """An empty span has one caret, and none stands further than one column after the end."""
    assert quoted("a: b", column, end) == f" 1 | a: b\n   | {carets} here\n"


@pytest.mark.parametrize(
    ("text", "column", "end", "width", "expected"),
    [
        ("x" * 10_000, 1, 3, 30, shown_as("xxxxxxxxxxxxxxxxxxxxxxxx…", "^^")),
        (
            "x" * 500 + "BAD" + "y" * 9000,
            501,
            504,
            30,
            shown_as("…xxxxxxxxxxBADyyyyyyyyyy…", "           ^^^"),
        ),
        ("x" * 10_000, 9999, 10_001, 30, shown_as("…xxxxxxxxxxxxxxxxxxxxxxx", "                      ^^")),
        ("x" * 100, 10, 90, 30, shown_as("…xxxxxxxxxxxxxxxxxxxxxxx…", "    ^^^^^^^^^^^^^^^^^^^^^")),
        ("x" * 100, 101, 101, 30, shown_as("…xxxxxxxxxxxxxxxxxxxxxxx", "                        ^")),
        ("海" * 100, 50, 51, 30, shown_as("…海海海海海海海海海海海 …", "           ^^")),
    ],
    ids=["start", "middle", "end", "long span", "after the end", "wide"],
)
def test_long_lines_are_windowed(text: str, column: int, end: int, width: int, expected: str) -> None:
    """Of a line that does not fit, the part around the span is shown, with ``…`` for the rest."""
    assert quoted(text, column, end, width=width) == expected


def test_context_is_cut_at_the_same_column() -> None:
    """Lines around a windowed line are shown from the same column, so that indentation can be compared."""
    texts = {"f": "short\n" + "x" * 50 + "BAD" + "x" * 50 + "\n\n"}
    diagnostic = Diagnostic("LC204", "m", ("file", "f", 2, 51, 2, 54))
    assert render("full", [view(diagnostic, {}, texts)], width=30).split("\n")[3:7] == [
        " 1 | …",
        " 2 | …xxxxxxxxxxBADxxxxxxxxxx…",
        "   |            ^^^",
        " 3 |",
    ]


def test_a_hostile_document_cannot_speak_for_us() -> None:
    """Texts and file names from a document stay in their line and send nothing to a terminal."""
    evil = "x\nerror[LC900]: forged\r\x1b[2J\u202e\udc80"
    diagnostic = Diagnostic(
        "LC402", evil, ("file", evil, 1, 1), note=evil, related=(Label(("file", evil), evil),), help=evil
    )
    drawn = render("full", [view(diagnostic, {}, {evil: evil})])
    shown = "x␊error[LC900]: forged␍␛[2J<U+202E><U+DC80>"
    assert drawn.split("\n") == [
        f"error[LC402]: {shown}",
        f"  --> {shown}:1:1",
        "   |",
        " 1 | x",
        f"   | ^ {shown}",
        " 2 | error[LC900]: forged",
        f"  ::: {shown}: {shown}",
        "   |",
        "   = help: x",
        "           error[LC900]: forged␍␛[2J<U+202E><U+DC80>",
        "",
    ]


def columns(text: str) -> int:
    """Columns that a terminal needs for text without controls (an independent, simpler count)."""
    return sum(
        0 if category(char)[0] == "M" and category(char) != "Mc" else 1 + (east_asian_width(char) in "WF")
        for char in text
    )


@given(
    text=st.text(st.sampled_from("ab: \t海é\u0301\x1b\u202e\U0001f30a"), min_size=1, max_size=120),
    data=st.data(),
    width=st.integers(25, 90),
)
def test_no_excerpt_is_wider_than_the_terminal(text: str, data: st.DataObject, width: int) -> None:
    """Whatever the line holds, the excerpt fits, and carets stand below a part of it."""
    column = data.draw(st.integers(1, len(text)))
    end = data.draw(st.integers(column, len(text) + 1))
    row, marks, *rest = quoted(text, column, end, note="", width=width).split("\n")
    assert rest == [""]
    assert columns(row) <= width
    assert re.fullmatch(r"   \| +\^+|   \| ?\^+", marks)
    assert len(marks) <= max(width, columns(row) + 1)


def test_a_finding_made_by_hand_can_be_drawn() -> None:
    """The renderer needs the view only: no document, no catalogue."""
    made = Finding("f", 1, 1, 1, 2, ((1, "a"),), code="X", severity="warning", title="t", message="m")
    assert render("full", [made]) == "warning[X]: m\n  --> f:1:1\n   |\n 1 | a\n   | ^\n"
