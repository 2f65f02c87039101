"""A JupyterHub that submits to a real Slurm, as its users see it: jobs, Labs in real containers, kernels of bricks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.conformance.spawn_page import Page
from tests.e2e.conftest import judged
from tests.e2e.engine import wait
from tests.e2e.hpc_centre import HpcCentre
from tests.e2e.hpc_hub import Hub, Scientist, running
from tests.e2e.images import PREFIXES
from tests.e2e.lab_images import RELEASE, title
from tests.e2e.look import expected, look
from tests.e2e.machine import HUB, Machine
from tests.e2e.slurm import Slurm

MOUNTS = "print(open('/proc/self/mountinfo').read())"
Visit = Callable[[str], Scientist]


@pytest.fixture(scope="module")
def hub(request: pytest.FixtureRequest, hpc: HpcCentre, slurm: Slurm) -> Iterator[Hub]:
    """The hub, which runs; what this thread connects to is on its machine."""
    version = hpc.machine.run("hub", "/opt/hub/bin/jupyterhub", "--version").stdout.strip()
    judged(request, f"JupyterHub {version}")
    with running(hpc, slurm) as made:
        yield made


@pytest.fixture(scope="module")
def visit(hub: Hub) -> Iterator[Visit]:
    """Log somebody in."""
    with ExitStack() as open_browsers:

        def made(name: str) -> Scientist:
            user = Scientist(name)
            open_browsers.callback(user.close)
            return user

        yield made


@pytest.fixture(scope="module")
def alice(visit: Visit, hub: Hub) -> Iterator[Scientist]:
    """Somebody who chose everything on the form, whose server runs."""
    user = visit("alice")
    answer = user.choose("ocean", ["hydro", "pangeo"])
    assert answer.url.startswith(f"https://{HUB}/hub/spawn-pending/alice"), answer.text
    user.ready()
    yield user
    user.stop()
    gone(hub, "alice")


@pytest.fixture
def bob(visit: Visit, hub: Hub) -> Iterator[Scientist]:
    """Somebody of the staff; when a test is over, nothing of the session is left."""
    user = visit("bob")
    yield user
    if user.server() is not None:
        user.stop()
    gone(hub, "bob")


def gone(hub: Hub, user: str) -> None:
    """No job, process or directory of a user is there any more."""
    wait(lambda: not hub.slurm.jobs(user), "the job goes on")
    wait(lambda: not hub.shown(user), "something runs", lambda: str(hub.shown(user)))
    assert hub.machine.root.run("find", "/tmp", "/dev/shm", "-user", user).stdout == ""


def bricks_of(text: str) -> set[str]:
    """Where images are mounted, in a mount table; all of them read-only."""
    fuse = [line.split() for line in text.splitlines() if " - fuse.squashfuse_ll " in line]
    assert all(fields[5].split(",")[0] == "ro" for fields in fuse), text
    return {fields[4] for fields in fuse if not fields[4].startswith("/usr/")}


# ── a session ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_form_shows_what_is_the_users_to_choose(visit: Visit) -> None:
    """Profiles of a group are for its members, and bricks that a profile offers have a box."""
    page = Page(visit("alice").get("/hub/spawn").text)
    assert page.values("profile") == ["ocean", "field"]
    assert page.values("bricks-ocean") == ["hydro", "pangeo"]
    assert Page(visit("bob").get("/hub/spawn").text).values("profile") == ["ocean", "field", "night"]


def test_jupyterlab_opens(alice: Scientist) -> None:
    """The browser comes to JupyterLab through the proxy, and the login of the hub."""
    answer = alice.get("/user/alice/lab")
    assert (answer.status_code, answer.url) == (200, f"https://{HUB}/user/alice/lab")
    assert '"appName": "JupyterLab"' in answer.text


def test_kernels_have_the_predicted_names(alice: Scientist, hpc: HpcCentre) -> None:
    """The launcher shows the kernel of every brick under the name that was predicted."""
    shown = alice.lab.kernels()
    assert shown.pop("python3") == "Python 3 (ipykernel)"
    assert shown == {name: title(brick, RELEASE) for brick, name in hpc.kernels("ocean").items()}


@pytest.mark.parametrize("brick", PREFIXES)
def test_every_kernel_runs_a_cell(brick: str, alice: Scientist, hpc: HpcCentre) -> None:
    """A cell runs in the brick's own Python at its prefix, as the user, at home, and cannot change the brick."""
    assert look(alice.lab, hpc.kernels("ocean")[brick]) == expected(
        brick, home="/home/alice", user=(5001, 5001)
    )


