"""Zero to JupyterHub: Kubernetes with the Helm chart jupyterhub.

``values.yaml`` is for ``helm upgrade --values``; ``brick-puller.yaml`` is for ``kubectl apply`` beside it. Bricks
are image volumes, which KubeSpawner adds to the pods of sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.targets import Target, without_versions
from lego_compile.targets.z2jh.check import check, needs
from lego_compile.targets.z2jh.emit import emit
from lego_compile.targets.z2jh.lift import lift
from lego_compile.targets.z2jh.lower import lower


def settle(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with the defaults that depend on others, and the chart's version where a manifest has to name it."""
    options = without_versions(declared)
    volumes = declared["mounts"] in ("image", "csi")
    options["prepull"] = declared["prepull"] or ("daemonset" if volumes else "chart")
    options["profiles"] = {
        slug: own
        for slug, each in declared["profiles"].items()
        if any((own := _own(each, declared["session"])).values())
    }
    if declared["apply"]:
        options["apply"] = {**declared["apply"], "chart": (declared.get("versions") or {}).get("chart") or ""}
    return options


def overlay(*given: Any) -> tuple[str, ...]:
    """Values that people lay over ours: see ``overlay.py``, which a compile does without."""
    from lego_compile.targets.z2jh.overlay import overlay as look

    return look(*given)


def _own(placement: Mapping[str, Any], session: Mapping[str, Any]) -> dict[str, Any]:
    """What a profile says for itself, and not again what every session has."""
    same = {key for key in ("reserve_cpu", "reserve_memory") if placement[key] == session[key]}
    return {key: None if key in same else value for key, value in placement.items()}


TARGET = Target(
    name="z2jh",
    title="Zero to JupyterHub",
    lower=lower,
    emit=emit,
    lift=lift,
    needs=needs,
    check=check,
    settle=settle,
    overlay=overlay,
    limits_home=True,
)
