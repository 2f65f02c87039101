"""Helm values → deployment, as the chart, KubeSpawner and Kubernetes read them.

The hub's part and the options are here, sessions in ``lift_profiles``, pods in ``lift_pod``. Imitates
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
from lego_compile.targets.z2jh.lift_profiles import compositions
from lego_compile.targets.z2jh.lift_puller import puller
from lego_compile.targets.z2jh.lift_text import quantity

VALUES, PULLER = "values.yaml", "brick-puller.yaml"

_CONFIG = ("hub", "config")
_CUSTOM = ("custom", "lego")
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
    ("ClusterIP", ("proxy", "service", "type")),
    (False, ("proxy", "https", "enabled")),
    (True, ("ingress", "enabled")),
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
    complaints = [
        Complaint("LC702", f"{name!r} is no file of this target", (name,))
        for name in files
        if name not in (VALUES, PULLER)
    ]
    values = _read(files, VALUES, complaints)
    if values is None:
        return Lifted(None, {}, {}, tuple(complaints))
    for value, path in _FIXED:
        values.expect(value, *path)
    places: dict[Path, Path] = {}
    options = _options(values, places)
    secret = options["pull_secrets"][0] if options["pull_secrets"] else ""
    profiles, kinds = compositions(values, secret, guard=_guard(values))
    deployment = _grouped(
        values, Deployment(values.text(*_CUSTOM, "center"), "", tuple(profiles), home_size=_home_size(values))
    )
    if kinds and kinds != {options["mounts"]}:
        values.complain(f"bricks are mounted as {' and '.join(sorted(kinds))}", *_CUSTOM)
    complaints += values.finish()
    if options["prepull"] == "daemonset" or PULLER in files:
        reading = _read(files, PULLER, complaints)
        if options["prepull"] == "none":
            complaints.append(
                Complaint("LC702", f"{PULLER!r} is here, and the values fetch nothing", (PULLER,))
            )
        elif reading:
            complaints += puller(reading, deployment, options)
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
    """Bytes of ``capacity``; None where the chart's default of 10Gi stays."""
    path = ("singleuser", "storage", "capacity")
    if not values.has(*path):
        return None
    size = quantity(values.take(*path))
    if size is None:
        values.complain(f"`capacity` is {values.peek(*path)!r}, which is no size of a volume", *path)
    return size


def _grouped(values: Reading, deployment: Deployment) -> Deployment:
    """The deployment with its groups, which our own snippet in the hub's configuration looks after."""
    listed = {key: _table(values, *_CUSTOM, key) for key in ("profileGroups", "groupMembers")}
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
    for slug in reserved:
        if slug not in (profile.slug for profile in deployment.profiles):
            values.complain(f"there is no profile {slug!r} to reserve", *_CUSTOM, "profileGroups", slug)
    profiles = (
        replace(each, groups=tuple(sorted(reserved.get(each.slug, ())))) for each in deployment.profiles
    )
    groups = ((name, tuple(users)) for name, users in listed["groupMembers"].items())
    return replace(deployment, profiles=tuple(profiles), groups=tuple(sorted(groups)))


# ── options ───────────────────────────────────────────────────────────────────────────────────────────


def _options(values: Reading, places: dict[Path, Path]) -> dict[str, Any]:
    def at(option: Path, *path: str | int) -> tuple[str | int, ...]:
        places[option] = values.place(*path)
        return path

    host = _host(values, *at(("host",), "ingress", "hosts"))
    authenticator = _authenticator(values, host, at)
    storage_class = at(("home", "storage_class"), "singleuser", "storage", "dynamic", "storageClass")
    placeholders = _number(values, *at(("placeholders",), "scheduling", "userPlaceholder", "replicas"))
    for component in ("podPriority", "userPlaceholder"):
        values.expect(placeholders > 0, "scheduling", component, "enabled")
    fetches = _flag(values, *at(("prepull",), "prePuller", "continuous", "enabled"))
    gitops = _text(values, *at(("gitops",), *_CUSTOM, "gitops"))
    mounts = _text(values, *at(("mounts",), *_CUSTOM, "mounts")) or "image"
    return {
        "host": host,
        "mounts": mounts,
        "pull_secrets": _pull_secrets(values, *at(("pull_secrets",), "imagePullSecrets")),
        "prepull": "daemonset" if fetches else "none",
        "images": {"pause": _pause_image(values, at)},
        "authenticator": authenticator,
        "home": {"storage_class": _text(values, *storage_class)},
        "ingress": _ingress(values, host, at),
        "cull": _cull(values, at),
        "session": _session(values, at),
        "user_scheduler": _flag(values, *at(("user_scheduler",), "scheduling", "userScheduler", "enabled")),
        "placeholders": placeholders,
        "hub_secret": _text(values, *at(("hub_secret",), "hub", "existingSecret")),
        "gitops": gitops,
    }


def _host(values: Reading, *path: str | int) -> str:
    hosts = _texts(values, *path)
    if len(hosts) != 1:
        values.complain("the Ingress needs one host", *path)
    return hosts[0] if hosts else ""