def test_the_session_has_exactly_its_bricks(alice: Scientist) -> None:
    """The mount table of a kernel has the bricks that were picked."""
    assert bricks_of(alice.lab.cell("python3", MOUNTS)) == set(PREFIXES.values())


def test_the_job_is_what_the_profile_says(alice: Scientist, slurm: Slurm) -> None:
    """Slurm was asked for the profile's cores, memory, time and partition."""
    (number,) = slurm.jobs("alice")
    job = slurm.job(number)
    assert (job["JobName"], job["Partition"], job["TimeLimit"]) == (
        "jupyter-ocean",
        "interactive",
        "01:00:00",
    )
    assert (job["NumCPUs"], job["NumNodes"], job["MinMemoryNode"]) == ("1", "1", "1G")
    assert alice.lab.cell("python3", "import os; print(os.environ['SLURM_JOB_ID'])").strip() == number


def test_nobody_learns_the_token(alice: Scientist, hub: Hub, slurm: Slurm, machine: Machine) -> None:
    """What a session is known by to the hub is on no command line, in no script, and in no file of others' reach."""
    token = alice.lab.cell("python3", "import os; print(os.environ['JUPYTERHUB_API_TOKEN'])").strip()
    assert re.fullmatch("[0-9a-f]{32,}", token)
    assert not [each for each in machine.processes() if token in each.words]
    (number,) = slurm.jobs("alice")
    for line in (
        f"scontrol show job -d {number}",
        f"scontrol write batch_script {number} -",
        "squeue --all --Format=all:999",
    ):
        said = machine.sh("root", line, check=False)
        assert said.stdout or said.stderr
        assert token not in said.stdout + said.stderr
    places = "/etc /home /run /tmp /var /dev/shm /opt/lego /proc/[0-9]*/environ /proc/[0-9]*/cmdline"
    look = f"grep --recursive --files-with-matches --no-messages --devices=skip --file=- {places}; true"
    assert machine.run("bob", "bash", "-c", look, text=token).stdout == ""
    assert machine.run("root", "bash", "-c", look, text=token).stdout  # where Slurm keeps it: it can be found
    log = machine.sh("root", f"stat -c '%a %U' /home/alice/.jupyterhub-{number}.log").stdout.split()
    assert log == ["600", "alice"]


def test_the_hub_restarts(alice: Scientist, hub: Hub, slurm: Slurm) -> None:
    """A hub that is started anew finds the session, whose job and kernels went on."""
    before = slurm.jobs("alice")
    with alice.lab.kernel("python3") as run:
        run("kept = 41")
        hub.stop()
        hub.start()
        wait(lambda: alice.server() is not None and bool((alice.server() or {}).get("ready")), "no server")
        assert run("print(kept + 1)") == "42\n"
    assert slurm.jobs("alice") == before
    assert alice.get("/user/alice/lab").status_code == 200


def test_another_profile(bob: Scientist, alice: Scientist, slurm: Slurm, hpc: HpcCentre) -> None:
    """At the same time somebody else has one brick only, over REST, in a job of another partition."""
    bob.start(profile="field")
    assert set(bob.lab.kernels()) == {"python3", *hpc.kernels("field").values()}
    seen = look(bob.lab, hpc.kernels("field")["hydro"])
    assert (seen["prefix"], seen["data"], seen["user"]) == (PREFIXES["hydro"], None, [5002, 5002])
    assert bricks_of(bob.lab.cell("python3", MOUNTS)) == {PREFIXES["hydro"]}
    (number,) = slurm.jobs("bob")
    job = slurm.job(number)
    assert (job["JobName"], job["Partition"], job["TimeLimit"]) == ("jupyter-field", "fat", "00:30:00")
    assert (job["NumCPUs"], job["MinMemoryNode"]) == ("2", "512M")
    assert bob.get("/user/alice/lab").status_code == 403
    assert len(alice.lab.kernels()) == 4


