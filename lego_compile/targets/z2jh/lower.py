"""Deployment → Helm values, and the DaemonSet that fetches the bricks.

Everything is a map keyed by name, since KubeSpawner merges maps and replaces lists: a list in a profile loses
the user's home (jupyterhub/kubespawner:kubespawner/spawner.py@7.0.0, ``_apply_overrides``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, Composition, DataMount, Deployment, ImageRef, SystemImage
from lego_compile.targets.assets import asset
from lego_compile.targets.z2jh.lower_mounts import RESTRICTED, mount_traits, puller
from lego_compile.targets.z2jh.lower_text import dollars, expandable, html, pair, size_text, template

HOME = "volume-{user_server}"
"""Key, and template of the name, of the home's volume: the chart's own (``volumeNameTemplate``)."""

_GPUS = {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu"}


def lower(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """One tree per file.

    Args:
        deployment: projected for this target.
        options: see ``options.py``, without versions and gates.
    """
    trees = {"values.yaml": _values(deployment, options)}
    if options["prepull"] == "daemonset":
        trees["brick-puller.yaml"] = puller(deployment, options)
    return trees


def _values(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    placeholders, cull = options["placeholders"], options["cull"]
    # The chart joins name and tag with a colon, whatever they are.
    name, _, tag = options["images"]["pause"].rpartition(":")
    pause = {"name": name, "tag": tag}
    return {
        "custom": {"lego": _provenance(deployment, options)},
        **pair("imagePullSecrets", [{"name": name} for name in options["pull_secrets"]]),
        "hub": _hub(deployment, options),
        "proxy": {"service": {"type": "ClusterIP"}, "https": {"enabled": False}},
        "ingress": _ingress(options),
        "singleuser": _singleuser(deployment, options),
        # The hook would block `helm upgrade` until every node has every image.
        "prePuller": {
            "hook": {"enabled": False},
            "continuous": {"enabled": options["prepull"] == "daemonset"},
            "pause": {"image": pause},
        },
        "scheduling": {
            "userScheduler": {"enabled": options["user_scheduler"]},
            "podPriority": {"enabled": placeholders > 0},
            "userPlaceholder": {"enabled": placeholders > 0, "replicas": placeholders, "image": pause},
        },
        "cull": {"enabled": True, "timeout": cull["timeout"], "maxAge": cull["max_age"]}
        if cull["timeout"]
        else {"enabled": False},
    }


def _provenance(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """``custom`` is the chart's place for what it does not know; the snippet for groups reads it."""
    reserved = {profile.slug: list(profile.groups) for profile in deployment.profiles if profile.groups}
    return {
        "center": deployment.center,
        **pair("gitops", options["gitops"]),
        **({} if options["mounts"] == "image" else {"mounts": options["mounts"]}),
        **pair("profileGroups", reserved),
        **pair("groupMembers", {name: list(users) for name, users in deployment.groups}),
    }


# ── the hub ───────────────────────────────────────────────────────────────────────────────────────────


