"""A centre with OAR, from the command line to the Lab: JupyterHub submits jobs, and Apptainer runs what was chosen."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.conformance.hub_visitor import Visitor
from tests.e2e.centre import mirrored
from tests.e2e.conftest import BASE, Images, judged, opened
from tests.e2e.engine import wait
from tests.e2e.hpc_centre import HpcCentre
from tests.e2e.hpc_root import prepare
from tests.e2e.images import PREFIXES
from tests.e2e.lab_images import ONLY, Layers
from tests.e2e.machine import HUB, Job, entered
from tests.e2e.namespace import CannotRun
from tests.e2e.oar import OVER, Oar, running
from tests.e2e.oar_root import OAR
from tests.e2e.visitor import Lab

SCHEDULED = f"""\
    oar:
      time: "01:00:00"
      project: gaia
      profiles: {{field: {{properties: "network_address = 'node2'", time: "00:30:00"}}}}
    hub: {{url: "http://{HUB}:8081", start_timeout: 90}}
"""

SITE = """\
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.bind_url = "http://:8000"
c.JupyterHub.cookie_secret_file = "/home/hub/cookie_secret"
c.JupyterHub.db_url = "sqlite:////home/hub/jupyterhub.sqlite"
c.LegoOarSpawner.poll_interval = {poll}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 60}}
"""
POLL = 3
"""Seconds between two looks at a job that runs."""

PROXY = "http://127.0.0.1:8000"


class Hub:
    """The hub of the centre, which runs as a user of its own.

    Args:
        oar: the cluster.
        centre: the centre that is installed there.
    """

    def __init__(self, oar: Oar, centre: HpcCentre) -> None:
        self.oar = oar
        self.centre = centre
        self.machine = oar.machine
        self.job: Job | None = None
        site = f"{centre.root}/jupyterhub/jupyterhub_config.d"
        self.machine.root.run("mkdir", site)
        self.machine.root.write(f"{site}/site.py", SITE.format(poll=POLL))
        (rule,) = re.findall(r"(?m)^ *jupyterhub (ALL=.*)", (centre.out / "OPERATE.md").read_text())
        self.machine.root.run("groupadd", "--force", "scientists")
        for name in ("alice", "bob"):
            self.machine.root.run("usermod", "--append", "--groups", "scientists", name)
        lines = f"hub {rule.replace('%GROUP', '%scientists')}\n"
        rules = self.machine.root.write("/etc/sudoers.d/hub", lines)
        self.machine.root.run("chmod", "440", rules)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        configuration = f"{self.centre.root}/jupyterhub/jupyterhub_config.py"
        self.job = self.machine.start("hub", "/opt/hub/bin/jupyterhub", "-f", configuration)
        self.job.says("JupyterHub is now running")

    def stop(self) -> None:
        """End it and its proxy; the sessions stay."""
        assert self.job is not None
        self.job.signal("TERM")
        self.job.wait()

    def said(self) -> str:
        """What it has said lately, for a complaint."""
        return self.job.output[-3000:] if self.job else ""


class User(Visitor):
    """Somebody who uses the hub.

    Args:
        hub: the hub.
        name: of the user.
    """

    def __init__(self, hub: Hub, name: str) -> None:
        super().__init__(f"https://{HUB}", PROXY)
        self._hub = hub
        assert self.log_in(name).url == f"{self.site}/hub/home"
        self.rest("GET", "/user")  # makes a token

    def server(self) -> dict[str, object] | None:
        """The user's server as the hub knows it; None without one."""
        return dict(self.rest("GET", f"/users/{self.name}").json()["servers"]).get("")

    def ask(self, **options: object) -> requests.Response:
        """Ask for a server over REST."""
        return self.rest("POST", f"/users/{self.name}/server", {"user_options": options})

    def start(self, **options: object) -> None:
        """Start the server, and wait for it."""
        answer = self.ask(**options)
        assert answer.status_code in (201, 202), f"{answer.text}\n{self._hub.said()}"
        wait(lambda: bool((self.server() or {}).get("ready")), "no server", self._hub.said)

    def stop(self) -> None:
        """Stop the server, and wait until it has."""
        assert self.rest("DELETE", f"/users/{self.name}/server").status_code in (202, 204)
        wait(lambda: self.server() is None, "the server does not stop", self._hub.said)

    @contextmanager
    def lab(self) -> Iterator[Lab]:
        """The user's Lab, by way of the proxy."""
        with requests.Session() as session:
            session.trust_env = False
            yield Lab(f"{PROXY}/user/{self.name}", self.token, session)


