"""A centre on Podman in the place of Docker Engine, as its users and operator see it, with each way to mount bricks.

For each way of ``mounts`` the tests are one story, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import BASE, Images, Make, Visit, judged, maker, stocked
from tests.e2e.docker_centre import HOST, INSTALL, REMOVE, Centre
from tests.e2e.images import PREFIXES
from tests.e2e.lab_images import RELEASE, Layers, title
from tests.e2e.look import expected, look
from tests.e2e.namespace import CannotRun
from tests.e2e.podman_service import PodmanService
from tests.e2e.root import entered
from tests.e2e.test_compose_hub import SERVICES
from tests.e2e.visitor import User

CHOICE = """\
  ocean:
    title: Oceanography
    default: true
    bricks: [ocean]
    offer: [hydro]
    resources: {cpu: 1, memory: 1G}
    environment: {OCEAN_DATA: /data/era5}
  field:
    title: Field campaign
    bricks: [hydro]
    resources: {cpu: 1, memory: 512M}
"""
"""Without the brick whose environment is not all of its image, which Podman does not mount."""

FIXED = """\
  ocean:
    title: Oceanography
    default: true
    bricks: {bricks}
    resources: {{cpu: 1, memory: 1G}}
    environment: {{OCEAN_DATA: /data/era5}}
"""
PROFILES = {
    "image": CHOICE,
    "baked": FIXED.format(bricks="[pangeo]"),
    "volume": FIXED.format(bricks="[ocean, pangeo]"),
}
BRICKS = {"image": {"ocean", "hydro"}, "baked": {"pangeo"}, "volume": {"ocean", "pangeo"}}
"""What the session of ada has."""
REFUSAL = {"image": "Read-only file system", "baked": "Permission denied", "volume": "Read-only file system"}
"""What a session hears when it writes into a brick."""

only_image = pytest.mark.parametrize("mounts", ["image"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[PodmanService]:
    """A machine with Podman, whose service does not run yet."""
    try:
        with entered(BASE, network=True) as made:
            yield PodmanService(made)
    except CannotRun as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def make(
    request: pytest.FixtureRequest,
    engine: PodmanService,
    images: Images,
    shells: Images,
    layers: Layers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Make]:
    """Compile a centre for Podman, which runs and may pull its images."""
    with stocked(engine, images, shells, layers) as registry:
        engine.start(registry.host)
        judged(request, engine.versions())
        yield maker(engine, registry, images, shells, tmp_path_factory)


@pytest.fixture(scope="module", params=list(PROFILES))
def mounts(request: pytest.FixtureRequest) -> str:
    """How bricks get into a session."""
    return str(request.param)


@pytest.fixture(scope="module")
def deployed(make: Make, mounts: str) -> Iterator[Centre]:
    """A centre that its operator has installed with the commands of its note, and that runs."""
    centre = make(f"e2e-podman-{mounts}", mounts, PROFILES[mounts])
    with centre.running():
        yield centre


@pytest.fixture(scope="module")
def ada(visit: Visit, mounts: str) -> User:
    """Somebody who logged in and chose on the form what there is to choose, whose server runs."""
    user = visit("ada")
    if mounts == "image":
        answer = user.choose("ocean", ["hydro"])
        assert answer.url.startswith(f"https://{HOST}/hub/spawn-pending/ada"), answer.text
        user.ready()
    else:
        user.start()
    return user


@pytest.fixture(scope="module")
def edmond(visit: Visit) -> User:
    """Somebody else, who logged in."""
    return visit("edmond")


def test_everything_is_up(deployed: Centre) -> None:
    """The commands of the note start the services, and all are healthy; what is only fetched is no container."""
    states = deployed.project.states()
    seeds = {each for each in states if each.startswith("seed-")}
    assert {each: states[each] for each in states.keys() - seeds} == dict.fromkeys(
        SERVICES, "running healthy"
    )
    assert all(states[each].startswith("exited") for each in seeds)
    assert bool(seeds) is deployed.name.endswith("-volume")


@only_image
def test_an_image_that_is_not_there(edmond: User, deployed: Centre, engine: PodmanService) -> None:
    """A brick that somebody removed from the machine is named, before the engine is asked; fetched, it works."""
    hydro = deployed.composition()["profiles"]["field"]["bricks"]["hydro"]
    reference = f"{hydro['repository']}@{hydro['digest']}"
    engine.run("image", "rm", reference)
    try:
        answer = edmond.rest("POST", "/users/edmond/server", {"user_options": {"profile": "field"}})
        assert (answer.status_code, reference in answer.json()["message"]) == (503, True), answer.text
        assert reference in edmond.choose("field").text
        assert (
            f"lego-{deployed.name}-edmond" not in engine.run("ps", "--all", "--format", "{{.Names}}").stdout
        )
    finally:
        deployed.project.sh(deployed.note(INSTALL)[0])
    edmond.start(profile="field")


def test_every_kernel_runs_a_cell(ada: User, deployed: Centre, mounts: str) -> None:
    """JupyterLab opens; a cell runs in each brick's own Python at its prefix, activated, and cannot change it."""
    answer = ada.get("/user/ada/lab")
    assert (answer.status_code, answer.url) == (200, f"https://{HOST}/user/ada/lab")
    assert '"appName": "JupyterLab"' in answer.text
    names = deployed.kernels("ocean")
    assert names.keys() == BRICKS[mounts]
    shown = ada.lab.kernels()
    assert shown.pop("python3") == "Python 3 (ipykernel)"  # of JupyterLab itself
    assert shown == {name: title(brick, RELEASE) for brick, name in names.items()}
    for brick, name in names.items():
        assert look(ada.lab, name) == expected(brick, written=REFUSAL[mounts])


