"""Locks that centres share: a file that each of them names, and that none of them owns."""

from __future__ import annotations

from tests.command import Call
from tests.lock.conftest import Place, codes


def test_centres_that_share_a_lock(place: Place, lego: Call) -> None:
    """It is named after its file, keeps what the others use, and no centre minds what others pin."""
    for name, bricks in (("a", ["ocean"]), ("b", ["geo"])):
        place.center(name, {"lock": "all.lock.yaml"}, bricks=bricks)

    assert 0 == lego("lock", "a.yaml")[0]
    assert 0 == lego("lock", "b.yaml")[0]
    assert ("shared-all", ["geo", "ocean"]) == (place.lock("all")["lock"], [*place.lock("all")["bricks"]])
    assert (0, "0 locks written, 1 current, 0 questions asked\n", "") == lego("lock", "a.yaml", "b.yaml")
    assert 0 == lego("a.yaml", "b.yaml")[0]


def test_pins_of_a_shared_lock_are_pruned_when_asked(place: Place, lego: Call) -> None:
    """Other centres may use them, so somebody has to say that these are all."""
    place.center("a", {"lock": "all.lock.yaml"}, bricks=["ocean"])
    assert 0 == lego("lock", "a.yaml")[0]
    place.center("a", {"lock": "all.lock.yaml"}, bricks=["geo"])
    assert 0 == lego("lock", "a.yaml")[0]
    assert ["geo", "ocean"] == [*place.lock("all")["bricks"]]
    assert 0 == lego("lock", "--prune", "a.yaml")[0]
    assert ["geo"] == [*place.lock("all")["bricks"]]


def test_a_shared_lock_may_have_any_name(place: Place, lego: Call) -> None:
    """A file name that is no name of a document, and one that is a centre's name, are shared like any other."""
    for file in ("all_centers.lock.yaml", "a-b.lock.yaml"):
        for name, bricks in (("a", ["ocean"]), ("b", ["geo"])):
            place.center(name, {"lock": file, "center": name}, bricks=bricks)
        assert 0 == lego("lock", "a.yaml")[0]
        assert 0 == lego("lock", "b.yaml")[0]
        assert 0 == lego("lock", "a.yaml")[0]
        assert 0 == lego("a.yaml", "b.yaml")[0]
        assert 0 == lego("lock", "--locked", "a.yaml", "b.yaml")[0]


def test_a_base_of_the_lock_s_name_is_no_owner(place: Place, lego: Call) -> None:
    """What centres extend is no centre, whatever it is called."""
    place.write("shared.yaml", {"lego": 1, "lock": "shared.lock.yaml"})
    for name, bricks in (("a", ["ocean"]), ("b", ["geo"])):
        place.center(name, {"extends": "shared.yaml"}, bricks=bricks)

    assert 0 == lego("lock", "a.yaml", "b.yaml")[0]
    assert 0 == lego("a.yaml", "b.yaml")[0]


def test_the_lock_of_another_centre_is_not_borrowed(place: Place, lego: Call) -> None:
    """Two centres would take turns in breaking it; a copy is not the lock of this centre either."""
    assert 0 == lego("lock", "c.yaml")[0]
    place.center("b", {"lock": "c.lock.yaml"}, bricks=["ocean"])
    code, _, err = lego("lock", "b.yaml")
    assert (1, ["LC304"]) == (code, codes(err))
    assert "'c.lock.yaml' is the own lock of 'c.yaml'" in err

    place.center("d", bricks=["ocean"])
    (place.folder / "d.lock.yaml").write_bytes(place.lock_bytes())
    code, _, err = lego("d.yaml", "--output-format", "concise")
    assert (1, True) == (code, "this is the lock of 'c', and the centre is 'd'" in err)


def test_a_shared_lock_is_not_taken_over(place: Place, lego: Call) -> None:
    """A centre whose own lock would be a file that others share removes nothing of theirs."""
    for name, bricks in (("a", ["ocean"]), ("b", ["geo"])):
        place.center(name, {"lock": "common.lock.yaml"}, bricks=bricks)
    assert 0 == lego("lock", "a.yaml", "b.yaml")[0]
    before = place.lock_bytes("common")
    place.center("common", bricks=["ocean"])

    code, _, err = lego("lock", "common.yaml")
    assert (1, ["LC304"]) == (code, codes(err))
    assert "if the centre was renamed, add `--prune`" in err
    assert before == place.lock_bytes("common")
    assert 0 == lego("lock", "--prune", "common.yaml")[0]
