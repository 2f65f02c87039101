"""Sessions: what all have in common, and the profiles of the spawn page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lego_compile.ir.model import INCLUDE, BrickMount, Composition, DataMount, Deployment, SystemImage
from lego_compile.targets.assets import asset
from lego_compile.targets.z2jh.lower_mounts import mount_traits
from lego_compile.targets.z2jh.lower_puller import CHART_TOLERATIONS, tolerations
from lego_compile.targets.z2jh.lower_text import (
    cores,
    dollars,
    expandable,
    html,
    name_and_tag,
    pair,
    size_text,
    template,
)

HOME = "volume-{user_server}"
"""Key, and template of the name, of the home's volume: the chart's own (``volumeNameTemplate``)."""
SHARED_HOME = "home"
"""The same where one claim holds all homes (``singleuser.storage.type: static``)."""

_GPUS = {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu"}
_MAPS = ("volumes", "volume_mounts", "init_containers", "environment")


class _Common(NamedTuple):
    """What every profile has, and is therefore said once.

    Attributes:
        default: the profile whose system is that of the chart's own keys.
        data: mounted in every profile.
        variables: set in every profile.
        bricks: mounted in every profile, and written there; only in the form for old charts.
    """

    default: Composition
    data: tuple[DataMount, ...]
    variables: tuple[tuple[str, str], ...]
    bricks: tuple[BrickMount, ...]


def default_profile(deployment: Deployment) -> Composition:
    """The profile that is preselected."""
    return next((each for each in deployment.profiles if each.default), deployment.profiles[0])


def singleuser(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """The chart's key of that name."""
    default, session, profiles = default_profile(deployment), options["session"], deployment.profiles
    common = _Common(
        default,
        tuple(each for each in default.data if all(each in profile.data for profile in profiles)),
        tuple(
            each for each in default.environment if all(each in profile.environment for profile in profiles)
        ),
        default.bricks if options["volumes"] == "list" else (),
    )
    system = default.system
    return {
        "image": {**name_and_tag(system.image), "pullPolicy": "IfNotPresent"},
        "cmd": _command(default),
        "defaultUrl": "/lab",
        "startTimeout": session["start_timeout"],
        "uid": system.uid,
        "fsGid": system.gid,
        "allowPrivilegeEscalation": False,
        # It takes a privileged container; the policy does it too.
        "cloudMetadata": {"blockWithIptables": False},
        "networkPolicy": _network(session),
        **pair("nodeSelector", dict(session["node_selector"])),
        **pair("extraTolerations", [*tolerations(session["tolerations"])]),
        **({} if session["reserve_cpu"] is None else {"cpu": {"guarantee": cores(session["reserve_cpu"])}}),
        # The chart's own 1G is more than the limit of a small profile; 0 is none.
        "memory": {"guarantee": session["reserve_memory"] or 0},
        "storage": _storage(deployment, system, common, options),
        "extraEnv": {
            **{name: expandable(value) for name, value in common.variables},
            **_guarded(common.bricks),
        },
        "lifecycleHooks": {
            "postStart": {"exec": {"command": ["/bin/sh", "-c", asset("z2jh", "guard.sh").decode()]}}
        },
        "profileList": [_profile(profile, common, options) for profile in profiles],
    }


def _network(session: Mapping[str, Any]) -> dict[str, Any]:
    peers = [{"ipBlock": {"cidr": each}} for each in session["networks"]]
    return {
        "enabled": True,
        "egressAllowRules": {"cloudMetadataServer": False, "privateIPs": session["private_network"]},
        **pair("egress", [{"to": peers}] if peers else []),
    }


def _storage(
    deployment: Deployment, system: SystemImage, common: _Common, options: Mapping[str, Any]
) -> dict[str, Any]:
    size, home = deployment.home_size, options["home"]
    mounted = mount_traits(common.bricks, common.data, options)
    volumes, mounts = mounted["volumes"], mounted["volume_mounts"]
    shared_memory = options["session"]["shared_memory"]
    if shared_memory:
        volumes["shm"] = {
            "name": "shm",
            "emptyDir": {"medium": "Memory", "sizeLimit": f"{shared_memory}i"},
        }
        mounts["shm"] = {"name": "shm", "mountPath": "/dev/shm"}  # noqa: S108
    if home["claim"]:
        kind: dict[str, Any] = {
            "type": "static",
            "static": {"pvcName": home["claim"], "subPath": "{username}"},
        }
    else:
        kind = {
            "type": "dynamic",
            **pair("capacity", "" if size is None else f"{size_text(size)}i"),
            "dynamic": {"volumeNameTemplate": HOME, **pair("storageClass", home["storage_class"])},
        }
    as_list = options["volumes"] == "list"
    return {
        **kind,
        "homeMountPath": template(system.home),
        **pair("extraVolumes", [*volumes.values()] if as_list else volumes),
        **pair("extraVolumeMounts", [*mounts.values()] if as_list else mounts),
    }


