"""The chart's values → KubeSpawner's traits before any profile, and how a profile changes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lego_compile.ir.model import Path
from lego_compile.targets.reading import Complaint, Reading
from lego_compile.targets.z2jh.lift_text import page_text
from lego_compile.targets.z2jh.lift_volumes import Setup

Traits = dict[str, Any]

CHART: dict[str, tuple[Path, Any]] = {
    # jupyterhub/zero-to-jupyterhub-k8s:jupyterhub/files/hub/jupyterhub_config.py@4.4.0 and values.yaml@4.4.0:
    # trait → place in the values, and the chart's default.
    "start_timeout": (("singleuser", "startTimeout"), 300),
    "default_url": (("singleuser", "defaultUrl"), None),
    "allow_privilege_escalation": (("singleuser", "allowPrivilegeEscalation"), False),
    "image_pull_policy": (("singleuser", "image", "pullPolicy"), None),
    "lifecycle_hooks": (("singleuser", "lifecycleHooks"), {}),
    "container_security_context": (("hub", "config", "KubeSpawner", "container_security_context"), {}),
    "node_selector": (("singleuser", "nodeSelector"), {}),
    "cpu_guarantee": (("singleuser", "cpu", "guarantee"), None),
    "mem_guarantee": (("singleuser", "memory", "guarantee"), "1G"),
    "tolerations": (("singleuser", "extraTolerations"), []),
    "init_containers": (("hub", "config", "KubeSpawner", "init_containers"), {}),
    "uid": (("singleuser", "uid"), 1000),
    "fs_gid": (("singleuser", "fsGid"), 100),
    "gid": (("hub", "config", "KubeSpawner", "gid"), None),
    "cmd": (("singleuser", "cmd"), "jupyterhub-singleuser"),
    "cpu_limit": (("singleuser", "cpu", "limit"), None),
    "mem_limit": (("singleuser", "memory", "limit"), None),
    "extra_resource_limits": (("singleuser", "extraResource", "limits"), {}),
    "environment": (("singleuser", "extraEnv"), {}),
    "volumes": (("singleuser", "storage", "extraVolumes"), {}),
    "volume_mounts": (("singleuser", "storage", "extraVolumeMounts"), {}),
    "image": (("singleuser", "image"), None),
}
OPTIONS = ("node_selector", "cpu_guarantee", "mem_guarantee", "tolerations")
"""Traits whose places in the values are read as options of every session, too."""
SHARED = tuple(CHART)[:6]
"""Traits that no profile may change: they are options, or decided for every session."""

USERS = [
    {"key": key, "operator": "Equal", "value": "user", "effect": "NoSchedule"}
    for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
]
"""``scheduling.userPods.tolerations`` of the chart's values.yaml@4.4.0, which come before the others."""

MAPS = ("volumes", "volume_mounts", "init_containers", "environment")


def chart_traits(values: Reading, setup: Setup, *, listed: bool) -> Traits:
    """The traits that the chart sets from its values, before any profile."""
    traits: Traits = {}
    for trait, (path, default) in CHART.items():
        # Helm: null in our values takes the chart's default away (helm/helm:pkg/chartutil/coalesce.go@v3.16.0).
        value = values.peek(*path) if values.has(*path) else default
        traits[trait] = type(default)() if value is None and isinstance(default, dict | list) else value
        if trait not in (*SHARED, *OPTIONS):
            values.maybe(*path)
    if isinstance(traits["tolerations"], list):
        traits["tolerations"] = [*USERS, *traits["tolerations"]]
    name, tag = values.peek("singleuser", "image", "name"), values.peek("singleuser", "image", "tag")
    if not (isinstance(name, str) and isinstance(tag, str) and name and tag):
        values.complain("`singleuser.image` needs `name` and `tag`, both text", "singleuser", "image")
    traits["image"] = f"{name}:{tag}"
    for key in (
        values.peek("singleuser", "image") if isinstance(values.peek("singleuser", "image"), dict) else ()
    ):
        if key not in ("name", "tag", "pullPolicy"):
            values.complain(
                f"nothing is known about `singleuser.image.{key}`", "singleuser", "image", code="LC702"
            )
    home = values.maybe("singleuser", "storage", "homeMountPath", default="/home/jovyan")
    name = setup.home["name"]
    mount = {"name": name, "mountPath": home, **({"subPath": setup.inside} if setup.inside else {})}
    for trait, entry in (("volumes", setup.home), ("volume_mounts", mount)):
        if listed:
            traits[trait] = _by_name(values, trait)
        elif not isinstance(traits[trait], dict):
            values.complain("a list here is no map to merge profiles into", *CHART[trait][0])
            traits[trait] = {}
        traits[trait] = {name: entry, **traits[trait]}
    return traits


def _by_name(values: Reading, trait: str) -> Traits:
    """A list of the chart by name; before 4.3 it goes into the pod as it is, and no profile may touch it."""
    path = CHART[trait][0]
    found: Traits = {}
    for index in values.indices(*path) if values.has(*path) else ():
        entry = values.peek(*path, index)
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and name not in found:
            found[name] = entry
        else:
            values.complain(f"entry {index} has no name, or another's", *path, index)
    return found


def override_at(values: Reading, base: Traits, *path: str | int) -> Traits:
    """What a profile or a choice changes; KubeSpawner sets any trait, and fails at one that it does not have."""
    found: Traits = {}
    if not values.has(*path):
        return found
    for key in values.keys(*path):
        if key in base:
            found[key] = values.take(*path, key)
    return found


def shown(values: Reading, *path: str | int) -> str:
    """A text of the spawn page, which inserts it as it is (kubespawner/templates/form.html)."""
    markup = values.text(*path)
    text = page_text(markup)
    if text is None:
        values.complain(f"{markup!r} is markup, which the spawn page obeys", *path)
    return markup if text is None else text


def place(values: Reading, layers: tuple[Path, ...], path: Path) -> Path:
    """Where an entry of a trait was written: in a choice, in the profile, or in the chart's own keys."""
    for layer in layers:
        if values.has(*layer, *path):
            return values.place(*layer, *path)
    where = _in_chart(values, path) if path and path[0] in CHART else ()
    return values.place(*where) if where and values.has(*where) else values.place(*layers[0])


def _in_chart(values: Reading, path: Path) -> Path:
    at = CHART[str(path[0])][0]
    listed = values.peek(*at)
    if isinstance(listed, list) and len(path) > 1:
        for index, entry in enumerate(listed):
            if isinstance(entry, dict) and entry.get("name") == path[1]:
                return (*at, index, *path[2:])
    return (*at, *path[1:])


def moved(complaints: tuple[Complaint, ...], values: Reading, layers: tuple[Path, ...]) -> list[Complaint]:
    """Complaints about a pod's traits, at the places where these were written."""
    return [replace(each, place=place(values, layers, each.place[1:])) for each in complaints]
