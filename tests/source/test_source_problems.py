"""Mistakes in a text: what is said, where, and what to type; and that reading goes on."""

from __future__ import annotations

import time

import pytest
import yaml

from lego_compile.source.document import Problem, Tree, parse


@pytest.fixture(params=["C", "Python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test here runs over libyaml, and over the parser in Python that stands in where libyaml is absent."""
    assert yaml.__with_libyaml__
    if request.param == "Python":
        monkeypatch.delattr(yaml, "CBaseLoader")
    return str(request.param)


def place(problem: Problem) -> str:
    """`line:column`, and `-column` when the span is wider than one character."""
    assert problem.span is not None
    span = problem.span
    assert span.line == span.end_line
    wide = f"-{span.end_column}" if span.end_column != span.column + 1 else ""
    return f"{span.line}:{span.column}{wide}"


def read(text: str, name: str = "f.yaml") -> tuple[Tree | None, list[Problem]]:
    """Read a text."""
    return parse(name, text)


def only(text: str, name: str = "f.yaml") -> Problem:
    """The one mistake of a text."""
    (problem,) = read(text, name)[1]
    return problem


SYNTAX = {
    "a:\n\t- b\n": ("2:1", "a tab in the indentation", "indent with spaces"),
    "a:\n  b: 1\n\tc: 2\n": ("3:1", "a tab in the indentation", "indent with spaces"),
    "a:\n  - b\n \t- c: d\n": ("3:2", "a tab in the indentation", "indent with spaces"),
    "a: 'é\nb: 2\n": ("1:4", "`'` is not closed", "end the text with `'`"),
    'a: "x\n': ("1:4", '`"` is not closed', 'end the text with `"`'),
    "é😀: [1,\n  2\n": ("1:5", "`[` is not closed", "write `]`"),
    "a: [\n# comment\n": ("1:4", "`[` is not closed", "write `]`"),
    "{a: [b], c: d\n": ("1:1", "`{` is not closed", "write `}`"),
    "a: [1, 2}\n": ("1:9", "`[` is closed by `}`", "write `]`"),
    "a: [1,, 2]\n": ("1:7", "nothing is written before `,`", "remove one comma"),
    "[a, b: }\n": ("1:8", "`[` is closed by `}`", "write `]`"),
    "a: [?": ("1:4", "`[` is not closed", "write `]`"),
    "a: 1\n]\n": ("2:1", "`]` closes nothing", "remove it, or open it"),
    "a: }\n": ("1:4", "`}` closes nothing", "remove it, or open it"),
    "a: 'it's'\n": ("1:8", "text after the closing `'`", "for a `'` inside the text write `''`"),
    "a: [b] c\n": ("1:8", "text after the closing `]`", "begin a new line, or put it all in quotes"),
    "title: Ocean: a tour # x\n": (
        "1:13",
        "a second `: ` in one line",
        'put the value in quotes: `"Ocean: a tour"`',
    ),
    'title: say: "hi"\n': ("1:11", "a second `: ` in one line", "put the value in quotes: `'say: \"hi\"'`"),
    "a: 1\n  b: 2\n": (
        "2:3",
        "`b` goes on with the value that begins in a line above",
        "indent `b` like the keys beside it, or end the line above with `:`",
    ),
    "a: 1\nb:2\nc: 3\n": ("2:2", "a space is missing after `:`", "write `b: …`"),
    "a: 1\nbricks\nc: 3\n": (
        "2:1-7",
        "`bricks` is not followed by `:`",
        "write a `:` and a value; for one more line of the value above, indent it",
    ),
    "a: @x # c\n": ("1:4", "a value cannot begin with `@`", 'write "@x"'),
    "a: `x`\n": ("1:4", "a value cannot begin with a backtick", 'write "`x`"'),
    "a: %x\n": ("1:4", "a value cannot begin with `%`", 'write "%x"'),
    "host: *.example.org\n": ("1:7", "a value cannot begin with `*`", 'write "*.example.org"'),
    "a: -\n": (
        "1:4",
        "a list cannot begin here",
        'begin the list on a line of its own; for the text write `"-"`',
    ),
    "a: |3x\n b\n": (
        "1:4",
        "`|3x` does not begin a block of text",
        "write `|` or `>` alone on the line, and the text below, indented",
    ),
    'a: "C:\\q"\n': ("1:7-9", "`\\q` is no escape", "write `\\\\` for a backslash, or use single quotes"),
    'a: "\\xz"\n': (
        "1:5-7",
        "`\\x` needs 2 hexadecimal digits",
        "write them, or `\\\\` for a backslash, or use single quotes",
    ),
    "- a\nb: 1\n": (
        "2:1",
        "this line is no item of the list above",
        "begin the line with `- `, or indent it like the key of the list",
    ),
    "a: 1\n- b\n": (
        "2:1",
        "a list item among the keys of a map",
        "indent it below its key, or remove the `-`",
    ),
    "a:\n    b: 1\n  c: 2\n": (
        "3:3",
        "the indentation is that of no line above",
        "indent it like the keys that it belongs to",
    ),
    "a: 1\n...\nb: 1\n": (
        "3:1",
        "text after the end of the document",
        "remove it; a file holds one document",
    ),
    "...\n": ("1:1-4", "the document ends before anything is written", "remove the `...`"),
    "x" * 1100 + ": 1\n": ("1:1", "a key longer than 1024 characters", "shorten it"),
}


@pytest.mark.parametrize("text", SYNTAX, ids=[repr(text)[:40] for text in SYNTAX])
def test_a_syntax_error_says_what_was_typed(text: str) -> None:
    """A syntax error points where the mistake begins, in words for people, with what to type; there is no tree."""
    tree, problems = read(text)
    assert tree is None
    (problem,) = problems
    assert ("syntax", *SYNTAX[text]) == (problem.kind, place(problem), problem.message, problem.help)


def test_a_forgotten_bracket_shows_where_reading_stopped() -> None:
    """When more follows an open bracket, both places are shown."""
    problem = only("a: [1, 2\nb: 3\n")
    assert (place(problem), problem.message) == ("1:4", "`[` is not closed, or a comma is missing")
    ((where, words),) = problem.related
    assert ((where.line, where.column), words) == ((2, 2), "reading stopped here")


def test_a_quote_closed_too_late_shows_where_it_was_opened() -> None:
    """The forgotten quote is in line 1; the parser notices in line 3."""
    problem = only('a: "x\nb: 1\nc: "y"\n')
    assert (place(problem) + "-6", problem.message) == ("3:5-6", 'text after the closing `"`')
    ((where, words),) = problem.related
    assert ((where.line, where.column), words) == ((1, 4), "opened here")


def test_the_kind_of_bracket_points_at_the_opening_one() -> None:
    """A bracket closed by the other kind shows its opening."""
    ((where, words),) = only("a: [1,\n 2}\n").related
    assert ((where.line, where.column), words) == ((1, 4), "opened here")


def test_an_escape_of_no_character_is_refused() -> None:
    """Code points end at U+10FFFF."""
    problem = only('a: "\\UFFFFFFFF"\n')
    assert problem.kind == "syntax"
    assert "stands for no character" in problem.message


def test_problems_before_a_syntax_error_are_kept_in_order() -> None:
    """What was found before reading broke off is told too."""
    problems = read("a: no\na: 1\nb: &x 1\nc: 'x\n")[1]
    assert [problem.kind for problem in problems] == ["ambiguous", "duplicate-key", "anchor", "syntax"]


def test_a_key_that_is_written_twice() -> None:
    """Each repetition is told, and leads to the first; the first value is kept."""
    tree, problems = read("é: 1\nb: {c: 1, 'c': 2}\né: 3\né: 4\n")
    assert tree is not None
    assert tree.data == {"é": 1, "b": {"c": 1}}
    assert [(problem.kind, place(problem)) for problem in problems] == [
        ("duplicate-key", "2:11-14"),
        ("duplicate-key", "3:1"),
        ("duplicate-key", "4:1"),
    ]
    assert [(p.related[0][0].line, p.related[0][0].column) for p in problems] == [(2, 5), (1, 1), (1, 1)]
    assert problems[1].message == "`é` is written twice in one map"


def test_anchors_aliases_and_merge_keys_are_refused() -> None:
    """All three are told where they stand, and the scalar that an alias meant is read all the same."""
    tree, problems = read("a: &x 1\nb: *x\nc: &y {d: 1}\n<<: *y\ne: *y\n")
    assert tree is not None
    assert tree.data == {"a": 1, "b": 1, "c": {"d": 1}, "e": None}
    expected = [("1:4-6", "`&x` is an anchor"), ("2:4-6", "`*x` is an alias"), ("3:4-6", "`&y` is an anchor")]
    expected += [("4:1-3", "`<<` merges another map into this one"), ("5:4-6", "`*y` is an alias")]
    assert expected == [(place(problem), problem.message) for problem in problems]
    assert {"anchor"} == {problem.kind for problem in problems}
    assert all("extends:" in (problem.help or "") for problem in problems)


def test_an_alias_cannot_be_a_key() -> None:
    """An alias in the place of a key is one mistake, and the rest of the map is read."""
    tree, problems = read("&k a: 1\n*k : 2\nb: 3\n")
    assert tree is not None
    assert tree.data == {"a": 1, "b": 3}
    assert [problem.message for problem in problems] == ["`&k` is an anchor", "`*k` is an alias"]


def test_aliases_cannot_explode() -> None:
    """The billion laughs are read at once, into something small."""
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    tree, problems = read(text)
    assert tree is not None
    assert tree.data["a39"] == [None] * 9
    assert len(problems) == 40 + 39 * 9


def test_tags_are_refused() -> None:
    """A tag is told, with or without an anchor beside it; the value is read as if it were not there."""
    tree, problems = read(
        "a: !!str 1\nb: !foo {c: 2}\nc: &x !!int '3'\nd: ! 4\ne: !<tag:example.org,2026:x> 5\n"
    )
    assert tree is not None
    assert tree.data == {"a": "1", "b": {"c": 2}, "c": "3", "d": "4", "e": 5}
    expected = [("tag", "1:4-9"), ("tag", "2:4-8"), ("anchor", "3:4-6"), ("tag", "3:7-12"), ("tag", "4:4")]
    assert [*expected, ("tag", "5:4-29")] == [(problem.kind, place(problem)) for problem in problems]
    assert problems[0].message == "`!!str` is a tag"


def test_a_tag_that_nobody_declared() -> None:
    """A text that begins with `!` and looks like a tag: quotes are what is missing."""
    problem = only("a: !e!x y\n")
    assert (problem.kind, place(problem), problem.message) == ("tag", "1:4-8", "`!e!x` is a tag")
    assert problem.help == 'for the text write `"!e!x y"`'


@pytest.mark.parametrize("line", ["%YAML 1.1", "%YAML 1.2", "%TAG ! tag:example.org,2026:", "%YAML 2.0"])
def test_directives_are_refused(line: str) -> None:
    """A directive would change how the rest is read."""
    problem = only(f"# c\n{line}\n---\na: 1\n")
    assert ("directive", f"`{line}` is a directive") == (problem.kind, problem.message)
    assert problem.help == "remove the line: files are read as YAML 1.2"
    assert problem.span is not None
    assert (2, 1, len(line) + 1) == (problem.span.line, problem.span.column, problem.span.end_column)


def test_several_documents_are_refused() -> None:
    """The second document is told; the first is read, and the mistakes of all."""
    tree, problems = read("a: 1\n---\nb: no\n---\nc: 1\n")
    assert tree is not None
    assert tree.data == {"a": 1}
    assert [(p.kind, place(p)) for p in problems] == [("multiple-documents", "2:1-4"), ("ambiguous", "3:4-6")]


@pytest.mark.parametrize("text", ["", "\n\n", "# a comment\n", "---\n", "--- # c\n...\n", "\ufeff"])
def test_an_empty_document_is_no_document(text: str) -> None:
    """A file of nothing but comments is a mistake."""
    tree, problems = read(text)
    assert tree is None
    assert [problem.kind for problem in problems] == ["empty"]


def test_a_null_that_was_written_is_a_document() -> None:
    """Somebody meant it; whether it is wanted is not for the reader to say."""
    tree, problems = read("null\n")
    assert tree is not None
    assert (tree.data, problems) == (None, [])


@pytest.mark.parametrize("text", ["[" * 50 + "]" * 50, "- " * 49 + "[]", "{a: " * 50 + "}" * 50])
def test_fifty_levels_are_read(text: str) -> None:
    """Fifty collections in one another are within the limit."""
    tree, problems = read(text)
    assert tree is not None
    assert problems == []


@pytest.mark.parametrize(
    "text",
    [
        "[" * 51 + "]" * 51,
        "[" * 100_000,
        "{a: " * 30_000,
        "- " * 50_000,
        "? " * 50_000,
        "[\n" * 50_000,
        "{" * 100_000,
    ],
    ids=["51", "[", "{a:", "-", "?", "[lf", "{"],
)
def test_deep_nesting_is_refused_at_once(text: str) -> None:
    """A hundred thousand brackets overflow nothing, take no time, and are told at the fifty-first."""
    began = time.monotonic()
    tree, problems = read(text)
    assert time.monotonic() - began < 5
    assert tree is None
    (problem,) = problems
    assert (problem.kind, problem.message) == ("nesting", "more than 50 levels, one inside the other")


KEYS = {
    "2026.10": "`2026.10` is read as the number 2026.1",
    "1": "`1` is read as the number 1",
    "010": "`010` is read as the number 10",
    "true": "`true` is read as true",
    "~": "`~` is read as null",
    "null": "`null` is read as null",
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_must_be_text(key: str) -> None:
    """A key that is read as something else is told once, with the quotes to type; its text is the key."""
    tree, problems = read(f"é: {{{key}: x}}\n")
    assert tree is not None
    assert {"é": {key: "x"}} == tree.data
    (problem,) = problems
    assert ("key-not-text", KEYS[key], f'write `"{key}"`') == (problem.kind, problem.message, problem.help)
    assert (problem.span and (problem.span.line, problem.span.column)) == (1, 5)


def test_a_key_in_quotes_is_text() -> None:
    """What the help says to type is accepted."""
    tree, problems = read('"2026.10": 1\n\'true\': 2\n"no": 3\n\'<<\': 4\n"": 5\n')
    assert tree is not None
    assert (tree.data, problems) == ({"2026.10": 1, "true": 2, "no": 3, "<<": 4, "": 5}, [])


def test_a_missing_key_is_told() -> None:
    """A colon without a key."""
    problem = only("?\n: x\n")
    assert (problem.kind, problem.message) == ("key-not-text", "a key is missing before `:`")


def test_a_collection_is_no_key() -> None:
    """A list or a map as a key is told with its whole width, and the rest is read."""
    tree, problems = read("? [a, no]\n: b\nc: d\n")
    assert tree is not None
    assert tree.data == {"c": "d"}
    assert [(p.kind, place(p)) for p in problems] == [("key-not-text", "1:3-10"), ("ambiguous", "1:7-9")]


def test_templates_are_not_expanded() -> None:
    """Braces that mean a template elsewhere are a map as a key here, and are called what they are."""
    problem = only("image: {{ registry }}\n")
    assert (problem.kind, place(problem)) == ("key-not-text", "1:9-21")
    assert problem.message.startswith("`{{ … }}` is no template")


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b"])
def test_control_characters_are_told(character: str) -> None:
    """A control character is told where it is, quoted or not, and the rest is read."""
    tree, problems = read(f"é😀: x{character}\nb: '{character}'\nc: 1\n")
    assert tree is not None
    assert tree.data["c"] == 1
    assert [(problem.kind, place(problem)) for problem in problems] == [("syntax", "1:6"), ("syntax", "2:5")]
    assert f"the character U+{ord(character):04X} may not be in a text file" == problems[0].message


@pytest.mark.parametrize("character", ["\u0085", "\u2028", "\u007f", "\ufeff", "\u0090"])
def test_characters_that_cannot_be_seen_are_written_as_escapes(character: str) -> None:
    """YAML 1.1 refuses invisible characters or breaks lines at them: they are told, with the escape to type."""
    tree, problems = read(f"a: x{character}y\nb: 'x{character}y'\nc: \"x{character}\\t\"\n")
    assert tree is not None
    assert tree.data == {"a": f"x{character}y", "b": f"x{character}y", "c": f"x{character}\t"}
    expected = [("ambiguous", f"{line}:{column}") for line, column in ((1, 5), (2, 6), (3, 6))]
    assert expected == [(problem.kind, place(problem)) for problem in problems]
    escape = f"\\u{ord(character):04x}"
    assert problems[0].help == f"remove it, or write `{escape}` in double quotes"
    tree, problems = read(f'a: "x{escape}y"\n')
    assert tree is not None
    assert (tree.data, problems) == ({"a": f"x{character}y"}, [])


@pytest.mark.parametrize("character", ["\u0085", "\u2028", "\u007f", "\ufeff", "\u0090"])
def test_json_may_hold_characters_that_cannot_be_seen(character: str) -> None:
    """In a JSON file they are text like any other."""
    tree, problems = read(f'{{"{character}": "x{character}\\t"}}', "x.json")
    assert tree is not None
    assert (tree.data, problems) == ({character: f"x{character}\t"}, [])


def test_surrogate_escapes_are_read_in_pairs() -> None:
    """JSON's two escapes for one character are one character; half of one is told; elsewhere they are text."""
    pair = "\\ud83d\\ude00"
    tree, problems = read(f'"{pair}": ["a{pair}{pair}", "\\{pair}", \'{pair}\', {pair}]\nb: "\\ud83d"\n')
    assert tree is not None
    assert {"😀": ["a😀😀", "\\ud83d\ufffd", pair, pair], "b": "\ufffd"} == tree.data
    assert [p.message for p in problems] == [
        "`\\ude00` is half of a character",
        "`\\ud83d` is half of a character",
    ]


def test_a_hundred_thousand_hidden_characters_take_no_time() -> None:
    """The work for characters that the parser must not see grows with their number, not with its square."""
    began = time.monotonic()
    tree, problems = read('["' + "\\ud83d\\ude00" * 100_000 + '"]', "x.json")
    assert time.monotonic() - began < 15
    assert tree is not None
    assert (tree.data == ["😀" * 100_000], problems) == (True, [])


def test_private_characters_are_left_alone() -> None:
    """The character that hides others from the parser is one that the text does not use."""
    tree, problems = read('a: "\ue000\\ue001\\U0000E002\\ud83d\\ude00"\n')
    assert tree is not None
    assert (tree.data, problems) == ({"a": "\ue000\ue001\ue002😀"}, [])


def test_json_with_two_values_is_refused() -> None:
    """JSON goes by the same rules."""
    problem = only('{"a": 1} {"b": 2}', "x.json")
    assert (problem.kind, problem.message) == ("syntax", "text after the closing `}`")
