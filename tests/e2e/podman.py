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

Pods get no network (``--network=none``), since nothing here needs one.
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
TRUSTED = """\
[[registry]]
location = "{host}"
insecure = true
"""
_ENGINES_OWN = re.compile(
    r"/|/(proc|sys|dev|run|tmp|var/tmp)(/.*)?|/etc/(hosts|hostname|resolv\.conf|passwd|group)"
)
_PATIENCE = 20.0


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
        trusted = f"/run/lego-registries-{registry.rpartition(':')[2]}.conf"
        self._env = {
            "CONTAINERS_CONF": root.write("/run/lego-containers.conf", SETTINGS),
            "CONTAINERS_REGISTRIES_CONF": root.write(trusted, TRUSTED.format(host=registry)),
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        }

    def run(self, *words: str, text: str = "", check: bool = True) -> CompletedProcess[str]:
        """Run a command of Podman's."""
        self._root.env |= self._env  # another one may trust another registry
        return self._root.run("podman", *words, text=text, check=check)

    def play(self, manifest: str) -> CompletedProcess[str]:
        """Start what a manifest describes, whether that works or not."""
        return self.run("kube", "play", "--network=none", "-", text=manifest, check=False)

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
