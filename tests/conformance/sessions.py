"""A session as its pod has it, and as the composition has it, in the same words."""

from __future__ import annotations

import re
from copy import deepcopy

from tests.conformance.centers import Tree, bricks, composition
from tests.conformance.pod_rules import amount

CHART_TOLERATIONS = [  # scheduling.userPods.tolerations of the chart's values.yaml
    {"key": key, "operator": "Equal", "value": "user", "effect": "NoSchedule"}
    for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
]


def source(volume: Tree) -> tuple[str, str, Tree]:
    """Kind of a volume, what it holds in the words of a composition, and how it is mounted."""
    ((kind, how),) = [(key, deepcopy(value)) for key, value in volume.items() if key != "name"]
    match kind:
        case "image":
            what = re.sub(r":[^/:@]+@", "@", how.pop("reference"))
        case "csi":
            what = how["volumeAttributes"].pop("image")
        case "persistentVolumeClaim":
            what = "pvc:" + how.pop("claimName")
        case "nfs":
            what = f"nfs:{how.pop('server')}:{how.pop('path')}"
        case "emptyDir":
            what = str(amount(how.pop("sizeLimit", None)))
        case _:
            what = how.pop("path")
    return kind, what, how


def described(pod: Tree) -> Tree:
    """What a user has in this pod."""
    spec = pod["spec"]
    (container,) = spec["containers"]
    held = {volume["name"]: source(volume) for volume in spec["volumes"]}
    resources, context = container["resources"], container["securityContext"]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    return {
        "image": container["image"],
        "command": [*container.get("command", []), *(word.replace("$$", "$") for word in container["args"])],
        "user": (context["runAsUser"], context["runAsGroup"], spec["securityContext"]["fsGroup"]),
        "limits": {name: amount(value) for name, value in resources["limits"].items()},
        "requests": {name: amount(value) for name, value in resources["requests"].items()},
        "mounts": {
            each["mountPath"]: (*held[each["name"]], each.get("subPath", ""), each.get("readOnly", False))
            for each in container["volumeMounts"]
        },
        "bricks told": {name: value for name, value in variables.items() if name.startswith("LEGO_")},
        "guarded": "/conda-meta/history" in container["lifecycle"]["postStart"]["exec"]["command"][-1],
        "environment": variables,
        "pull secrets": [each["name"] for each in spec.get("imagePullSecrets") or []],
        "node selector": spec.get("nodeSelector") or {},
        "tolerations": spec.get("tolerations") or [],
    }


def brick_source(brick: Tree, options: Tree) -> tuple[str, str, Tree]:
    """How a brick is mounted, from its pinned digest."""
    pinned = f"{brick['repository']}@{brick['digest']}"
    if options["mounts"] == "image":
        return "image", pinned, {"pullPolicy": "IfNotPresent"}
    how: Tree = {"driver": "container-image.csi.k8s.io", "readOnly": True}
    how["volumeAttributes"] = {"pullAlways": "false"}
    if options["pull_secrets"]:  # the driver takes one
        how["nodePublishSecretRef"] = {"name": options["pull_secrets"][0]}
    return "csi", pinned, how


def data_source(data: Tree) -> tuple[str, str, Tree]:
    """How a directory of the centre is mounted."""
    what = data["sources"]["z2jh"]
    if what.startswith("/"):
        return "hostPath", what, {"type": "Directory"}
    read_only = {} if data["writable"] else {"readOnly": True}
    return ("nfs" if what.startswith("nfs:") else "persistentVolumeClaim"), what, read_only


def jupyter_bytes(text: str | None) -> int | None:
    """``2G`` as JupyterHub reads it, in powers of 1024."""
    return int(text[:-1]) * 1024 ** " KMGT".index(text[-1]) if text else None


def expected_mounts(profile: Tree, mounted: list[Tree], claim: str, options: Tree) -> Tree:
    """The home, the bricks and the directories of the centre."""
    found: Tree = {profile["system"]["home"]: ("persistentVolumeClaim", f"pvc:{claim}", {}, "", False)}
    for each in mounted:
        found[each["prefix"]] = (*brick_source(each, options), each["subpath"].strip("/"), True)
    for each in profile["data"].values():
        found[each["path"]] = (*data_source(each), "", not each["writable"])
    shared_memory = jupyter_bytes(options["session"]["shared_memory"])
    if shared_memory:
        found["/dev/shm"] = ("emptyDir", str(float(shared_memory)), {"medium": "Memory"}, "", False)
    return found


def expected_nodes(slug: str, options: Tree) -> Tree:
    """Where a session may run, and what is set aside for it there: what a profile says comes before the rest."""
    every, mine = (
        options["session"],
        options["profiles"].get(slug) or {"node_selector": {}, "tolerations": []},
    )
    tolerated = [
        {"key": each["key"], "effect": each["effect"]}
        | ({"operator": "Equal", "value": each["value"]} if each["value"] else {"operator": "Exists"})
        for each in (*every["tolerations"], *mine["tolerations"])
    ]
    reserved = {
        "cpu": mine.get("reserve_cpu") or every["reserve_cpu"],
        "memory": jupyter_bytes(mine.get("reserve_memory") or every["reserve_memory"]),
    }
    return {
        "requests": {name: value for name, value in reserved.items() if value is not None},
        "node selector": {**every["node_selector"], **mine["node_selector"]},
        "tolerations": [*CHART_TOLERATIONS, *tolerated],
        "gpu": mine.get("gpu_resource"),
    }


def expected(center: str, profile: Tree, answers: dict[str, str], claim: str, told: Tree) -> Tree:
    """The same from the composition, for the home of a claim; ``told`` are the variables that a hub sets besides."""
    system, limits = profile["system"], profile["limits"]
    options = composition(center)["options"]["z2jh"]
    mounted = bricks(profile, answers)
    names = {f"LEGO_BRICK_{each['name'].upper().replace('-', '_')}": each["prefix"] for each in mounted}
    nodes = expected_nodes(profile["slug"], options)
    gpu = nodes.pop("gpu") or f"{limits['gpu_vendor']}.com/gpu"
    cpu = limits["cpu_thousandths"]
    at_most = {"cpu": cpu and cpu / 1000, "memory": limits["memory_bytes"], gpu: limits["gpus"] or None}
    return {
        "image": f"{system['repository']}:{system['tag']}@{system['digest']}",
        "command": profile["command"],
        "user": (system["uid"], system["gid"], system["gid"]),
        "limits": {name: value for name, value in at_most.items() if value is not None},
        "mounts": expected_mounts(profile, mounted, claim, options),
        "bricks told": names,
        "guarded": True,
        "environment": {**told, **profile["environment"], **names},
        "pull secrets": options["pull_secrets"],
        **nodes,
    }
