"""What the chart does with its values, as far as sessions are concerned, around the real KubeSpawner.

After jupyterhub/zero-to-jupyterhub-k8s:jupyterhub/files/hub/jupyterhub_config.py@4.4.0; the chart itself is in no
package registry.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest

TRAITS = {  # of KubeSpawner, and where below `singleuser` the chart finds them
    "start_timeout": "startTimeout",
    "image_pull_policy": "image.pullPolicy",
    "extra_labels": "extraLabels",
    "uid": "uid",
    "fs_gid": "fsGid",
    "node_selector": "nodeSelector",
    "lifecycle_hooks": "lifecycleHooks",
    "init_containers": "initContainers",
    "mem_limit": "memory.limit",
    "mem_guarantee": "memory.guarantee",
    "cpu_limit": "cpu.limit",
    "cpu_guarantee": "cpu.guarantee",
    "extra_resource_limits": "extraResource.limits",
    "environment": "extraEnv",
    "profile_list": "profileList",
    "default_url": "defaultUrl",
    "allow_privilege_escalation": "allowPrivilegeEscalation",
    "cmd": "cmd",
    "storage_class": "storage.dynamic.storageClass",
    "storage_capacity": "storage.capacity",
}


DEFAULTS: dict[str, Any] = {  # those keys of the chart's values.yaml@4.4.0 that the adapter looks at
    "hub": {"config": {"JupyterHub": {"admin_access": True, "authenticator_class": "dummy"}}},
    "singleuser": {
        "extraLabels": {"hub.jupyter.org/network-access-hub": "true"},
        "uid": 1000,
        "fsGid": 100,
        "startTimeout": 300,
        "memory": {"limit": None, "guarantee": "1G"},
        "cpu": {"limit": None, "guarantee": None},
        "cloudMetadata": {"blockWithIptables": True},
        "storage": {"capacity": "10Gi", "homeMountPath": "/home/jovyan"},
    },
    "scheduling": {
        "userPods": {
            "tolerations": [
                {"key": key, "operator": "Equal", "value": "user", "effect": "NoSchedule"}
                for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
            ]
        }
    },
}


def coalesce(chart: Any, values: Any) -> Any:
    """Values over the chart's own, as Helm does it: maps merge, null deletes, all else replaces."""
    if not (isinstance(chart, dict) and isinstance(values, dict)):
        return values
    merged = dict(chart)
    for key, value in values.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = coalesce(merged.get(key), value)
    return merged


def get(values: Any, path: str, default: Any = None) -> Any:
    """``get_config`` of the chart's ``z2jh.py``."""
    for step in path.split("."):
        if not isinstance(values, dict) or step not in values:
            return default
        values = values[step]
    return values


def volumes(c: Any, storage: dict[str, Any], *, old: bool) -> None:
    """Homes and the volumes beside them: maps since 4.3.0, and lists before."""
    if storage["type"] == "static":
        name, claim = "home", storage["static"]["pvcName"]
        mount = {"name": name, "subPath": storage["static"]["subPath"]}
    else:
        name, claim = storage["dynamic"]["volumeNameTemplate"], "{pvc_name}"
        mount = {"name": name}
        c.KubeSpawner.storage_pvc_ensure = True
    volume = {"name": name, "persistentVolumeClaim": {"claimName": claim}}
    mount = {**mount, "mountPath": storage["homeMountPath"]}
    for trait, entry, key in (
        ("volumes", volume, "extraVolumes"),
        ("volume_mounts", mount, "extraVolumeMounts"),
    ):
        more = storage.get(key) or []
        if old:
            assert isinstance(more, list)
            c.KubeSpawner[trait] = [entry, *more]
            continue
        if isinstance(more, list):
            names = [
                each["name"] if trait == "volumes" else f"{at}-{each['name']}" for at, each in enumerate(more)
            ]
            more = dict(zip(names, more, strict=True))
        c.KubeSpawner[trait] = {name: entry, **more}


def config(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, old: bool = False) -> Any:
    """The hub's configuration, with the snippets of ``hub.extraConfig`` executed; ``old`` is a chart before 4.3."""
    from traitlets.config import Config

    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)  # there is no cluster
    c = Config()
    user = values["singleuser"]
    for trait, path in TRAITS.items():
        value = get(user, path)
        if value is not None:
            c.KubeSpawner[trait] = value
    c.KubeSpawner.image = f"{user['image']['name']}:{user['image']['tag']}"
    secrets = values.get("imagePullSecrets") or []
    c.KubeSpawner.image_pull_secrets = [each["name"] for each in secrets]
    users = get(values, "scheduling.userPods.tolerations", [])
    c.KubeSpawner.tolerations = users + (get(user, "extraTolerations") or [])
    volumes(c, user["storage"], old=old)
    assert not user["cloudMetadata"]["blockWithIptables"]
    for section, traits in values["hub"]["config"].items():
        c[section].update(traits)
    module = ModuleType("z2jh")
    module.get_config = lambda path, default=None: get(values, path, default)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "z2jh", module)
    for _, code in sorted(values["hub"].get("extraConfig", {}).items()):
        exec(code, {"c": c})
    return c


class User(Mock):
    """A user as far as a spawner looks."""

    name = "Ada@example.org"
    url = "/user/ada"
    id = 7

    @property
    def escaped_name(self) -> str:
        """The name in a URL."""
        return "ada-40example-2eorg"


def spawner(c: Any, name: str = "ada", groups: tuple[str, ...] = (), **choice: Any) -> Any:
    """The real KubeSpawner, about to start a session."""
    from jupyterhub.objects import Hub, Server
    from kubespawner import KubeSpawner

    user = User()
    user.name = name
    listed = []
    for each in groups:
        group = Mock()
        group.name = each
        listed.append(group)
    user.groups = listed
    user.server = Mock(base_url="/user/ada/")
    hub = Hub()
    hub.public_host = ""
    made = KubeSpawner(
        hub=hub, user=user, config=c, server=Server(), api_token="x", oauth_client_id="x", _mock=True
    )  # fmt: skip
    made.user_options = choice
    return made


async def pod(c: Any, name: str = "ada", groups: tuple[str, ...] = (), **choice: Any) -> dict[str, Any]:
    """The pod that Kubernetes would be sent."""
    from kubernetes_asyncio.client import ApiClient

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", os.devnull)  # each client would read all authorities, and ask nobody
        made = spawner(c, name, groups, **choice)
        await made.load_user_options()
        manifest = await made.get_pod_manifest()
        async with ApiClient() as client:
            return dict(client.sanitize_for_serialization(manifest))


async def page(c: Any, name: str, groups: tuple[str, ...]) -> str:
    """The spawn page of a user."""
    return str(await spawner(c, name, groups).get_options_form())
