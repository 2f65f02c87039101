"""Where an engine has no image mounts, bricks are layers of an image or copies in volumes: the same sessions run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Images, Make, Visit
from tests.e2e.docker import Docker
from tests.e2e.docker_centre import FIXED, INSTALL, Centre
from tests.e2e.images import OURS, PLATFORM, PREFIXES
from tests.e2e.lab_images import NEXT, ONLY, RELEASE, title
from tests.e2e.look import look

REFUSAL = {"baked": "Permission denied", "volume": "Read-only file system"}
"""What a session hears when it writes into a brick."""


@pytest.fixture(scope="module", params=list(REFUSAL))
def deployed(request: pytest.FixtureRequest, make: Make) -> Iterator[Centre]:
    """A centre with each of the fallbacks, which its operator has installed."""
    centre = make(f"e2e-{request.param}", request.param, FIXED)
    with centre.running():
        yield centre


def test_sessions_have_the_bricks(visit: Visit, deployed: Centre) -> None:
    """The kernels are those of a centre with image mounts, and so is what they say, wherever the bricks are."""
    user = visit("ada")
    user.choose("ocean")
    user.ready()
    try:
        names = deployed.kernels("ocean")
        shown = user.lab.kernels()
        assert {name: shown[name] for name in names.values()} == {
            name: title(brick, RELEASE) for brick, name in names.items()
        }
        for brick, name in names.items():
            seen = look(user.lab, name)
            assert (seen["prefix"], seen["only"]) == (PREFIXES[brick], [ONLY[brick]])
            assert (seen["activated"], seen["data"]) == (f"{brick}@{RELEASE}", "/data/era5")
            assert seen["written"] == REFUSAL[deployed.name.removeprefix("e2e-")]
    finally:
        user.stop()


def test_what_was_not_prepared(visit: Visit, deployed: Centre, docker: Docker) -> None:
    """An image that was not built, or a volume that was not filled, is named before the engine is asked."""
    built, volumes = _layers(deployed, docker), _volumes(deployed, docker)
    missing = next(each for each in built or volumes if "field" in each or "-hydro-" in each)
    if built:
        docker.run("image", "rm", "--force", missing)
    else:
        deployed.project.sh(f"docker ps --all --quiet --filter volume={missing} | xargs docker rm")
        docker.run("volume", "rm", missing)
    user = visit("edmond")
    answer = user.rest("POST", "/users/edmond/server", {"user_options": {"profile": "field"}})
    assert (answer.status_code, missing in answer.json()["message"]) == (503, True), answer.text
    for command in deployed.note(INSTALL):
        deployed.project.sh(command)
    user.start(profile="field")
    user.stop()


def test_installing_again_changes_nothing(deployed: Centre, docker: Docker) -> None:
    """Who repeats the commands of the note builds no other layer, copies no brick again, and restarts no service."""

    def state() -> object:
        services = docker.run("ps", "--no-trunc", "--quiet").stdout.split()
        return _layers(deployed, docker), sorted(services), _files(deployed, docker)

    before = state()
    for command in deployed.note(INSTALL):
        deployed.project.sh(command)
    assert state() == before


@pytest.mark.parametrize("deployed", ["volume"], indirect=True, scope="module")
def test_a_copy_that_was_interrupted(deployed: Centre, docker: Docker) -> None:
    """What a copy left behind when the machine stopped is copied anew at the next start."""
    (ocean,) = (each for each in _volumes(deployed, docker) if "-ocean-" in each)
    _inside(deployed, docker, ocean, "rm -r conda-meta bin && touch half")
    deployed.project.sh("docker compose up --detach --wait")
    said = _inside(deployed, docker, ocean, "cat conda-meta/history; ls; test -x bin/python").splitlines()
    assert said[0] == f"==> {RELEASE} <=="
    assert "half" not in said


@pytest.mark.parametrize("deployed", ["baked"], indirect=True, scope="module")
def test_profiles_share_their_layers(deployed: Centre, docker: Docker, images: Images) -> None:
    """A brick of two profiles is one layer, the same in both images, and is on the disk once."""
    small, big = sorted(_layers(deployed, docker).values(), key=len)
    below = [layer for layer, _ in images[f"{OURS}/lab", RELEASE].layers[PLATFORM]]
    assert (small[: len(below)], big[: len(below)]) == (below, below)
    assert len(big) == len(below) + len(PREFIXES)
    (hydro,) = small[len(below) :]
    assert hydro in big


@pytest.mark.parametrize("deployed", ["volume"], indirect=True, scope="module")
def test_a_new_release_is_another_volume(deployed: Centre, docker: Docker) -> None:
    """The volume of the release before stays as it is, and is deleted as the note says when nobody uses it."""
    before = _volumes(deployed, docker)
    deployed.add(f"{OURS}/brick-ocean:{NEXT}")
    deployed.compile("--upgrade")
    for command in deployed.note(INSTALL):
        deployed.project.sh(command)
    (new,) = set(_volumes(deployed, docker)) - set(before)
    assert _inside(deployed, docker, new, "cat conda-meta/history").startswith(f"==> {NEXT} <==")
    (old,) = (each for each in before if "-ocean-" in each)
    assert _inside(deployed, docker, old, "cat conda-meta/history").startswith(f"==> {RELEASE} <==")
    docker.run("volume", "rm", old)


def _layers(centre: Centre, docker: Docker) -> dict[str, list[str]]:
    """Layers of every image that was built. What BuildKit notes beside an image has the time, and so another digest."""
    form = "{{.Repository}}:{{.Tag}}"
    names = docker.run("image", "ls", "--format", form, f"localhost/lego-{centre.name}/*").stdout.split()
    return {name: docker.inspect(name)["RootFS"]["Layers"] for name in sorted(names)}


def _volumes(centre: Centre, docker: Docker) -> list[str]:
    said = docker.run("volume", "ls", "--quiet", "--filter", "label=org.lego.brick")
    return [each for each in said.stdout.split() if each.startswith(f"lego-{centre.name}-brick-")]


def _inside(centre: Centre, docker: Docker, volume: str, script: str) -> str:
    system = centre.composition()["profiles"]["field"]["system"]
    image = f"{system['repository']}@{system['digest']}"
    words = ("run", "--rm", "--user", "0", "--network", "none", "--volume", f"{volume}:/v", "--workdir", "/v")
    return docker.run(*words, image, "bash", "-ec", script).stdout


def _files(centre: Centre, docker: Docker) -> list[str]:
    """What would be another one if a brick had been copied again."""
    script = "find . -printf '%p %i %C@\\n' | sha256sum"
    return [_inside(centre, docker, each, script) for each in _volumes(centre, docker)]