def test_a_brick_that_was_picked(bob: Scientist, hpc: HpcCentre) -> None:
    """One of the offered bricks is there, and the other is not."""
    bob.start(profile="ocean", bricks=["pangeo"])
    names = hpc.kernels("ocean")
    assert set(bob.lab.kernels()) == {"python3", names["ocean"], names["pangeo"]}
    assert bricks_of(bob.lab.cell("python3", MOUNTS)) == {PREFIXES["ocean"], PREFIXES["pangeo"]}


def test_a_profile_of_the_users_group(bob: Scientist, hpc: HpcCentre) -> None:
    """A member gets it."""
    bob.start(profile="night")
    assert set(bob.lab.kernels()) == {"python3", *hpc.kernels("night").values()}


# ── what is refused, and what goes wrong ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "options",
    [
        {"profile": "night"},
        {"profile": "ocean", "bricks": ["sea"]},
        {"profile": "field", "bricks": ["pangeo"]},
        {"profile": "ocean", "cmd": "id >/tmp/pwned"},
        {"profile": "ocean", "prologue": "id >/tmp/pwned", "partition": "fat"},
        {"profile": "ocean", "bricks": "hydro"},
    ],
    ids=["profile of a group", "unknown brick", "brick of another profile", "command", "prologue", "no list"],
)
def test_what_the_form_does_not_send_is_refused(
    options: dict[str, object], visit: Visit, hub: Hub, machine: Machine
) -> None:
    """The hub answers 400, and no job is submitted."""
    user = visit("software")  # an account of no group
    answer = user.rest("POST", "/users/software/server", {"user_options": options})
    assert answer.status_code == 400, answer.text
    # JupyterHub takes the body itself for options, too.
    answer = user.rest("POST", "/users/software/server", options)
    assert answer.status_code == 400, answer.text
    assert hub.slurm.jobs("software") == []
    assert machine.root.run("find", "/tmp", "-name", "pwned").stdout == ""


def test_a_brick_that_is_missing(bob: Scientist, hub: Hub, hpc: HpcCentre) -> None:
    """The job ends at once, and the user reads why, on the page and over REST; when it is there again, it starts."""
    image = hpc.data()["profiles"][1]["bricks"][0]["image"]
    name = hub.machine.sh("root", f"ls {hpc.store}/*{image.rpartition(':')[2]}*").stdout.strip()
    hub.machine.root.run("mv", name, f"{name}.away")
    try:
        bob.choose("field")
        wait(lambda: bob.server() is None, "the server does not fail", hub.log, 60)
        said = f"lego-launch: {name} is missing: run lego-materialize"
        page = bob.get("/hub/spawn-pending/bob").text
        assert said in page, page
        assert hub.slurm.jobs("bob") == []
    finally:
        hub.machine.root.run("mv", f"{name}.away", name)
    bob.start(profile="field")


def test_a_job_that_somebody_cancels(bob: Scientist, hub: Hub, slurm: Slurm) -> None:
    """The hub notices."""
    bob.start(profile="field")
    (number,) = slurm.jobs("bob")
    hub.machine.run("bob", "scancel", number)
    wait(lambda: bob.server() is None, "the hub does not notice", hub.log, 60)
    gone(hub, "bob")


def test_a_session_that_reaches_its_end(bob: Scientist, hub: Hub, slurm: Slurm) -> None:
    """At the end of its time Slurm ends it, and nothing is left."""
    bob.start(profile="field")
    (number,) = slurm.jobs("bob")
    hub.machine.root.run("scancel", "--signal=TERM", "--full", number)
    wait(lambda: bob.server() is None, "the hub does not notice", hub.log, 60)
    gone(hub, "bob")
