"""What is wrong with a system image: what sessions need and it lacks, and what it does to every kernel."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lego_compile.diagnostic.model import Path, Report
from lego_compile.inspecting.system import System

_LEAKS = re.compile(
    r"(?:PROJ|GDAL|R)_.*|GDAL.*|R_HOME|PYTHON(?:PATH|HOME|STARTUP)|LD_LIBRARY_PATH|LD_PRELOAD"
)
"""Variables that mean the files of one environment, and reach the kernels of all others as they are."""
_DIRECTORIES = ("CONDA_ENVS_DIRS", "CONDA_ENVS_PATH")


def check_system(
    found: System,
    platform: str | None,
    variables: Mapping[str, str],
    image: bool,
    origin: Path,
    report: Report,
) -> None:
    """Report every fault of a system image.

    Args:
        found: what its files say.
        platform: that its image is for, or None.
        variables: that it exports.
        image: whether it is an image, with a configuration, and no folder.
        origin: of the image.
        report: receives findings (LC658, LC659, LC668, LC671 to LC673).
    """
    lacks = [] if found.server is not None else ["JupyterLab"]
    lacks += [name for name in ("bash", "jupyterhub-singleuser") if name not in found.programs]
    for each in lacks:
        help_ = "a kernel is started by bash" if each == "bash" else "install it into the prefix of its conda"
        report.add("LC668", f"it has no {each}, which every session needs", origin, help=help_)
    if found.musl:
        report.add(
            "LC659", "its C library is musl, as in Alpine, and the programs of bricks need glibc", origin,
            help="start from Debian, Ubuntu or Rocky Linux",
        )  # fmt: skip
    wanted = platform.split("/")[1] if platform else None
    if wanted is not None and found.machines and wanted not in found.machines:
        words = f"it is an image for {platform}, and its C library is for {', '.join(found.machines)}"
        report.add("LC658", words, origin, help="build it on, or for, that platform")
    _check_conda(found, variables, origin, report)
    if image and (found.user is None or found.user[0] == 0):
        who = "root" if found.user is not None else "somebody whom its `/etc/passwd` does not know"
        help_ = "end the Containerfile with USER 1000:100, or another user that is not root"
        report.add("LC671", f"its user is {who}", origin, help=help_)
    leaks = sorted(name for name in variables if _LEAKS.fullmatch(name))
    if leaks:
        words = f"it exports {', '.join(leaks)}, which reach the kernels of all bricks"
        report.add(
            "LC672", words, origin, help="set them in `etc/conda/activate.d` of the environment they are of"
        )


def _check_conda(found: System, variables: Mapping[str, str], origin: Path, report: Report) -> None:
    uses = "nb-conda-kernels" in found.packages
    if uses and found.conda is None:
        instead = f", and {found.pretender} cannot stand in for it" if found.pretender else ""
        report.add(
            "LC673", f"it has nb_conda_kernels and no conda{instead}", origin,
            help="install conda itself beside JupyterLab: the server does not start without it",
        )  # fmt: skip
    if found.conda is not None and all(name in variables for name in _DIRECTORIES):
        report.add(
            "LC673", f"it exports {' and '.join(_DIRECTORIES)}, with which conda lists no environment", origin,
            help="export one of them, or none: compiled centres export what is needed",
        )  # fmt: skip
