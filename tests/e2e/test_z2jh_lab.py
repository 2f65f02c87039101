"""JupyterLab in the pods that KubeSpawner makes of the compiled values: a cell runs in the kernel of every brick.

A real JupyterHub takes the choice, the real KubeSpawner makes the pod, Podman plays it with its image volumes, and the
Lab in it reports to the hub. Images are those that Buildah built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pytest

from tests.e2e.built import ONLY, PREFIXES, TITLES
from tests.e2e.centre import EVERYTHING
from tests.e2e.conftest import Three
from tests.e2e.engine import wait
from tests.e2e.look import expected, look
from tests.e2e.pod_hub import PodHub, PodUser

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

Visit = Callable[[str], PodUser]

OFFERS = {
    "ocean": ("ocean", ["hydro", "pangeo"]),
    "field": ("hydro", []),
    "school": ("pangeo", ["ocean", "hydro"]),
}
"""Profile → its brick, and those that it offers (tests/e2e/three.py)."""


@pytest.fixture(scope="module")
def visit(pod_hub: PodHub) -> Iterator[Visit]:
    """Log somebody in."""
    open_browsers = []

    def made(name: str) -> PodUser:
        user = PodUser(pod_hub, name)
        open_browsers.append(user)
        return user

    yield made
    for each in open_browsers:
        each.close()


@pytest.fixture(scope="module")
def ada(visit: Visit) -> Iterator[PodUser]:
    """Somebody who chose every brick, whose server runs."""
    user = visit("ada")
    user.start(**EVERYTHING)
    yield user
    user.stop()


def test_every_kernel_runs_a_cell(ada: PodUser, three: Three) -> None:
    """Kernels have the predicted names, and run in their bricks, activated, as the user of the image."""
    names = three.centre.kernels("ocean")
    shown = ada.lab.kernels()
    assert {name: shown[name] for name in names.values()} == {
        name: TITLES[each] for each, name in names.items()
    }
    for brick, name in names.items():
        assert look(ada.lab, name) == expected(brick)


def test_another_user_has_another_choice(ada: PodUser, visit: Visit, three: Three) -> None:
    """At the same time, somebody else chose another profile, and has its kernel and no other brick's."""
    user = visit("niels")
    user.start(profile="field")
    try:
        name = three.centre.kernels("field")["hydro"]
        assert user.lab.kernels() == {name: TITLES["hydro"], "python3": "Python 3 (ipykernel)"}
        assert look(user.lab, name)["only"] == [ONLY["hydro"]]
    finally:
        user.stop()


def test_what_was_written_outlives_the_session(visit: Visit, three: Three) -> None:
    """The home is the same volume in the next pod."""
    user, name = visit("grace"), three.centre.kernels("field")["hydro"]
    user.start(profile="field")
    user.lab.cell(name, "open('kept', 'w').write('yes')")
    user.stop()
    user.start(profile="field")
    try:
        assert user.lab.cell(name, "print(open('kept').read())") == "yes\n"
    finally:
        user.stop()


def _choices() -> Iterator[tuple[dict[str, str], set[str]]]:
    """Every choice that there is on the spawn page → the bricks of the session."""
    yield {}, {"ocean"}
    for profile, (own, offered) in OFFERS.items():
        for wanted in product((True, False), repeat=len(offered)):
            ticked = dict(zip(offered, wanted, strict=True))
            said = {each: "include" if yes else "skip" for each, yes in ticked.items()}
            yield {"profile": profile, **said}, {own, *(each for each, yes in ticked.items() if yes)}


CHOICES = [*_choices()]


@pytest.mark.parametrize(
    ("choice", "bricks"), CHOICES, ids=[" ".join(choice.values()) or "nothing" for choice, _ in CHOICES]
)
def test_each_choice_has_its_kernels(
    choice: dict[str, str], bricks: set[str], visit: Visit, three: Three
) -> None:
    """For every profile and every choice: the kernels of its bricks, which run, and of no others."""
    user = visit("alan")
    user.start(**choice)
    try:
        names = three.centre.kernels(choice.get("profile", "ocean"))
        shown = user.lab.kernels()
        assert shown.keys() == {"python3", *(names[each] for each in bricks)}
        for brick in bricks:
            assert look(user.lab, names[brick])["prefix"] == PREFIXES[brick]
    finally:
        user.stop()


def test_a_session_without_its_brick_is_none(visit: Visit, pod_hub: PodHub) -> None:
    """Where the cluster drops the volume, the guard ends the session, and says which brick is missing."""
    user = visit("mallory")
    answer = user.rest("POST", f"/users/{user.name}/server")
    assert answer.status_code in (202, 500), (
        answer.text
    )  # 202 when it takes longer than JupyterHub lets one wait
    wait(lambda: user.server() is None, "it does not fail", lambda: pod_hub.log()[-5000:])
    said = f"lego: there is no brick at {PREFIXES['ocean']}"  # on a cluster, in the pod's events
    assert said in pod_hub.log()
