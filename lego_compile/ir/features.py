"""What a deployment needs of a platform, and where that was asked for.

Names only: whether a platform can do it is a row in its ``capabilities.toml``. A feature that depends on a
target's own options (a fallback for image mounts, say) is added by that target.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lego_compile.ir.model import Deployment, Path


class Need(NamedTuple):
    """A feature and the place in the spec that asks for it.

    Attributes:
        feature: a key of every target's ``capabilities.toml``.
        origin: where to point when it is absent.
        what: the thing in words, for messages (``"brick 'ocean'"``).
    """

    feature: str
    origin: Path
    what: str


FEATURES: dict[str, str] = {
    "image-mount": "mount an image read-only into the container",
    "image-subpath": "mount a directory of an image instead of the whole of it",
    "profiles": "several compositions on one spawn page",
    "offered-bricks": "bricks that the user ticks at launch",
    "offered-releases": "several releases of a brick that the user chooses from",
    "groups": "profiles for the members of a group only",
    "data-mount": "a directory of the centre in every session",
    "home-size": "a limit on the size of a user's home",
    "cpu-limit": "a limit on processor cores",
    "memory-limit": "a limit on memory",
    "gpu": "GPUs for a session",
}
"""Every feature that ``needs`` yields; each target's table has rows for each of them."""


def needs(deployment: Deployment) -> Iterator[Need]:
    """Each feature once, at the first place that asks for it; image mounts at every brick of each profile."""
    seen: set[tuple[str, str]] = set()
    for need in _all(deployment):
        if (need.feature, need.what) not in seen:
            seen.add((need.feature, need.what))
            yield need


def _all(deployment: Deployment) -> Iterator[Need]:
    first = deployment.profiles[0].origin[:2]
    if len(deployment.profiles) > 1:
        yield Need("profiles", first, "the profiles")
    if deployment.home_size is not None:
        yield Need("home-size", ("center", "storage", "home", "size"), "the home's size")
    for profile in deployment.profiles:
        for mount in (*profile.bricks, *profile.offers):
            yield Need("image-mount", mount.origin, f"brick {mount.called!r}")
            if mount.subpath != "/":
                yield Need("image-subpath", mount.origin, f"brick {mount.called!r}")
        if profile.offers:
            yield Need("offered-bricks", (*profile.origin, "offer"), "the offered bricks")
        for releases in profile.offered.values():
            if len(releases) > 1:
                yield Need(
                    "offered-releases", releases[1].origin, f"the releases of brick {releases[0].name!r}"
                )
        if profile.groups:
            yield Need("groups", (*profile.origin, "groups"), "the groups of a profile")
        for data in profile.data:
            yield Need("data-mount", data.origin, f"data {data.name!r}")
        limits, resources = profile.limits, (*profile.origin, "resources")
        if limits.cpu is not None:
            yield Need("cpu-limit", (*resources, "cpu"), "the CPU limit")
        if limits.memory is not None:
            yield Need("memory-limit", (*resources, "memory"), "the memory limit")
        if limits.gpus:
            yield Need("gpu", (*resources, "gpu"), f"GPUs of {limits.gpu_vendor}")
