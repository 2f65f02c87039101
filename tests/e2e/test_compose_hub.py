"""A centre on Docker Engine as its users see it: the hub behind its proxy and TLS, Labs, and a kernel of each brick."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.conformance.spawn_page import Page
from tests.e2e.conftest import Visit
from tests.e2e.docker import Docker
from tests.e2e.docker_centre import HOST, Centre
from tests.e2e.images import HOME, PREFIXES
from tests.e2e.lab_images import RELEASE, title
from tests.e2e.look import expected, look
from tests.e2e.visitor import User

SERVICES = ("edge", "proxy", "hub", "docker-api")
NET_BIND_SERVICE = 1 << 10  # capabilities(7)


@pytest.fixture(scope="module")
def ada(visit: Visit) -> Iterator[User]:
    """Somebody who chose everything on the form, whose server runs."""
    user = visit("ada")
    answer = user.choose("ocean", ["hydro", "pangeo"])
    assert answer.url.startswith(f"https://{HOST}/hub/spawn-pending/ada"), answer.text
    user.ready()
    yield user
    user.stop()


def _capabilities(docker: Docker, container: str) -> dict[str, int]:
    lines = docker.run("exec", container, "cat", "/proc/1/status").stdout.splitlines()
    found = dict(line.split(":\t", 1) for line in lines)
    return {each: int(found[each], 16) for each in ("CapBnd", "CapEff", "NoNewPrivs")}


# ── the services ──────────────────────────────────────────────────────────────────────────────────────


def test_everything_is_up(deployed: Centre) -> None:
    """One command starts the services, and all are healthy; images that are only fetched are no containers."""
    assert deployed.project.states() == dict.fromkeys(SERVICES, "running healthy")


def test_services_have_no_privileges(deployed: Centre, docker: Docker) -> None:
    """Only what listens on port 443 may do what others may not."""
    for service in SERVICES:
        found = _capabilities(docker, f"lego-{deployed.name}-{service}-1")
        assert (found["CapBnd"], found["NoNewPrivs"]) == (NET_BIND_SERVICE if service == "edge" else 0, 1), (
            service
        )


def test_every_image_was_fetched(deployed: Centre, docker: Docker) -> None:
    """`docker compose pull` fetched the system image and every brick, which no service mounts, by their digests."""
    for profile in deployed.composition()["profiles"].values():
        for each in (profile["system"], *profile["bricks"].values(), *profile["offers"].values()):
            reference = f"{each['repository']}@{each['digest']}"
            assert reference in docker.inspect(reference)["RepoDigests"]


def test_the_hub_sees_little_of_the_engine(deployed: Centre, docker: Docker) -> None:
    """What stands before the engine's socket lets through what sessions take, and nobody else reaches it."""
    ask = (
        "import urllib.request as u, urllib.error as e\n"
        "for path in ('version', 'containers/json', 'networks', 'volumes', 'exec/1/json', 'events', 'info'):\n"
        "    try: print(path, u.urlopen(f'http://docker-api:2375/{path}').status)\n"
        "    except e.HTTPError as error: print(path, error.code)"
    )
    said = docker.run("exec", f"lego-{deployed.name}-hub-1", "python3", "-c", ask).stdout.splitlines()
    refused = [f"{each} 403" for each in ("networks", "volumes", "exec/1/json", "events", "info")]
    assert said == ["version 200", "containers/json 200", *refused]
    (network,) = docker.inspect(f"lego-{deployed.name}-docker-api-1")["NetworkSettings"]["Networks"]
    found = docker.inspect(network)
    assert found["Internal"] is True
    assert {each["Name"] for each in found["Containers"].values()} == {
        f"lego-{deployed.name}-{each}-1" for each in ("docker-api", "hub")
    }


def test_plain_http_leads_to_tls(deployed: Centre, visit: Visit) -> None:
    """Who forgets the s is sent where it is encrypted."""
    answer = requests.get(
        "http://127.0.0.1/hub/login", headers={"Host": HOST}, allow_redirects=False, timeout=20
    )
    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://{HOST}/hub/login")


# ── a session ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_form_offers_the_bricks(visit: Visit) -> None:
    """The spawn page has the profiles of the centre, and a box for every brick that one offers."""
    user = visit("mary")
    page = Page(user.get("/hub/spawn").text)
    assert page.values("profile") == ["ocean", "field"]
    assert page.values("bricks-ocean") == ["hydro", "pangeo"]
    assert "The hydro of 2026.10" in page.text


def test_jupyterlab_opens(ada: User) -> None:
    """The browser comes to JupyterLab, through the login of the hub."""
    answer = ada.get("/user/ada/lab")
    assert (answer.status_code, answer.url) == (200, f"https://{HOST}/user/ada/lab")
    assert '"appName": "JupyterLab"' in answer.text


def test_kernels_have_the_predicted_names(ada: User, deployed: Centre) -> None:
    """The launcher shows the kernel of every brick under the name that was predicted, and that notebooks store."""
    wanted = {name: title(brick, RELEASE) for brick, name in deployed.kernels("ocean").items()}
    assert wanted.keys() == {"conda-env-ocean-py", "conda-env-hydro-py", "conda-env-conda-notebook-py"}
    shown = ada.lab.kernels()
    assert shown.pop("python3") == "Python 3 (ipykernel)"  # of JupyterLab itself
    assert shown == wanted


