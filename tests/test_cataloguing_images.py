"""Which images a catalog can list, and what their labels mean for it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lego_compile.cataloguing.stated import Reference, stated
from lego_compile.diagnostic.model import Report
from tests.labelled import LAB, OCEAN, WHERE, image, labels


def refused(*said: Mapping[str, str], name: str | None = None, tag: str = "1") -> list[tuple[str, str]]:
    """Why an image cannot be listed."""
    report = Report()
    assert stated(Reference(WHERE, tag), image(*said), name, ("file", "c"), report) is None
    return [(each.code, each.message) for each in report]


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        ([{}], "LC331", f"the image {WHERE}:1 has no label org.gaia-data.lego.brick.… or org.gaia-data.lego.system.…"),
        ([labels(OCEAN) | labels(LAB, "system")], "LC331",
         f"the image {WHERE}:1 has labels of a brick and of a system image"),
        ([labels({"prefix": "/opt/x"})], "LC331",
         f"the image {WHERE}:1 has no label 'org.gaia-data.lego.brick.name', 'org.gaia-data.lego.brick.kernels'"),
        ([labels({"home": "/x"}, "system")], "LC331",
         f"the image {WHERE}:1 has no label 'org.gaia-data.lego.system.name'"),
        ([labels(OCEAN), labels({**OCEAN, "prefix": "/x"})], "LC331",
         f"the image {WHERE}:1 does not state the same prefix for all of its platforms"),
        ([labels({**LAB, "user": "0:0"}, "system")], "LC331",
         f"the image {WHERE}:1 is none that a catalog can list: "
         "0 is not allowed for `systems.lab.uid`: expected a number from 1 to 2147483647"),
        ([labels({**OCEAN, "prefix": "opt/x"})], "LC326", ""),
    ],
)  # fmt: skip
def test_an_image_that_does_not_say_what_it_is(said: list[dict[str, str]], code: str, message: str) -> None:
    """The message names what is missing."""
    first = refused(*said)[0]

    assert first[0] == code
    assert not message or first[1] == message


def test_a_name_of_the_command_line_is_for_images_without_one() -> None:
    """conda shows the name that is in the image: nobody can give it another one."""
    nameless = {key: value for key, value in OCEAN.items() if key != "name"}
    report = Report()
    found = stated(Reference(WHERE, "1"), image(labels(nameless)), "sea", ("file", "c"), report)

    assert found is not None
    assert found.name == "sea"
    assert refused(labels(OCEAN), name="sea") == [
        ("LC304", f"the image {WHERE}:1 states the name 'ocean', and `--name` says 'sea'")
    ]


def test_a_tag_that_cannot_be_a_release() -> None:
    """A release begins with a letter or a digit."""
    assert refused(labels(OCEAN), tag="_x")[0][0] == "LC331"


def test_platforms_that_need_different_things() -> None:
    """The entry says the highest of what is needed, and the lowest of what is there."""
    brick = [labels({**OCEAN, "glibc": glibc, "requires": more}) for glibc, more in
             (("2.9", {"a": "1"}), ("2.28", {"b": "2"}))]  # fmt: skip
    system = [labels({**LAB, "provides": more}, "system") for more in
              ({"a": "1.9", "b": "1"}, {"a": "1.10"})]  # fmt: skip
    found = stated(Reference(WHERE, "1"), image(*brick), None, ("file", "c"), Report())
    other = stated(Reference(WHERE, "1"), image(*system), None, ("file", "c"), Report())

    assert found is not None
    assert found.entry["requires"] == {"system": {"glibc": "2.28", "a": "1", "b": "2"}}
    assert other is not None
    assert other.entry["provides"] == {"a": "1.9"}


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("ocean:1", "is no image"),
        ("registry.example.org/lego/ocean", "has no tag"),
        ("localhost:5000/ocean", "has no tag"),
        ("registry.example.org/ocean@sha256:" + 64 * "0", "names a digest"),
        ("registry.example.org/ocean:1@sha256:" + 64 * "0", "names a digest"),
        ("docker://registry.example.org/ocean:1", "leave out `docker://`"),
        ("registry.example.org/ocean:-1", "has no tag that a registry can have"),
        ("registry.example.org/Ocean:1", "is no image"),
        ("", "has no tag"),
    ],
)
def test_references_are_names_with_a_tag(word: str, complaint: str) -> None:
    """A catalog lists tags; the message says what to type."""
    said = Reference.parse(word)

    assert isinstance(said, str)
    assert complaint in said
    assert Reference.parse("localhost:5000/a/b:1.0") == ("localhost:5000/a/b", "1.0")
