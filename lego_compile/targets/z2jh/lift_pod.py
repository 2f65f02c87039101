"""KubeSpawner's traits → what a user finds in the pod.

A pod is read from the traits that the chart and the profile leave behind, never from one of the two alone: what
counts is what is there after the merge. Imitates jupyterhub/kubespawner:kubespawner/{spawner,objects}.py@7.0.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lego_compile.ir.model import BrickMount, DataMount, ImageRef, Limits, Path
from lego_compile.targets.reading import Reading
from lego_compile.targets.z2jh.lift_text import byte_count, expanded, formatted, reference

HOME = "volume-{user_server}"
"""Key and name of the home's volume: ``singleuser.storage.dynamic.volumeNameTemplate`` of the chart."""

HOME_VOLUME = {"name": HOME, "persistentVolumeClaim": {"claimName": "{pvc_name}"}}
GUARD = "LEGO_BRICK_"
_GPUS = {"nvidia.com/gpu": "nvidia", "amd.com/gpu": "amd"}


@dataclass(slots=True)
class Mounted:
    """What is mounted, and the variables.

    Attributes:
        home: where the user's claim is; empty when it is nowhere.
        bricks: without titles; sorted by prefix.
        data: sorted by path.
        environment: without those of the guard.
        kinds: how bricks are mounted (``image``, ``csi``).
    """

    home: str = ""
    bricks: list[BrickMount] = field(default_factory=list)
    data: list[DataMount] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)