def _profile(profile: Composition, common: _Common, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "display_name": html(profile.title),
        "slug": profile.slug,
        **pair("description", _description(profile)),
        **pair("default", profile.default),
        "kubespawner_override": {
            **_system(profile, common.default),
            **_limits(profile, options["profiles"].get(profile.slug)),
            **_placement(options["profiles"].get(profile.slug), options),
            **_mounts(profile, common, options),
        },
        **pair(
            "profile_options",
            {
                name: _option(releases, dict(profile.retired).get(name, ()), options)
                for name, releases in profile.offered.items()
            },
        ),
    }


def _description(profile: Composition) -> str:
    """What the profile is, and what is in it: the page shows nothing else of bricks that are always mounted."""
    words = [f'<span data-brick="{brick.name}">{html(brick.title)}</span>' for brick in profile.bricks]
    bricks = f"<small>{', '.join(words)}</small>" if words else ""
    return "<br>".join(part for part in (html(profile.description), bricks) if part)


def _system(profile: Composition, default: Composition) -> dict[str, Any]:
    """What differs from the default profile, whose system is that of the chart's own keys."""
    mine, base = profile.system, default.system
    override: dict[str, Any] = {}
    if mine.image != base.image:
        override["image"] = mine.image.labelled
    if mine.uid != base.uid:
        override["uid"] = mine.uid
    if mine.gid != base.gid:
        override |= {"gid": mine.gid, "fs_gid": mine.gid}
    if profile.command != default.command:
        override["cmd"] = _command(profile)
    return override


def _limits(profile: Composition, placement: Mapping[str, Any] | None) -> dict[str, Any]:
    limits = profile.limits
    override: dict[str, Any] = {}
    if limits.cpu is not None:
        override["cpu_limit"] = cores(limits.cpu / 1000)
    if limits.memory is not None:
        override["mem_limit"] = size_text(limits.memory)
    if limits.gpus:
        name = (placement and placement["gpu_resource"]) or _GPUS[limits.gpu_vendor]
        override["extra_resource_limits"] = {name: str(limits.gpus)}
    return override


def _placement(placement: Mapping[str, Any] | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Nodes of a profile; its tolerations are a list, which replaces that of all sessions."""
    if not placement:
        return {}
    mine = [*tolerations(placement["tolerations"])]
    every = [*map(dict, CHART_TOLERATIONS), *tolerations(options["session"]["tolerations"])]
    return {
        **pair("node_selector", dict(placement["node_selector"])),
        **pair("tolerations", [*every, *mine] if mine else []),
        **pair("cpu_guarantee", cores(placement["reserve_cpu"] or 0)),
        **pair("mem_guarantee", placement["reserve_memory"]),
    }


def _mounts(profile: Composition, common: _Common, options: Mapping[str, Any]) -> dict[str, Any]:
    own = [each for each in profile.data if each not in common.data]
    bricks = [each for each in profile.bricks if each not in common.bricks]
    override = mount_traits(bricks, own, options)
    if profile.system.home != common.default.system.home:
        home = SHARED_HOME if options["home"]["claim"] else HOME
        override["volume_mounts"] = {
            home: {"mountPath": template(profile.system.home)},
            **override["volume_mounts"],
        }
    environment = {
        name: expandable(value)
        for name, value in profile.environment
        if (name, value) not in common.variables
    }
    environment |= _guarded(bricks)
    return {key: value for key, value in {**override, "environment": environment}.items() if value}


def _option(
    releases: tuple[BrickMount, ...], retired: tuple[str, ...], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Choices that KubeSpawner stores with the user: their keys have to stay, so those that are hidden are aliases."""
    first = releases[0]
    overrides = {brick.choice or INCLUDE: _ticked(brick, options) for brick in releases}
    nothing = {trait: dict.fromkeys(entries) for trait, entries in _ticked(first, options).items()}
    choices: dict[str, Any] = {
        "skip": {"display_name": "no", "default": True, "kubespawner_override": nothing}
    }
    for brick in releases:
        key = brick.choice or INCLUDE
        shown = html(brick.release) if brick.release else "yes"
        choices[key] = {"display_name": shown, "kubespawner_override": overrides[key]}
    main = first.choice or INCLUDE
    hidden = [*retired] if INCLUDE in choices else [INCLUDE, *retired]
    for key in hidden:
        choices[key] = {
            # KubeSpawner's own page shows it, too.
            "display_name": f"{choices[main]['display_name']} ({key})",
            "alias": main,
            "kubespawner_override": overrides[main],
        }
    return {"display_name": html(first.title), "choices": choices}


def _ticked(brick: BrickMount, options: Mapping[str, Any]) -> dict[str, Any]:
    mounted = {**mount_traits((brick,), (), options), "environment": _guarded((brick,))}
    return {trait: mounted[trait] for trait in _MAPS if mounted[trait]}


def _guarded(bricks: Iterable[BrickMount]) -> dict[str, str]:
    return {
        f"LEGO_BRICK_{brick.name.upper().replace('-', '_')}": expandable(brick.prefix) for brick in bricks
    }


def _command(profile: Composition) -> list[str]:
    return [dollars(word) for word in profile.command]
