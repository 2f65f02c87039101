"""Kernelspecs as Jupyter reads them: whether each starts the kernel of the brick that its name says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, Composition, Deployment, Kernel
from lego_compile.targets.apptainer.files_around import kernelspec
from lego_compile.targets.apptainer.lift_leaves import read_json
from lego_compile.targets.reading import Complaint, Reading

Place = tuple[Composition, BrickMount, Kernel]


def kernelspecs_of(deployment: Deployment) -> dict[str, Place]:
    """Which kernel each kernelspec is for, by path."""
    return {
        kernelspec(profile.slug, brick.name, brick.choice, kernel.directory): (profile, brick, kernel)
        for profile in deployment.profiles
        for brick in (*profile.bricks, *profile.offers)
        for kernel in brick.kernels
    }


def check_kernelspecs(
    files: Mapping[str, bytes], deployment: Deployment, options: Mapping[str, Any]
) -> Iterator[Complaint]:
    """Complaints when a kernelspec is missing, or starts another kernel.

    jupyter/jupyter_client:jupyter_client/kernelspec.py (KernelSpec), manager.py (format_kernel_cmd): words of ``argv``
    are taken as they are, and names in braces are replaced, of which we need ``{connection_file}``.
    """
    for path, (profile, brick, kernel) in kernelspecs_of(deployment).items():
        complaints: list[Complaint] = []
        data = read_json(files, path, complaints)
        yield from complaints
        if data is None:
            continue
        reading = Reading(path, data)
        add = [] if brick in profile.bricks else ["-b", "@".join(filter(None, (brick.name, brick.choice)))]
        start = [f"{options['root']}/bin/lego-launch", "-c", profile.slug, *add]
        which = f"{brick.name}/{kernel.directory}"
        reading.expect([*start, "--kernel", which, "{connection_file}"], "argv")
        words = (kernel.title, brick.release, f"({profile.title})")
        reading.expect(" ".join(filter(None, words)), "display_name")
        reading.expect(kernel.language, "language")
        reading.expect("message", "interrupt_mode")
        yield from reading.finish()
