"""``lego-compile outdated``: what is newer than what is pinned; against a real registry."""

from __future__ import annotations

from tests.command import Call
from tests.lock.conftest import Place, codes, labelled, small


def test_nothing_is_newer(place: Place, lego: Call) -> None:
    """One line says so, with the number of images looked at."""
    assert 0 == lego("lock", "c.yaml")[0]

    assert (0, "0 images of 3 could be newer\n", "") == lego("outdated", "--check", "c.yaml")


def test_newer_releases_of_catalog_and_registry(place: Place, lego: Call) -> None:
    """The catalog's newest release, and the registry's newest tag that the catalog does not list."""
    assert 0 == lego("lock", "c.yaml")[0]
    place.brick("ocean", "1", "2")
    for tag in ("latest", "3", "sha-123abc"):
        place.push("geo", tag, small(labelled("brick", place.facts("geo")), content=tag))

    code, out, err = lego("outdated", "c.yaml")
    assert (0, "") == (code, err)
    rows = [line.split() for line in out.splitlines()]
    assert [["c", "ocean", "1", "2"], ["c", "geo", "1", "3"]] == rows[1:3]
    assert "2 images of 3 could be newer" == out.splitlines()[-1]
    assert 1 == lego("outdated", "--check", "c.yaml")[0]


def test_a_named_release_and_a_moved_tag_are_noted(place: Place, lego: Call) -> None:
    """Why a row is there is said."""
    place.center("c", bricks=["ocean@1", "geo"])
    assert 0 == lego("lock", "c.yaml")[0]
    place.brick("ocean", "1", "2")
    moved = place.push("geo", "1", small(labelled("brick", place.facts("geo")), content="moved"))

    _, out, _ = lego("outdated", "c.yaml")
    assert "the centre names this release" in out
    assert f"tag 1 was moved to {moved.index_digest[:19]}" in out


def test_what_cannot_be_asked_is_said(place: Place, lego: Call) -> None:
    """A registry without the image is a finding, and the other rows are shown."""
    assert 0 == lego("lock", "c.yaml")[0]
    place.brick("ocean", "1", "2")
    place.entry("bricks", "geo", {**place.catalog["bricks"]["geo"], "image": f"{place.base}/none"})
    text = place.lock_bytes().replace(f"{place.base}/geo".encode(), f"{place.base}/none".encode())
    (place.folder / "c.lock.yaml").write_bytes(text)

    code, out, err = lego("outdated", "c.yaml")
    assert (1, ["LC323"]) == (code, codes(err))
    assert "ocean" in out


def test_a_centre_without_a_lock(place: Place, lego: Call) -> None:
    """There is nothing to compare, and the help says how to get a lock."""
    code, _, err = lego("outdated", "c.yaml")

    assert (2, ["LC101"]) == (code, codes(err))
    assert "`lego-compile lock c.yaml` writes it" in err


def test_programs_get_findings_instead_of_a_table(place: Place, lego: Call) -> None:
    """With ``--output-format json`` each row is a warning LC332 at the place that asks for the image."""
    import json

    assert 0 == lego("lock", "c.yaml")[0]
    place.brick("ocean", "1", "2")
    code, out, err = lego("outdated", "--output-format", "json", "--check", "c.yaml")

    assert (1, "") == (code, err)
    (finding,) = json.loads(out)["findings"]
    assert ("LC332", "warning", "c.yaml") == (finding["code"], finding["severity"], finding["file"])
    assert "brick 'ocean' is pinned at 1: 2 is in the catalog" == finding["message"]


def test_a_release_that_the_catalog_dropped_is_outdated(place: Place, lego: Call) -> None:
    """So is one whose tag is another in the catalog; ``--strict`` and ``--check`` are exit code 1 in every format."""
    assert 0 == lego("lock", "c.yaml")[0]
    entry = place.catalog["bricks"]["geo"]
    place.push("geo", "1-r1", small(labelled("brick", place.facts("geo")), content="again"))
    place.entry("bricks", "geo", {**entry, "releases": {"1": {"tag": "1-r1"}}})
    place.brick("ocean", "2")

    for option in ("--check", "--strict"):
        for form in ("full", "concise", "json"):
            assert 1 == lego("outdated", option, "--output-format", form, "c.yaml")[0]
    _, out, _ = lego("outdated", "c.yaml")
    assert "the catalog no longer lists this release" in out
    assert "its tag is 1-r1 in the catalog now" in out
