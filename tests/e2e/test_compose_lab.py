"""A Lab without a hub: one command on a machine with Docker and the compiled files, however the bricks get there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from tests.e2e.conftest import Make
from tests.e2e.docker import Docker
from tests.e2e.docker_centre import FIXED, Centre
from tests.e2e.images import PREFIXES
from tests.e2e.lab_images import ONLY, RELEASE, title
from tests.e2e.look import look
from tests.e2e.visitor import Lab

URL = "http://127.0.0.1:8888"


@pytest.fixture(scope="module", params=["image", "baked", "volume", "static"])
def centre(request: pytest.FixtureRequest, make: Make, docker: Docker) -> Iterator[Centre]:
    """A compiled centre whose Lab runs; what this thread connects to is on that machine."""
    mounts, kernels = ("image", "static") if request.param == "static" else (request.param, "conda")
    made = make(f"e2e-lab-{request.param}", mounts, FIXED, kernels)
    try:
        made.project.sh("docker compose --file compose.lab.yaml up --detach --wait --quiet-pull", timeout=300)
        with docker.root.namespace.network():
            yield made
    finally:
        made.project.sh("docker compose --file compose.lab.yaml down --volumes --timeout 2")


@pytest.fixture
def lab(centre: Centre) -> Iterator[Lab]:
    """The Lab, for who has read its token in what it printed."""
    said = centre.project.sh("docker compose --file compose.lab.yaml logs --no-log-prefix lab").stdout
    tokens = re.findall(r"http://127\.0\.0\.1:8888/lab\?token=([0-9a-f]{48})$", said, re.MULTILINE)
    assert tokens, said
    with requests.Session() as session:
        session.trust_env = False
        yield Lab(URL, tokens[0], session)


def test_every_kernel_runs_a_cell(lab: Lab, centre: Centre) -> None:
    """The Lab has the kernels of the default profile, named as in sessions of the hub, and all of them run."""
    names = centre.kernels("ocean")
    shown = lab.kernels()
    assert {name: shown[name] for name in names.values()} == {
        name: title(each, RELEASE) for each, name in names.items()
    }
    for brick, name in names.items():
        seen = look(lab, name)
        assert (seen["prefix"], seen["only"], seen["data"]) == (PREFIXES[brick], [ONLY[brick]], "/data/era5")
        assert seen["written"] in ("Read-only file system", "Permission denied")


def test_nobody_else_gets_in(centre: Centre, docker: Docker) -> None:
    """Without the token the Lab does nothing, and it listens to nobody but this machine."""
    assert requests.get(f"{URL}/api/kernelspecs", timeout=20).status_code == 403
    container = centre.project.sh("docker compose --file compose.lab.yaml ps --quiet lab").stdout.strip()
    found = docker.inspect(container)["HostConfig"]
    assert found["PortBindings"] == {"8888/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8888"}]}
    assert (found["CapDrop"], found["SecurityOpt"]) == (["ALL"], ["no-new-privileges:true"])
