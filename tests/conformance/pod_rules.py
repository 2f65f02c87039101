"""What makes a pod wrong that neither the chart's schema nor Kubernetes' schemas know.

Most of it the API server refuses (kubernetes/kubernetes:pkg/apis/core/validation/validation.go@v1.35.0), so the user
sees a server that does not start; the rest is worse: a session that starts with something else in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

Pod = dict[str, Any]

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
PINNED = re.compile(r"[a-z0-9.:/_-]+(:[\w.-]+)?@sha256:[0-9a-f]{64}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|[KMGTP]i|[MGTP])?")
TEMPLATE = re.compile(r"[{}]")
UNITS = {"m": 0.001, "k": 10**3} | {
    unit + suffix: base**power
    for power, unit in enumerate("KMGTP", 1)
    for suffix, base in (("", 1000), ("i", 1024))
}


def containers(pod: Pod) -> list[dict[str, Any]]:
    """The containers, those of the start as well."""
    return [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]


def volumes(pod: Pod) -> list[dict[str, Any]]:
    """The volumes."""
    return list(pod["spec"].get("volumes") or [])


def mounts(container: dict[str, Any]) -> list[dict[str, Any]]:
    """What is mounted into a container."""
    return list(container.get("volumeMounts") or [])


def twice(values: Iterable[str]) -> Iterator[str]:
    """What is there more than once."""
    return (value for value, count in Counter(values).items() if count > 1)


def strings(value: Any) -> Iterator[str]:
    """Every text in a tree, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for each in pair for text in strings(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in strings(each))


def amount(value: Any) -> float | None:
    """A quantity as a number; None when Kubernetes would not read it as one that is sensible here."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = QUANTITY.fullmatch(str(value))
    return float(match[1]) * UNITS.get(match[2] or "", 1) if match else None


def names(pod: Pod) -> Iterator[str]:
    """Volumes and containers have names that are DNS labels, each its own; so has the pod."""
    of_volumes = [volume["name"] for volume in volumes(pod)]
    of_containers = [container["name"] for container in containers(pod)]
    for name in (*of_volumes, *of_containers, pod["metadata"]["name"]):
        if not LABEL.fullmatch(name):
            yield name
    yield from twice(of_volumes)
    yield from twice(of_containers)


def labels(pod: Pod) -> Iterator[str]:
    """The values of labels are what a selector can name."""
    for key, value in (pod["metadata"].get("labels") or {}).items():
        if not LABEL_VALUE.fullmatch(value):
            yield key


def one_source(pod: Pod) -> Iterator[str]:
    """A volume comes from one place: without any it would be an empty directory."""
    for volume in volumes(pod):
        if len(volume) != 2:
            yield volume["name"]


def image_volumes(pod: Pod) -> Iterator[str]:
    """A volume of an image names a digest and a policy, and nothing that Kubernetes would drop."""
    for volume in volumes(pod):
        image = volume.get("image")
        if image is None:
            continue
        good = set(image) == {"reference", "pullPolicy"} and PINNED.fullmatch(image["reference"])
        if not good or image["pullPolicy"] not in ("Always", "IfNotPresent", "Never"):
            yield volume["name"]


def mounted(pod: Pod) -> Iterator[str]:
    """Every mount has its volume, and every volume is mounted."""
    there = {volume["name"] for volume in volumes(pod)}
    used = {mount["name"] for container in containers(pod) for mount in mounts(container)}
    yield from there ^ used


def mount_paths(pod: Pod) -> Iterator[str]:
    """Paths are absolute, plain and each its own; none is inside another, so nothing is hidden, or put in a home."""
    for container in containers(pod):
        paths = [mount["mountPath"] for mount in mounts(container)]
        yield from twice(paths)
        for path in paths:
            plain = path.startswith("/") and str(PurePosixPath(path)) == path and ".." not in path.split("/")
            if not plain or path == "/" or ":" in path:
                yield path
            if any(PurePosixPath(other) in PurePosixPath(path).parents for other in paths):
                yield path


def subpaths(pod: Pod) -> Iterator[str]:
    """A path inside a volume is relative, and stays inside; it is not expanded besides."""
    for container in containers(pod):
        for mount in mounts(container):
            inside = mount.get("subPath", "")
            if inside.startswith("/") or ".." in inside.split("/") or "subPathExpr" in mount:
                yield mount["mountPath"]


def variables(pod: Pod) -> Iterator[str]:
    """Variables have names, each its own, and one value or one source of it."""
    for container in containers(pod):
        env = container.get("env") or []
        yield from twice(each["name"] for each in env)
        for each in env:
            told = isinstance(each.get("value"), str) != ("valueFrom" in each)
            if not VARIABLE.fullmatch(each["name"]) or not told:
                yield each["name"]


def templates(pod: Pod) -> Iterator[str]:
    """No field of KubeSpawner's is left where it fills them in; commands and hooks are sent as they are."""
    spec = pod["spec"]
    for container in containers(pod):
        filled = {
            key: value for key, value in container.items() if key not in ("args", "command", "lifecycle")
        }
        yield from (text for text in strings(filled) if TEMPLATE.search(text))
    rest = [pod["metadata"], {key: value for key, value in spec.items() if not key.endswith("ontainers")}]
    yield from (text for text in strings(rest) if TEMPLATE.search(text))


def references(pod: Pod) -> Iterator[str]:
    """No argument or variable is expanded by Kubernetes: ``$(NAME)`` is the value of another variable to it."""
    for container in containers(pod):
        told = [str(each.get("value", "")) for each in container.get("env") or []]
        for text in (*(container.get("args") or []), *(container.get("command") or []), *told):
            if "$(" in text.replace("$$", ""):
                yield text


def resources(pod: Pod) -> Iterator[str]:
    """Amounts are numbers, and what is asked for is within the limit; devices are whole."""
    for container in containers(pod):
        given = container.get("resources") or {}
        limits, requests = given.get("limits") or {}, given.get("requests") or {}
        for name, value in (*limits.items(), *requests.items()):
            number = amount(value)
            if number is None or number < 0 or ("/" in name and number != int(number)):
                yield name
        for name, value in requests.items():
            if name in limits and (amount(value) or 0) > (amount(limits[name]) or 0):
                yield name


RULES: dict[str, Callable[[Pod], Iterator[str]]] = {
    "names": names,
    "labels": labels,
    "one source": one_source,
    "image volumes": image_volumes,
    "mounted": mounted,
    "mount paths": mount_paths,
    "subpaths": subpaths,
    "variables": variables,
    "templates": templates,
    "references": references,
    "resources": resources,
}


def broken(pod: Pod) -> set[str]:
    """Every rule that a pod breaks, with where."""
    return {f"{name}: {where}" for name, rule in RULES.items() for where in rule(pod)}
