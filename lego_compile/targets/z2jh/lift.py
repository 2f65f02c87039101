"""Helm values → deployment, as the chart, KubeSpawner and Kubernetes read them.

What decides over the whole is here; who logs in is in ``lift_access``, sessions in ``lift_profiles``, pods in
``lift_pod``, the other files in ``lift_puller``, ``lift_unpack`` and ``lift_apply``. Imitates
jupyterhub/zero-to-jupyterhub-k8s:jupyterhub/files/hub/jupyterhub_config.py@4.4.0 over its values.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lego_compile.ir.model import Deployment, Path
from lego_compile.targets import Lifted
from lego_compile.targets.assets import asset
from lego_compile.targets.goyaml import Unreadable, load
from lego_compile.targets.reading import Complaint, Reading
from lego_compile.targets.z2jh.lift_access import authenticator, entrance
from lego_compile.targets.z2jh.lift_apply import applied, values_hash
from lego_compile.targets.z2jh.lift_leaves import (
    cores,
    flag,
    number,
    size,
    table,
    text,
    tolerations,
    whole_size,
    words,
)
from lego_compile.targets.z2jh.lift_profiles import Sessions, compositions
from lego_compile.targets.z2jh.lift_puller import chart_puller, puller
from lego_compile.targets.z2jh.lift_text import quantity
from lego_compile.targets.z2jh.lift_unpack import LIST, SCRIPT, unpacked
from lego_compile.targets.z2jh.lift_volumes import Setup

VALUES, PULLER = "values.yaml", "brick-puller.yaml"
_HOMES: dict[str, dict[str, Any]] = {
    "dynamic": {"name": "volume-{user_server}", "persistentVolumeClaim": {"claimName": "{pvc_name}"}},
    "static": {"name": "home"},
}
"""The home's volume by ``singleuser.storage.type``; the first name is the chart's ``volumeNameTemplate``."""

_CONFIG = ("hub", "config")
_CUSTOM = ("custom", "lego")
_STORAGE = ("singleuser", "storage")
_FIXED: tuple[tuple[Any, Path], ...] = (
    (False, (*_CONFIG, "Authenticator", "allow_existing_users")),
    (
        {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        (*_CONFIG, "KubeSpawner", "container_security_context"),
    ),
    ("IfNotPresent", ("singleuser", "image", "pullPolicy")),
    ("/lab", ("singleuser", "defaultUrl")),
    (False, ("singleuser", "allowPrivilegeEscalation")),
    (False, ("singleuser", "cloudMetadata", "blockWithIptables")),
    (True, ("singleuser", "networkPolicy", "enabled")),
    (False, ("singleuser", "networkPolicy", "egressAllowRules", "cloudMetadataServer")),
    (False, ("prePuller", "hook", "enabled")),
)


def lift(files: Mapping[str, bytes]) -> Lifted:
    """What the platform makes of the files; never raises.

    Args:
        files: path below the target's folder → bytes.
    """
    complaints: list[Complaint] = []
    values = _read(files, VALUES, complaints)
    if values is None:
        return Lifted(None, {}, {}, tuple(complaints))
    digest = values_hash(values)
    for value, path in _FIXED:
        values.expect(value, *path)
    places: dict[Path, Path] = {}
    options = _options(values, places)
    sessions = compositions(values, _setup(values, options), listed=options["volumes"] == "list")
    options["profiles"] = sessions.placements
    _agree(values, sessions, options)
    deployment = _grouped(
        values,
        Deployment(
            values.text(*_CUSTOM, "center"), "", tuple(sessions.profiles), home_size=_home_size(values)
        ),
    )
    options["prepull"] = chart_puller(values, deployment, options, fetched=PULLER in files)
    mine = {VALUES}
    if options["prepull"] == "daemonset":
        mine.add(PULLER)
        reading = _read(files, PULLER, complaints)
        if reading:
            complaints += puller(reading, deployment, options)
    if options["mounts"] in ("hostPath", "nfs"):
        mine |= {LIST, SCRIPT}
        complaints += unpacked(files, deployment)
    asked = applied(files, values, deployment.center, options, digest, complaints)
    options["apply"] = asked.options
    mine |= asked.files
    complaints = [*values.finish(), *complaints]
    complaints += [
        Complaint("LC702", f"{name!r} is no file of this target", (name,))
        for name in files
        if name not in mine
    ]
    return Lifted(deployment, options, places, tuple(dict.fromkeys(complaints)))


def _read(files: Mapping[str, bytes], name: str, complaints: list[Complaint]) -> Reading | None:
    if name not in files:
        complaints.append(Complaint("LC703", f"{name!r} is missing", (name,)))
        return None
    try:
        data = load(files[name])
    except Unreadable as error:
        complaints.append(Complaint("LC705", f"{name!r} {error}", (name,)))
        return None
    if not isinstance(data, dict):
        complaints.append(Complaint("LC705", f"{name!r} is no mapping", (name,)))
        return None
    return Reading(name, data)


def _guard(values: Reading) -> bool:
    """Whether the hook that ends a session without its bricks is the one that we ship (LC704)."""
    path = ("singleuser", "lifecycleHooks")
    command = ["/bin/sh", "-c", asset("z2jh", "guard.sh").decode()]
    if values.peek(*path) == {"postStart": {"exec": {"command": command}}}:
        values.take(*path)
        return True
    values.complain("the guard is not the one that lego-compile ships", *path, code="LC704")
    values.maybe(*path)
    return False


def _home_size(values: Reading) -> int | None:
    """Bytes of ``capacity``; None where the chart's default of 10Gi stays, or one claim holds all homes."""
    path = (*_STORAGE, "capacity")
    if not values.has(*path) or values.peek(*_STORAGE, "type") == "static":
        return None
    found = quantity(values.take(*path))
    if found is None:
        values.complain(f"`capacity` is {values.peek(*path)!r}, which is no size of a volume", *path)
    return found