@pytest.fixture(scope="module")
def hub(
    request: pytest.FixtureRequest, images: Images, layers: Layers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hub]:
    """A centre with OAR, whose hub runs; what this thread connects to is there."""
    try:
        with entered(BASE, OAR) as machine, running(machine) as oar:
            prepare(machine)
            version = machine.run("root", "apptainer", "version").stdout.strip()
            jupyterhub = machine.run("root", "/opt/hub/bin/jupyterhub", "--version").stdout.strip()
            judged(request, oar.version(), f"Apptainer {version}", f"JupyterHub {jupyterhub}")
            with opened(machine.root.namespace) as registry:
                with machine.network():
                    for (repository, tag), built in images.items():
                        registry.put(mirrored(repository), tag, built, dict(layers.blobs.values()))
                folder = tmp_path_factory.mktemp("oar")
                centre = HpcCentre(machine, registry.host, folder, "oar", scheduled=SCHEDULED)
                centre.compile()
                centre.install()
                centre.materialize()
            made = Hub(oar, centre)
            made.start()
            try:
                with machine.network():
                    yield made
            finally:
                made.stop()
    except CannotRun as missing:
        pytest.skip(str(missing))


@pytest.fixture
def alice(hub: Hub) -> User:
    """A user without a server."""
    made = User(hub, "alice")
    if made.server() is not None:
        made.stop()
    return made


@pytest.fixture
def session(hub: Hub) -> tuple[User, str]:
    """A user and the job of her session, with a brick that she picked; one that runs already will do."""
    made = User(hub, "alice")
    if hub.oar.jobs("alice") == [] or "jupyter-ocean" != hub.oar.facts(the_job(hub))["name"]:
        if made.server() is not None:
            made.stop()
        made.start(profile="ocean", bricks=["hydro"])
    return made, the_job(hub)


def the_job(hub: Hub) -> str:
    """The only job of alice."""
    (number,) = hub.oar.jobs("alice")
    return number


def left(hub: Hub) -> list[str]:
    """What of alice's sessions is there: directories on the node, and processes."""
    found = hub.machine.root.run("find", "/tmp", "-maxdepth", "1", "-name", "lego-*").stdout.split()
    return found + [each.words for each in hub.machine.processes("alice")]


def look(prefix: str) -> str:
    """A cell that says where it runs."""
    return f"import os, sys; print(sys.prefix, {prefix!r} in sys.prefix, os.environ['OAR_JOB_ID'])"


def test_a_session_is_a_job_and_every_kernel_runs(hub: Hub, session: tuple[User, str]) -> None:
    """A user picks bricks, OAR runs the job on a node of its own choice, and the Lab answers by way of the hub."""
    alice, number = session
    facts = hub.oar.facts(number)
    assert ("jupyter-ocean", "Running", "gaia") == (facts["name"], facts["state"], facts["project"])
    assert "/network_address=1/core=1,walltime=1:0:0" in facts["wanted_resources"]
    kernels = hub.centre.kernels("ocean")
    with alice.lab() as lab:
        assert {kernels["ocean"], kernels["hydro"]} == lab.kernels().keys() - {"python3"}
        for brick in ("ocean", "hydro"):
            said = lab.cell(kernels[brick], f"import {ONLY[brick]}; {look(PREFIXES[brick])}")
            assert [PREFIXES[brick], "True", number] == said.split()
    home = ("find", "/home/alice", "-maxdepth", "1", "-name", f".jupyterhub-{number}.log", "-printf", "%m")
    assert "600" == hub.machine.root.run(*home).stdout
    assert "" == hub.machine.root.run("find", "/home/alice/.lego/jobs", "-type", "f").stdout


def test_the_token_is_nowhere_to_be_seen(hub: Hub, session: tuple[User, str]) -> None:
    """Neither in the process table nor in what OAR tells others."""
    _, number = session
    launcher = next(each for each in hub.machine.processes("alice") if "lego-launch" in each.words)
    environment = hub.machine.root.run("cat", f"/proc/{launcher.number}/environ").stdout
    (token,) = re.findall(r"(?:^|\0)JUPYTERHUB_API_TOKEN=([^\0]+)", environment)
    told = hub.oar.show(number, "bob") + hub.oar.show(number, "alice")
    assert "lego/jobs/job-" in told
    assert token not in told + "\n".join(each.words for each in hub.machine.processes())
    dump = hub.machine.root.run("sudo", "-u", "postgres", "pg_dump", "oar").stdout
    assert token not in dump
    assert hub.machine.run("bob", "cat", f"/proc/{launcher.number}/environ", check=False).returncode


def test_a_restart_of_the_hub_keeps_the_session(hub: Hub, session: tuple[User, str]) -> None:
    """It finds the job again, also while OAR's database does not answer."""
    alice, number = session
    hub.stop()
    with hub.oar.without("database"):
        hub.start()
        assert (alice.server() or {}).get("ready")
    time.sleep(2 * POLL)
    assert (alice.server() or {}).get("ready"), hub.said()
    with alice.lab() as lab:
        assert lab.kernels()
    assert [number] == hub.oar.jobs("alice")


