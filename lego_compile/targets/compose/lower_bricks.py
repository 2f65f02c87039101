"""How bricks come to the machine: images that are pulled, images that are built, volumes that are filled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lego_compile.hashing import sha256
from lego_compile.ir.model import BrickMount, Composition, Deployment, ImageRef
from lego_compile.targets.compose.files import HEADER, SEED

Services = dict[str, dict[str, Any]]
"""Services of Compose by name."""

LOGGING: dict[str, dict[str, Any]] = {
    "docker": {"driver": "local", "options": {"max-size": "20m", "max-file": "5"}},
    # It has no `local`, and keeps one file (containers/podman:libpod/logs/log.go).
    "podman": {"driver": "json-file", "options": {"max-size": "20m"}},
}
"""What becomes of the output of a service, by engine."""

_NO_CONTAINER = {"deploy": {"replicas": 0}, "network_mode": "none", "restart": "no"}


def pulled(deployment: Deployment, *, bricks: bool) -> Services:
    """Services that are never a container: `pull` and `up` fetch them, `config --images` lists them.

    Args:
        deployment: whose images.
        bricks: those of the bricks too, and not the system images alone.
    """
    names: dict[str, set[str]] = {}
    services = {}
    for image in _images(deployment, bricks=bricks):
        name = f"image-{image.repository.rpartition('/')[2]}-{image.digest[7:19]}"
        same = names.setdefault(name, set())
        if image.pinned not in same:
            same.add(image.pinned)
            unique = name if len(same) == 1 else f"{name}-{len(same)}"
            services[unique] = {"image": image.labelled, "pull_policy": "missing", **_NO_CONTAINER}
    return services


def _images(deployment: Deployment, *, bricks: bool) -> Iterator[ImageRef]:
    for profile in deployment.profiles:
        yield profile.system.image
        if bricks:
            yield from (brick.image for brick in (*profile.bricks, *profile.offers))


# --- images that this machine builds ----------------------------------------------------------------------------


def containerfile(profile: Composition, engine: str) -> str:
    """The image of a profile: layers that do not depend on each other, which an engine with the containerd store
    shares between profiles.

    Podman 5.4 refuses ``--link``, and later ones pass over it.
    """
    copy = "COPY --link" if engine == "docker" else "COPY"
    copies = (
        f"{copy} --from={brick.image.labelled} {brick.subpath.rstrip('/')}/ {brick.prefix}/"
        for brick in profile.bricks
    )
    return "\n".join([f"# {HEADER}", f"FROM {profile.system.image.labelled}", *copies, ""])


def baked_path(profile: Composition) -> str:
    """Where that file is, alone in its folder: what is beside it would be sent to the engine."""
    return f"baked/{profile.slug}/Containerfile"


def baked_image(center: str, profile: Composition, engine: str) -> str:
    """What the image is called: another one whenever anything in it is; ``localhost`` is no registry of anybody."""
    return f"localhost/lego-{center}/{profile.slug}:{sha256(containerfile(profile, engine).encode())[:12]}"


def baked(center: str, profile: Composition, engine: str) -> dict[str, Any]:
    """The keys of a service that say so."""
    folder, _, file = baked_path(profile).rpartition("/")
    return {
        "image": baked_image(center, profile, engine),
        "pull_policy": "never",
        "build": {"context": f"./{folder}", "dockerfile": file},
    }


def builds(deployment: Deployment, engine: str) -> Services:
    """Services that are never a container: `build` and `up` make their images."""
    return {
        f"baked-{profile.slug}": {**baked(deployment.center, profile, engine), **_NO_CONTAINER}
        for profile in deployment.profiles
    }


# --- volumes that are filled once -------------------------------------------------------------------------------


def seeded(project: str, brick: BrickMount) -> tuple[str, str]:
    """The key of a brick's volume in a file of Compose, and the engine's own name for it.

    A volume that is there is never filled again, so what would be filled with something else has another name.
    """
    content = sha256(f"{brick.image.pinned}:{brick.subpath}".encode())
    key = f"brick-{brick.name}-{content[:12]}"
    return key, f"{project}-{key}"


def seeds(bricks: Iterable[BrickMount], engine: str) -> Services:
    """Services that copy bricks, each by the shell that it has, and end; what is there already stays."""
    services = {}
    for brick in bricks:
        key, _ = seeded("", brick)
        services[key.replace("brick-", "seed-", 1)] = {
            "image": brick.image.labelled,
            "pull_policy": "missing",
            "entrypoint": ["/bin/sh", f"/lego/{SEED}"],
            "command": [brick.subpath],
            "user": "0:0",
            "pids_limit": 64,
            "working_dir": "/",
            "restart": "no",
            "network_mode": "none",
            "cap_drop": ["ALL"],
            # To keep whose a file is, and to replace what an interrupted run left.
            "cap_add": ["CHOWN", "DAC_OVERRIDE", "FOWNER"],
            "security_opt": ["no-new-privileges:true"],
            "logging": LOGGING[engine],
            "configs": [{"source": "seed", "target": f"/lego/{SEED}"}],
            "volumes": [
                {"type": "volume", "source": key, "target": "/lego/brick", "volume": {"nocopy": True}}
            ],
        }
    return services


def seeded_volumes(center: str, project: str, bricks: Iterable[BrickMount]) -> dict[str, Any]:
    """The volumes of ``seeds``, for the key ``volumes``; the label tells them from homes."""
    return {
        key: {"name": name, "labels": {"org.lego.center": center, "org.lego.brick": brick.name}}
        for brick in bricks
        for key, name in [seeded(project, brick)]
    }
