"""The files of the folder, and the label that changes when one of them does which Compose does not watch."""

from __future__ import annotations

from collections.abc import Mapping

from lego_compile.hashing import sha256

HEADER = "Compiled by lego-compile from the centre specification: edit that, not this file."
"""What every file that can be commented says first."""

COMPOSE, COMPOSITION, LAB, NOTE = "compose.yaml", "composition.json", "compose.lab.yaml", "OPERATE.md"
"""Services; what the hub obeys; one JupyterLab without a hub; what an operator types."""

FIXED = (
    ".gitignore",
    "Caddyfile",
    "choice.py",
    "env.example",
    "guard.sh",
    "jupyterhub_config.py",
    "login.py",
    "spawn_page.py",
)
"""Files that are the same for every centre."""


def shipped(file: str) -> tuple[str, str]:
    """Where a fixed file is in the package: the folder of the asset, shared by all hubs of ours for some, and its name:
    without a dot in front, which tools pass over."""
    return "hub" if file in ("choice.py", "spawn_page.py") else "compose", file.lstrip(".")


SEED = "seed.sh"
"""The same, where bricks are copied into volumes."""

EDGE_READS = ("Caddyfile",)
HUB_READS = ("choice.py", "composition.json", "guard.sh", "jupyterhub_config.py", "login.py", "spawn_page.py")
"""What a service reads besides its settings; the hub has them in /etc/jupyterhub."""


def has_lab(engine: str, mounts: str) -> bool:
    """Whether there is a JupyterLab without a hub: Compose mounts no image with Podman, whose API says that it is 1.44
    (docker/compose:pkg/compose/create.go, buildMount)."""
    return (engine, mounts) != ("podman", "image")


CONFIG_LABEL = "org.lego.config-sha256"
"""Label of a service; its value is what ``sha256sum FILE… | sha256sum`` prints, files in alphabetical order."""


def config_digest(files: Mapping[str, bytes], names: tuple[str, ...]) -> str:
    """The value of the label for those files that a service reads; Compose hashes a service, and not what its configs
    hold (docker/compose#11900).

    Args:
        files: name → bytes; one that is missing counts as empty.
        names: which of them the service reads.
    """
    lines = "".join(f"{sha256(files.get(name, b''))}  {name}\n" for name in sorted(names))
    return sha256(lines.encode())
