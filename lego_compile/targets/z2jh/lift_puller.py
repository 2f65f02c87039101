"""Who fetches the images: the chart's own puller, and our DaemonSet as Kubernetes reads it (kubernetes/api:apps/v1)."""

from __future__ import annotations

import re
from typing import Any

from lego_compile.ir.model import Deployment, ImageRef
from lego_compile.targets.reading import Complaint, Reading
from lego_compile.targets.z2jh.lift_leaves import flag, tolerations
from lego_compile.targets.z2jh.lift_text import reference
from lego_compile.targets.z2jh.lift_volumes import image_source

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


_USERS = [
    {"key": key, "value": "user", "effect": "NoSchedule"}
    for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
]


def chart_puller(values: Reading, deployment: Deployment, options: dict[str, Any], *, fetched: bool) -> str:
    """The option ``prepull``; complaints when the chart's puller fetches something else than sessions mount.

    jupyterhub/zero-to-jupyterhub-k8s:jupyterhub/templates/image-puller/_helpers-daemonset.tpl@4.4.0: an init
    container ``image-pull-KEY`` for each extra image, which runs a shell in it.

    Args:
        values: the chart's values.
        deployment: what was lifted from them.
        options: likewise.
        fetched: whether our own DaemonSet is there.
    """
    here = ("prePuller", "extraImages")
    if tolerations(values, "prePuller", "extraTolerations") != _everywhere(options):
        values.complain(
            "images are not fetched on the nodes that run sessions", "prePuller", "extraTolerations"
        )
    images = set()
    for key in values.keys(*here) if values.has(*here) else ():
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?", key) or key in (
            "metadata-block",
            "singleuser",
        ):
            values.complain(f"{key!r} makes no name of a container", *here, key)
        text = f"{values.text(*here, key, 'name')}:{values.text(*here, key, 'tag')}"
        image = reference(text)
        if image is None:
            values.complain(f"{text!r} is no image with a digest", *here, key)
        else:
            images.add(image)
    if not flag(values, "prePuller", "continuous", "enabled"):
        return "none"
    wanted = _wanted(deployment) if options["mounts"] in ("image", "csi", "copy") else set()
    if not images and (fetched or wanted):
        return "daemonset"
    for image in sorted(wanted ^ images, key=lambda image: image.pinned):
        what = (
            "is fetched only when the first session needs it"
            if image in wanted
            else "is mounted by no session"
        )
        values.complain(f"{image.labelled} {what}", *here)
    return "chart"


def _wanted(deployment: Deployment) -> set[ImageRef]:
    return {brick.image for profile in deployment.profiles for brick in (*profile.bricks, *profile.offers)}


def _everywhere(options: dict[str, Any]) -> list[dict[str, Any]]:
    """What sessions of any profile tolerate: pods that fetch have to go wherever these go."""
    listed = [*options["session"]["tolerations"]]
    for placement in options["profiles"].values():
        listed += [each for each in placement["tolerations"] if each not in listed]
    return listed


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
    if tolerations(reading, *_POD, "tolerations") != [*_USERS, *_everywhere(options)]:
        reading.complain("bricks are not fetched on the nodes that run sessions", *_POD, "tolerations")
    reading.expect(options["images"]["pause"], *_POD, "containers", 0, "image")
    wanted = _wanted(deployment)
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
        name, path = reading.text(*mounts, index, "name"), reading.text(*mounts, index, "mountPath")
        if path != f"/bricks/{name}" or not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
            reading.complain(f"{name!r} cannot be mounted at {path!r}", *mounts, index)
        names.append(name)
        paths.add(path)
        reading.expect(True, *mounts, index, "readOnly")
    if len(set(names)) != len(names) or len(paths) != len(names):
        reading.complain("a volume or a path is used twice", *mounts)
    images: set[ImageRef] = set()
    volumes: set[str] = set()
    secret = options["pull_secrets"][0] if options["pull_secrets"] else ""
    for index in reading.indices(*_POD, "volumes"):
        volume = (*_POD, "volumes", index)
        name = reading.text(*volume, "name")
        if name in volumes:
            reading.complain(f"two volumes are called {name!r}", *volume)
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
