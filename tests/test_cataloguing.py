"""A catalog is brought up to date by what images state, and every other line of it stays as people wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lego_compile.cataloguing.adding import put
from lego_compile.cataloguing.page import Page
from lego_compile.diagnostic.model import Report
from tests.labelled import EXAMPLE, LAB, OCEAN, SMALL, WHERE, added, changed, say


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_a_release_is_one_more_line(eol: str) -> None:
    """It comes last, below the comments of the list; nothing else is different."""
    before = SMALL.replace("\n", eol)
    after, lines = added(before, say(OCEAN))

    comment = f"      # 2026.9 was never published{eol}"
    assert after == before.replace(comment, f'{comment}      "2026.11": {{}}{eol}')
    assert lines == ["+ brick ocean 2026.11"]


def test_the_first_release_of_an_entry_that_had_none() -> None:
    """A new brick is written before its first build; its other lines stay, and say what the image says."""
    start = SMALL.index("    releases:\n      # newest last")
    none = f"{SMALL[:start]}    releases: {{}}\n\n# the end\n"
    after, lines = added(none, say(OCEAN))

    assert Page(after).data["bricks"]["ocean"]["releases"] == {"2026.11": {}}
    assert after.startswith(SMALL[:start])
    assert after.endswith("\n\n# the end\n")
    assert lines == ["+ brick ocean 2026.11"]


def test_an_older_release_goes_to_its_place() -> None:
    """A name without release means the last one: that does not become an older one."""
    after, lines = added(SMALL, say(OCEAN, "2026.4"))
    first, _ = added(SMALL, say(OCEAN, "2025.12"))

    assert after == SMALL.replace('"2026.3":   {}\n', '"2026.3":   {}\n      "2026.4": {}\n')
    assert lines == ["+ brick ocean 2026.4"]
    assert first == SMALL.replace('      "2026.3": ', '      "2025.12": {}\n      "2026.3": ')


def test_a_release_without_numbers_comes_last() -> None:
    """Nobody can say what it comes after."""
    after, _ = added(SMALL, say(OCEAN, "beta"))

    assert list(Page(after).data["bricks"]["ocean"]["releases"]) == ["2026.3", "2026.10", "beta"]


def test_the_release_is_the_stated_version_when_the_tag_is_one_of_it() -> None:
    """A tag with a revision is written beside the release; a version of something else does not count."""
    after, _ = added(SMALL, say(OCEAN, "2026.11-r2", version="2026.11"))
    inherited = say(OCEAN, "2026.10", version="2026.1")

    assert '      "2026.11": {tag: "2026.11-r2"}\n' in after
    assert inherited.release == "2026.10"
    assert say(OCEAN, "2026.10", version="24.04").release == "2026.10"


def test_what_is_listed_stays() -> None:
    """Adding an image twice changes nothing, and says so."""
    once, _ = added(SMALL, say(OCEAN))
    twice, lines = added(once, say(OCEAN))

    assert twice == once
    assert lines == ["= brick ocean 2026.11 is listed already"]


def test_a_release_that_was_built_again_gets_its_tag() -> None:
    """The release stays, its note too; an image that is older than the listed one changes nothing."""
    after, lines = added(SMALL, say(OCEAN, "2026.10-r1", version="2026.10"))
    again, older = added(after, say(OCEAN, "2026.10"))

    assert changed(SMALL, after) == (
        ['      "2026.10": {note: better}   # good'],
        ['      "2026.10": {note: better, tag: "2026.10-r1"}   # good'],
    )
    assert lines == ["~ brick ocean 2026.10: tag 2026.10 → 2026.10-r1"]
    assert (again, older) == (
        after,
        ["= brick ocean 2026.10 is listed with tag 2026.10-r1, which is newer than 2026.10"],
    )


def test_facts_of_the_newest_release_are_brought_up_to_date() -> None:
    """Kernels, platforms and requirements change in place; comments, titles and descriptions stay."""
    facts = {
        **OCEAN,
        "kernels": [("ir", "Ocean, too (R)", "R"), ("python3", "Ocean 2", "python")],
        "glibc": "2.28",
        "gpu": "nvidia",
    }
    said = say(facts, platforms=("linux/amd64", "linux/arm64"), title="Another title")
    after, lines = added(SMALL, said)

    assert changed(SMALL, after) == (
        ['      - {title: "Ocean"}   # in Python'],
        [
            '      - {title: "Ocean 2"} # in Python',
            '      - {directory: ir, title: "Ocean, too (R)", language: R}',
            "    platforms: [linux/amd64, linux/arm64]",
            '    requires: {system: {glibc: "2.28"}, gpu: nvidia}',
            '      "2026.11": {}',
        ],
    )
    assert lines == [
        "+ brick ocean 2026.11",
        "~ brick ocean: platforms linux/amd64 → linux/amd64, linux/arm64",
        "~ brick ocean: kernels Ocean → Ocean 2, Ocean, too (R)",
        "~ brick ocean: requires glibc 2.28, requires a GPU of nvidia",
    ]
    assert "      # what users see\n" in after


def test_a_kernel_that_is_gone_is_taken_out() -> None:
    """The comments of the others stay with them."""
    before = SMALL.replace(
        "   # in Python\n", "   # in Python\n      - {directory: ir, title: R, language: R}  # in R\n"
    )
    after, _ = added(before, say({**OCEAN, "kernels": [("ir", "R", "R")]}))

    assert "      - {directory: ir, title: R, language: R}  # in R\n" in after
    assert "Ocean}" not in after


def test_what_a_system_image_provides_is_corrected_where_it_is_listed() -> None:
    """People choose what they list; versions are the image's."""
    before = EXAMPLE
    facts = {**LAB, "environments": ["/opt/bricks", "/srv/conda/envs"], "glibc": "2.41",
             "provides": {"jupyterlab": "4.7.0", "numpy": "2.4"}}  # fmt: skip
    said = say(
        facts, word="system", where="registry.example.org/lego/lab", platforms=("linux/amd64", "linux/arm64")
    )
    after, lines = added(before, said)

    _gone, new = changed(before, after)
    assert new == ['      glibc: "2.41"', '      jupyterlab: "4.7.0"', '      "2026.11": {}']
    assert len(after.splitlines()) == len(before.splitlines()) + 1
    assert lines[1] == "~ system image lab: provides glibc 2.39 → 2.41, jupyterlab 4.6.6 → 4.7.0"


