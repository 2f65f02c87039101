"""Where values were written: lines, columns, text."""

from __future__ import annotations

import pytest

from lego_compile.source.document import Path, Span, Tree, parse

TEXT = """\
# é😀 a comment before everything
title: é😀 café   # the name
"key 😀": [one, {two: 2, three: [3, 'é']}]
profiles:
  ocean:
    bricks:
      - wrf
      -   xr

    note: |
      first

      second

    # a comment that belongs to nothing
  land: {bricks: []}
empty:
list:
-
- a: 1
  b: >-
    folded
    text
last: a plain text
  on two lines
"""


def read(text: str, name: str = "center.yaml") -> Tree:
    """A text without mistakes, read."""
    tree, problems = parse(name, text)
    assert problems == []
    assert tree is not None
    return tree


def sliced(text: str, span: Span) -> str:
    """What an editor would select."""
    lines = text.replace("\r\n", "\n").split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


VALUES: list[tuple[Path, str]] = [
    (("title",), "é😀 café"),
    (("key 😀",), "[one, {two: 2, three: [3, 'é']}]"),
    (("key 😀", 0), "one"),
    (("key 😀", 1), "{two: 2, three: [3, 'é']}"),
    (("key 😀", 1, "two"), "2"),
    (("key 😀", 1, "three", 1), "'é'"),
    (("profiles", "ocean", "bricks"), "- wrf\n      -   xr"),
    (("profiles", "ocean", "bricks", 1), "xr"),
    (("profiles", "ocean", "note"), "|\n      first\n\n      second"),
    (("profiles", "land"), "{bricks: []}"),
    (("profiles", "land", "bricks"), "[]"),
    (("empty",), ""),
    (("list", 0), ""),
    (("list", 1), "a: 1\n  b: >-\n    folded\n    text"),
    (("list", 1, "b"), ">-\n    folded\n    text"),
    (("last",), "a plain text\n  on two lines"),
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("path", "expected"), [pytest.param(p, e, id="/".join(map(str, p))) for p, e in VALUES]
)
def test_a_value_is_where_it_was_written(path: Path, expected: str, newline: str) -> None:
    """A value's span selects exactly its text, in code points, without comments, with either line end."""
    text = TEXT.replace("\n", newline)
    span = read(text).span(path)
    assert expected == sliced(text, span)


def test_spans_count_from_one_in_code_points() -> None:
    """The first character is 1:1, and characters of several bytes count as one; an accent of its own counts too."""
    tree = read("é😀: e\u0303\n😀😀😀: {é: x}\n")
    assert Span("center.yaml", 1, 1, 1, 3) == tree.span(("é😀",), key=True)
    assert Span("center.yaml", 1, 5, 1, 7) == tree.span(("é😀",))
    assert Span("center.yaml", 2, 10, 2, 11) == tree.span(("😀😀😀", "é"))


def test_the_span_of_a_key_is_the_key() -> None:
    """`key=True` selects the mapping key as it was typed, quotes and all."""
    tree = read(TEXT)
    assert sliced(TEXT, tree.span(("key 😀",), key=True)) == '"key 😀"'
    assert sliced(TEXT, tree.span(("key 😀", 1, "three"), key=True)) == "three"
    assert sliced(TEXT, tree.span(("profiles", "ocean"), key=True)) == "ocean"
    assert sliced(TEXT, tree.span(("list", 1, "b"), key=True)) == "b"


def test_a_list_item_has_no_key() -> None:
    """Asked for the key of a list item, the span is that of the item."""
    tree = read(TEXT)
    assert tree.span(("key 😀", 0)) == tree.span(("key 😀", 0), key=True)
    assert tree.span(()) == tree.span((), key=True)


