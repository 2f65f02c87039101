"""Promises that hold for any document."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lego_compile.source.document import Path, parse

SETTINGS = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(
        ["no", "1.10", "2026-10-01", "<<", "\u2028", "\x7f", "😀", "\ufeff", "\u0085x", " x ", "a\n\nb\n"]
    ),
)
KEYS = st.one_of(st.text(max_size=8), st.sampled_from(["no", "1", "😀", "<<", "\u2028", "a b"]))
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inside: st.one_of(st.lists(inside, max_size=4), st.dictionaries(KEYS, inside, max_size=4)),
    max_leaves=15,
)


PIECES = [
    "a",
    ": ",
    "- ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    '"',
    "&x ",
    "*x",
    "!t ",
    "|",
    "<<",
    "\\ud83d",
]
PIECES += ["no", "#", "---\n", "? ", "%YAML 1.1\n", "\t", "...\n", "\r", "\\"]


class Dumper(yaml.CSafeDumper):
    """PyYAML's, without anchors: hypothesis may hand out one object twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Whatever it is, write it out."""
        return True


def places(data: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Every place in some data, with its value."""
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [(path, data), *(found for step, value in inside for found in places(value, (*path, step)))]


@SETTINGS
@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_json_is_read_as_json_reads_it(document: Any, ascii_only: bool, indent: int | str | None) -> None:
    """Whatever JSON writes is read back equal, without a mistake, however it is laid out and escaped."""
    tree, problems = parse("x.json", json.dumps(document, ensure_ascii=ascii_only, indent=indent))
    assert problems == []
    assert tree is not None
    assert json.dumps(document) == json.dumps(tree.data)


@SETTINGS
@given(DOCUMENTS, st.booleans())
def test_every_span_selects_its_text(document: Any, ascii_only: bool) -> None:
    """In JSON on one line, the span of every place selects what JSON writes for the value, and so does its key."""

    def written(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only)

    text = written(document)
    tree, _ = parse("x.json", text)
    assert tree is not None
    for path, value in places(document):
        span = tree.span(path)
        assert (span.line, span.end_line) == (1, 1)
        assert written(value) == text[span.column - 1 : span.end_column - 1]
        assert (None if isinstance(value, dict | list) else written(value)) == tree.raw(path)
        assert isinstance(value, str) == tree.quoted(path)
        if path and isinstance(path[-1], str):
            key = tree.span(path, key=True)
            assert written(path[-1]) == text[key.column - 1 : key.end_column - 1]


@SETTINGS
@given(DOCUMENTS, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_yaml_is_read_as_it_was_meant_or_questioned(document: Any, unicode: bool, newline: str) -> None:
    """Whatever PyYAML writes is read back equal; where the versions of YAML disagree it is asked, never guessed."""
    text = yaml.dump(
        document, Dumper=Dumper, allow_unicode=unicode, default_flow_style=False, sort_keys=False
    )
    tree, problems = parse("x.yaml", text.replace("\n", newline))
    assert {problem.kind for problem in problems} <= {"ambiguous", "key-not-text"}
    assert tree is not None
    if not problems:
        assert json.dumps(document) == json.dumps(tree.data)


@pytest.mark.parametrize("loader", ["C", "Python"])
@SETTINGS
@given(
    st.one_of(
        st.text("ab:-?[]{},#&*!|>'\"%@`~<= \n\t\\x01.é😀\u2028\x00\ufeff", max_size=40),
        st.lists(
            st.sampled_from(PIECES),
            max_size=25,
        ).map("".join),
    )
)
@example("\ud800: \udfff")
@example('"\\U00110000"')
@example("%TAG")
@example("!")
@example("&")
@example("a: |\n\n")
@example("? |\n\n\n: x")
def test_no_text_raises(loader: str, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Any text is read or refused in words; mistakes are in order and point into the text."""
    if loader == "Python":
        monkeypatch.delattr(yaml, "CBaseLoader", raising=False)
    tree, problems = parse("x.yaml", text)
    assert problems or tree
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    starts = []
    for problem in problems:
        assert problem.message
        for span in (problem.span, *(where for where, _ in problem.related)):
            assert span is not None
            assert (1, 1) <= (span.line, span.column) <= (span.end_line, span.end_column)
            assert span.end_line <= len(lines)
            assert span.column <= len(lines[span.line - 1]) + 1
        assert problem.span is not None
        starts.append((problem.span.line, problem.span.column))
    assert sorted(starts) == starts
    if tree is not None:
        for path, _ in places(tree.data):
            assert tree.span(path, key=True).end_line <= len(lines)
