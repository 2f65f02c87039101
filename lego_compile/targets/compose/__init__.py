"""Docker Compose and DockerSpawner: one machine with Docker.

``compose.yaml`` runs JupyterHub and its services; ``jupyterhub_config.py`` (the same for every centre) starts
sessions as ``composition.json`` says. Compose mounts no brick for them: it pulls, builds or copies what they mount.
``compose.lab.yaml`` is one JupyterLab without a hub.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.targets import Target, without_versions
from lego_compile.targets.compose.check import check, obeys
from lego_compile.targets.compose.check_mounts import needs
from lego_compile.targets.compose.emit import emit
from lego_compile.targets.compose.lift import lift
from lego_compile.targets.compose.lower import lower

_SOCKETS = {"docker": "/var/run/docker.sock", "podman": "/run/podman/podman.sock"}


def settle(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with the socket of the engine."""
    options = without_versions(declared)
    return {**options, "socket": options["socket"] or _SOCKETS[options["engine"]]}


TARGET = Target(
    name="compose",
    title="Docker Compose with DockerSpawner",
    lower=lower,
    emit=emit,
    lift=lift,
    needs=needs,
    check=check,
    settle=settle,
    obeys=obeys,
)
