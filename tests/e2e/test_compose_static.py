"""A centre on Docker Engine whose hub asks no conda: kernels of the bricks that a user chose, told to Jupyter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Make
from tests.e2e.docker_centre import Centre
from tests.e2e.images import PREFIXES
from tests.e2e.lab_images import RELEASE, title
from tests.e2e.look import look
from tests.e2e.visitor import User


@pytest.fixture(scope="module")
def centre(make: Make) -> Iterator[Centre]:
    """It runs."""
    made = make("e2e-static", kernels="static")
    with made.running():
        yield made


@pytest.fixture(scope="module")
def ada(centre: Centre) -> Iterator[User]:
    """Somebody who chose one of the two bricks that are offered, whose server runs."""
    with centre.visits() as visit:
        user = visit("ada")
        user.choose("ocean", ["hydro"])
        user.ready()
        yield user
        user.stop()


def test_the_chosen_bricks_have_kernels(ada: User, centre: Centre) -> None:
    """By the predicted names, each in its activated environment; a brick that was not chosen shows nothing."""
    names = centre.kernels("ocean")
    shown = ada.lab.kernels()
    assert shown.pop("python3") == "Python 3 (ipykernel)"
    assert shown == {names[brick]: title(brick, RELEASE) for brick in ("ocean", "hydro")}
    for brick in ("ocean", "hydro"):
        seen = look(ada.lab, names[brick])
        assert (seen["prefix"], seen["conda"]) == (PREFIXES[brick], PREFIXES[brick])
        assert seen["activated"] == f"{brick}@{RELEASE}"
