"""What a volume of a pod is, as Kubernetes reads it (kubernetes/api:core/v1/types.go, ``VolumeSource``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from lego_compile.ir.model import ImageRef, Path
from lego_compile.targets.assets import asset
from lego_compile.targets.reading import Reading
from lego_compile.targets.z2jh.lift_text import expanded, formatted, reference

_UNPACKED = re.compile(r"(?P<repository>.+)/sha256-(?P<digest>[0-9a-f]{64})(/(?P<inside>.+))?")
_COPIER = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
    "runAsUser": 65534,
    "runAsGroup": 65534,
    "readOnlyRootFilesystem": True,
}


class Setup(NamedTuple):
    """What every pod of the centre has in common.

    Attributes:
        home: the volume of the user's home, which is also the name of its mount.
        inside: where the home is in its volume, as a template; empty for the whole of it.
        secret: name of the Secret that the CSI driver has to read; empty for none.
        bricks_at: below which unpacked bricks lie; empty where bricks are images.
        guard: whether the guard runs in the pods.
    """

    home: Mapping[str, Any]
    inside: str = ""
    secret: str = ""
    bricks_at: str = ""
    guard: bool = True


def template(pod: Reading, *path: str | int) -> str:
    """A text that KubeSpawner formats; a complaint when it would put something of the user's into it."""
    return formatted_at(pod, pod.text(*path), path)


def formatted_at(pod: Reading, text: str, path: Path) -> str:
    """The same of a text that was read already."""
    result = formatted(text)
    if result is None:
        pod.complain(f"{text!r} has braces that KubeSpawner replaces", *path)
    return text if result is None else result


def brick_image(
    pod: Reading, brick: str, kinds: list[str], volume: str | int, inside: str, setup: Setup
) -> tuple[str, ImageRef, str]:
    """How a brick is mounted, its image, and where the environment is in it.

    Args:
        pod: the traits of the pod.
        brick: its name.
        kinds: what Kubernetes finds in the volume; one, unless somebody erred.
        volume: key of the volume.
        inside: ``subPath`` of its mount.
        setup: what all pods have in common.
    """
    if kinds in (["image"], ["csi"]):
        return kinds[0], image_source(pod, kinds[0], setup.secret, "volumes", volume), inside
    if kinds == ["emptyDir"]:
        pod.expect({}, "volumes", volume, "emptyDir")
        if inside:
            pod.complain("what was copied is the environment, without a `subPath`", "volumes", volume)
        return "copy", *_copied(pod, brick)
    source = directory_source(pod, kinds, volume, True)
    below = source.removeprefix(f"{setup.bricks_at}/")
    if source == setup.bricks_at and source.startswith("pvc:"):
        below, inside = inside, ""
    match = _UNPACKED.fullmatch(below)
    if not setup.bricks_at or below == source or match is None:
        pod.complain(f"{source!r} says of no image that it is unpacked there", "volumes", volume)
        return kinds[0] if kinds else "", ImageRef(source, ""), inside
    if match["inside"] and inside:
        pod.complain("a directory inside a directory of the image is mounted", "volumes", volume)
    image = ImageRef(match["repository"], f"sha256:{match['digest']}")
    return ("hostPath" if kinds == ["hostPath"] else "nfs"), image, match["inside"] or inside


def _copied(pod: Reading, brick: str) -> tuple[ImageRef, str]:
    """The init container that fills the volume of a brick."""
    here = ("init_containers", f"copy-{brick}")
    pod.expect(f"copy-{brick}", *here, "name")
    pod.expect("IfNotPresent", *here, "imagePullPolicy")
    pod.expect([{"name": f"brick-{brick}", "mountPath": "/lego"}], *here, "volumeMounts")
    pod.expect("FallbackToLogsOnError", *here, "terminationMessagePolicy")
    pod.expect(_COPIER, *here, "securityContext")
    words = [expanded(template(pod, *here, "command", index)) for index in pod.indices(*here, "command")]
    script = asset("z2jh", "copy.sh").decode()
    if words[:-1] != ["/bin/sh", "-c", script, "copy"]:
        pod.complain(
            "the copy is not made by the script that lego-compile ships", *here, "command", code="LC704"
        )
    text = template(pod, *here, "image")
    image = reference(text)
    if image is None:
        pod.complain(f"{text!r} is no image with a digest", *here, "image")
    place = words[-1] if words and words[-1] else ""
    if not place.startswith("/"):
        pod.complain(f"{place!r} is no absolute path of the image", *here, "command")
    return image or ImageRef(text, ""), place[1:]


def image_source(pod: Reading, kind: str, secret: str, *volume: str | int) -> ImageRef:
    """The image of a brick's volume, be it an image volume or one of the CSI driver."""
    if kind == "image":
        where = (*volume, "image", "reference")
        pod.expect("IfNotPresent", *volume, "image", "pullPolicy")
    else:
        where = (*volume, "csi", "volumeAttributes", "image")
        pod.expect("container-image.csi.k8s.io", *volume, "csi", "driver")
        pod.expect(True, *volume, "csi", "readOnly")
        pod.expect("false", *volume, "csi", "volumeAttributes", "pullAlways")
        if secret:
            pod.expect(secret, *volume, "csi", "nodePublishSecretRef", "name")
    text = pod.text(*where)
    image = reference(text)
    if image is None:
        pod.complain(f"{text!r} is no image with a digest", *where)
    return image or ImageRef(text, "")


def directory_source(pod: Reading, kinds: list[str], volume: str | int, read_only: bool) -> str:
    """Where a volume of directories comes from, in the words of the spec (``pvc:era5``)."""
    if kinds == ["hostPath"]:
        pod.expect("Directory", "volumes", volume, "hostPath", "type")
        return template(pod, "volumes", volume, "hostPath", "path")
    if kinds == ["persistentVolumeClaim"]:
        _same_mode(pod, read_only, "volumes", volume, "persistentVolumeClaim", "readOnly")
        return "pvc:" + template(pod, "volumes", volume, "persistentVolumeClaim", "claimName")
    if kinds == ["nfs"]:
        _same_mode(pod, read_only, "volumes", volume, "nfs", "readOnly")
        server = template(pod, "volumes", volume, "nfs", "server")
        return f"nfs:{server}:{template(pod, 'volumes', volume, 'nfs', 'path')}"
    what = " and ".join(kinds) or "nothing, which Kubernetes makes an empty directory"
    pod.complain(
        f"the volume is of {what}, and neither a brick nor a directory of the centre",
        "volumes",
        volume,
        code="LC702",
    )
    pod.take("volumes", volume)
    return ""


def _same_mode(pod: Reading, read_only: bool, *path: str | int) -> None:
    if pod.maybe(*path, default=False) is not read_only:
        pod.complain("the volume and its mount do not agree on `readOnly`", *path)