def _setup(values: Reading, options: dict[str, Any]) -> Setup:
    """What all pods have in common."""
    kind = values.text(*_STORAGE, "type")
    home, inside = _HOMES.get(kind, {"name": ""}), ""
    if kind == "static":
        values.expect("{username}", *_STORAGE, "static", "subPath")
        home, inside = (
            {**home, "persistentVolumeClaim": {"claimName": options["home"]["claim"]}},
            "{username}",
        )
    elif kind == "dynamic":
        values.expect(home["name"], *_STORAGE, "dynamic", "volumeNameTemplate")
    else:
        values.complain(f"homes of type {kind!r} are lost with the session", *_STORAGE, "type")
    secrets = options["pull_secrets"]
    return Setup(home, inside, secrets[0] if secrets else "", options["bricks_at"] or "", _guard(values))


def _agree(values: Reading, sessions: Sessions, options: dict[str, Any]) -> None:
    """What every session has is what the centre's own note says."""
    if sessions.kinds and sessions.kinds != {options["mounts"]}:
        values.complain(f"bricks are mounted as {' and '.join(sorted(sessions.kinds))}", *_CUSTOM)
    options["session"]["shared_memory"] = sessions.shared_memory or None
    copies = (*_CONFIG, "KubeSpawner", "init_containers")
    if options["mounts"] == "copy":
        values.expect({}, *copies)
    elif values.has(*copies):
        values.complain("this is for bricks that are copied", *copies)


def _grouped(values: Reading, deployment: Deployment) -> Deployment:
    """The deployment with its groups, which our own snippet in the hub's configuration looks after."""
    listed = {key: table(values, *_CUSTOM, key) for key in ("profileGroups", "groupMembers")}
    snippet = ("hub", "extraConfig", "lego-profiles")
    if any(listed.values()) or values.has(*snippet):
        if values.peek(*snippet) == asset("z2jh", "lego_profiles.py").decode():
            values.take(*snippet)
        else:
            values.complain(
                "the snippet for groups is not the one that lego-compile ships", *snippet, code="LC704"
            )
            values.maybe(*snippet)
            listed["profileGroups"] = {}
    reserved = listed["profileGroups"]
    for slug, names in reserved.items():
        if not names:
            values.complain(f"profile {slug!r} is for nobody", *_CUSTOM, "profileGroups", slug)
        if slug not in (profile.slug for profile in deployment.profiles):
            values.complain(f"there is no profile {slug!r} to reserve", *_CUSTOM, "profileGroups", slug)
    profiles = (
        replace(each, groups=tuple(sorted(reserved.get(each.slug, ())))) for each in deployment.profiles
    )
    groups = ((name, tuple(users)) for name, users in listed["groupMembers"].items())
    return replace(deployment, profiles=tuple(profiles), groups=tuple(sorted(groups)))


# ── options ───────────────────────────────────────────────────────────────────────────────────────────


