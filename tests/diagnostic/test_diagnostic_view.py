"""From a diagnostic to a finding: places, excerpts, order."""

from __future__ import annotations

import json
import pickle
import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lego_compile.diagnostic.model import Diagnostic, Label, Path
from lego_compile.diagnostic.render.json import render as render_json
from lego_compile.diagnostic.view import LONGEST, Finding, Place, Related, order, view


@dataclass(frozen=True)
class Span:
    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Tree:
    """A document with the positions given: a stand-in for the tree that ``source`` reads."""

    texts: dict[str, list[str]]
    spans: dict[tuple[Path, bool], Span]

    def span(self, path: Path, key: bool = False) -> Span:
        """The span given."""
        return self.spans[path, key]

    def lines(self, file: str) -> list[str]:
        """The lines given."""
        return self.texts[file]


CENTER = Tree(
    {"centers/x.yaml": ["center: x", "profiles:", "  ocean:", "    bricks: [geo, ml]"]},
    {
        ((), False): Span("centers/x.yaml", 1, 1, 4, 22),
        (("profiles", "ocean", "bricks", 1), False): Span("centers/x.yaml", 4, 19, 4, 21),
        (("center",), True): Span("centers/x.yaml", 1, 1, 1, 7),
    },
)
CATALOG = Tree({"catalog.yaml": ["geo: 1"]}, {(("geo",), False): Span("catalog.yaml", 1, 6, 1, 7)})
SOURCES = {"center": CENTER, "catalog": CATALOG}


def place(path: Path, *, key: bool = False, texts: dict[str, str] | None = None) -> Place:
    """The place of a finding at a path, and nothing else of it."""
    found = view(Diagnostic("LC402", "m", path, key), SOURCES, texts)
    return Place(found.file, found.line, found.column, found.end_line, found.end_column, found.excerpt)


def test_a_finding_has_all_that_is_known() -> None:
    """Words come from the diagnostic, title and severity from the catalogue, places from the documents."""
    diagnostic = Diagnostic(
        code="LC402",
        message="'ml' lies inside 'geo'",
        primary=("center", "profiles", "ocean", "bricks", 1),
        note="the inner one",
        related=(Label(("catalog", "geo"), "the outer one"), Label(("center", "center"), "here", key=True)),
        help="use beside",
    )
    assert view(diagnostic, SOURCES) == Finding(
        "centers/x.yaml",
        4,
        19,
        4,
        21,
        ((3, "  ocean:"), (4, "    bricks: [geo, ml]")),
        code="LC402",
        severity="error",
        title="nested mounts",
        message="'ml' lies inside 'geo'",
        note="the inner one",
        help="use beside",
        related=(
            Related("catalog.yaml", 1, 6, 1, 7, ((1, "geo: 1"),), message="the outer one"),
            Related("centers/x.yaml", 1, 1, 1, 7, ((1, "center: x"), (2, "profiles:")), message="here"),
        ),
    )


def test_a_document_that_is_not_there_has_no_position() -> None:
    """The name of an unknown document stands for its file."""
    assert place(("lock", "images")) == Place("lock")


def test_a_diagnostic_about_nothing_has_no_file() -> None:
    """An empty path is allowed, for a finding about no file."""
    assert place(()) == Place("")


def test_the_top_of_a_document_has_a_span() -> None:
    """A path that is only the document's name points at the whole document."""
    assert place(("center",)).line == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("file", "out/x.yaml"), Place("out/x.yaml")),
        (("file", "out/x.yaml", 2), Place("out/x.yaml", 2)),
        (("file", "out/x.yaml", 2, 3), Place("out/x.yaml", 2, 3, 2, 4)),
        (("file", "out/x.yaml", 2, 3, 4, 5), Place("out/x.yaml", 2, 3, 4, 5)),
        (("file", "catalog.yaml", 1), Place("catalog.yaml", 1, excerpt=((1, "geo: 1"),))),
        (("file",), Place("file")),
    ],
)
def test_a_file_can_be_named_itself(path: Path, expected: Place) -> None:
    """``("file", name, line, column, end line, end column)`` gives as much as it has."""
    assert place(path) == expected


def test_a_file_without_a_tree_is_quoted_from_its_text() -> None:
    """What could not be parsed is quoted all the same; lines end where editors end them."""
    found = place(("file", "bad.yaml", 2, 1), texts={"bad.yaml": "a: [\r\nb\u2028c\rd\n"})
    assert found.excerpt == ((1, "a: ["), (2, "b\u2028c"), (3, "d"))


def test_a_position_after_the_end_is_not_quoted() -> None:
    """A line that the file does not have (any more) gives no excerpt and no crash."""
    assert place(("file", "bad.yaml", 9, 1), texts={"bad.yaml": "a\n"}).excerpt == ()


def test_a_very_long_line_is_not_quoted() -> None:
    """A catalog of one line would be repeated in every finding; its neighbours are still shown."""
    texts = {"one.yaml": "a\n" + "x" * (LONGEST + 1) + "\nb"}
    assert place(("file", "one.yaml", 2, 7), texts=texts).excerpt == ((1, "a"), (3, "b"))


def test_an_unknown_code_is_our_bug() -> None:
    """A code that is not in the catalogue is never drawn."""
    with pytest.raises(KeyError):
        view(Diagnostic("LC999", "m", ()), {})


def finding(file: str, line: int | None, column: int | None, code: str, message: str = "m") -> Finding:
    """A finding with a place, a code and a message."""
    return Finding(file, line, column, code=code, severity="error", title="t", message=message)


def test_findings_are_ordered_by_place_and_code() -> None:
    """By file, line, column and code; what has no line comes first in its file; duplicates are dropped."""
    ordered = [
        finding("a", None, None, "LC101"),
        finding("a", 2, 9, "LC101"),
        finding("a", 10, 1, "LC402"),
        finding("a", 10, 2, "LC401"),
        finding("a", 10, 2, "LC402"),
        finding("b", 1, 1, "LC101", "one"),
        finding("b", 1, 1, "LC101", "two"),
    ]
    shuffled = ordered * 2
    random.Random(7).shuffle(shuffled)
    assert order(shuffled) == ordered


places = st.tuples(st.sampled_from(["a", "b"]), st.none() | st.integers(1, 3), st.none() | st.integers(1, 3))
findings = st.builds(
    lambda at, code, note, more: Finding(
        *at, code=code, severity="error", title="t", message="m", note=note, related=more
    ),
    places,
    st.sampled_from(["LC401", "LC402"]),
    st.sampled_from(["", "n"]),
    st.lists(st.builds(lambda at: Related(*at, message="r"), places), max_size=2).map(tuple),
)


@given(st.lists(findings, max_size=12), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_found(found: list[Finding], shuffle: random.Random) -> None:
    """Whatever order the processes deliver findings in, the output is the same, and nothing is lost."""
    other = found[:]
    shuffle.shuffle(other)
    assert order(other) == order(found)
    assert set(order(found)) == set(found)


def test_findings_travel_between_processes() -> None:
    """A finding survives pickling, and can be written as JSON."""
    found = view(Diagnostic("LC402", "m", ("center",), related=(Label(("catalog", "geo"), "r"),)), SOURCES)
    assert pickle.loads(pickle.dumps(found)) == found
    assert json.loads(render_json([found], color=False, width=None))["findings"][0]["line"] == 1