@pytest.mark.parametrize(
    ("path", "parent"),
    [
        (("nope",), ()),
        (("profiles", "ocean", "nope"), ("profiles", "ocean")),
        (("profiles", "ocean", "nope", 3, "deeper"), ("profiles", "ocean")),
        (("profiles", "ocean", 0), ("profiles", "ocean")),
        (("profiles", "ocean", "bricks", 7), ("profiles", "ocean", "bricks")),
        (("profiles", "ocean", "bricks", -1), ("profiles", "ocean", "bricks")),
        (("profiles", "ocean", "bricks", "wrf"), ("profiles", "ocean", "bricks")),
        (("profiles", "ocean", "bricks", 0, "x"), ("profiles", "ocean", "bricks", 0)),
    ],
)
def test_what_is_not_there_is_shown_at_its_nearest_parent(path: Path, parent: Path) -> None:
    """A path that does not exist has the span of the longest part of it that does."""
    tree = read(TEXT)
    assert tree.span(parent) == tree.span(path)
    assert tree.span(parent, key=True) == tree.span(path, key=True)
    assert tree.raw(path) is None
    assert tree.quoted(path) is False


def test_the_whole_document_begins_at_its_first_value() -> None:
    """The span of `()` runs from the first key to the end of the last value."""
    span = read(TEXT).span(())
    assert (span.line, span.column) == (2, 1)
    assert TEXT.split("\n")[span.end_line - 1][: span.end_column - 1] == "  on two lines"


def test_raw_is_what_was_typed() -> None:
    """`raw` gives the digits and the quotes that reading loses."""
    tree = read("a: 1.10\nb: 'it''s'\nc: \"\\u00e9\"\nd: 0x1F\ne: ~\nf:\ng: {h: 1}\nk: yes, indeed\n")
    expected = ["1.10", "'it''s'", '"\\u00e9"', "0x1F", "~", "", None, "yes, indeed"]
    assert expected == [tree.raw((key,)) for key in "abcdefgk"]


def test_quoted_tells_how_a_scalar_was_written() -> None:
    """Quotes of both kinds and both block styles count as quoted; plain scalars and collections do not."""
    tree = read("a: 'x'\nb: \"x\"\nc: |\n  x\nd: >-\n  x\ne: x\nf: [x]\ng: {h: x}\n")
    assert [tree.quoted((key,)) for key in "abcdefg"] == [True, True, True, True, False, False, False]


def test_a_byte_order_mark_takes_no_column() -> None:
    """A byte order mark is no part of the text."""
    tree = read("\ufeffa: 1\n")
    assert Span("center.yaml", 1, 1, 1, 2) == tree.span(("a",), key=True)
    assert tree.lines("center.yaml") == ["a: 1", ""]


def test_the_old_line_breaks_of_yaml_end_no_line() -> None:
    """U+0085, U+2028 and U+2029 are characters, as in every editor, and stay in the text."""
    tree = read('{"a": "\u2028\u2029",\n"b": "x\u0085y",\n"c": 1}\n', "x.json")
    assert tree.data == {"a": "\u2028\u2029", "b": "x\u0085y", "c": 1}
    assert Span("x.json", 3, 6, 3, 7) == tree.span(("c",))
    assert Span("x.json", 2, 6, 2, 11) == tree.span(("b",))


def test_lines_and_files_are_for_excerpts() -> None:
    """The lines of a file come without their ends, and only files that take part have any."""
    tree = read("a: 1\r\nb: 2\n", "x.yaml")
    assert tree.files == ("x.yaml",)
    assert tree.lines("x.yaml") == ["a: 1", "b: 2", ""]
    with pytest.raises(KeyError):
        tree.lines("other.yaml")


def test_positions_in_json() -> None:
    """JSON is read with the same call: its values and keys have places too."""
    text = '{\n\t"mounts": [{"path": "/opt/é😀", "ro": true}],\n\t"n": 1e-07, "t": "\\ud83d\\ude00"\n}\n'
    tree = read(text, "composition.json")
    assert tree.data == {"mounts": [{"path": "/opt/é😀", "ro": True}], "n": 1e-07, "t": "😀"}
    assert sliced(text, tree.span(("mounts", 0, "path"))) == '"/opt/é😀"'
    assert sliced(text, tree.span(("mounts", 0, "ro"), key=True)) == '"ro"'
    assert sliced(text, tree.span(("t",))) == '"\\ud83d\\ude00"'