def test_the_hub_notices_that_a_job_was_deleted(hub: Hub, session: tuple[User, str]) -> None:
    """With oardel, in a terminal."""
    alice, number = session
    assert not hub.oar.delete("alice", number).returncode
    wait(lambda: alice.server() is None, "the hub does not notice", hub.said)
    hub.machine.root.run("sh", "-c", "rm -rf /tmp/lego-*")  # as OAR does with what it needs systemd for


def test_a_session_that_is_stopped_leaves_nothing(hub: Hub, session: tuple[User, str]) -> None:
    """It is asked to end, and cleans up."""
    alice, number = session
    assert left(hub)
    alice.stop()
    assert "Terminated" == hub.oar.wait(number, *OVER)
    wait(lambda: not left(hub), "something is left", lambda: "\n".join(left(hub)))


def test_the_second_profile_gets_what_it_asks_for(hub: Hub, alice: User) -> None:
    """Its cores, its time, and the node that its properties name; only its bricks are there."""
    alice.start(profile="field")
    facts = hub.oar.facts(the_job(hub))
    assert ("node2", "0:30:0") == (facts["assigned_hostnames"], facts["walltime"])
    assert "/network_address=1/core=2," in facts["wanted_resources"]
    kernels = hub.centre.kernels("field")
    with alice.lab() as lab:
        assert {kernels["hydro"]} == lab.kernels().keys() - {"python3"}


def test_who_may_not_is_refused(hub: Hub, alice: User) -> None:
    """A profile of a group is for its members, and options are what the form sends."""
    assert 400 == alice.ask(profile="night").status_code
    assert 400 == alice.ask(profile="ocean", bricks=["x"]).status_code
    assert 400 == alice.ask(cmd="id", profile="ocean").status_code
    assert [] == hub.oar.jobs("alice")


def test_the_user_reads_why_a_session_ended_at_once(hub: Hub, alice: User) -> None:
    """A brick that is gone from the store; the words of the launcher are on the page."""
    store, away = hub.centre.store, f"{hub.centre.store}.away"
    hub.machine.root.run("mv", store, away)
    try:
        answer = alice.ask(profile="ocean")
    finally:
        hub.machine.root.run("mv", away, store)
    assert 503 == answer.status_code
    assert "run lego-materialize" in answer.json()["message"]
    assert [] == hub.oar.jobs("alice")


# ── without the hub ───────────────────────────────────────────────────────────────────────────────────


def log_of(hub: Hub, number: str) -> str:
    """What a job of a template has written, which is for its user alone."""
    log = f"lego-ocean-{number}.log"
    assert "600" == hub.machine.run("alice", "stat", "-c", "%a", log).stdout.strip()
    return hub.machine.run("alice", "cat", log).stdout


def test_oar_takes_the_template_of_a_profile(hub: Hub) -> None:
    """A copy runs a command in the profile, with quotes as the user wrote them; its exit code is that of the job."""
    hub.machine.run("alice", "cp", f"{hub.centre.root}/batch/ocean.sh", ".")
    number = hub.oar.submit("alice", "./ocean.sh sh -c 'cat /opt/bricks/ocean/conda-meta/history; exit 7'")
    assert "Terminated" == hub.oar.wait(number, *OVER)
    facts = hub.oar.facts(number)
    assert ("lego-ocean", "gaia", "1:0:0") == (facts["name"], facts["project"], facts["walltime"])
    assert facts["exit_code"].startswith(str(7 * 256)), log_of(hub, number)
    wait(lambda: not left(hub), "something is left", lambda: "\n".join(left(hub)))


def test_the_template_alone_is_a_lab(hub: Hub) -> None:
    """Its log says how it is reached; asked to end, it cleans up."""
    number = hub.oar.submit("alice", "./ocean.sh")
    hub.oar.wait(number, "Running")
    wait(lambda: "?token=" in log_of(hub, number), "it does not say where it is", lambda: log_of(hub, number))
    (port, token) = re.findall(r"http://127\.0\.0\.1:([0-9]+)/lab\?token=([0-9a-f]+)", log_of(hub, number))[0]
    kernels = hub.centre.kernels("ocean")
    with requests.Session() as session:
        session.trust_env = False
        assert kernels["ocean"] in Lab(f"http://127.0.0.1:{port}", token, session).kernels()
    assert token not in "\n".join(each.words for each in hub.machine.processes())
    assert not hub.oar.delete("alice", "-s", "TERM", number).returncode
    assert "Terminated" == hub.oar.wait(number, *OVER)
    wait(lambda: not left(hub), "something is left", lambda: "\n".join(left(hub)))
