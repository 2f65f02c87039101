"""Stands in for nb_conda_kernels and conda, which are in no registry that the tests reach.

It lists kernels of environments as the real one does, of the same variables and settings, and gives them the same names
(anaconda/nb_conda_kernels:nb_conda_kernels/manager.py@2.5.2), and runs them in an environment that looks activated
(``runner.py`` there; conda/conda:conda/activate.py@26.7.1). What it is not: conda does not look for the environments,
so that nothing is read of condarc files and of ``~/.conda/environments.txt``, and nothing is cached.

It is a file of the system image; nothing of this project can be imported here.
"""

from __future__ import annotations

import glob
import json
import os
import re
import sys
import unicodedata
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel  # type: ignore[import-not-found, unused-ignore]
from traitlets import Bool, Unicode

BASE = "/opt/conda"
_SHORT = {"python2": "py", "python3": "py", "ir": "r"}


def environments() -> dict[str, str]:
    """Prefix → name, of every environment that conda lists."""
    both = [each for each in ("CONDA_ENVS_DIRS", "CONDA_ENVS_PATH") if os.environ.get(each)]
    if len(both) > 1:  # conda: MultipleKeysError; the real one then knows no environment
        return {}
    folders = os.environ[both[0]].split(":") if both else []
    children = [path for folder in [*folders, f"{BASE}/envs"] for path in glob.glob(f"{folder}/*")]
    found: dict[str, str] = {}
    for prefix in sorted(
        {BASE, *(each for each in children if os.path.isfile(f"{each}/conda-meta/history"))}
    ):
        name = "base" if prefix == BASE else os.path.basename(prefix)
        parent = os.path.dirname(prefix)
        if prefix != BASE and os.path.basename(parent) == "envs" and parent != f"{BASE}/envs":
            name = f"{os.path.basename(os.path.dirname(parent))}-{name}"
        number, wanted = 2, name
        while name in found.values():
            name, number = f"{wanted}-{number}", number + 1
        found[prefix] = name
    return found


class CondaKernelSpecManager(KernelSpecManager):  # type: ignore[misc, unused-ignore]
    """Kernels of environments, beside those of Jupyter."""

    conda_only = Bool(False, config=True)
    env_filter = Unicode(None, config=True, allow_none=True)
    name_format = Unicode("{language} [conda env:{environment}]", config=True)

    def _conda_specs(self) -> dict[str, dict[str, Any]]:
        found = {}
        for prefix, environment in environments().items():
            if self.env_filter and re.search(self.env_filter, prefix):
                continue
            for path in sorted(glob.glob(f"{prefix}/share/jupyter/kernels/*/kernel.json")):
                with open(path, encoding="utf-8") as file:
                    spec = json.load(file)
                folder = os.path.dirname(path)
                kernel = os.path.basename(folder)
                middle = "" if environment == "base" else "env-"
                name = f"conda-{middle}{environment}-{_SHORT.get(kernel, kernel)}"
                name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
                words = {
                    "language": spec["language"], "environment": environment, "conda_kernel": kernel,
                    "display_name": spec["display_name"], "kernel": name,
                }  # fmt: skip
                spec["display_name"] = self.name_format.format(**words)
                spec["argv"] = [sys.executable, "-m", "nb_conda_kernels", prefix, *spec["argv"]]
                spec["resource_dir"] = folder
                found[re.sub(r"[^a-zA-Z0-9._\-]", "_", name)] = spec
        return found

    def find_kernel_specs(self) -> dict[str, str]:
        """Name → folder."""
        others = {} if self.conda_only else super().find_kernel_specs()
        return {**others, **{name: spec["resource_dir"] for name, spec in self._conda_specs().items()}}

    def get_kernel_spec(self, kernel_name: str) -> Any:
        """One of them."""
        spec = self._conda_specs().get(kernel_name)
        if spec is not None:
            return self.kernel_spec_class(**spec)
        if self.conda_only:
            raise NoSuchKernel(kernel_name)
        return super().get_kernel_spec(kernel_name)

    def get_all_specs(self) -> dict[str, Any]:
        """All of them, as the REST API shows them."""
        return {
            name: {"resource_dir": folder, "spec": self.get_kernel_spec(name).to_dict()}
            for name, folder in self.find_kernel_specs().items()
        }


def run(prefix: str, program: list[str]) -> None:
    """Become a program, with the environment activated."""
    os.environ["PATH"] = f"{prefix}/bin:{os.environ['PATH']}"
    os.environ["CONDA_PREFIX"], os.environ["CONDA_DEFAULT_ENV"] = prefix, prefix
    for path in sorted(glob.glob(f"{prefix}/etc/conda/env_vars.d/*.json")):
        with open(path, encoding="utf-8") as file:
            os.environ.update(json.load(file))
    scripts = 'for each in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do [ ! -f "$each" ] || . "$each"; done'
    os.execvp("bash", ["bash", "-c", f'{scripts}; exec "$@"', "activate", *program])


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
