"""What is mounted: KubeSpawner's traits for the bricks and data of a session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, DataMount, ImageRef
from lego_compile.targets.assets import asset
from lego_compile.targets.z2jh.lower_text import expandable, pair, template

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Security context of a container that Pod Security ``restricted`` lets in."""

NOBODY = 65534
"""Who copies bricks: the user of the session finds files that are somebody else's."""


def mount_traits(
    bricks: Iterable[BrickMount], data: Iterable[DataMount], options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """KubeSpawner's ``volumes``, ``volume_mounts`` and ``init_containers``; all are keyed by name."""
    volumes: dict[str, Any] = {}
    mounts: dict[str, Any] = {}
    copies: dict[str, Any] = {}
    for brick in bricks:
        name = f"brick-{brick.name}"
        source, inside = _brick_source(brick, options)
        volumes[name] = {"name": name, **source}
        mounts[name] = {
            "name": name,
            "mountPath": template(brick.prefix),
            **pair("subPath", template(inside)),
            "readOnly": True,
        }
        if options["mounts"] == "copy":
            copies[f"copy-{brick.name}"] = _copy(brick, name)
    for each in data:
        name = f"data-{each.name}"
        volumes[name] = {"name": name, **_data_source(template(each.source), read_only=not each.writable)}
        mounts[name] = {
            "name": name,
            "mountPath": template(each.path),
            **pair("readOnly", not each.writable),
        }
    return {"volumes": volumes, "volume_mounts": mounts, "init_containers": copies}


def place(image: ImageRef) -> str:
    """Where an unpacked image lies below ``bricks_at``: the path says which one it is."""
    return f"{image.repository}/{image.digest.replace(':', '-')}"


def _brick_source(brick: BrickMount, options: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The volume of a brick, and the path of the environment in it."""
    kind, inside = options["mounts"], brick.subpath.strip("/")
    if kind == "copy":
        return {"emptyDir": {}}, ""
    if kind in ("image", "csi"):
        return image_source(brick.image, options), inside
    at = options["bricks_at"]
    if at.startswith("pvc:"):
        return _data_source(at, read_only=True), "/".join(filter(None, (place(brick.image), inside)))
    return _data_source(f"{at}/{place(brick.image)}", read_only=True), inside


def image_source(image: ImageRef, options: Mapping[str, Any]) -> dict[str, Any]:
    """A volume that is an image: of Kubernetes itself, or of the CSI driver."""
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


def _copy(brick: BrickMount, volume: str) -> dict[str, Any]:
    script = asset("z2jh", "copy.sh").decode()
    return {
        "name": f"copy-{brick.name}",
        "image": brick.image.labelled,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", expandable(script), "copy", expandable(brick.subpath)],
        "volumeMounts": [{"name": volume, "mountPath": "/lego"}],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            **RESTRICTED,
            "runAsUser": NOBODY,
            "runAsGroup": NOBODY,
            "readOnlyRootFilesystem": True,
        },
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
