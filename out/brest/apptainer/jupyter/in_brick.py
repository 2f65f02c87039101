# Compiled by lego-compile from the centre specification: edit that, not this file.
"""Run something in the environment of a brick, in a session, with the system image's Python.

    in_brick.py PREFIX command WORD ...
    in_brick.py PREFIX kernel DIRECTORY CONNECTION_FILE
    python3 -c TEXT serve WORD ...

The environment is activated as conda does it (conda/conda:conda/activate.py@26.7.1), and a kernel is started as
nb_conda_kernels does it (anaconda/nb_conda_kernels:nb_conda_kernels/runner.py@2.5.2). Nothing of conda itself is
needed. `serve` starts a Jupyter server with the kernels that LEGO_KERNELS names ("NAME=PREFIX:DIRECTORY ..."), of
those bricks that are there; LEGO_KERNEL is the one of new notebooks.
"""

import glob
import json
import os
import re
import shutil
import sys
import tempfile
from contextlib import suppress
from string import Template

ACTIVATE = 'while [ "$1" != -- ]; do . "$1"; shift; done; shift; exec "$@"'
UNSET = "***unset***"  # conda/conda:conda/base/constants.py, CONDA_ENV_VARS_UNSET_VAR


def main(first, *words):
    """Replace this process by the server, the command, or the kernel."""
    if first == "serve":
        serve(words)
    else:
        enter(first, *words)


def enter(prefix, what, *words):
    """Run a command or a kernel in the environment of a brick."""
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


def serve(words):
    """Start the server, for which every kernel is a kernelspec, in a directory that only this session has."""
    place = tempfile.mkdtemp(prefix="lego-kernels-")
    script = os.path.join(place, "in_brick.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(sys.orig_argv[sys.orig_argv.index("-c") + 1])
    known = set()
    for entry in os.environ.get("LEGO_KERNELS", "").split():
        name, _, where = entry.partition("=")
        prefix, _, directory = where.rpartition(":")
        if os.path.exists(prefix + "/conda-meta"):  # else it is one of those that a user did not choose
            try:
                describe(name, prefix, directory, script, os.path.join(place, "kernels"))
                known.add(name)
            except (
                OSError,
                ValueError,
                KeyError,
                TypeError,
            ) as problem:  # of one brick, and not everybody's end
                print(f"lego: no kernel {name}: {problem!r}", file=sys.stderr, flush=True)
    path = [place, *filter(None, [os.environ.get("JUPYTER_PATH")])]
    default = os.environ.get("LEGO_KERNEL")
    more = [f"--MultiKernelManager.default_kernel_name={default}"] if default in known else []
    os.execvpe(words[0], [*words, *more], {**os.environ, "JUPYTER_PATH": os.pathsep.join(path)})


def describe(name, prefix, directory, script, kernels):
    """Write the kernelspec of one kernel: that of the brick, started in the brick's environment."""
    folder = os.path.join(prefix, "share/jupyter/kernels", directory)
    spec = read(os.path.join(folder, "kernel.json"))
    spec["argv"] = [sys.executable, "-I", script, prefix, "kernel", directory, "{connection_file}"]
    spec.pop("env", None)  # set when it starts, in the environment that is activated then
    if not isinstance(spec["display_name"], str):  # what Jupyter cannot show would stop it from showing any
        raise TypeError("display_name is no text")
    here = os.path.join(kernels, name)
    os.makedirs(here)
    for logo in glob.glob(os.path.join(glob.escape(folder), "logo-*")):
        with suppress(OSError):  # a copy, since Tornado follows no link out of there
            shutil.copyfile(logo, os.path.join(here, os.path.basename(logo)))
    with open(os.path.join(here, "kernel.json"), "w", encoding="utf-8") as file:
        json.dump(spec, file)


def read(path):
    """A file of JSON."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
