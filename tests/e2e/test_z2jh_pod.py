"""The pod that KubeSpawner makes of the compiled values, run with its images: bricks are where and what they should be.

Podman plays it as it is; see ``podman.py`` for what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.e2e.centre import EVERYTHING, Centre, guard
from tests.e2e.images import HOME, LAST_LINE, PREFIXES
from tests.e2e.podman import Container, Podman

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

DATA = "/data/era5"


@dataclass(frozen=True)
class Choice:
    """What a user chose on the spawn page, and what that stands for."""

    options: dict[str, str]
    bricks: tuple[str, ...]
    memory: int = 512
    cpu: int = 500


CHOICES = {
    "nothing chosen": Choice({}, ("ocean",)),
    "one more brick": Choice({"profile": "ocean", "hydro": "include", "pangeo": "skip"}, ("ocean", "hydro")),
    "all bricks": Choice(EVERYTHING, ("ocean", "hydro", "pangeo")),
    "another profile": Choice({"profile": "field"}, ("hydro",), memory=1024, cpu=1000),
}


@dataclass(frozen=True)
class Session:
    """A session that runs."""

    choice: Choice
    manifest: dict[str, Any]
    container: Container


@pytest.fixture(scope="module", params=CHOICES)
def session(request: pytest.FixtureRequest, centre: Centre, podman: Podman) -> Iterator[Session]:
    """The session of each choice."""
    choice = CHOICES[request.param]
    pod = centre.pod(**choice.options)
    with podman.playing(yaml.safe_dump(pod)) as container:
        yield Session(choice, pod, container)


def test_the_bricks_of_the_choice_are_mounted(session: Session) -> None:
    """Every brick that was chosen is at its prefix, none of the others is, and from no mount programs are barred."""
    mounts = session.container.mounts()
    assert mounts.keys() == {HOME, DATA, *(PREFIXES[each] for each in session.choice.bricks)}
    assert "noexec" not in set().union(*mounts.values())
    for brick in session.choice.bricks:
        assert "ro" in mounts[PREFIXES[brick]]


def test_a_prefix_holds_its_environment(session: Session) -> None:
    """The environment's own files are at the prefix, from a directory of the image too: its history, its kernel."""
    for brick in session.choice.bricks:
        prefix = PREFIXES[brick]
        assert session.container.run("ls", prefix).stdout.split() == ["bin", "conda-meta", "etc", "share"]
        files = [
            f"{prefix}/{each}" for each in ("conda-meta/history", "share/jupyter/kernels/python3/kernel.json")
        ]
        said = session.container.run("cat", *files).stdout
        assert f"conda create --prefix {prefix}\n" in said
        assert f'"display_name": "The {brick}"' in said


def test_bricks_cannot_be_changed(session: Session) -> None:
    """Neither bricks nor data of others can be written, nor touched."""
    places = (DATA, *(PREFIXES[each] for each in session.choice.bricks))
    paths = [path for place in places for path in (f"{place}/new", place)]
    done = session.container.run("touch", *paths, check=False)
    refusals = [line.rpartition(": ")[2] for line in done.stderr.splitlines()]
    assert refusals == ["Read-only file system"] * len(paths)


def test_programs_of_bricks_run(session: Session) -> None:
    """Programs start from a brick: static ones, those that load the system's C library, scripts with the prefix."""
    for brick in session.choice.bricks:
        programs = f"cd {PREFIXES[brick]}/bin && ./busybox echo static && ./uname -s && ./tool"
        assert session.container.run("sh", "-c", programs).stdout == f"static\nLinux\nbrick {brick}\n"


def test_the_session_is_started_as_compiled(session: Session) -> None:
    """Its program gets the arguments and every variable of the pod, and no guard of a brick that was not chosen."""
    (spec,) = session.manifest["spec"]["containers"]
    lines = session.container.said(LAST_LINE)
    program, *arguments = [line.removeprefix("argument ") for line in lines if line.startswith("argument ")]
    assert [program.rpartition("/")[2], *arguments] == spec["args"]

    wanted = {f"{each['name']}={each['value']}" for each in spec["env"]}
    assert {"CONDA_ENVS_DIRS=/opt/bricks:/srv/conda/envs", "PYTHONNOUSERSITE=1"} <= wanted <= set(lines)
    guards = {line for line in lines if line.startswith("LEGO_")}
    assert guards == {f"{guard(each)}={PREFIXES[each]}" for each in session.choice.bricks}


def test_home_is_the_users_own(session: Session) -> None:
    """Home is the claim's volume, and belongs to the user of the system image."""
    volumes = {each["Destination"]: each for each in session.container.inspect()["Mounts"]}
    assert (volumes[HOME]["Type"], volumes[HOME]["Name"], volumes[HOME]["RW"]) == (
        "volume",
        "claim-ada",
        True,
    )
    session.container.run("touch", f"{HOME}/notebook.ipynb")
    assert session.container.run("stat", "-c", "%u:%g", f"{HOME}/notebook.ipynb").stdout == "1000:100\n"


def test_the_session_has_no_privileges(session: Session) -> None:
    """It runs as the user, without capabilities, and can gain none; the profile's limits hold."""
    status = dict(
        line.split(":\t", 1) for line in session.container.run("cat", "/proc/1/status").stdout.splitlines()
    )
    assert (status["Uid"].split()[1], status["Gid"].split()[1]) == ("1000", "100")
    assert {int(status[each], 16) for each in ("CapEff", "CapPrm", "CapBnd")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    limits = session.container.inspect()["HostConfig"]
    assert (limits["Memory"], limits["NanoCpus"]) == (session.choice.memory << 20, session.choice.cpu * 10**6)


def test_the_guard_is_content(session: Session) -> None:
    """With its bricks in place, the hook of the pod succeeds, and says nothing."""
    done = session.container.hook()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
