"""Folders of the target ``compose`` that no committed centre has, for Docker Compose and its linters to judge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lego_compile.ir.model import BrickMount, Deployment, Limits
from tests.strategies import example
from tests.targets.compose.samples import (
    NATIVE,
    SEARCH,
    authenticator,
    compiled,
    ldap,
    mounted,
    oauth_options,
    options,
    projected,
)


def below_a_directory(deployment: Deployment) -> Deployment:
    """The same with every brick in a directory of its image."""

    def moved(bricks: tuple[BrickMount, ...]) -> tuple[BrickMount, ...]:
        return tuple(replace(brick, subpath="/opt/env") for brick in bricks)

    profiles = tuple(
        replace(profile, bricks=moved(profile.bricks), offers=moved(profile.offers))
        for profile in deployment.profiles
    )
    return replace(deployment, profiles=profiles)


def with_gpus(deployment: Deployment) -> Deployment:
    """The same with GPUs in every profile, and no other bounds."""
    limits = Limits(gpus=2, gpu_vendor="nvidia")
    return replace(
        deployment, profiles=tuple(replace(profile, limits=limits) for profile in deployment.profiles)
    )


DEPLOYMENT = projected(example())
CHOSEN: dict[str, tuple[Deployment, dict[str, Any]]] = {
    "dummy": (DEPLOYMENT, options()),
    "oauth": (DEPLOYMENT, oauth_options(groups_claim="groups")),
    "ldap": (
        DEPLOYMENT,
        options(authenticator=authenticator(type="ldap", ldap=ldap(ca=True, users=[], search=SEARCH))),
    ),
    "native": (
        DEPLOYMENT,
        options(
            tls={"mode": "acme", "email": "hub-admin@example.org"},
            authenticator=authenticator(type="native", native=NATIVE),
            socket="/run/user/1000/docker.sock",
        ),
    ),
    "subpath": (below_a_directory(DEPLOYMENT), options()),
    "gpu": (with_gpus(DEPLOYMENT), options()),
    "baked": mounted(DEPLOYMENT, options(), "baked"),
    "volume": mounted(DEPLOYMENT, options(), "volume"),
    "podman": mounted(DEPLOYMENT, options(), "image", "podman"),
    "podman, baked": mounted(DEPLOYMENT, oauth_options(), "baked", "podman"),
}
"""Name → what is compiled: every authenticator, every way to a certificate, every way to mount bricks, both engines."""

SAMPLES = {name: compiled(deployment, chosen) for name, (deployment, chosen) in CHOSEN.items()}
"""Name → path → bytes."""
