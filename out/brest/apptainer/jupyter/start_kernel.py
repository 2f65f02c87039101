# Compiled by lego-compile from the centre specification: edit that, not this file.
"""Become a kernel of a brick, in a session, for a Jupyter outside; lego-launch runs it with the system image's Python.

    start_kernel.py PREFIX DIRECTORY CONNECTION_FILE

As nb_conda_kernels starts it (anaconda/nb_conda_kernels:nb_conda_kernels/runner.py@2.5.2), in an environment that is
activated as conda does it (conda/conda:conda/activate.py@26.7.1). Nothing of conda itself is needed.
"""

import glob
import json
import os
import sys
from contextlib import suppress

ACTIVATE = 'while [ "$1" != -- ]; do . "$1"; shift; done; shift; exec "$@"'
UNSET = "***unset***"  # conda/conda:conda/base/constants.py, CONDA_ENV_VARS_UNSET_VAR


def main(prefix, directory, connection):
    """Replace this process by the kernel."""
    folder = os.path.join(prefix, "share/jupyter/kernels", directory)
    try:
        spec = read(os.path.join(folder, "kernel.json"))
    except OSError as problem:
        sys.exit(f"lego: the brick at {prefix} has no kernel {directory!r}: {problem.strerror}")
    environment = dict(os.environ, CONDA_PREFIX=prefix, CONDA_DEFAULT_ENV=prefix, CONDA_SHLVL="1")
    environment["PATH"] = f"{prefix}/bin:{environment.get('PATH', '/usr/bin:/bin')}"
    environment.update(variables(prefix))
    environment.update(spec.get("env", {}))
    command = [
        word.replace("{connection_file}", connection).replace("{resource_dir}", folder)
        for word in spec["argv"]
    ]
    scripts = sorted(glob.glob(prefix + "/etc/conda/activate.d/*.sh"))
    shell = next((each for each in ("/bin/bash", "/usr/bin/bash") if os.path.exists(each)), "/bin/sh")
    os.execve(shell, [shell, "-c", ACTIVATE, "lego", *scripts, "--", *command], environment)


def variables(prefix):
    """Those that packages, then people, set in an environment."""
    found = {}
    for path in sorted(glob.glob(prefix + "/etc/conda/env_vars.d/*.json")):
        found.update(read(path))
    with suppress(OSError):
        found.update(read(prefix + "/conda-meta/state").get("env_vars", {}))
    return {name: str(value) for name, value in found.items() if value != UNSET}


def read(path):
    """A file of JSON."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