def apply(traits: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """The traits after ``_apply_overrides``: maps are merged, with null deleting a key; the rest replaces."""
    result = dict(traits)
    for name, value in override.items():
        old = result.get(name)
        result[name] = _merged(old, value) if isinstance(value, dict) and isinstance(old, dict) else value
    return result


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """``recursive_update`` of kubespawner/utils.py, which would change the old map in place."""
    result = dict(old)
    for key, value in new.items():
        if isinstance(value, dict):
            below = result.get(key)
            result[key] = _merged(below if isinstance(below, dict) else {}, value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def mounted(pod: Reading, secret: str, *, guard: bool, origin: Callable[[Path], Path]) -> Mounted:
    """Volumes, their mounts and the variables of a pod.

    Args:
        pod: the traits ``volumes``, ``volume_mounts`` and ``environment``.
        secret: name of the Secret that the CSI driver has to read; empty for none.
        guard: whether the guard runs in this pod.
        origin: path of a trait's entry → place in the artifact.
    """
    result = Mounted()
    guards = _environment(pod, result)
    volumes: dict[Any, str | int] = {}
    for key in _entries(pod, "volumes"):
        name = pod.peek("volumes", key, "name")
        pod.text("volumes", key, "name")
        if isinstance(name, str) and volumes.setdefault(name, key) != key:
            pod.complain(f"two volumes are called {name!r}", "volumes", key, "name")
        _same_key(pod, name, "volumes", key)
    used: set[str] = set()
    paths: set[str] = set()
    for key in _entries(pod, "volume_mounts"):
        name = pod.text("volume_mounts", key, "name")
        path = template(pod, "volume_mounts", key, "mountPath")
        _same_key(pod, name, "volume_mounts", key)
        if path in paths:
            pod.complain(f"two volumes are mounted at {path!r}", "volume_mounts", key, "mountPath")
        paths.add(path)
        used.add(name)
        if name not in volumes:
            pod.complain(f"there is no volume {name!r} to mount", "volume_mounts", key, "name")
            pod.maybe("volume_mounts", key)
        else:
            _mount(pod, key, volumes[name], path, result, secret, origin(("volumes", volumes[name])))
    for name, key in volumes.items():
        if name not in used:
            pod.complain(f"volume {name!r} is mounted nowhere", "volumes", key)
            pod.maybe("volumes", key)
    result.bricks = [
        replace(brick, guarded=guard and guards.get(_variable(brick.name)) == brick.prefix)
        for brick in result.bricks
    ]
    for name, prefix in guards.items():
        if prefix not in (brick.prefix for brick in result.bricks):
            pod.complain(f"the guard waits for a brick at {prefix!r}, where none is", "environment", name)
    result.bricks.sort(key=lambda brick: brick.prefix)
    result.data.sort(key=lambda data: data.path)
    return result


def _variable(name: str) -> str:
    return GUARD + name.upper().replace("-", "_")


def _same_key(pod: Reading, name: object, trait: str, key: str | int) -> None:
    """An administrator's overlay, and a choice that leaves something out, go by the key."""
    if isinstance(key, str) and key != name:
        pod.complain(f"the key {key!r} is not the name, {name!r}", trait, key)


def _entries(pod: Reading, trait: str) -> Iterator[str | int]:
    """Keys in the order in which KubeSpawner lists the values (``_sorted_dict_values``)."""
    value = pod.peek(trait)
    keys: list[Any] = []
    if isinstance(value, dict):
        keys = sorted(pod.keys(trait))
    elif isinstance(value, list):
        pod.complain(f"`{trait}` is a list, which replaces all that was mounted before", trait)
        keys = list(pod.indices(trait))
    else:
        pod.complain(f"`{trait}` is {value!r}, and KubeSpawner needs a mapping", trait)
        pod.maybe(trait)
    for key in keys:
        if isinstance(pod.peek(trait, key), dict):
            yield key
        else:
            pod.complain(f"`{trait}.{key}` is {pod.peek(trait, key)!r}, and has to be a mapping", trait, key)
            pod.maybe(trait, key)


def template(pod: Reading, *path: str | int) -> str:
    """A text that KubeSpawner formats; a complaint when it would put something of the user's into it."""
    return _formatted(pod, pod.text(*path), path)


def _formatted(pod: Reading, text: str, path: Path) -> str:
    result = formatted(text)
    if result is None:
        pod.complain(f"{text!r} has braces that KubeSpawner replaces", *path)
    return text if result is None else result


def _environment(pod: Reading, result: Mounted) -> dict[str, str]:
    """The variables of the guard; the others go into the result."""
    guards = {}
    if not isinstance(pod.peek("environment"), dict):
        pod.complain(
            f"`environment` is {pod.peek('environment')!r}, and KubeSpawner needs a mapping", "environment"
        )
        pod.maybe("environment")
        return {}
    for name in pod.keys("environment"):
        text = template(pod, "environment", name)
        value = expanded(text)
        if value is None:
            pod.complain(f"{text!r} names a variable that Kubernetes replaces", "environment", name)
        value = text if value is None else value
        if name.startswith(GUARD):
            guards[name] = value
        else:
            result.environment[name] = value
    return guards


def _mount(
    pod: Reading, mount: str | int, volume: str | int, path: str, result: Mounted, secret: str, origin: Path
) -> None:
    value = pod.peek("volumes", volume)
    if value == HOME_VOLUME:
        pod.take("volumes", volume)
        result.home = path
        return
    name = template(pod, "volumes", volume, "name")
    kinds = [each for each in value if each != "name"]
    read_only = pod.maybe("volume_mounts", mount, "readOnly", default=False)
    if not isinstance(read_only, bool):
        pod.complain(f"`readOnly` is {read_only!r}, which is neither true nor false", "volume_mounts", mount)
    if kinds in (["image"], ["csi"]):
        image = image_source(pod, kinds[0], secret, "volumes", volume)
        subpath = pod.maybe("volume_mounts", mount, "subPath", default="")
        inside = (
            _formatted(pod, subpath, ("volume_mounts", mount, "subPath"))
            if isinstance(subpath, str)
            else None
        )
        if inside is None or inside.startswith("/") or ".." in inside.split("/"):
            pod.complain(
                f"`subPath` is {subpath!r}, and has to be relative", "volume_mounts", mount, "subPath"
            )
        if read_only is not True:
            pod.complain("a brick has to be mounted with `readOnly: true`", "volume_mounts", mount)
        result.kinds.add(kinds[0])
        result.bricks.append(
            BrickMount(name.removeprefix("brick-"), "", image, path, f"/{inside or ''}", origin=origin)
        )
        return
    source = _data_source(pod, kinds, volume, read_only is True)
    result.data.append(
        DataMount(name.removeprefix("data-"), path, read_only is not True, source, origin=origin)
    )


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


def _data_source(pod: Reading, kinds: list[str], volume: str | int, read_only: bool) -> str:
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
        f"the volume is of {what}, and neither a brick nor a directory of the centre", "volumes", volume
    )
    pod.take("volumes", volume)
    return ""


def _same_mode(pod: Reading, read_only: bool, *path: str | int) -> None:
    if pod.maybe(*path, default=False) is not read_only:
        pod.complain("the volume and its mount do not agree on `readOnly`", *path)


def command(pod: Reading) -> tuple[str, ...]:
    """The arguments of the container; KubeSpawner formats none of them."""
    value = pod.maybe("cmd")
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        pod.complain(f"`cmd` is {value!r}, and has to be a list of texts", "cmd")
        return ()
    result = []
    for word in words:
        done = expanded(word)
        if done is None:
            pod.complain(f"{word!r} names a variable that Kubernetes replaces", "cmd")
        result.append(word if done is None else done)
    return tuple(result)


def system_image(pod: Reading) -> ImageRef:
    """The image of the container."""
    text = pod.text("image")
    image = reference(text)
    if image is None:
        pod.complain(f"{text!r} is no image with a digest", "image")
    return image or ImageRef(text, "")


def identity(pod: Reading) -> tuple[int | None, int | None]:
    """User and group of the container; files of the home belong to the same group."""
    values: dict[str, int | None] = {}
    for name in ("uid", "gid", "fs_gid"):
        value = pod.maybe(name)
        if not (value is None or type(value) is int):
            pod.complain(f"`{name}` is {value!r}, which is no number", name)
        values[name] = value if type(value) is int else None
    if values["gid"] != values["fs_gid"]:
        pod.complain(f"the group is {values['gid']}, and that of the home {values['fs_gid']}", "fs_gid")
    return values["uid"], values["gid"]


def limits(pod: Reading) -> Limits:
    """What the container may use; KubeSpawner sets no limit for a value that is zero or null."""
    cpu, memory = pod.maybe("cpu_limit"), pod.maybe("mem_limit")
    if isinstance(cpu, bool) or not isinstance(cpu, int | float | None):
        pod.complain(f"`cpu_limit` is {cpu!r}, which is no number", "cpu_limit")
        cpu = None
    size = byte_count(memory)
    if memory is not None and size is None:
        pod.complain(
            f"`mem_limit` is {memory!r}, which JupyterHub refuses: it knows K, M, G and T", "mem_limit"
        )
    gpus, vendor = 0, ""
    extra = pod.peek("extra_resource_limits")
    if not isinstance(extra, dict):
        pod.complain(
            f"`extra_resource_limits` is {extra!r}, and has to be a mapping", "extra_resource_limits"
        )
        pod.maybe("extra_resource_limits")
    for name in pod.keys("extra_resource_limits") if isinstance(extra, dict) else ():
        count = extra[name]
        if (
            name in _GPUS
            and not vendor
            and str(count).isascii()
            and str(count).isdecimal()
            and len(str(count)) < 9
        ):
            pod.take("extra_resource_limits", name)
            gpus, vendor = int(count), _GPUS[name]
    return Limits(round(cpu * 1000) if cpu else None, size or None, gpus, vendor if gpus else "")
