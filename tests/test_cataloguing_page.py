"""The text of a catalog after a change: however it is written, only what has to change is another."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lego_compile.cataloguing.adding import put
from lego_compile.cataloguing.page import Page
from lego_compile.cataloguing.stated import Reference, stated
from lego_compile.diagnostic.model import Report
from lego_compile.source.document import parse
from tests.labelled import EXAMPLE, OCEAN, SMALL, added, changed, image, labels, say


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{start}", '{start}bricks:\n  ocean:\n{entry}'),
        ("{start}bricks: {{}}  # none yet\n# end\n", '{start}bricks:  # none yet\n  ocean:\n{entry}# end\n'),
        ("{start}\n# end", '{start}\n# end\n\nbricks:\n  ocean:\n{entry}'),
        ("{start}bricks: {{}}", '{start}bricks:\n  ocean:\n{entry}'),
    ],
)  # fmt: skip
def test_the_first_brick(before: str, after: str) -> None:
    """There may be no `bricks:` yet, or an empty one, or no line end at the end."""
    start = (
        'lego: 1\ncatalog: x\nsystems:\n  lab:\n    title: L\n    image: r.io/l\n    releases: {"1": {}}\n'
    )
    entry = (
        "    title: ocean\n    image: registry.example.org/lego/brick-ocean\n    prefix: /opt/bricks/ocean\n"
        '    kernels:\n      - {title: Ocean}\n    releases:\n      "2026.11": {}\n'
    )

    assert added(before.format(start=start), say(OCEAN))[0] == after.format(start=start, entry=entry)


def test_a_catalog_in_braces_stays_in_braces() -> None:
    """What is added stands between them, and nothing is joined or folded."""
    brick = '{ title: O,image: registry.example.org/lego/brick-ocean, prefix: /opt/bricks/ocean,\n kernels: [{title: Old}],\n releases: {"1": {} # first\n}}'  # noqa: E501
    before = f'{{lego: 1, catalog: x, systems: {{lab: {{title: L, image: r.io/l, releases: {{"1": {{}}}}}}}},\n bricks: {{ocean: {brick}}}}}'  # noqa: E501
    after, _ = added(before, say(OCEAN, "2"))
    more, _ = added(after, say({**OCEAN, "name": "sea"}, "3", where="quay.io/x/sea"))

    assert after == before.replace('{"1": {} #', '{"1": {}, "2": {} #').replace("title: Old", "title: Ocean")
    entry = 'sea: {title: sea, image: quay.io/x/sea, prefix: /opt/bricks/ocean, kernels: [{title: Ocean}], releases: {"3": {}}}'  # noqa: E501
    assert more == after[:-2] + f", {entry}}}}}"


def test_other_indentation_is_kept() -> None:
    """Four columns, and dashes below their key."""
    before = (
        "lego: 1\ncatalog: x\nsystems:\n    lab:\n        title: L\n        image: r.io/l\n        platforms:\n"
        '        - linux/amd64\n        releases:\n            "1": {}\n'
    )
    after, _ = added(before, say(OCEAN))

    assert after.startswith(before)
    assert after.removeprefix(before).splitlines()[:6] == [
        "bricks:",
        "    ocean:",
        "        title: ocean",
        "        image: registry.example.org/lego/brick-ocean",
        "        prefix: /opt/bricks/ocean",
        "        kernels:",
    ]
    assert "        - {title: Ocean}\n" in after


TITLES = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=60
)
SHAPES: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "no final newline": lambda text: text.rstrip("\n"),
    "compact": lambda text: "\n".join(line for line in text.split("\n") if line.strip()),
}


def is_inserted(after: str, before: str) -> bool:
    """Whether a text is another one with something put in at one place."""
    pairs = zip(before, after, strict=False)
    same = next((index for index, (old, new) in enumerate(pairs) if old != new), min(len(before), len(after)))
    return after.endswith(before[same:])


@given(
    st.sampled_from([EXAMPLE, SMALL]), st.sampled_from([*SHAPES]), TITLES, TITLES,
    st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,9}", fullmatch=True), st.sampled_from(["1", "2.28"])),
    st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._-]{0,9}", fullmatch=True),
)  # fmt: skip
def test_adding_is_adding(
    text: str, shape: str, title: str, kernel: str, requires: dict[str, str], tag: str
) -> None:
    """Whatever an image is called: the catalog says what it said, and the new entry besides; old lines stay."""
    before = SHAPES[shape](text)
    facts = {
        "name": "sea",
        "prefix": "/opt/sea",
        "kernels": [("python3", kernel, "python")],
        "requires": requires,
    }
    report = Report()
    said = [labels(facts, title=title)]
    found = stated(Reference("r.io/sea", tag), image(*said), None, ("file", "c"), report)
    if found is None:  # a title of blanks, or of characters that no line may have
        return
    page = Page(before)
    old = json.loads(json.dumps(page.data))
    put(found, page, report)

    tree, problems = parse("c.yaml", page.text)
    assert tree is not None
    assert not problems
    old["bricks"]["sea"] = found.entry
    assert tree.data == old
    assert any(is_inserted(page.text, each) for each in (before, before + "\n"))
    ending = "\r\n" if shape == "CRLF" else "\n"
    assert page.text.count("\n") == page.text.count(ending)


ODD = """\
lego: 1
catalog: odd
systems:
    lab:
        title: L
        image: r.io/l
        releases:
            "1":
                note: first   # of all
bricks:
    ocean:
        # where it is
        image:   registry.example.org/lego/brick-ocean
        title: >-
            Ocean
            modelling
        prefix: "/opt/bricks/ocean"
        kernels:
        - title: 'Old'        # one
          language: python
        # the second
        -   directory: ir
            title: R
            language: R       # two
        platforms:
        - linux/amd64         # everywhere
        requires:
            # by the wheels
            system:
                glibc: '2.17'   # old
                x:   "1"
            # no GPU
        releases:
            "1":
                note: first
            # a gap"""


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_values_of_blocks_change_alone(eol: str) -> None:
    """Comments, quotes and columns of what stays are kept, whatever they look like."""
    facts = {**OCEAN, "kernels": [("python3", "New", "python"), ("ir", "R", "R"), ("j", "J", "julia")],
             "glibc": "2.28"}  # fmt: skip
    after, _ = added(ODD.replace("\n", eol), say(facts, "2", platforms=("linux/amd64", "linux/arm64")))

    gone, new = changed(ODD, after)
    assert gone == ["        - title: 'Old'        # one", "                glibc: '2.17'   # old"]
    assert new == [
        "        - title: 'New'        # one",
        "        - {directory: j, title: J, language: julia}",
        "        - linux/arm64",
        '                glibc: "2.28"   # old',
        '            "2": {}',
    ]
    assert after.count("\n") == after.count(eol)
