"""Zero to JupyterHub: Kubernetes with the Helm chart jupyterhub.

``values.yaml`` is for ``helm upgrade --values``; ``brick-puller.yaml`` is for ``kubectl apply`` beside it. Bricks
are image volumes, which KubeSpawner adds to the pods of sessions.
"""

from __future__ import annotations

from lego_compile.targets import Target
from lego_compile.targets.z2jh.check import check, needs
from lego_compile.targets.z2jh.emit import emit
from lego_compile.targets.z2jh.lift import lift
from lego_compile.targets.z2jh.lower import lower

TARGET = Target(
    name="z2jh",
    title="Zero to JupyterHub",
    lower=lower,
    emit=emit,
    lift=lift,
    needs=needs,
    check=check,
    limits_home=True,
)
