"""Deployment → Helm values, and what lies beside them.

Everything is a map keyed by name, since KubeSpawner merges maps and replaces lists: a list in a profile loses
the user's home (jupyterhub/kubespawner:kubespawner/spawner.py@7.0.0, ``_apply_overrides``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.ir.model import Deployment
from lego_compile.targets.assets import asset
from lego_compile.targets.z2jh.lower_access import authenticator, entrance, secrets, snippets, volumes
from lego_compile.targets.z2jh.lower_apply import apply_files, with_hash
from lego_compile.targets.z2jh.lower_mounts import RESTRICTED
from lego_compile.targets.z2jh.lower_profiles import default_profile, singleuser
from lego_compile.targets.z2jh.lower_puller import chart_puller, puller
from lego_compile.targets.z2jh.lower_text import pair
from lego_compile.targets.z2jh.lower_unpack import unpack_files


def lower(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """One tree, or text, per file.

    Args:
        deployment: projected for this target.
        options: see ``options.py``, settled.
    """
    values = with_hash(_values(deployment, options), options)
    trees: dict[str, Any] = {"values.yaml": values}
    if options["prepull"] == "daemonset":
        trees["brick-puller.yaml"] = puller(deployment, options)
    return {**trees, **unpack_files(deployment, options), **apply_files(deployment, options)}


def _values(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    placeholders, cull = options["placeholders"], options["cull"]
    # The chart joins name and tag with a colon, whatever they are.
    name, _, tag = options["images"]["pause"].rpartition(":")
    pause = {"name": name, "tag": tag}
    return {
        "custom": {"lego": _provenance(deployment, options)},
        **pair("imagePullSecrets", [{"name": name} for name in options["pull_secrets"]]),
        "hub": _hub(deployment, options),
        **entrance(options),
        "singleuser": singleuser(deployment, options),
        "prePuller": chart_puller(deployment, options, pause),
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
        # A load balancer without TLS answers to every name.
        **pair("host", options["host"] if (options["load_balancer"] or {}).get("tls") == "none" else ""),
        **({} if options["mounts"] == "image" else {"mounts": options["mounts"]}),
        **pair("bricksAt", options["bricks_at"]),
        **({} if options["volumes"] == "map" else {"volumes": options["volumes"]}),
        **pair("profileGroups", reserved),
        **pair("groupMembers", {name: list(users) for name, users in deployment.groups}),
    }


def _hub(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    grouped = deployment.groups or any(profile.groups for profile in deployment.profiles)
    extra = {"lego-profiles": asset("z2jh", "lego_profiles.py").decode()} if grouped else {}
    asked = options["hub"]
    claim = {
        **pair("storageClassName", asked["storage_class"]),
        **pair("storage", f"{asked['storage_size']}i" if asked["storage_size"] else ""),
    }
    return {
        **pair("existingSecret", options["hub_secret"]),
        **pair("db", {"pvc": claim} if claim else {}),
        **pair("nodeSelector", dict(asked["node_selector"])),
        "config": {**authenticator(options), "KubeSpawner": _spawner(deployment, options)},
        **pair("extraEnv", secrets(options)),
        **volumes(options),
        **pair("extraConfig", {**snippets(options), **extra}),
    }


def _spawner(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    gid = default_profile(deployment).system.gid
    boxes = options["spawn_page"] == "checkboxes"
    return {
        **({} if gid is None else {"gid": gid}),
        "container_security_context": RESTRICTED,
        # The chart's own is a list, which a profile would replace: a map is merged with.
        **({"init_containers": {}} if options["mounts"] == "copy" else {}),
        **pair("profile_form_template", asset("z2jh", "form.html").decode() if boxes else ""),
    }
