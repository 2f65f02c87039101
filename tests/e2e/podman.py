"""Podman in the root folder, as the stand-in for a kubelet: it plays the manifests that a cluster would be sent.

Manifests are played as they are, without a change. What Podman 5.8 does otherwise than a cluster, as far as ours go
(containers/podman:docs/kubernetes_support.md):

* It has no nodes, namespaces, service accounts and pull secrets: it passes over ``nodeSelector``, ``tolerations``,
  ``automountServiceAccountToken`` and ``imagePullSecrets``. A DaemonSet is one pod.
* A claim (``persistentVolumeClaim``) is a named volume, made on first use. Its first owner is that of the directory of
  the image that it covers; on a cluster ``fsGroup`` decides, which Podman does not read.
* ``lifecycle.postStart`` is not run: ``Container.hook`` runs what the pod says, where and as whom a kubelet would.
* ``runAsNonRoot`` is not checked, and its own seccomp profile stands for ``RuntimeDefault``.
* ``/run``, ``/tmp`` and ``/var/tmp`` of every container are in memory.

Pods get no network (``--network=none``) unless there is a hub that they have to reach (``Podman.connect``).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from subprocess import CompletedProcess
from typing import Any

import yaml

from tests.e2e.root import Root

SETTINGS = """\
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"   # no systemd is in the folder
events_logger = "file"
"""
HUB_ADDRESS = "10.89.7.1"
"""Of the machine, in the network of its pods."""

_NETWORK = """\
[containers]
base_hosts_file = "/run/lego-hosts"
[network]
network_config_dir = "/run/lego-networks"
"""
_HOSTS = f"127.0.0.1 localhost\n{HUB_ADDRESS} hub\n"
"""The chart's service of that name leads to the hub on a cluster."""

TRUSTED = """\
[[registry]]
location = "{host}"
insecure = true
"""
_ENGINES_OWN = re.compile(
    r"/|/(proc|sys|dev|run|tmp|var/tmp)(/.*)?|/etc/(hosts|hostname|resolv\.conf|passwd|group)"
)
_PATIENCE = 90.0


class Container:
    """The one container of a pod that runs.

    Args:
        podman: that runs it.
        name: of the container.
        spec: what the pod says of it.
    """

    def __init__(self, podman: Podman, name: str, spec: Mapping[str, Any]) -> None:
        self._podman = podman
        self._name = name
        self._spec = spec

    def run(self, *words: str, check: bool = True) -> CompletedProcess[str]:
        """Run a program in it, as its user."""
        return self._podman.run("exec", self._name, *words, check=check)

    def hook(self) -> CompletedProcess[str]:
        """Run its postStart hook; a cluster ends the container when the exit code is not 0."""
        return self.run(*self._spec["lifecycle"]["postStart"]["exec"]["command"], check=False)

    def inspect(self) -> dict[str, Any]:
        """What Podman knows of it."""
        (found,) = json.loads(self._podman.run("inspect", self._name).stdout)
        return dict(found)

    def mounts(self, *program: str) -> dict[str, set[str]]:
        """What the pod has mounted: path → options (proc_pid_mountinfo(5)), of the mount and of its file system.

        Args:
            program: that has a ``cat``, where it is no program of its own.
        """
        found = {}
        for line in self.run(*program, "cat", "/proc/self/mountinfo").stdout.splitlines():
            mount, _, system = line.partition(" - ")
            path, options = mount.split()[4:6]
            if not _ENGINES_OWN.fullmatch(path):
                found[path] = {*options.split(","), *system.split()[2].split(",")}
        return found

    def said(self, last: str) -> list[str]:
        """The lines that its program printed, up to one."""
        end = time.monotonic() + _PATIENCE
        while (lines := self._podman.run("logs", self._name).stdout.splitlines())[-1:] != [last]:
            assert time.monotonic() < end, f"no line {last!r} in\n" + "\n".join(lines)
            time.sleep(0.1)
        return lines


class Podman:
    """The engine, which has nothing at first.

    Args:
        root: where it is.
        registry: host and port of a registry without TLS, the only one that it may trust.
    """

    def __init__(self, root: Root, registry: str) -> None:
        self._root = root
        self._network = "none"
        trusted = f"/run/lego-registries-{registry.rpartition(':')[2]}.conf"
        self._env = {
            "CONTAINERS_CONF": root.write("/run/lego-containers.conf", SETTINGS),
            "CONTAINERS_REGISTRIES_CONF": root.write(trusted, TRUSTED.format(host=registry)),
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        }

    def connect(self) -> None:
        """Give pods a network from now on, in which ``hub`` is this machine; it has to have a network of its own."""
        self._root.write("/run/lego-hosts", _HOSTS)
        self._root.write("/run/lego-containers.conf", SETTINGS + _NETWORK)
        subnet = f"{HUB_ADDRESS.rpartition('.')[0]}.0/24"
        self.run("network", "create", "--subnet", subnet, "--disable-dns", "pods")
        self._network = "pods"

    def run(
        self, *words: str, text: str = "", check: bool = True, timeout: float = 180
    ) -> CompletedProcess[str]:
        """Run a command of Podman's."""
        self._root.env |= self._env  # another one may trust another registry
        return self._root.run("podman", *words, text=text, check=check, timeout=timeout)

    def command(self) -> tuple[list[str], dict[str, str]]:
        """The words of its command for programs of this machine, and their variables."""
        return [*self._root.namespace.enter(), "podman"], {**self._root.env, **self._env}

    def play(self, manifest: str) -> CompletedProcess[str]:
        """Start what a manifest describes, whether that works or not."""
        words = ("kube", "play", f"--network={self._network}", "-")
        return self.run(*words, text=manifest, check=False, timeout=600)

    def down(self, manifest: str) -> None:
        """End what a manifest describes; the volumes of its claims stay, as on a cluster."""
        self.run("kube", "down", "-", text=manifest)

    @contextmanager
    def playing(self, manifest: str) -> Iterator[Container]:
        """The container of a Pod, or of a DaemonSet's pod, until the ``with`` ends."""
        done = self.play(manifest)
        try:
            assert done.returncode == 0, done.stderr
            data = yaml.safe_load(manifest)
            name = data["metadata"]["name"]
            if data["kind"] == "DaemonSet":
                data, name = data["spec"]["template"], f"{name}-pod"
            (spec,) = data["spec"]["containers"]
            yield Container(self, f"{name}-{spec['name']}", spec)
        finally:
            self.down(manifest)
