# Compiled by lego-compile from the centre specification: edit that, not this file.
"""Run something in the environment of a brick, in a session; lego-launch runs it with the system image's Python.

    in_brick.py PREFIX command WORD ...
    in_brick.py PREFIX kernel DIRECTORY CONNECTION_FILE

The environment is activated as conda does it (conda/conda:conda/activate.py@26.7.1), and a kernel is started as
nb_conda_kernels does it (anaconda/nb_conda_kernels:nb_conda_kernels/runner.py@2.5.2). Nothing of conda itself is
needed.
"""

import glob
import json
import os
import re
import sys
from contextlib import suppress
from string import Template

ACTIVATE = 'while [ "$1" != -- ]; do . "$1"; shift; done; shift; exec "$@"'
UNSET = "***unset***"  # conda/conda:conda/base/constants.py, CONDA_ENV_VARS_UNSET_VAR


def main(prefix, what, *words):
    """Replace this process by the command or the kernel."""
    environment = dict(os.environ, CONDA_PREFIX=prefix, CONDA_DEFAULT_ENV=prefix, CONDA_SHLVL="1")
    environment["PATH"] = f"{prefix}/bin:{environment.get('PATH', '/usr/bin:/bin')}"
    environment.update(variables(prefix))
    command = list(words)
    if what == "kernel":
        command, stated = kernel(prefix, *words)
        environment.update(
            {name: Template(value).safe_substitute(environment) for name, value in stated.items()}
        )
    scripts = sorted(glob.glob(prefix + "/etc/conda/activate.d/*.sh"))
    shell = next((each for each in ("/bin/bash", "/usr/bin/bash") if os.path.exists(each)), "/bin/sh")
    os.execve(shell, [shell, "-c", ACTIVATE, "lego", *scripts, "--", *command], environment)


def kernel(prefix, directory, connection):
    """The command of a kernel and its variables, which jupyter_client would fill in
    (jupyter/jupyter_client:jupyter_client/{manager,provisioning/local_provisioner}.py)."""
    folder = os.path.join(prefix, "share/jupyter/kernels", directory)
    try:
        spec = read(os.path.join(folder, "kernel.json"))
    except OSError as problem:
        sys.exit(f"lego: the brick at {prefix} has no kernel {directory!r}: {problem.strerror}")
    known = {"connection_file": connection, "resource_dir": folder, "prefix": sys.prefix}
    words = [
        re.sub(r"\{([a-z_]+)\}", lambda each: known.get(each[1], each[0]), word) for word in spec["argv"]
    ]
    return words, spec.get("env", {})


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
