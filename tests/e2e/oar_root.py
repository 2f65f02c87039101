"""A fourth root folder with Debian sid: a small cluster whose scheduler is OAR, with the same JupyterHub beside it."""

from __future__ import annotations

from tests.e2e.hpc_root import SCRIPT
from tests.e2e.root import Recipe

PACKAGES = (
    "oar-server", "oar-server-pgsql", "oar-node", "oar-user", "oar-user-pgsql", "postgresql", "openssh-server",
    "openssh-client", "apptainer", "squashfuse", "squashfs-tools", "fuse3", "fuse-overlayfs", "sudo", "procps",
    "iproute2", "ca-certificates", "busybox-static", "python3", "python3-venv",
)  # fmt: skip

OAR = Recipe("oar", 2, PACKAGES, SCRIPT)
