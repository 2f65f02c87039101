"""Podman of the root folder behind its Docker-compatible API: a machine on which it stands in for Docker Engine.

Its bridges (netavark), its names (aardvark-dns) and its ports (80 and 443 too) are in the network of the namespace, and
go with it. What it stores is in memory. Two things are not as on a machine:

* No systemd is in the folder. Podman has its health checks run by timers of systemd: here a loop runs those of
  containers that are not healthy yet, whatever their interval. What makes the socket and starts containers after a
  reboot (``podman.socket``, ``podman-restart.service``) is not tried; the service is started by hand.
* Where nobody may have as many files open as services ask for, runc asks for less, as it does for Docker.
"""

from __future__ import annotations

from tests.e2e.engine import Engine, wait
from tests.e2e.podman import SETTINGS, TRUSTED

SOCKET = "/run/podman/podman.sock"
"""Where systemd's podman.socket has it, and compiled files expect it."""

_NETWORK = """\
[network]
network_config_dir = "/var/lib/containers/networks"   # where it would have them nothing can be written
"""

_RUNTIME = """\
[engine.runtimes]
lego = ["{program}"]
"""
_START = f"""\
mkdir -p {SOCKET.rpartition("/")[0]}
podman system service --time=0 unix://{SOCKET} >>/run/lego-podman.log 2>&1 </dev/null &
"""
_HEALTH = """\
while sleep 0.5; do
  for each in $(podman ps --quiet --filter health=starting --filter health=unhealthy); do
    podman healthcheck run "$each"
  done
done >>/run/lego-health.log 2>&1 </dev/null &
"""


class PodmanService(Engine):
    """Podman and its clients.

    Args:
        root: where it is; entered with a network of its own.
    """

    client = "podman"
    compose = ("docker-compose",)
    declared = """\
    engine: podman
    versions: {podman: "5.8", compose: "2.40"}
"""

    def start(self, registry: str) -> None:
        """Start the service and the health checks, and wait until it answers.

        Args:
            registry: host and port of a registry without TLS, the only one that it may trust.
        """
        settings = SETTINGS + _NETWORK
        if program := self.modest_runc():
            settings = settings.replace('runtime = "runc"', 'runtime = "lego"') + _RUNTIME.format(
                program=program
            )
        self.root.env |= {
            "CONTAINERS_CONF": self.root.write("/run/lego-containers.conf", settings),
            "CONTAINERS_REGISTRIES_CONF": self.root.write(
                "/run/lego-registries.conf", TRUSTED.format(host=registry)
            ),
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
            "DOCKER_HOST": f"unix://{SOCKET}",
        }
        self.root.run("sh", "-c", _START)
        wait(
            lambda: self.root.run("docker-compose", "ls", check=False).returncode == 0,
            "Podman's service does not start",
            self.log,
        )
        self.root.run("sh", "-c", _HEALTH)

    def log(self) -> str:
        """What the service said."""
        return self.root.run("tail", "-n", "30", "/run/lego-podman.log").stdout

    def versions(self) -> str:
        """Of engine, Compose and what runs containers."""
        form = "{{.Version.Version}}, {{.Host.NetworkBackendInfo.Version}}, {{.Host.OCIRuntime.Version}}"
        engine, netavark, runtime = self.run("info", "--format", form).stdout.splitlines()[0].split(", ")
        compose = self.root.run("docker-compose", "version", "--short").stdout.strip()
        return f"Podman {engine} behind its Docker API ({netavark}, {runtime}), Compose {compose}"