@pytest.mark.parametrize("brick", PREFIXES)
def test_every_kernel_runs_a_cell(brick: str, ada: User, deployed: Centre) -> None:
    """A cell runs in the brick's own Python at its prefix, activated, with its own packages, and cannot change it."""
    assert look(ada.lab, deployed.kernels("ocean")[brick]) == expected(brick)


def test_the_session_is_confined(ada: User, deployed: Centre, docker: Docker) -> None:
    """The container of a session has no privileges, the profile's memory, and the bricks as image mounts."""
    container = f"lego-{deployed.name}-ada"
    assert _capabilities(docker, container) == {"CapBnd": 0, "CapEff": 0, "NoNewPrivs": 1}
    found = docker.inspect(container)
    assert found["HostConfig"]["Memory"] == 1 << 30
    assert list(found["NetworkSettings"]["Networks"]) == [f"lego-{deployed.name}-users"]
    mounts = {each["Destination"]: (each["Type"], each["RW"]) for each in found["Mounts"]}
    assert mounts == {HOME: ("volume", True), **dict.fromkeys(PREFIXES.values(), ("image", False))}
    # The hub is where users are, and the engine is not, whoever knows its address.
    networks = docker.inspect(f"lego-{deployed.name}-docker-api-1")["NetworkSettings"]["Networks"]
    (address,) = (each["IPAddress"] for each in networks.values())
    for place, refused in (
        ("hub/8081", False),
        ("docker-api/2375", True),
        (f"{address}/2375", True),
        ("edge/443", True),
    ):
        # The engine answers nothing to what it drops.
        limit = "3" if refused else "60"
        connect = ("timeout", "--signal=KILL", limit, "bash", "-c", f": </dev/tcp/{place}")
        done = docker.run("exec", container, *connect, check=False)
        assert (done.returncode != 0) is refused, place


def test_home_belongs_to_the_user(ada: User, deployed: Centre, docker: Docker) -> None:
    """A new home has its user for an owner, and what is in it is there in the next session."""
    container = f"lego-{deployed.name}-ada"
    docker.run("exec", container, "touch", f"{HOME}/kept.ipynb")
    said = docker.run("exec", container, "stat", "-c", "%u:%g %n", HOME, f"{HOME}/kept.ipynb").stdout
    assert said.splitlines() == [f"1000:100 {HOME}", f"1000:100 {HOME}/kept.ipynb"]


def test_another_user_has_another_choice(ada: User, visit: Visit, deployed: Centre, docker: Docker) -> None:
    """At the same time somebody else has one brick only, over REST, and a home without the files of others."""
    user = visit("niels")
    user.start(profile="field")
    try:
        assert set(user.lab.kernels()) == {"python3", *deployed.kernels("field").values()}
        seen = look(user.lab, "conda-env-hydro-py")
        assert (seen["prefix"], seen["data"]) == (PREFIXES["hydro"], None)
        container = f"lego-{deployed.name}-niels"
        assert "kept.ipynb" not in docker.run("exec", container, "ls", HOME).stdout.split()
        assert len(ada.lab.kernels()) == 4
    finally:
        user.stop()
    sessions = docker.run(
        "ps", "--all", "--filter", f"label=org.lego.center={deployed.name}", "--format", "{{.Names}}"
    )
    assert sessions.stdout.split() == [f"lego-{deployed.name}-ada"]  # a session that ended leaves nothing


def test_another_users_server_is_closed(ada: User, visit: Visit) -> None:
    """Somebody else does not get into it."""
    eve = visit("eve")
    assert eve.get("/user/ada/lab").status_code == 403
    assert eve.rest("DELETE", "/users/ada/server").status_code in (403, 404)


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "options",
    [
        {"profile": "ocean", "bricks": ["ocean", "sea"]},
        {"profile": "field", "bricks": ["pangeo"]},
        {"profile": "nothing"},
        {"profile": "ocean", "image": "docker.io/library/alpine:latest"},
        {"profile": "ocean", "bricks": "hydro"},
    ],
    ids=["unknown brick", "brick of another profile", "unknown profile", "image", "no list"],
)
def test_what_the_form_does_not_send_is_refused(
    options: dict[str, object], visit: Visit, deployed: Centre, docker: Docker
) -> None:
    """The hub answers 400, and the engine is not asked for a container."""
    eve = visit("eve")
    answer = eve.rest("POST", "/users/eve/server", {"user_options": options})
    assert answer.status_code == 400, answer.text
    assert f"lego-{deployed.name}-eve" not in docker.names()


def test_an_image_that_is_not_there(visit: Visit, deployed: Centre, docker: Docker) -> None:
    """A brick that somebody removed from the machine is named, before the engine is asked; fetched, it works."""
    hydro = deployed.composition()["profiles"]["field"]["bricks"]["hydro"]
    reference = f"{hydro['repository']}@{hydro['digest']}"
    user = visit("edmond")
    # Sessions that run go on with it.
    docker.run("image", "rm", "--force", docker.inspect(reference)["Id"])
    try:
        answer = user.rest("POST", "/users/edmond/server", {"user_options": {"profile": "field"}})
        assert answer.status_code == 503
        assert reference in answer.json()["message"]
        assert reference in user.choose("field").text
    finally:
        deployed.project.sh("docker compose pull --quiet")
    user.start(profile="field")
    user.stop()
