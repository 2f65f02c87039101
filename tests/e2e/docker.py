"""Docker Engine and Docker Compose of the root folder: a whole machine with Docker, in a network of its own.

The engine is started as on a machine, with the containerd image store, which newer ones have without being asked. Its
bridges, its rules of the firewall and its ports (80 and 443 too) are in the network of the namespace, and go with it.
What it stores is in memory, so that each session starts with nothing.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.e2e.root import Root

_CONFIGURATION = {
    "features": {"containerd-snapshotter": True},
    "cgroup-parent": "/lego-docker",
    "exec-opts": ["native.cgroupdriver=cgroupfs"],  # no systemd is in the folder
    "pidfile": "/run/docker.pid",
}
"""A registry on the loopback interface needs no entry: the engine asks 127.0.0.0/8 without TLS."""

_RUNC = """\
#!/bin/sh
# runc, for a machine on which nobody may have more files open than {limit}, root neither: asks for no more.
last=
for word in "$@"; do
  case $last in
    --bundle) spec=$word/config.json ;;
    --process) spec=$word ;;
    *) spec= ;;
  esac
  [ -z "$spec" ] || sed -Ei 's/("type":"RLIMIT_NOFILE","hard":)[0-9]+(,"soft":)[0-9]+/\\1{limit}\\2{limit}/' "$spec"
  last=$word
done
exec runc "$@"
"""
_WANTED = 65536
"""Files that compiled services and sessions may have open; a service of systemd may have more, a sandbox may not."""

_START = "dockerd --config-file /run/lego-docker.json >>/run/lego-dockerd.log 2>&1 </dev/null &"
PATIENCE = 60.0


class Docker:
    """The engine and its clients.

    Args:
        root: where it is; entered with a network of its own.
    """

    def __init__(self, root: Root) -> None:
        self.root = root
        root.env["DOCKER_CONFIG"] = "/run/lego-docker-client"  # for buildx, which writes there

    def start(self) -> None:
        """Start the engine, and wait until it answers."""
        self.root.run("ip", "link", "set", "lo", "up")
        configuration: dict[str, Any] = dict(_CONFIGURATION)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if limit < _WANTED:
            program = self.root.write("/run/lego-runc", _RUNC.format(limit=limit))
            self.root.run("chmod", "755", program)
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

    def run(self, *words: str, check: bool = True, timeout: float = 120) -> CompletedProcess[str]:
        """Run a command of Docker's."""
        return self.root.run("docker", *words, check=check, timeout=timeout)

    def inspect(self, what: str) -> dict[str, Any]:
        """What the engine knows of a container, an image or a volume."""
        (found,) = json.loads(self.run("inspect", what).stdout)
        return dict(found)

    def names(self, *filters: str) -> list[str]:
        """Names of the containers that run and that every filter lets through."""
        words = [word for each in filters for word in ("--filter", each)]
        return sorted(self.run("ps", "--format", "{{.Names}}", *words).stdout.split())

    def versions(self) -> str:
        """Of engine, Compose and what runs containers."""
        engine = self.run("version", "--format", "{{.Server.Version}}").stdout.strip()
        compose = self.run("compose", "version", "--short").stdout.strip()
        store = self.run("info", "--format", "{{.Driver}}").stdout.strip()
        return f"Docker Engine {engine} ({store} of containerd), Compose {compose}"


class Project:
    """A folder with compiled files on that machine, where an operator types commands.

    Args:
        docker: the engine.
        folder: where it is on that machine.
    """

    def __init__(self, docker: Docker, folder: str) -> None:
        self._docker = docker
        self.folder = folder

    def bring(self, out: Path) -> None:
        """Copy compiled files there."""
        for path in sorted(each for each in out.rglob("*") if each.is_file()):
            there = f"{self.folder}/{path.relative_to(out)}"
            self._docker.root.run("mkdir", "-p", there.rpartition("/")[0])
            self._docker.root.write(there, path.read_text())

    def sh(self, line: str, *, check: bool = True, timeout: float = 240) -> CompletedProcess[str]:
        """A line that the operator types in that folder."""
        words = ("bash", "-c", f'cd "$1" && {{ {line}\n}}', "bash", self.folder)
        return self._docker.root.run(*words, check=check, timeout=timeout)

    def compose(self, *words: str, check: bool = True, timeout: float = 240) -> CompletedProcess[str]:
        """Run a command of Docker Compose's there."""
        command = ("bash", "-c", 'cd "$1" && shift && exec docker compose "$@"', "bash", self.folder)
        return self._docker.root.run(*command, *words, check=check, timeout=timeout)

    def states(self) -> dict[str, str]:
        """Service → how it is, of every service that has a container."""
        lines = self.compose(
            "ps", "--all", "--format", "{{.Service}} {{.State}} {{.Health}}"
        ).stdout.splitlines()
        return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


def wait(
    done: Callable[[], bool], complaint: str, more: Callable[[], str] = str, patience: float = PATIENCE
) -> None:
    """Wait until something is done.

    Raises:
        AssertionError: it took too long; with the complaint.
    """
    end = time.monotonic() + patience
    while not done():
        assert time.monotonic() < end, f"{complaint}\n{more()}"
        time.sleep(0.2)