def _options(values: Reading, places: dict[Path, Path]) -> dict[str, Any]:
    """Every option but those that sessions and other files decide: ``profiles``, ``prepull``, ``apply``."""

    def at(option: Path, *path: str | int) -> tuple[str | int, ...]:
        places[option] = values.place(*path)
        return path

    way = entrance(values, at)
    placeholders = number(values, *at(("placeholders",), "scheduling", "userPlaceholder", "replicas"))
    for component in ("podPriority", "userPlaceholder"):
        values.expect(placeholders > 0, "scheduling", component, "enabled")
    secrets = at(("pull_secrets",), "imagePullSecrets")
    return {
        **way,
        "mounts": text(values, *at(("mounts",), *_CUSTOM, "mounts")) or "image",
        "bricks_at": text(values, *at(("bricks_at",), *_CUSTOM, "bricksAt")),
        "volumes": text(values, *at(("volumes",), *_CUSTOM, "volumes")) or "map",
        "pull_secrets": [values.text(*secrets, index, "name") for index in values.indices(*secrets)]
        if values.has(*secrets)
        else [],
        "spawn_page": _spawn_page(values, at),
        "images": {"pause": _pause_image(values, at)},
        "authenticator": authenticator(values, way["host"], at),
        "home": {
            "storage_class": text(
                values, *at(("home", "storage_class"), *_STORAGE, "dynamic", "storageClass")
            ),
            "claim": text(values, *at(("home", "claim"), *_STORAGE, "static", "pvcName")),
        },
        "cull": _cull(values, at),
        "session": _session(values, at),
        "hub": {
            "storage_class": text(
                values, *at(("hub", "storage_class"), "hub", "db", "pvc", "storageClassName")
            ),
            "storage_size": whole_size(values, *at(("hub", "storage_size"), "hub", "db", "pvc", "storage")),
            "node_selector": words(values, *at(("hub", "node_selector"), "hub", "nodeSelector")),
        },
        "user_scheduler": flag(values, *at(("user_scheduler",), "scheduling", "userScheduler", "enabled")),
        "placeholders": placeholders,
        "hub_secret": text(values, *at(("hub_secret",), "hub", "existingSecret")),
        "gitops": text(values, *at(("gitops",), *_CUSTOM, "gitops")),
    }


def _spawn_page(values: Reading, at: Any) -> str:
    """KubeSpawner renders ``profile_form_template`` instead of its own page (``_render_options_form``)."""
    path = at(("spawn_page",), *_CONFIG, "KubeSpawner", "profile_form_template")
    if not values.has(*path):
        return "selects"
    if values.take(*path) != asset("z2jh", "form.html").decode():
        values.complain("the spawn page is not the one that lego-compile ships", *path, code="LC704")
    return "checkboxes"


def _cull(values: Reading, at: Any) -> dict[str, Any]:
    if not flag(values, "cull", "enabled"):
        return {"timeout": 0, "max_age": 0}
    timeout = number(values, *at(("cull", "timeout"), "cull", "timeout"))
    if timeout == 0:
        values.complain("a culler without a timeout takes its own, of ten minutes", "cull", "timeout")
    return {"timeout": timeout, "max_age": number(values, *at(("cull", "max_age"), "cull", "maxAge"))}


def _session(values: Reading, at: Any) -> dict[str, Any]:
    here = ("singleuser",)
    policy = (*here, "networkPolicy")
    networks = []
    if values.has(*policy, "egress"):
        peers = at(("session", "networks"), *policy, "egress", 0, "to")
        networks = [values.text(*peers, index, "ipBlock", "cidr") for index in values.indices(*peers)]
        if not networks:
            values.complain("an empty `to` opens every destination", *policy, "egress", 0, "to")
    memory = at(("session", "reserve_memory"), *here, "memory", "guarantee")
    private = at(("session", "private_network"), *policy, "egressAllowRules", "privateIPs")
    tolerated = at(("session", "tolerations"), *here, "extraTolerations")
    return {
        "start_timeout": number(values, *at(("session", "start_timeout"), *here, "startTimeout")),
        "reserve_cpu": cores(values, *at(("session", "reserve_cpu"), *here, "cpu", "guarantee")),
        "reserve_memory": size(values, *memory, default="1G"),
        "node_selector": words(values, *at(("session", "node_selector"), *here, "nodeSelector")),
        "tolerations": tolerations(values, *tolerated),
        "private_network": flag(values, *private),
        "networks": networks,
    }


def _pause_image(values: Reading, at: Any) -> str:
    """The chart joins name and tag with a colon (its templates/image-puller@4.4.0)."""
    images = []
    for path in (("prePuller", "pause", "image"), ("scheduling", "userPlaceholder", "image")):
        at(("images", "pause"), *path)
        images.append(f"{values.text(*path, 'name')}:{values.text(*path, 'tag')}")
    if images[0] != images[1]:
        values.complain(f"pods wait with {images[1]!r} here, and with {images[0]!r} there", "scheduling")
    return images[0]
