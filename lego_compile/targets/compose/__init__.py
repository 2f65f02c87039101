"""Docker Compose and DockerSpawner: one machine with Docker.

``compose.yaml`` runs JupyterHub and its services; ``jupyterhub_config.py`` (the same for every centre) starts
sessions as ``composition.json`` says. Compose never mounts a brick itself: it pulls them.
"""

from __future__ import annotations

from lego_compile.targets import Target
from lego_compile.targets.compose.check import check, obeys
from lego_compile.targets.compose.emit import emit
from lego_compile.targets.compose.lift import lift
from lego_compile.targets.compose.lower import lower

TARGET = Target(
    name="compose",
    title="Docker Compose with DockerSpawner",
    lower=lower,
    emit=emit,
    lift=lift,
    check=check,
    obeys=obeys,
)
