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
from lego_compile.targets.z2jh.lift_leaves import cores, size, toleration, whole_size
from lego_compile.targets.z2jh.lift_text import byte_count, expanded, reference
from lego_compile.targets.z2jh.lift_volumes import (
    Setup,
    brick_image,
    directory_source,
    formatted_at,
    template,
)

GUARD = "LEGO_BRICK_"
_VENDORS = {"nvidia.com": "nvidia", "amd.com": "amd"}


@dataclass(slots=True)
class Mounted:
    """What is mounted, and the variables.

    Attributes:
        home: where the user's claim is; empty when it is nowhere.
        bricks: without titles; sorted by prefix.
        data: sorted by path.
        environment: without those of the guard.
        kinds: how bricks are mounted (``image``, ``csi``, ``copy``, ``hostPath``, ``nfs``).
        shared_memory: size of /dev/shm (``2G``); empty for the platform's own.
    """

    home: str = ""
    bricks: list[BrickMount] = field(default_factory=list)
    data: list[DataMount] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    shared_memory: str = ""


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


def mounted(pod: Reading, setup: Setup, origin: Callable[[Path], Path]) -> Mounted:
    """Volumes, their mounts and the variables of a pod.

    Args:
        pod: the traits ``volumes``, ``volume_mounts``, ``init_containers`` and ``environment``.
        setup: what all pods have in common.
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
            _mount(pod, key, volumes[name], path, result, setup, origin(("volumes", volumes[name])))
    if pod.peek("init_containers") in ({}, []):
        pod.maybe("init_containers")
    for name, key in volumes.items():
        if name not in used:
            pod.complain(f"volume {name!r} is mounted nowhere", "volumes", key)
            pod.maybe("volumes", key)
    result.bricks = [
        replace(brick, guarded=setup.guard and guards.get(_variable(brick.name)) == brick.prefix)
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
    pod: Reading, mount: str | int, volume: str | int, path: str, result: Mounted, setup: Setup, origin: Path
) -> None:
    value = pod.peek("volumes", volume)
    if value == setup.home:
        pod.take("volumes", volume)
        inside = pod.maybe("volume_mounts", mount, "subPath", default="")
        if inside != setup.inside:
            pod.complain(
                f"`subPath` of the home is {inside!r}, and has to be {setup.inside!r}", "volume_mounts", mount
            )
        result.home = path
        return
    name = template(pod, "volumes", volume, "name")
    if name == "shm":
        pod.expect("/dev/shm", "volume_mounts", mount, "mountPath")  # noqa: S108
        pod.expect("Memory", "volumes", volume, "emptyDir", "medium")
        result.shared_memory = whole_size(pod, "volumes", volume, "emptyDir", "sizeLimit") or ""
        return
    kinds = [each for each in value if each != "name"]
    read_only = pod.maybe("volume_mounts", mount, "readOnly", default=False)
    if not isinstance(read_only, bool):
        pod.complain(f"`readOnly` is {read_only!r}, which is neither true nor false", "volume_mounts", mount)
    if name.startswith("brick-"):
        subpath = pod.maybe("volume_mounts", mount, "subPath", default="")
        inside = (
            formatted_at(pod, subpath, ("volume_mounts", mount, "subPath"))
            if isinstance(subpath, str)
            else None
        )
        if inside is None or inside.startswith("/") or ".." in inside.split("/"):
            pod.complain(
                f"`subPath` is {subpath!r}, and has to be relative", "volume_mounts", mount, "subPath"
            )
        if read_only is not True:
            pod.complain("a brick has to be mounted with `readOnly: true`", "volume_mounts", mount)
        brick = name.removeprefix("brick-")
        kind, image, inside = brick_image(pod, brick, kinds, volume, inside or "", setup)
        result.kinds.add(kind)
        result.bricks.append(BrickMount(brick, "", image, path, f"/{inside}", origin=origin))
        return
    source = directory_source(pod, kinds, volume, read_only is True)
    result.data.append(
        DataMount(name.removeprefix("data-"), path, read_only is not True, source, origin=origin)
    )


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


def limits(pod: Reading) -> tuple[Limits, str | None]:
    """What the container may use, and what its GPUs are called where that is not the vendor's own name.

    KubeSpawner sets no limit for a value that is zero or null.
    """
    cpu, memory = cores(pod, "cpu_limit"), pod.maybe("mem_limit")
    most = byte_count(memory)
    if memory is not None and most is None:
        pod.complain(
            f"`mem_limit` is {memory!r}, which JupyterHub refuses: it knows K, M, G and T", "mem_limit"
        )
    gpus, vendor, resource = 0, "", None
    extra = pod.peek("extra_resource_limits")
    if not isinstance(extra, dict):
        pod.complain(
            f"`extra_resource_limits` is {extra!r}, and has to be a mapping", "extra_resource_limits"
        )
        pod.maybe("extra_resource_limits")
    for name in pod.keys("extra_resource_limits") if isinstance(extra, dict) else ():
        maker, count = _VENDORS.get(name.partition("/")[0], ""), str(extra[name])
        if maker and not vendor and count.isascii() and count.isdecimal() and len(count) < 9:
            pod.take("extra_resource_limits", name)
            gpus, vendor = int(count), maker
            resource = None if name == f"{maker}.com/gpu" else name
    return Limits(round(cpu * 1000) if cpu else None, most or None, gpus, vendor if gpus else ""), resource


def placement(pod: Reading, base: Mapping[str, Any], resource: str | None) -> dict[str, Any]:
    """Where a profile's pods run and what is set aside, as far as that is not as in all sessions; empty else.

    Args:
        pod: the traits of the profile.
        base: those of every session.
        resource: what ``limits`` found.
    """
    selector, every = pod.maybe("node_selector"), base["node_selector"]
    own: dict[str, str] = {}
    if (
        not isinstance(every, dict)
        or not isinstance(selector, dict)
        or not all(isinstance(each, str) for each in selector.values())
    ):
        pod.complain(f"`node_selector` is {selector!r}, and has to be a mapping of texts", "node_selector")
    else:
        own = {key: value for key, value in selector.items() if every.get(key) != value}
        if not every.keys() <= selector.keys():
            pod.complain("the profile runs on nodes that are not for sessions", "node_selector")
    listed, common = pod.peek("tolerations"), base["tolerations"]
    more: list[dict[str, Any]] = []
    if not isinstance(common, list) or not isinstance(listed, list) or listed[: len(common)] != common:
        pod.complain(
            "`tolerations` replaces those of every session, and has to begin with them", "tolerations"
        )
        pod.maybe("tolerations")
    else:
        more = [toleration(pod, "tolerations", index) for index in range(len(common), len(listed))]
        for index in range(len(common)):
            pod.maybe("tolerations", index)
        if not listed:
            pod.maybe("tolerations")
    cpu, memory = cores(pod, "cpu_guarantee"), size(pod, "mem_guarantee")
    for trait, value, aside in (
        ("cpu_guarantee", cpu, base["cpu_guarantee"]), ("mem_guarantee", memory, base["mem_guarantee"]),
    ):  # fmt: skip
        if aside and not value:
            pod.complain(f"`{trait}` sets nothing aside, and every session does", trait)
    if memory is not None and byte_count(memory) is None:
        pod.complain(f"`mem_guarantee` is {memory!r}, which JupyterHub refuses", "mem_guarantee")
    found = {
        "node_selector": own,
        "tolerations": more,
        "reserve_cpu": None if cpu == base["cpu_guarantee"] else cpu,
        "reserve_memory": None if memory == (base["mem_guarantee"] or None) else memory,
        "gpu_resource": resource,
    }
    return found if any(found.values()) else {}
