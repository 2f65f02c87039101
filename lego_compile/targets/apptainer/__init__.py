"""Apptainer or SingularityCE on a cluster, with jobs of Slurm or OAR where the centre has them.

The data is in ``composition.json`` and ``images.json``; fixed programs beside them obey it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.targets import Target, without_versions
from lego_compile.targets.apptainer.check import check, needs
from lego_compile.targets.apptainer.emit import emit
from lego_compile.targets.apptainer.files import invites, obeys
from lego_compile.targets.apptainer.lift import lift
from lego_compile.targets.apptainer.lower import lower

UNSAID: Mapping[str, Mapping[str, Any]] = {
    "slurm": {
        "partition": None,
        "account": None,
        "qos": None,
        "reservation": None,
        "time": "08:00:00",
        "gres": "gpu",
        "exclusive": False,
        "profiles": {},
    },
    "oar": {
        "queue": None,
        "project": None,
        "properties": None,
        "types": [],
        "time": "08:00:00",
        "exclusive": False,
        "profiles": {},
    },
}
"""The block of a scheduler that the spec names without saying more; a test compares it with the schema."""


def settle(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The options, with the store, the scheduler whose block is there, and the block of the one that is named."""
    options = without_versions(declared)
    options["store"] = options["store"] or f"{options['root']}/store"
    said = [name for name in UNSAID if options[name] is not None]
    options["scheduler"] = options["scheduler"] or next(iter(said), None)
    if options["scheduler"] is not None and not said:
        options[options["scheduler"]] = dict(UNSAID[options["scheduler"]])
    return options


TARGET = Target(
    name="apptainer",
    title="Apptainer",
    lower=lower,
    emit=emit,
    lift=lift,
    needs=needs,
    check=check,
    settle=settle,
    obeys=obeys,
    invites=invites,
    own_home=True,
)
