"""Apptainer or SingularityCE on a cluster, with Slurm jobs started by JupyterHub where the centre has them."""

from __future__ import annotations

from lego_compile.targets import Target
from lego_compile.targets.apptainer.check import check, needs
from lego_compile.targets.apptainer.emit import emit
from lego_compile.targets.apptainer.lift import lift
from lego_compile.targets.apptainer.lower import lower

TARGET = Target(
    name="apptainer",
    title="Apptainer",
    lower=lower,
    emit=emit,
    lift=lift,
    needs=needs,
    check=check,
    own_home=True,
)
