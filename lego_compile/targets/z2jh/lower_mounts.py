"""What is mounted: bricks and data of a session, and the DaemonSet that fetches the bricks beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, DataMount, Deployment, ImageRef
from lego_compile.targets.z2jh.lower_text import pair, template

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Security context of a container that Pod Security ``restricted`` lets in."""


def mount_traits(
    bricks: Iterable[BrickMount], data: Iterable[DataMount], options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """KubeSpawner's ``volumes`` and ``volume_mounts`` for bricks and data; both are keyed by the volume's name."""
    volumes: dict[str, Any] = {}
    mounts: dict[str, Any] = {}
    for brick in bricks:
        name = f"brick-{brick.name}"
        inside = brick.subpath.strip("/")
        volumes[name] = {"name": name, **_brick_source(brick.image, options)}
        mounts[name] = {
            "name": name,
            "mountPath": template(brick.prefix),
            **pair("subPath", template(inside)),
            "readOnly": True,
        }
    for each in data:
        name = f"data-{each.name}"
        volumes[name] = {"name": name, **_data_source(template(each.source), read_only=not each.writable)}
        mounts[name] = {
            "name": name,
            "mountPath": template(each.path),
            **pair("readOnly", not each.writable),
        }
    return {"volumes": volumes, "volume_mounts": mounts}


def _brick_source(image: ImageRef, options: Mapping[str, Any]) -> dict[str, Any]:
    if options["mounts"] == "image":
        return {"image": {"reference": image.labelled, "pullPolicy": "IfNotPresent"}}
    # One Secret, and none of a service account (warm-metal/container-image-csi-driver:README.md).
    secrets = options["pull_secrets"]
    return {
        "csi": {
            "driver": "container-image.csi.k8s.io",
            "readOnly": True,
            **pair("nodePublishSecretRef", {"name": secrets[0]} if secrets else {}),
            "volumeAttributes": {"image": image.pinned, "pullAlways": "false"},
        }
    }


def _data_source(source: str, *, read_only: bool) -> dict[str, Any]:
    kind, _, rest = source.partition(":")
    if kind == "pvc":
        return {"persistentVolumeClaim": {"claimName": rest, **pair("readOnly", read_only)}}
    if kind == "nfs":
        server, _, path = rest.partition(":")
        return {"nfs": {"server": server, "path": path, **pair("readOnly", read_only)}}
    # A missing one is an error, not a new directory.
    return {"hostPath": {"path": source, "type": "Directory"}}


def puller(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """A DaemonSet of pods that wait, with every brick mounted: the chart's own puller needs a shell in each image."""
    name = "lego-brick-puller"
    bricks: dict[str, ImageRef] = {}
    for profile in deployment.profiles:
        for brick in (*profile.bricks, *profile.offers):
            bricks[f"{brick.name}-{brick.image.digest[7:19]}"] = brick.image
    restricted = {**RESTRICTED, "readOnlyRootFilesystem": True}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": name}},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}},
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/name": name}},
                "spec": {
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 0,
                    **pair("imagePullSecrets", [{"name": each} for each in options["pull_secrets"]]),
                    **pair("nodeSelector", dict(options["session"]["node_selector"])),
                    "tolerations": [  # the nodes that the chart keeps for users
                        {"key": key, "operator": "Equal", "value": "user", "effect": "NoSchedule"}
                        for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
                    ],
                    "securityContext": {"runAsUser": 65534, "runAsGroup": 65534},
                    "containers": [
                        {
                            "name": "pause",
                            "image": options["images"]["pause"],
                            "resources": {
                                "requests": {"cpu": "1m", "memory": "8Mi"},
                                "limits": {"memory": "32Mi"},
                            },
                            "securityContext": restricted,
                            "volumeMounts": [
                                {"name": each, "mountPath": f"/bricks/{each}", "readOnly": True}
                                for each in sorted(bricks)
                            ],
                        }
                    ],
                    "volumes": [
                        {"name": each, **_brick_source(bricks[each], options)} for each in sorted(bricks)
                    ],
                },
            },
        },
    }
