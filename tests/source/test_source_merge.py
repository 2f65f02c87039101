"""`merge`: one document laid over another."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lego_compile.source.document import Path, Span, Tree, merge, parse

BASE = """\
title: base
storage:
  home: {size: 10G, class: fast}
  scratch: {size: 1T}
bricks: [a, b]
hidden: {x: 1}
"""
OVER = """\
# the one that extends
title: over
storage:
  home: {size: 20G}
  scratch: null
  extra: ~
bricks: [c]
hidden:
new: {x: null}
"""


def read(name: str, text: str) -> Tree:
    """A text without mistakes, read."""
    tree, problems = parse(name, text)
    assert problems == []
    assert tree is not None
    return tree


def merged() -> Tree:
    """The two texts above, merged."""
    return merge(read("base.yaml", BASE), read("over.yaml", OVER))


def test_maps_merge_and_everything_else_replaces() -> None:
    """Maps are merged at every depth; lists and scalars of the upper one win whole."""
    assert merged().data == {
        "title": "over",
        "storage": {"home": {"size": "20G", "class": "fast"}, "extra": None},
        "bricks": ["c"],
        "new": {"x": None},
    }


def test_a_null_deletes_only_what_was_inherited() -> None:
    """A null removes the inherited key; where there was none it stays a null."""
    data = merged().data
    assert "scratch" not in data["storage"]
    assert "hidden" not in data
    assert data["storage"]["extra"] is None


def test_a_deleted_key_stays_away_through_a_second_merge() -> None:
    """What a middle document deleted is absent for the one above it, which may write it anew."""
    top = read("top.yaml", "storage: {scratch: {size: 2T}}\n")
    data = merge(merged(), top).data
    assert data["storage"]["scratch"] == {"size": "2T"}


def test_inherited_keys_come_first() -> None:
    """The order is that of the base, then that of the new keys."""
    assert list(merged().data) == ["title", "storage", "bricks", "new"]


def test_every_place_points_into_the_file_that_wrote_it() -> None:
    """Values, keys and merged maps know their file."""
    tree = merged()
    assert Span("over.yaml", 2, 8, 2, 12) == tree.span(("title",))
    assert Span("over.yaml", 4, 16, 4, 19) == tree.span(("storage", "home", "size"))
    assert Span("base.yaml", 3, 28, 3, 32) == tree.span(("storage", "home", "class"))
    assert Span("base.yaml", 3, 21, 3, 26) == tree.span(("storage", "home", "class"), key=True)
    assert Span("over.yaml", 4, 9, 4, 20) == tree.span(("storage", "home"))
    assert Span("over.yaml", 7, 10, 7, 11) == tree.span(("bricks", 0))
    assert tree.raw(("storage", "home", "class")) == "fast"


def test_a_deleted_key_is_shown_at_its_parent() -> None:
    """The place of a deleted key is the map that it is missing from."""
    tree = merged()
    assert tree.span(("storage",)) == tree.span(("storage", "scratch", "size"))


def test_the_files_are_both_the_upper_one_first() -> None:
    """Excerpts can be cut from either file."""
    tree = merged()
    assert tree.files == ("over.yaml", "base.yaml")
    assert tree.lines("base.yaml")[0] == "title: base"
    assert tree.lines("over.yaml")[1] == "title: over"


def test_what_is_no_map_replaces_the_whole() -> None:
    """A document that is no map takes nothing from the other."""
    assert merge(read("b", "a: 1\n"), read("o", "[1]\n")).data == [1]
    assert merge(read("b", "[1]\n"), read("o", "a: 1\n")).data == {"a": 1}


KEYS = st.sampled_from("abcd")
VALUES = st.recursive(
    st.one_of(st.none(), st.integers(0, 9), st.text(max_size=3)),
    lambda inside: st.one_of(st.lists(inside, max_size=2), st.dictionaries(KEYS, inside, max_size=4)),
    max_leaves=8,
)
MAPS = st.dictionaries(KEYS, VALUES, max_size=4)


def reference(base: Any, over: Any) -> Any:
    """The rule, said once more."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    both = [key for key in base if over.get(key, "kept") is not None]
    data = {key: reference(base[key], over[key]) if key in over else base[key] for key in both}
    return data | {key: over[key] for key in over if key not in base}


def paths(data: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Every place in some data, with its value."""
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [(path, data), *(found for step, value in inside for found in paths(value, (*path, step)))]


@settings(deadline=None, max_examples=100)
@given(MAPS, MAPS)
def test_any_two_documents_merge_by_the_rule(base: Any, over: Any) -> None:
    """For any two maps: the data follows the rule, the inputs stay as they were, and scalars keep their text."""
    texts = {"base.json": json.dumps(base), "over.json": json.dumps(over)}
    trees = [read(name, text) for name, text in texts.items()]
    tree = merge(trees[0], trees[1])
    assert json.dumps(reference(base, over)) == json.dumps(tree.data)
    assert [base, over] == [trees[0].data, trees[1].data]
    for path, value in paths(tree.data):
        span = tree.span(path)
        assert span.file in texts
        if not isinstance(value, dict):
            assert json.dumps(value) == texts[span.file][span.column - 1 : span.end_column - 1]
