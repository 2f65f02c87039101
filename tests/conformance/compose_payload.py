"""What the engine has to be asked for: a session of the target ``compose``, from the composition alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from lego_compile.ir.model import BrickMount, Composition, Deployment


def image_mount(brick: BrickMount) -> dict[str, Any]:
    """How the engine wants to be asked for a brick."""
    below = {"ImageOptions": {"Subpath": brick.subpath[1:]}} if brick.subpath != "/" else {}
    return {"Type": "image", "Source": brick.image.pinned, "Target": brick.prefix, **below}


def content(brick: BrickMount) -> str:
    """What the volume of a brick is called after."""
    return hashlib.sha256(f"{brick.image.pinned}:{brick.subpath}".encode()).hexdigest()[:12]


def volume_mount(center: str, brick: BrickMount) -> dict[str, Any]:
    """How the engine wants to be asked for the volume that a brick was copied into, which is never made anew."""
    return {
        "Type": "volume",
        "Source": f"lego-{center}-brick-{brick.name}-{content(brick)}",
        "Target": brick.prefix,
        "ReadOnly": True,
        "VolumeOptions": {
            "NoCopy": True,
            "Labels": {"org.lego.center": center, "org.lego.brick": brick.name},
        },
    }


def brick_mounts(mounts: str, center: str, bricks: Sequence[BrickMount]) -> list[dict[str, Any]]:
    """All of them, for ``mounts: image``, ``baked`` or ``volume``."""
    if mounts == "baked":
        return []
    return [image_mount(brick) if mounts == "image" else volume_mount(center, brick) for brick in bricks]


def by_target(mounts: Any) -> list[dict[str, Any]]:
    """Mounts in an order of ours."""
    return sorted(mounts, key=lambda mount: mount["Target"])


def assert_is_composition(
    body: dict[str, Any],
    deployment: Deployment,
    profile: Composition,
    ticked: Sequence[BrickMount],
    user: str,
    mounts: str = "image",
) -> None:
    """A container is exactly the composition: image, mounts, home, limits.

    Args:
        body: of ``POST /containers/create``.
        deployment: as this target sees it.
        profile: of the deployment.
        ticked: those of its offers that were chosen.
        user: whose home it is.
        mounts: how bricks get there.
    """
    host, bricks, limits = body["HostConfig"], (*profile.bricks, *ticked), profile.limits
    home = {
        "Type": "volume",
        "Source": f"lego-{deployment.center}-home-{user}",
        "Target": profile.system.home,
        "VolumeOptions": {"Labels": {"org.lego.center": deployment.center, "org.lego.home": user}},
    }
    data = [
        {"Type": "bind", "Source": each.source, "Target": each.path, "ReadOnly": not each.writable}
        for each in profile.data
    ]
    expected = [home, *data, *brick_mounts(mounts, deployment.center, bricks)]
    assert by_target(expected) == by_target(host["Mounts"])
    assert not host["Binds"]
    if mounts == "baked":  # and then what is in it is its Containerfile's affair
        assert re.fullmatch(
            rf"localhost/lego-{deployment.center}/{profile.slug}:[0-9a-f]{{12}}", body["Image"]
        )
    else:
        assert profile.system.image.pinned == body["Image"]
    assert f"{profile.system.uid}:{profile.system.gid}" == body["User"]
    guard, prefixes = body["Cmd"][2], [brick.prefix for brick in bricks]
    assert ["/bin/sh", "-c", guard, "lego", *prefixes, "--", *profile.command] == body["Cmd"]
    environment = dict(entry.split("=", 1) for entry in body["Env"])
    wanted = {
        "HOME": profile.system.home,
        "JUPYTERHUB_ROOT_DIR": profile.system.home,
        **dict(profile.environment),
    }
    assert wanted == {name: environment[name] for name in wanted}
    own = [name for name in environment if not name.startswith(("JUPYTER", "JPY_", "MEM_", "CPU_"))]
    assert sorted({"HOME", *dict(profile.environment)}) == sorted(own)
    assert (limits.memory, limits.memory) == (host.get("Memory"), host.get("MemorySwap"))
    assert limits.cpu == (host["CpuQuota"] * 1000 // host["CpuPeriod"] if "CpuQuota" in host else None)
    gpus = [request["Count"] for request in host.get("DeviceRequests") or []]
    assert ([limits.gpus] if limits.gpus else []) == gpus
    assert (host["NetworkMode"], host["CapDrop"]) == (f"lego-{deployment.center}-users", ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
