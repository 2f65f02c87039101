"""What is around the sessions, for people who do not come through a hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.targets.apptainer.files_around import has_ondemand
from lego_compile.targets.apptainer.lower_batch import batches
from lego_compile.targets.apptainer.lower_kernelspecs import kernelspecs
from lego_compile.targets.apptainer.lower_modulefiles import modulefiles


def around(data: Mapping[str, Any]) -> dict[str, Any]:
    """Modulefiles, kernelspecs, batch templates and the data of the interactive app.

    Args:
        data: of composition.json.

    Returns:
        path → the text of the file, or a mapping that becomes JSON.
    """
    files = {**modulefiles(data), **kernelspecs(data), **batches(data)}
    if has_ondemand(data):
        from lego_compile.targets.apptainer.lower_ondemand import ondemand

        files |= ondemand(data)
    return files