def test_a_new_brick_is_written_like_its_neighbours() -> None:
    """At the end of the bricks, with a blank line when the others have one."""
    facts = {"name": "no", "prefix": "/opt/bricks/no", "subpath": "/opt/bricks/no", "glibc": "2.28",
             "kernels": [("python3", "No: 1", "python"), ("ir", "R, too", "R")],
             "labextensions": {"@jupyter-widgets/jupyterlab-manager": "5.0.16"},
             "requires": {"jupyterlab": "4.4"}}  # fmt: skip
    said = say(facts, "2026.11-r1", where="quay.io/x/no", version="2026.11", title="Norway\n#1",
               description="x" * 201, platforms=("linux/amd64", "linux/arm64"))  # fmt: skip
    after, lines = added(EXAMPLE, said)

    assert after == EXAMPLE + (
        "\n"
        '  "no":\n'
        '    title: "Norway #1"\n'
        "    image: quay.io/x/no\n"
        "    prefix: /opt/bricks/no\n"
        "    subpath: /opt/bricks/no\n"
        "    kernels:\n"
        '      - {title: "No: 1"}\n'
        '      - {directory: ir, title: "R, too", language: R}\n'
        "    platforms: [linux/amd64, linux/arm64]\n"
        '    requires: {system: {glibc: "2.28", jupyterlab: "4.4"}}\n'
        "    releases:\n"
        '      "2026.11": {tag: "2026.11-r1"}\n'
    )
    assert lines == ["+ brick no 2026.11"]


def test_a_new_system_image_has_what_is_not_the_default() -> None:
    """Its user is written when it is another one."""
    facts = {**LAB, "name": "hub", "user": "1001:1001", "home": "/home/student", "environments": ["/opt/bricks"],
             "labextensions": {"@a/b": "1.0"}}  # fmt: skip
    after, _ = added(SMALL, say(facts, word="system", where="quay.io/x/hub"))

    assert (
        '    releases: {"1": { }}\n'
        "\n"
        "  hub:\n"
        "    title: hub\n"
        "    image: quay.io/x/hub\n"
        "    home: /home/student\n"
        "    uid: 1001\n"
        "    gid: 1001\n"
        "    conda: /opt/conda\n"
        "    environments: [/opt/bricks]\n"
        "    provides:\n"
        '      "@a/b": "1.0"\n'
        "    releases:\n"
        '      "2026.11": {}\n'
        "\n"
        "bricks:\n"
    ) in after
    assert after.index("  hub:") < after.index("bricks:")


def test_the_order_of_two_additions_does_not_matter_to_the_others() -> None:
    """Several images in one call: two bricks, two releases of one."""
    sea = say({**OCEAN, "name": "sea"}, "1", where="quay.io/x/sea")
    after, lines = added(SMALL, say(OCEAN, "2026.12"), sea, say(OCEAN, "2026.11"))

    assert lines == ["+ brick ocean 2026.12", "+ brick sea 1", "+ brick ocean 2026.11"]
    assert list(Page(after).data["bricks"]["ocean"]["releases"])[-2:] == ["2026.11", "2026.12"]


@pytest.mark.parametrize(
    ("facts", "where", "tag", "message"),
    [
        (OCEAN, "quay.io/x/ocean", "2026.11", "is not where the catalog says that 'ocean' is published"),
        ({**OCEAN, "prefix": "/opt/sea"}, WHERE, "2026.11", "states prefix '/opt/sea', and the catalog says"),
        ({**OCEAN, "subpath": "/x"}, WHERE, "2026.11", "states subpath '/x', and the catalog says '/' of every"),
        ({**OCEAN, "kernels": [("ir", "R", "R")]}, WHERE, "2026.4", "is older than '2026.10', and has other kernels"),
    ],
)  # fmt: skip
def test_an_entry_is_one_thing(facts: Mapping[str, Any], where: str, tag: str, message: str) -> None:
    """What the releases of an entry share cannot change with one of them."""
    page, report = Page(SMALL), Report()

    assert put(say(facts, tag, where=where), page, report) == []
    assert [each.code for each in report] == ["LC304"]
    assert message in next(iter(report)).message
    assert next(iter(report)).primary[:3] == ("catalog", "bricks", "ocean")
    assert page.text == SMALL


@pytest.mark.parametrize(
    ("fact", "value"),
    [("home", "/home/x"), ("user", "1:1"), ("conda", "/conda"), ("environments", ["/x"])],
)
def test_a_system_image_stays_the_same_place(fact: str, value: Any) -> None:
    """Homes and environments are where centres mounted them."""
    page, report = Page(EXAMPLE), Report()
    said = say({**LAB, fact: value}, word="system", where="registry.example.org/lego/lab")

    assert put(said, page, report) == []
    assert f"states {fact} " in next(iter(report)).message
