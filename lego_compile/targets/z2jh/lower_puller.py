"""Who fetches the images before the first user comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.hashing import sha256
from lego_compile.ir.model import Deployment, ImageRef
from lego_compile.targets.z2jh.lower_mounts import NOBODY, RESTRICTED, image_source
from lego_compile.targets.z2jh.lower_text import name_and_tag, pair

_NAME = "lego-brick-puller"
CHART_TOLERATIONS = tuple(
    {"key": key, "operator": "Equal", "value": "user", "effect": "NoSchedule"}
    for key in ("hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated")
)
"""Taints of the nodes that the chart keeps for users (``scheduling.userPods.tolerations`` of its values)."""


def chart_puller(
    deployment: Deployment, options: Mapping[str, Any], pause: Mapping[str, str]
) -> dict[str, Any]:
    """The chart's own puller: the images of sessions always, bricks where each of them has a shell to run."""
    # The chart makes `image-pull-NAME` of it.
    fetched = (
        _bricks(deployment, 10) if options["prepull"] == "chart" and options["mounts"] in _IMAGES else {}
    )
    return {
        # The hook would block `helm upgrade` until every node has every image.
        "hook": {"enabled": False},
        "continuous": {"enabled": options["prepull"] != "none"},
        "pause": {"image": pause},
        **pair("extraTolerations", [*extra_tolerations(options)]),
        **pair("extraImages", {name: name_and_tag(image) for name, image in sorted(fetched.items())}),
    }


_IMAGES = ("image", "csi", "copy")
"""Kinds of mounts that take bricks from a registry."""


def _bricks(deployment: Deployment, digits: int = 12) -> dict[str, ImageRef]:
    """Every brick's image under a name of its own, which is part of one of 63 characters."""
    found: dict[str, ImageRef] = {}
    for profile in deployment.profiles:
        for brick in (*profile.bricks, *profile.offers):
            name = f"{brick.name}-{brick.image.digest[7 : 7 + digits]}"
            if found.setdefault(name, brick.image) != brick.image:  # the same, but in another repository
                found[f"{brick.name}-{sha256(brick.image.pinned.encode())[:digits]}"] = brick.image
    return found


def tolerations(listed: Iterator[Mapping[str, Any]] | list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Tolerations as Kubernetes has them."""
    for each in listed:
        yield {
            "key": each["key"],
            **(
                {"operator": "Exists"}
                if each["value"] is None
                else {"operator": "Equal", "value": each["value"]}
            ),
            **pair("effect", each["effect"]),
        }


def extra_tolerations(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those of every session, and then those of some profile: pods that fetch go wherever sessions go."""
    listed = [*options["session"]["tolerations"]]
    for placement in options["profiles"].values():
        listed += [each for each in placement["tolerations"] if each not in listed]
    return [*tolerations(listed)]


def puller(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """A DaemonSet of pods that wait, with every brick mounted: the chart's own puller needs a shell in each image."""
    bricks = _bricks(deployment)
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": _NAME, "labels": {"app.kubernetes.io/name": _NAME}},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": _NAME}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}},
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/name": _NAME}},
                "spec": {
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 0,
                    **pair("imagePullSecrets", [{"name": each} for each in options["pull_secrets"]]),
                    **pair("nodeSelector", dict(options["session"]["node_selector"])),
                    "tolerations": [*map(dict, CHART_TOLERATIONS), *extra_tolerations(options)],
                    "securityContext": {"runAsUser": NOBODY, "runAsGroup": NOBODY},
                    "containers": [
                        {
                            "name": "pause",
                            "image": options["images"]["pause"],
                            "resources": {
                                "requests": {"cpu": "1m", "memory": "8Mi"},
                                "limits": {"memory": "32Mi"},
                            },
                            "securityContext": {**RESTRICTED, "readOnlyRootFilesystem": True},
                            "volumeMounts": [
                                {"name": each, "mountPath": f"/bricks/{each}", "readOnly": True}
                                for each in sorted(bricks)
                            ],
                        }
                    ],
                    "volumes": [
                        {"name": each, **image_source(bricks[each], options)} for each in sorted(bricks)
                    ],
                },
            },
        },
    }