def _hub(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    oauth = options["authenticator"]["oauth"]
    grouped = deployment.groups or any(profile.groups for profile in deployment.profiles)
    extra_env = {}
    if oauth:  # read by jupyterhub/oauthenticator:oauthenticator/oauth2.py@17.4.0 (_client_secret_default)
        reference = {"secretKeyRef": dict(oauth["client_secret"])}
        extra_env = {"OAUTH_CLIENT_SECRET": {"valueFrom": reference}}
    system = _default(deployment).system
    return {
        **pair("existingSecret", options["hub_secret"]),
        "config": {
            **_authenticator(options),
            "KubeSpawner": {
                **({} if system.gid is None else {"gid": system.gid}),
                "container_security_context": RESTRICTED,
            },
        },
        **pair("extraEnv", extra_env),
        **pair(
            "extraConfig", {"lego-profiles": asset("z2jh", "lego_profiles.py").decode()} if grouped else {}
        ),
    }


def _authenticator(options: Mapping[str, Any]) -> dict[str, Any]:
    asked = options["authenticator"]
    oauth = asked["oauth"]
    sections: dict[str, Any] = {
        "JupyterHub": {"authenticator_class": asked["type"]},
        "Authenticator": {
            "admin_users": list(asked["admin_users"]),
            "allow_all": not (asked["allowed_users"] or asked["allowed_groups"]),
            # Else whoever was once allowed stays so (jupyterhub/jupyterhub:jupyterhub/auth.py@5.5.0).
            "allow_existing_users": False,
            "allowed_users": list(asked["allowed_users"]),
        },
    }
    if oauth:
        claim = oauth["groups_claim"]
        sections["GenericOAuthenticator"] = {
            "client_id": oauth["client_id"],
            "oauth_callback_url": f"https://{options['host']}/hub/oauth_callback",
            "authorize_url": oauth["authorize_url"],
            "token_url": oauth["token_url"],
            "userdata_url": oauth["userdata_url"],
            "login_service": oauth["login_service"],
            "username_claim": oauth["username_claim"],
            "scope": list(oauth["scope"]),
            **({"manage_groups": True, "auth_state_groups_key": f"oauth_user.{claim}"} if claim else {}),
            **pair("allowed_groups", list(asked["allowed_groups"])),
        }
    return sections


def _ingress(options: Mapping[str, Any]) -> dict[str, Any]:
    asked, host = options["ingress"], options["host"]
    tls = [{"hosts": [host], "secretName": asked["tls_secret"]}] if asked["tls_secret"] else []
    return {
        "enabled": True,
        **pair("ingressClassName", asked["class"]),
        **pair("annotations", dict(asked["annotations"])),
        "hosts": [host],
        **pair("tls", tls),
    }


# ── sessions ──────────────────────────────────────────────────────────────────────────────────────────


def _singleuser(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    default, session = _default(deployment), options["session"]
    system = default.system
    data = [each for each in default.data if all(each in profile.data for profile in deployment.profiles)]
    variables = [
        each
        for each in default.environment
        if all(each in profile.environment for profile in deployment.profiles)
    ]
    return {
        "image": {**_name_and_tag(system.image), "pullPolicy": "IfNotPresent"},
        "cmd": _command(default),
        "defaultUrl": "/lab",
        "startTimeout": session["start_timeout"],
        "uid": system.uid,
        "fsGid": system.gid,
        "allowPrivilegeEscalation": False,
        "cloudMetadata": {
            "blockWithIptables": False
        },  # it takes a privileged container; the policy does it too
        "networkPolicy": {
            "enabled": True,
            "egressAllowRules": {"cloudMetadataServer": False, "privateIPs": session["private_network"]},
        },
        **pair("nodeSelector", dict(session["node_selector"])),
        **({} if session["reserve_cpu"] is None else {"cpu": {"guarantee": session["reserve_cpu"]}}),
        # The chart's own 1G is more than the limit of a small profile; 0 is none.
        "memory": {"guarantee": session["reserve_memory"] or 0},
        "storage": _storage(deployment, system, data, options),
        "extraEnv": {name: expandable(value) for name, value in variables},
        "lifecycleHooks": {
            "postStart": {"exec": {"command": ["/bin/sh", "-c", asset("z2jh", "guard.sh").decode()]}}
        },
        "profileList": [
            _profile(profile, default, data, variables, options) for profile in deployment.profiles
        ],
    }


def _storage(
    deployment: Deployment, system: SystemImage, data: list[DataMount], options: Mapping[str, Any]
) -> dict[str, Any]:
    size, storage_class = deployment.home_size, options["home"]["storage_class"]
    mounted = mount_traits((), data, options)
    return {
        "type": "dynamic",
        **pair("capacity", "" if size is None else f"{size_text(size)}i"),
        "homeMountPath": template(system.home),
        "dynamic": {"volumeNameTemplate": HOME, **pair("storageClass", storage_class)},
        **pair("extraVolumes", mounted["volumes"]),
        **pair("extraVolumeMounts", mounted["volume_mounts"]),
    }


def _profile(
    profile: Composition,
    default: Composition,
    data: list[DataMount],
    variables: list[tuple[str, str]],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "display_name": html(profile.title),
        "slug": profile.slug,
        **pair("description", _description(profile)),
        **pair("default", profile.default),
        "kubespawner_override": {
            **_system(profile, default),
            **_limits(profile),
            **_mounts(profile, default, data, variables, options),
        },
        **pair("profile_options", {brick.name: _option(brick, options) for brick in profile.offers}),
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


def _limits(profile: Composition) -> dict[str, Any]:
    limits = profile.limits
    override: dict[str, Any] = {}
    if limits.cpu is not None:
        override["cpu_limit"] = limits.cpu // 1000 if limits.cpu % 1000 == 0 else limits.cpu / 1000
    if limits.memory is not None:
        override["mem_limit"] = size_text(limits.memory)
    if limits.gpus:
        override["extra_resource_limits"] = {_GPUS[limits.gpu_vendor]: str(limits.gpus)}
    return override


def _mounts(
    profile: Composition,
    default: Composition,
    data: list[DataMount],
    variables: list[tuple[str, str]],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    own = [each for each in profile.data if each not in data]
    override = mount_traits(profile.bricks, own, options)
    if profile.system.home != default.system.home:
        override["volume_mounts"] = {
            HOME: {"mountPath": template(profile.system.home)},
            **override["volume_mounts"],
        }
    environment = {
        name: expandable(value) for name, value in profile.environment if (name, value) not in variables
    }
    environment |= _guarded(profile.bricks)
    return {key: value for key, value in {**override, "environment": environment}.items() if value}


def _option(brick: BrickMount, options: Mapping[str, Any]) -> dict[str, Any]:
    """A choice that KubeSpawner stores with the user: its keys have to stay."""
    mounted = {**mount_traits((brick,), (), options), "environment": _guarded((brick,))}
    nothing = {trait: dict.fromkeys(entries) for trait, entries in mounted.items()}
    return {
        "display_name": html(brick.title),
        "choices": {
            "skip": {"display_name": "no", "default": True, "kubespawner_override": nothing},
            "include": {"display_name": "yes", "kubespawner_override": mounted},
        },
    }


def _guarded(bricks: Iterable[BrickMount]) -> dict[str, str]:
    return {
        f"LEGO_BRICK_{brick.name.upper().replace('-', '_')}": expandable(brick.prefix) for brick in bricks
    }


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────


def _default(deployment: Deployment) -> Composition:
    return next((each for each in deployment.profiles if each.default), deployment.profiles[0])


def _name_and_tag(image: ImageRef) -> dict[str, str]:
    """The chart joins both with a colon, and knows no digest; the last colon is as good a place as any."""
    name, _, tag = image.labelled.rpartition(":")
    if image.tag:
        name, tag = image.repository, f"{image.tag}@{image.digest}"
    return {"name": name, "tag": tag}


def _command(profile: Composition) -> list[str]:
    return [dollars(word) for word in profile.command]
