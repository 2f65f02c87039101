"""A centre on Docker Engine in the hands of its operator: restarts, a new release, backup, removal, as the note says.

The tests are one story, in this order.
"""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Visit
from tests.e2e.docker import Docker
from tests.e2e.docker_centre import BACKUP, INSTALL, REMOVE, Centre
from tests.e2e.engine import wait
from tests.e2e.images import HOME, OURS
from tests.e2e.lab_images import NEXT, RELEASE, title
from tests.e2e.test_compose_hub import SERVICES
from tests.e2e.visitor import User

OCEAN, HYDRO = "conda-env-ocean-py", "conda-env-hydro-py"
WHICH = "import os; print(os.environ['LEGO_ACTIVATED'])"


@pytest.fixture(scope="module")
def ada(visit: Visit) -> User:
    """Somebody who works."""
    user = visit("ada")
    user.choose("ocean", ["hydro"])
    user.ready()
    return user


@pytest.fixture(scope="module")
def grace(visit: Visit) -> User:
    """An administrator."""
    return visit("grace")


def _container(docker: Docker, centre: Centre, service: str) -> str:
    return str(docker.inspect(f"lego-{centre.name}-{service}")["Id"])


def _healthy(centre: Centre) -> None:
    wanted = dict.fromkeys(SERVICES, "running healthy")
    wait(
        lambda: centre.project.states() == wanted,
        "services do not come back",
        lambda: str(centre.project.states()),
    )


def test_the_hub_is_restarted(ada: User, deployed: Centre, docker: Docker) -> None:
    """Sessions do not notice: the server goes on, and so does the kernel that computes in it."""
    before = _container(docker, deployed, "ada")
    with ada.lab.kernel(OCEAN) as run:
        run("answer = 6 * 7")
        deployed.project.sh("docker compose stop hub")
        assert run("print(answer)") == "42\n"
        deployed.project.sh("docker compose start hub && docker compose restart hub")
        _healthy(deployed)
        assert run("print(answer)") == "42\n"
    assert (ada.server() or {})["ready"] is True
    assert _container(docker, deployed, "ada") == before


def test_a_new_release_of_a_brick(ada: User, deployed: Centre, docker: Docker) -> None:
    """It takes `catalog add`, `lock`, a compile and the commands of the note; a session that runs keeps what it has."""
    before = {each: _container(docker, deployed, f"{each}-1") for each in SERVICES}
    session = _container(docker, deployed, "ada")
    deployed.add(f"{OURS}/brick-ocean:{NEXT}")
    deployed.compile("--upgrade")
    for command in deployed.note(INSTALL):
        deployed.project.sh(command)
    after = {each: _container(docker, deployed, f"{each}-1") for each in SERVICES}
    assert [each for each in SERVICES if before[each] != after[each]] == ["hub"]

    assert _container(docker, deployed, "ada") == session
    assert ada.lab.cell(OCEAN, WHICH) == f"ocean@{RELEASE}\n"
    ada.stop()
    ada.start()
    assert ada.lab.kernels()[OCEAN] == title("ocean", NEXT)
    assert ada.lab.cell(OCEAN, WHICH) == f"ocean@{NEXT}\n"
    assert ada.lab.cell(HYDRO, WHICH) == f"hydro@{RELEASE}\n"


def test_the_engine_is_restarted(ada: User, deployed: Centre, docker: Docker) -> None:
    """The services come back by themselves; a session is started again with the last choice, and has its home."""
    docker.run("exec", f"lego-{deployed.name}-ada", "touch", f"{HOME}/kept.ipynb")
    docker.stop()
    docker.start()
    _healthy(deployed)
    wait(lambda: ada.server() is None, "the hub does not see that the session is gone")
    ada.start()
    assert {OCEAN, HYDRO} < ada.lab.kernels().keys()
    assert ada.lab.cell(OCEAN, WHICH) == f"ocean@{NEXT}\n"
    said = docker.run("exec", f"lego-{deployed.name}-ada", "ls", HOME).stdout
    assert "kept.ipynb" in said.split()


def test_backup(ada: User, grace: User, visit: Visit, deployed: Centre, docker: Docker) -> None:
    """The hub's database is saved while the hub runs, and put back; so is a home, with its owner."""

    def users() -> set[str]:
        return {each["name"] for each in grace.rest("GET", "/users").json()}

    commands = deployed.note(BACKUP)
    back = commands.index("docker compose stop hub")
    for command in commands[:back]:
        deployed.project.sh(command)
    said = deployed.project.sh("tar --list --gzip --file ada.tar.gz").stdout
    assert "./kept.ipynb" in said.splitlines()

    visit("mallory")
    docker.run("exec", f"lego-{deployed.name}-ada", "rm", f"{HOME}/kept.ipynb")
    assert users() == {"ada", "grace", "mallory"}
    for command in commands[back:]:
        deployed.project.sh(command)
    _healthy(deployed)
    assert users() == {"ada", "grace"}
    assert (ada.server() or {})["ready"] is True  # her session is in the database, and runs
    said = docker.run("exec", f"lego-{deployed.name}-ada", "stat", "-c", "%u:%g", f"{HOME}/kept.ipynb").stdout
    assert said == "1000:100\n"


def test_removal(ada: User, deployed: Centre, docker: Docker) -> None:
    """First what runs is removed, then what is stored; the centre leaves nothing but images."""
    commands = deployed.note(REMOVE)
    data = commands.index("docker compose down --volumes")

    def volumes() -> set[str]:
        return {
            each for each in docker.run("volume", "ls", "--quiet").stdout.split() if deployed.name in each
        }

    for command in commands[:data]:
        deployed.project.sh(command)
    assert docker.run("ps", "--all", "--quiet").stdout == ""
    assert {f"lego-{deployed.name}_hub-data", f"lego-{deployed.name}-home-ada"} <= volumes()
    networks = docker.run("network", "ls", "--format", "{{.Name}}").stdout.split()
    assert sorted(networks) == ["bridge", "host", "none"]
    for command in commands[data:]:
        deployed.project.sh(command)
    assert volumes() == set()
