"""What is around the sessions, read back: each file as the program reads it that it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.ir.model import Deployment
from lego_compile.targets.apptainer.files_around import (
    CHOICES,
    DEFAULT_MODULE,
    FORM,
    MANIFEST,
    batch,
    has_ondemand,
    module,
)
from lego_compile.targets.apptainer.lift_batch import check_batches
from lego_compile.targets.apptainer.lift_kernelspecs import check_kernelspecs, kernelspecs_of
from lego_compile.targets.apptainer.lift_modulefiles import check_modulefiles
from lego_compile.targets.reading import Complaint


def check_around(
    files: Mapping[str, bytes], deployment: Deployment, options: Mapping[str, Any]
) -> Iterator[Complaint]:
    """Complaints about modulefiles, kernelspecs, batch templates and the interactive app.

    Args:
        files: of the target's folder.
        deployment: as composition.json has it, kernels included.
        options: as composition.json has them.
    """
    for check in (check_modulefiles, check_kernelspecs, check_batches):
        yield from check(files, deployment, options)
    if has_ondemand(options):
        from lego_compile.targets.apptainer.lift_ondemand import check_ondemand

        yield from check_ondemand(files, deployment, options)


def paths_around(deployment: Deployment, options: Mapping[str, Any]) -> set[str]:
    """The files that somebody reads, besides those that are the same for every centre."""
    slugs = [profile.slug for profile in deployment.profiles]
    paths = {DEFAULT_MODULE, *map(module, slugs), *kernelspecs_of(deployment)}
    if options["scheduler"] in ("slurm", "oar"):
        paths |= set(map(batch, slugs))
    return paths | ({MANIFEST, FORM, CHOICES} if has_ondemand(options) else set())
