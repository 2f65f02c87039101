"""A real JupyterHub on the cluster, installed as the note for operators says, and somebody who uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.conformance.hub_visitor import Visitor
from tests.e2e.engine import wait
from tests.e2e.hpc_centre import HpcCentre
from tests.e2e.machine import HUB, PATH, Job
from tests.e2e.slurm import Slurm
from tests.e2e.visitor import Lab, User

PROXY = "http://127.0.0.1:8000"
ACCOUNT = "hub"
"""Whom the hub runs as; not root."""

GROUP, MEMBERS = "scientists", ("alice", "bob")
"""The group of those whom it may start jobs for."""

# What only the site knows. Nobody waits half a minute here until the hub looks after a job.
SITE = f"""\
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.bind_url = "{PROXY}"
c.Spawner.poll_interval = 2
"""


class Hub:
    """The hub of a centre.

    Args:
        centre: installed on its machine.
        slurm: which runs there.
    """

    def __init__(self, centre: HpcCentre, slurm: Slurm) -> None:
        self.centre = centre
        self.machine = centre.machine
        self.slurm = slurm
        self._job: Job | None = None

    def install(self) -> None:
        """Let it act for users, with the rule of the note, and give it what only the site knows."""
        note = (self.centre.out / "OPERATE.md").read_text()
        (rule,) = re.findall(r"(?m)^ *jupyterhub (ALL=.*)", note)
        self.machine.root.run("groupadd", "--force", GROUP)
        for name in MEMBERS:
            self.machine.root.run("usermod", "--append", "--groups", GROUP, name)
        lines = f"{ACCOUNT} {rule.replace('%GROUP', f'%{GROUP}')}\n"
        rules = self.machine.root.write("/etc/sudoers.d/jupyterhub", lines)
        self.machine.root.run("chmod", "440", rules)
        self.machine.root.run("visudo", "--check", "--quiet")
        folder = f"{self.centre.root}/jupyterhub/jupyterhub_config.d"
        self.machine.root.run("mkdir", "-p", folder)
        self.machine.root.write(f"{folder}/site.py", SITE)

    def start(self) -> None:
        """Start it, and wait until it answers through its proxy; for who is on the machine."""
        config = f"{self.centre.root}/jupyterhub/jupyterhub_config.py"
        self._job = self.machine.start(
            ACCOUNT, "/opt/hub/bin/jupyterhub", "--config", config, env={"PATH": f"/opt/hub/bin:{PATH}"}
        )
        wait(self._answers, "the hub does not start", self.log)
        self._job.says("JupyterHub is now running")  # and its proxy knows the way to every session

    def _answers(self) -> bool:
        assert self._job is not None
        assert self._job.code is None, self._job.output
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(f"{PROXY}/hub/api/", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def log(self) -> str:
        """What it said since it was started."""
        return self._job.output if self._job else ""

    def stop(self) -> None:
        """End it and its proxy; jobs stay."""
        job, self._job = self._job, None
        if job is not None and job.code is None:
            job.signal("TERM")
            job.wait()
        wait(lambda: not self.machine.processes(ACCOUNT), "the hub has left something")

    def shown(self, user: str) -> list[str]:
        """Command lines of what a user runs on the machine."""
        return [each.words for each in self.machine.processes(user)]


@contextmanager
def running(centre: HpcCentre, slurm: Slurm) -> Iterator[Hub]:
    """A hub, until the ``with`` ends; what this thread connects to is on its machine."""
    hub = Hub(centre, slurm)
    hub.install()
    with centre.machine.network():
        try:
            hub.start()
            yield hub
        finally:
            hub.stop()


class Scientist(User):
    """Somebody who uses the hub, behind the site's own TLS.

    Args:
        name: also of the account on the cluster.
    """

    def __init__(self, name: str) -> None:
        Visitor.__init__(self, f"https://{HUB}", PROXY)
        assert self.log_in(name).url == f"{self.site}/hub/home"
        assert self.rest("GET", "/user").json()["name"] == name  # makes a token
        self.lab = Lab(f"{PROXY}/user/{name}", self.token, self._program)