@only_image
def test_the_session_is_confined(ada: User, deployed: Centre, engine: PodmanService) -> None:
    """A session has no privileges, the profile's memory, and the bricks read-only, for root too."""
    container = f"lego-{deployed.name}-ada"
    lines = engine.run("exec", container, "cat", "/proc/1/status").stdout.splitlines()
    status = dict(line.split(":\t", 1) for line in lines)
    assert [int(status[each], 16) for each in ("CapBnd", "CapEff", "NoNewPrivs")] == [0, 0, 1]
    found = engine.inspect(container)
    assert found["HostConfig"]["Memory"] == 1 << 30
    assert list(found["NetworkSettings"]["Networks"]) == [f"lego-{deployed.name}-users"]
    for name in ("ocean", "hydro"):
        done = engine.run("exec", "--user", "0", container, "touch", f"{PREFIXES[name]}/new", check=False)
        assert "Read-only file system" in done.stderr
    # The hub is where users are, and the engine is not, whoever knows its address.
    networks = engine.inspect(f"lego-{deployed.name}-docker-api-1")["NetworkSettings"]["Networks"]
    (address,) = (each["IPAddress"] for each in networks.values())
    for place, refused in (("hub/8081", False), (f"{address}/2375", True)):
        limit = "2" if refused else "60"
        connect = ("timeout", "--signal=KILL", limit, "bash", "-c", f": </dev/tcp/{place}")
        done = engine.run("exec", container, *connect, check=False)
        assert (done.returncode != 0) is refused, place


@only_image
def test_another_user_has_another_choice(ada: User, edmond: User, deployed: Centre) -> None:
    """At the same time somebody else has one brick only."""
    assert set(edmond.lab.kernels()) == {"python3", *deployed.kernels("field").values()}
    seen = look(edmond.lab, "conda-env-hydro-py")
    assert (seen["prefix"], seen["data"]) == (PREFIXES["hydro"], None)
    assert len(ada.lab.kernels()) == 3


@only_image
def test_the_hub_is_restarted(ada: User, edmond: User, deployed: Centre, engine: PodmanService) -> None:
    """Sessions do not notice: the server goes on, and so does the kernel that computes in it; the hub stops one."""
    before = engine.inspect(f"lego-{deployed.name}-ada")["Id"]
    with ada.lab.kernel("conda-env-ocean-py") as run:
        run("answer = 6 * 7")
        deployed.project.sh("docker-compose restart hub && docker-compose up --detach --wait")
        assert run("print(answer)") == "42\n"
    assert (ada.server() or {})["ready"] is True
    assert engine.inspect(f"lego-{deployed.name}-ada")["Id"] == before
    edmond.stop()
    label = f"label=org.lego.center={deployed.name}"
    assert engine.run("ps", "--all", "--filter", label, "--format", "{{.Names}}").stdout.split() == [
        f"lego-{deployed.name}-ada"
    ]


def test_removal(ada: User, deployed: Centre, engine: PodmanService) -> None:
    """With a session running: first all that runs is removed, then what is stored; homes are found by their names."""

    def volumes() -> set[str]:
        return {
            each for each in engine.run("volume", "ls", "--quiet").stdout.split() if deployed.name in each
        }

    assert f"lego-{deployed.name}-ada" in engine.names()
    commands = deployed.note(REMOVE)
    data = commands.index("docker-compose down --volumes")
    for command in commands[:data]:
        deployed.project.sh(command)
    assert engine.run("ps", "--all", "--quiet").stdout == ""
    assert engine.run("network", "ls", "--format", "{{.Name}}").stdout.split() == ["podman"]
    assert {f"lego-{deployed.name}_hub-data", f"lego-{deployed.name}-home-ada"} <= volumes()
    deployed.project.sh(commands[data])
    assert f"lego-{deployed.name}-home-ada" in volumes()
    for command in commands[data + 1 :]:
        deployed.project.sh(command)
    assert volumes() == set()