def _authenticator(values: Reading, host: str, at: Any) -> dict[str, Any]:
    here = (*_CONFIG, "Authenticator")
    kind = values.text(*at(("authenticator", "type"), *_CONFIG, "JupyterHub", "authenticator_class"))
    users = _texts(values, *at(("authenticator", "allowed_users"), *here, "allowed_users"))
    admins = _texts(values, *at(("authenticator", "admin_users"), *here, "admin_users"))
    section = (*_CONFIG, "GenericOAuthenticator")
    groups: list[str] = []
    if values.has(*section, "allowed_groups"):
        groups = _texts(values, *at(("authenticator", "allowed_groups"), *section, "allowed_groups"))
    values.expect(not (users or groups), *here, "allow_all")
    oauth = _oauth(values, host, at) if values.has(*section) else None
    if kind not in ("generic-oauth", "dummy") or (kind == "generic-oauth") != (oauth is not None):
        values.complain(f"the authenticator {kind!r} is not set up here", *_CONFIG, "JupyterHub")
    return {
        "type": kind, "oauth": oauth, "allowed_users": users, "allowed_groups": groups, "admin_users": admins,
    }  # fmt: skip


def _oauth(values: Reading, host: str, at: Any) -> dict[str, Any]:
    """jupyterhub/oauthenticator:oauthenticator/{oauth2,generic}.py@17.4.0."""
    section = (*_CONFIG, "GenericOAuthenticator")
    values.expect(f"https://{host}/hub/oauth_callback", *section, "oauth_callback_url")
    secret = ("hub", "extraEnv", "OAUTH_CLIENT_SECRET", "valueFrom", "secretKeyRef")
    claim = None
    if values.has(*section, "manage_groups") or values.has(*section, "auth_state_groups_key"):
        values.expect(True, *section, "manage_groups")
        key = values.text(*at(("authenticator", "oauth", "groups_claim"), *section, "auth_state_groups_key"))
        claim = key.removeprefix("oauth_user.")
        if claim == key:
            values.complain(f"{key!r} is no claim of a user", *section, "auth_state_groups_key")
    place = ("authenticator", "oauth")
    texts = {
        name: values.text(*at((*place, name), *section, name))
        for name in (
            "client_id", "authorize_url", "token_url", "userdata_url", "login_service", "username_claim",
        )
    }  # fmt: skip
    return {
        **texts,
        "client_secret": {
            name: values.text(*at((*place, "client_secret", name), *secret, name)) for name in ("name", "key")
        },
        "scope": _texts(values, *at((*place, "scope"), *section, "scope")),
        "groups_claim": claim,
    }


def _ingress(values: Reading, host: str, at: Any) -> dict[str, Any]:
    secret = None
    if values.has("ingress", "tls"):
        values.expect([host], "ingress", "tls", 0, "hosts")
        secret = values.text(*at(("ingress", "tls_secret"), "ingress", "tls", 0, "secretName"))
    return {
        "class": _text(values, *at(("ingress", "class"), "ingress", "ingressClassName")),
        "tls_secret": secret,
        "annotations": _words(values, *at(("ingress", "annotations"), "ingress", "annotations")),
    }


def _cull(values: Reading, at: Any) -> dict[str, Any]:
    if not _flag(values, "cull", "enabled"):
        return {"timeout": 0, "max_age": 0}
    timeout = _number(values, *at(("cull", "timeout"), "cull", "timeout"))
    if timeout == 0:
        values.complain("a culler without a timeout takes its own, of ten minutes", "cull", "timeout")
    return {"timeout": timeout, "max_age": _number(values, *at(("cull", "max_age"), "cull", "maxAge"))}


def _session(values: Reading, at: Any) -> dict[str, Any]:
    here = ("singleuser",)
    cpu_at = at(("session", "reserve_cpu"), *here, "cpu", "guarantee")
    cpu = values.maybe(*cpu_at)
    if isinstance(cpu, bool) or not isinstance(cpu, int | float | None):
        values.complain(f"`guarantee` is {cpu!r}, which is no number", *cpu_at)
        cpu = None
    memory_at = at(("session", "reserve_memory"), *here, "memory", "guarantee")
    memory = values.maybe(*memory_at, default="1G")
    if not (isinstance(memory, str) or memory == 0):
        values.complain(f"`guarantee` is {memory!r}, which is no size", *memory_at)
    private = at(("session", "private_network"), *here, "networkPolicy", "egressAllowRules", "privateIPs")
    return {
        "start_timeout": _number(values, *at(("session", "start_timeout"), *here, "startTimeout")),
        "reserve_cpu": cpu,
        "reserve_memory": memory if isinstance(memory, str) else None,
        "node_selector": _words(values, *at(("session", "node_selector"), *here, "nodeSelector")),
        "private_network": _flag(values, *private),
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


def _pull_secrets(values: Reading, *path: str | int) -> list[str]:
    if not values.has(*path):
        return []
    return [values.text(*path, index, "name") for index in values.indices(*path)]


# ── leaves ────────────────────────────────────────────────────────────────────────────────────────────


def _text(values: Reading, *path: str | int) -> str | None:
    """A text that may be missing."""
    return values.text(*path) if values.has(*path) else None


def _texts(values: Reading, *path: str | int) -> list[str]:
    return [values.text(*path, index) for index in values.indices(*path)]


def _words(values: Reading, *path: str | int) -> dict[str, str]:
    """A mapping of texts that may be missing."""
    return {key: values.text(*path, key) for key in values.keys(*path)} if values.has(*path) else {}


def _table(values: Reading, *path: str | int) -> dict[str, list[str]]:
    """A mapping of lists of texts that may be missing."""
    return {key: _texts(values, *path, key) for key in values.keys(*path)} if values.has(*path) else {}


def _flag(values: Reading, *path: str | int) -> bool:
    value = values.take(*path)
    if not isinstance(value, bool) and values.has(*path):
        values.complain(f"this is {value!r}, which is neither true nor false", *path)
    return value is True


def _number(values: Reading, *path: str | int) -> int:
    value = values.take(*path)
    if type(value) is not int:
        if values.has(*path):
            values.complain(f"this is {value!r}, which is no whole number", *path)
        return 0
    return value
