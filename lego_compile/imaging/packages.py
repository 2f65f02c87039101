"""What conda packages bring, as far as it is known here: kernels, and the parts of a system image."""

from __future__ import annotations

import re
from collections.abc import Iterable

KERNELS = {
    "python3": ("ipykernel",),
    "ir": ("r-irkernel",),
    "xpython": ("xeus-python",),
    "xr": ("xeus-r",),
    "bash": ("bash_kernel",),
    "octave": ("octave_kernel",),
}
"""Directory of a kernelspec → packages that make it; any of them will do."""

PARTS = {
    "jupyterlab": "jupyterlab",
    "jupyterhub": "jupyterhub-singleuser",  # jupyter/docker-stacks:images/base-notebook/Dockerfile
    "batchspawner": "batchspawner",
    "conda": "conda",
    "nb_conda_kernels": "nb_conda_kernels",
    "notebook": "notebook",
}
"""What a system image provides → the package that is installed in that version."""

EXTENSIONS = {
    "@jupyter-widgets/jupyterlab-manager": "jupyterlab_widgets",
    "jupyter-leaflet": "jupyter_leaflet",
    "jupyter-matplotlib": "ipympl",
    "dask-labextension": "dask-labextension",
    "@pyviz/jupyterlab_pyviz": "pyviz_comms",
    "@bokeh/jupyter_bokeh": "jupyter_bokeh",
}
"""A lab extension → the package that brings it. Its versions are numbered apart: `inspect` reads which one came."""

_MANAGER = {"3": "1", "5": "3"}
"""Major version of jupyterlab-manager → that of jupyterlab_widgets; no Lab serves ipywidgets 7 and 8 at once."""

SUBDIRS = {
    "linux/amd64": "linux-64",
    "linux/arm64": "linux-aarch64",
    "linux/arm64/v8": "linux-aarch64",
    "linux/ppc64le": "linux-ppc64le",
}
"""A platform of OCI → what conda calls it (conda/conda:conda/base/constants.py, KNOWN_SUBDIRS)."""


def name_of(package: str) -> str:
    """The name in a package spec: ``conda-forge::numpy>=2`` → ``numpy``."""
    return re.split(r"[=<>!~]", package.rpartition("::")[2], maxsplit=1)[0]


def part(provided: str, version: str) -> str | None:
    """The package spec that brings what a system image provides; None for what comes from elsewhere, or is unknown."""
    if provided in PARTS:
        return f"{PARTS[provided]}={version}"
    if provided not in EXTENSIONS:
        return None
    major = _MANAGER.get(version.split(".")[0]) if provided.endswith("/jupyterlab-manager") else None
    return EXTENSIONS[provided] + (f"={major}" if major else "")


def brings_kernel(directory: str, packages: Iterable[str]) -> bool | None:
    """Whether one of the packages makes this kernelspec; None when nothing is known about the directory."""
    makers = KERNELS.get(directory)
    return None if makers is None else not {*makers}.isdisjoint(map(name_of, packages))
