"""The DaemonSet that fetches the bricks, as Kubernetes reads it (kubernetes/api:apps/v1, core/v1)."""

from __future__ import annotations

from typing import Any

from lego_compile.ir.model import Deployment, ImageRef
from lego_compile.targets.reading import Complaint, Reading
from lego_compile.targets.z2jh.lift_pod import image_source

_NAME = {"app.kubernetes.io/name": "lego-brick-puller"}
_POD = ("spec", "template", "spec")
_FIXED: tuple[tuple[Any, tuple[str | int, ...]], ...] = (
    ("apps/v1", ("apiVersion",)),
    ("DaemonSet", ("kind",)),
    ({"name": "lego-brick-puller", "labels": _NAME}, ("metadata",)),
    ({"matchLabels": _NAME}, ("spec", "selector")),
    ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}}, ("spec", "updateStrategy")),
    ({"labels": _NAME}, ("spec", "template", "metadata")),
    (False, (*_POD, "automountServiceAccountToken")),
    (0, (*_POD, "terminationGracePeriodSeconds")),
    ({"runAsUser": 65534, "runAsGroup": 65534}, (*_POD, "securityContext")),
    (
        [
            {"key": key, "operator": "Equal", "value": "user", "effect": "NoSchedule"}
            for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
        ],
        (*_POD, "tolerations"),
    ),
    ("pause", (*_POD, "containers", 0, "name")),
    (
        {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"memory": "32Mi"}},
        (*_POD, "containers", 0, "resources"),
    ),
    (
        {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
            "readOnlyRootFilesystem": True,
        },
        (*_POD, "containers", 0, "securityContext"),
    ),
)


def puller(reading: Reading, deployment: Deployment, options: dict[str, Any]) -> tuple[Complaint, ...]:
    """Complaints about the DaemonSet: it has to fetch exactly the bricks that sessions mount.

    Args:
        reading: the DaemonSet.
        deployment: what was lifted from the values.
        options: likewise.
    """
    for value, path in _FIXED:
        reading.expect(value, *path)
    secrets = [{"name": name} for name in options["pull_secrets"]]
    for key, value in (("imagePullSecrets", secrets), ("nodeSelector", options["session"]["node_selector"])):
        if value or reading.has(*_POD, key):
            reading.expect(value, *_POD, key)
    reading.expect(options["images"]["pause"], *_POD, "containers", 0, "image")
    wanted = {brick.image for profile in deployment.profiles for brick in (*profile.bricks, *profile.offers)}
    found = _fetched(reading, options)
    for image in sorted(wanted - found, key=lambda image: image.pinned):
        reading.complain(
            f"{image.labelled} is fetched only when the first session needs it", *_POD, "volumes"
        )
    for image in sorted(found - wanted, key=lambda image: image.pinned):
        reading.complain(f"{image.labelled} is fetched, and no session mounts it", *_POD, "volumes")
    return reading.finish()


def _fetched(reading: Reading, options: dict[str, Any]) -> set[ImageRef]:
    """The images of volumes that the container mounts; a volume that nobody mounts may never be fetched."""
    mounts = (*_POD, "containers", 0, "volumeMounts")
    names: list[str] = []
    paths: set[str] = set()
    for index in reading.indices(*mounts):
        names.append(reading.text(*mounts, index, "name"))
        paths.add(reading.text(*mounts, index, "mountPath"))
        reading.expect(True, *mounts, index, "readOnly")
    if len(set(names)) != len(names) or len(paths) != len(names):
        reading.complain("a volume or a path is used twice", *mounts)
    images: set[ImageRef] = set()
    volumes: set[str] = set()
    secret = options["pull_secrets"][0] if options["pull_secrets"] else ""
    for index in reading.indices(*_POD, "volumes"):
        volume = (*_POD, "volumes", index)
        name = reading.text(*volume, "name")
        volumes.add(name)
        image = image_source(reading, "csi" if options["mounts"] == "csi" else "image", secret, *volume)
        if name in names:
            images.add(image)
        else:
            reading.complain(f"volume {name!r} is mounted nowhere, so nothing fetches it", *volume)
    for name in names:
        if name not in volumes:
            reading.complain(f"there is no volume {name!r} to mount", *mounts)
    return images
