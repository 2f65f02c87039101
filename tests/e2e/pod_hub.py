"""A real JupyterHub with the real KubeSpawner, whose pods Podman plays on a machine without a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from tests.conformance.hub_visitor import Visitor
from tests.e2e.centre import Centre
from tests.e2e.engine import wait
from tests.e2e.podman import Podman
from tests.e2e.visitor import Lab, User

DROPPED = {"mallory": "brick-ocean"}
"""User → volume that their pods have not, as on a cluster whose API server has the gate for image volumes off."""

SITE, PORT = "https://jupyter.example.org", 8888
_HUB = "http://127.0.0.1:8081"
_CONFIG = Path(__file__).with_name("pod_hub_config.py")


class PodHub:
    """The hub of a centre.

    Args:
        centre: its compiled values.
        podman: connected, with a network for pods.
        folder: for the hub's own files.
    """

    def __init__(self, centre: Centre, podman: Podman, folder: Path) -> None:
        self.centre = centre
        self.podman = podman
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers; for who is in the network of the machine."""
        command, env = self.podman.command()
        given = {
            "values": self.centre.values,
            "podman": command,
            "network": "pods",
            "dropped": DROPPED,
            "folder": str(self._folder),
        }
        said = self._folder / "given.json"
        said.write_text(json.dumps(given))
        paths = os.pathsep.join([str(_CONFIG.parents[2]), *filter(None, sys.path)])
        variables = {**os.environ, **env, "LEGO_POD_HUB": str(said), "PYTHONPATH": paths}
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "--config", str(_CONFIG)],
                cwd=self._folder, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        wait(self._answers, "the hub does not start", lambda: self.log()[-5000:])

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-5000:]
        with requests.Session() as session, suppress(requests.RequestException):
            session.trust_env = False
            return session.get(f"{_HUB}/hub/api/", timeout=5).status_code == 200
        return False

    def log(self) -> str:
        """What it has said."""
        return (self._folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """End it; pods stay."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):  # JupyterHub may wait for ever for its own tasks
                self._process.wait(60)
            self._process.kill()
            self._process.wait()
            self._process = None

    def pod(self, name: str) -> dict[str, Any]:
        """The pod of somebody, as KubeSpawner made it."""
        return dict(json.loads((self._folder / f"jupyter-{name}.json").read_text()))

    def address(self, name: str) -> str:
        """Where the pod of somebody is."""
        pod = f"jupyter-{name}"
        (infra,) = self.podman.run("pod", "inspect", "--format", "{{.InfraContainerID}}", pod).stdout.split()
        where = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.podman.run("inspect", "--format", where, infra).stdout.strip()


@contextmanager
def running(centre: Centre, podman: Podman, folder: Path) -> Iterator[PodHub]:
    """A hub, until the ``with`` ends; for who is in the network of the machine."""
    hub = PodHub(centre, podman, folder)
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()


class PodUser(User):
    """Somebody who uses the hub, behind the site's own TLS.

    Args:
        hub: which runs.
        name: of the user.
    """

    def __init__(self, hub: PodHub, name: str) -> None:
        Visitor.__init__(self, SITE, _HUB)
        self._hub = hub
        assert self.log_in(name).url == f"{self.site}/hub/home"
        assert self.rest("GET", "/user").json()["name"] == name  # makes a token

    def ready(self) -> None:
        """Wait for the server that is starting; there is no proxy, so that one is sent to the pod itself."""
        super().ready()
        ip = self._hub.address(self.name)
        self.lab = Lab(f"http://{ip}:{PORT}/user/{self.name}", self.token, self._program, address=ip)
