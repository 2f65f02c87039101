"""Docker Engine and Docker Compose of the root folder: a whole machine with Docker, in a network of its own.

The engine is started as on a machine, with the containerd image store, which newer ones have without being asked. Its
bridges, its rules of the firewall and its ports (80 and 443 too) are in the network of the namespace, and go with it.
What it stores is in memory, so that each session starts with nothing.
"""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.engine import Engine, wait
from tests.e2e.root import Root

_CONFIGURATION = {
    "features": {"containerd-snapshotter": True},
    "cgroup-parent": "/lego-docker",
    "exec-opts": ["native.cgroupdriver=cgroupfs"],  # no systemd is in the folder
    "pidfile": "/run/docker.pid",
}
"""A registry on the loopback interface needs no entry: the engine asks 127.0.0.0/8 without TLS."""

_START = "dockerd --config-file /run/lego-docker.json >>/run/lego-dockerd.log 2>&1 </dev/null &"


class Docker(Engine):
    """Docker Engine and its clients.

    Args:
        root: where it is; entered with a network of its own.
    """

    client = "docker"
    compose = ("docker", "compose")
    declared = """\
    versions: {engine: "28.5", compose: "2.40"}
    gates: [containerd-store]
"""

    def __init__(self, root: Root) -> None:
        super().__init__(root)
        root.env["DOCKER_CONFIG"] = "/run/lego-docker-client"  # for buildx, which writes there

    def start(self) -> None:
        """Start the engine, and wait until it answers."""
        configuration: dict[str, Any] = dict(_CONFIGURATION)
        if program := self.modest_runc():
            configuration |= {"runtimes": {"lego": {"path": program}}, "default-runtime": "lego"}
        self.root.write("/run/lego-docker.json", json.dumps(configuration))
        self.root.run("sh", "-c", _START)
        wait(lambda: self.run("info", check=False).returncode == 0, "the engine does not start", self.log)

    def stop(self) -> None:
        """End the engine as a shutdown of the machine does; it stops its containers."""
        self.root.run("sh", "-c", 'kill "$(cat /run/docker.pid)"')
        gone = ("sh", "-c", "! pidof dockerd containerd >/dev/null")
        wait(lambda: self.root.run(*gone, check=False).returncode == 0, "the engine does not end", self.log)

    def log(self) -> str:
        """What the engine said."""
        return self.root.run("tail", "-n", "30", "/run/lego-dockerd.log").stdout

    def versions(self) -> str:
        """Of engine, Compose and what runs containers."""
        engine = self.run("version", "--format", "{{.Server.Version}}").stdout.strip()
        compose = self.run("compose", "version", "--short").stdout.strip()
        store = self.run("info", "--format", "{{.Driver}}").stdout.strip()
        return f"Docker Engine {engine} ({store} of containerd), Compose {compose}"
