"""Hubs of centres that want wrapspawner, jupyterhub_moss, or no conda: the same sessions, made otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.e2e.hpc_centre import SCHEDULED, HpcCentre
from tests.e2e.hpc_hub import Hub, Scientist, running
from tests.e2e.images import PREFIXES
from tests.e2e.look import look
from tests.e2e.slurm import Slurm
from tests.e2e.test_apptainer_hub import MOUNTS, bricks_of, gone


class Variant(NamedTuple):
    """A hub, and how it is asked.

    Attributes:
        spawner: the option of that name.
        kernels: the option of that name.
        field: options for the profile of that name.
        night: for one of a group.
        evil: for what is nobody's to choose.
    """

    spawner: str
    kernels: str
    field: dict[str, Any]
    night: dict[str, Any]
    evil: dict[str, Any]


_PLAIN: tuple[dict[str, Any], ...] = ({"profile": "field"}, {"profile": "night"}, {"profile": "no such"})
_MOSS: tuple[dict[str, Any], ...] = (
    {"environment_id": "field", "partition": "fat", "nprocs": 1},
    {"environment_id": "night", "partition": "interactive"},
    {"environment_id": "field", "partition": "fat", "environment_path": "/tmp/evil.sif;id"},
)
VARIANTS = {
    "wrapspawner": Variant("wrapspawner", "conda", *_PLAIN),
    "moss": Variant("moss", "conda", *_MOSS),
    "static": Variant("batchspawner", "static", *_PLAIN),
    "moss-static": Variant("moss", "static", *_MOSS),
}


@pytest.fixture(scope="module", params=VARIANTS)
def name(request: pytest.FixtureRequest) -> str:
    """Which of them."""
    return str(request.param)


@pytest.fixture(scope="module")
def variant(name: str) -> Variant:
    """The hub that is wanted."""
    return VARIANTS[name]


@pytest.fixture(scope="module")
def hub(name: str, variant: Variant, hpc: HpcCentre, slurm: Slurm) -> Iterator[Hub]:
    """The hub with that spawner, which runs; what this thread connects to is on its machine."""
    scheduled = SCHEDULED.replace("hub: {", f"hub: {{spawner: {variant.spawner}, ")
    assert scheduled != SCHEDULED
    centre = hpc.variant(f"hpc-{name}", scheduled, variant.kernels)
    centre.install()
    hpc.machine.root.run("rm", "-f", "/home/hub/jupyterhub.sqlite")
    with running(centre, slurm) as made:
        yield made
    hpc.machine.root.run("rm", "-f", "/home/hub/jupyterhub.sqlite")


@pytest.fixture
def bob(hub: Hub) -> Iterator[Scientist]:
    """Somebody of the staff, who leaves nothing."""
    user = Scientist("bob")
    yield user
    if user.server() is not None:
        user.stop()
    user.close()
    gone(hub, "bob")


def test_a_session(variant: Variant, hub: Hub, bob: Scientist, slurm: Slurm) -> None:
    """The spawn page opens, and what it asks for is a job of the profile with exactly the profile's bricks."""
    page = bob.get("/hub/spawn")
    assert (page.status_code, "Field campaign" in page.text) == (200, True), hub.log()
    bob.start(**variant.field)
    names = hub.centre.kernels("field")
    assert set(bob.lab.kernels()) == {"python3", *names.values()}
    seen = look(bob.lab, names["hydro"])
    assert (seen["prefix"], seen["conda"], seen["user"]) == (
        PREFIXES["hydro"],
        PREFIXES["hydro"],
        [5002, 5002],
    )
    assert seen["activated"]
    assert bricks_of(bob.lab.cell("python3", MOUNTS)) == {PREFIXES["hydro"]}
    (number,) = slurm.jobs("bob")
    job = slurm.job(number)
    assert (job["JobName"], job["Partition"]) == ("jupyter-field", "fat")
    assert job["NumCPUs"] == ("1" if variant.spawner == "moss" else "2")


def test_groups_are_kept(variant: Variant, hub: Hub, bob: Scientist) -> None:
    """A profile of a group is for its members."""
    bob.start(**variant.night)
    assert bricks_of(bob.lab.cell("python3", MOUNTS)) == {PREFIXES["pangeo"]}
    user = Scientist("software")
    try:
        for options in (variant.night, variant.evil):
            answer = user.rest("POST", "/users/software/server", {"user_options": options})
            assert answer.status_code in (400, 403), answer.text
        assert hub.slurm.jobs("software") == []
    finally:
        user.close()
