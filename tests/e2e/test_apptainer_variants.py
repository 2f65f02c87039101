"""Hubs of centres that want wrapspawner or jupyterhub_moss: the same sessions from another spawn page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.e2e.hpc_centre import SCHEDULED, HpcCentre
from tests.e2e.hpc_hub import Hub, Scientist, running
from tests.e2e.images import PREFIXES
from tests.e2e.slurm import Slurm
from tests.e2e.test_apptainer_hub import MOUNTS, bricks_of, gone
from tests.e2e.test_compose_hub import LOOK


class Variant(NamedTuple):
    """A spawner, and how it is asked.

    Attributes:
        field: options for the profile of that name.
        night: for one of a group.
        evil: for what is nobody's to choose.
    """

    field: dict[str, Any]
    night: dict[str, Any]
    evil: dict[str, Any]


VARIANTS = {
    "wrapspawner": Variant({"profile": "field"}, {"profile": "night"}, {"profile": "no such"}),
    "moss": Variant(
        {"environment_id": "field", "partition": "fat", "nprocs": 1},
        {"environment_id": "night", "partition": "interactive"},
        {"environment_id": "field", "partition": "fat", "environment_path": "/tmp/evil.sif;id"},
    ),
}


@pytest.fixture(scope="module", params=VARIANTS)
def spawner(request: pytest.FixtureRequest) -> str:
    """The option of that name."""
    return str(request.param)


@pytest.fixture(scope="module")
def hub(spawner: str, hpc: HpcCentre, slurm: Slurm) -> Iterator[Hub]:
    """The hub with that spawner, which runs; what this thread connects to is on its machine."""
    scheduled = SCHEDULED.replace("hub: {", f"hub: {{spawner: {spawner}, ")
    assert scheduled != SCHEDULED
    centre = hpc.variant(f"hpc-{spawner}", scheduled)
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


def test_a_session(spawner: str, hub: Hub, bob: Scientist, slurm: Slurm) -> None:
    """The spawn page opens, and what it asks for is a job of the profile with exactly the profile's bricks."""
    page = bob.get("/hub/spawn")
    assert (page.status_code, "Field campaign" in page.text) == (200, True), hub.log()
    bob.start(**VARIANTS[spawner].field)
    names = hub.centre.kernels("field")
    assert set(bob.lab.kernels()) == {"python3", *names.values()}
    seen = json.loads(bob.lab.cell(names["hydro"], LOOK))
    assert (seen["prefix"], seen["user"]) == (PREFIXES["hydro"], [5002, 5002])
    assert bricks_of(bob.lab.cell("python3", MOUNTS)) == {PREFIXES["hydro"]}
    (number,) = slurm.jobs("bob")
    job = slurm.job(number)
    assert (job["JobName"], job["Partition"]) == ("jupyter-field", "fat")
    assert job["NumCPUs"] == ("1" if spawner == "moss" else "2")


def test_groups_are_kept(spawner: str, hub: Hub, bob: Scientist) -> None:
    """A profile of a group is for its members."""
    bob.start(**VARIANTS[spawner].night)
    assert bricks_of(bob.lab.cell("python3", MOUNTS)) == {PREFIXES["pangeo"]}
    user = Scientist("software")
    try:
        for options in (VARIANTS[spawner].night, VARIANTS[spawner].evil):
            answer = user.rest("POST", "/users/software/server", {"user_options": options})
            assert answer.status_code in (400, 403), answer.text
        assert hub.slurm.jobs("software") == []
    finally:
        user.close()
