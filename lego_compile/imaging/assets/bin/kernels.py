"""Start every kernel of one environment as nb_conda_kernels does, and run a cell in it: ``kernels.py PREFIX``.

Runs with the Python of a system image, which has jupyter_client. Exit code 1 when a kernel does not answer right.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

SECONDS = 180
CELLS = {
    "python": ("import sys; print(sys.prefix)", lambda printed, prefix: printed == prefix),
    "r": ("cat(R.home())", lambda printed, prefix: printed.startswith(prefix + "/")),
}
"""Language in lower case → a cell, and whether what it prints says that it ran in the environment."""
ACTIVATE = (
    'export CONDA_PREFIX="$0" PATH="$0/bin:$PATH"; '
    'for each in "$0"/etc/conda/activate.d/*.sh; do [ ! -r "$each" ] || . "$each"; done; exec "$@"'
)


def variables(prefix):
    """What ``etc/conda/env_vars.d`` sets when the environment is activated."""
    found = {}
    for path in sorted(Path(prefix, "etc/conda/env_vars.d").glob("*.json")):
        found.update(json.loads(path.read_text(encoding="utf-8")))
    return found


def run(spec, prefix):
    """What is wrong with one kernel; empty for nothing."""
    said = json.loads(spec.read_text(encoding="utf-8"))
    cell, right = CELLS.get(said["language"].lower(), ("", None))
    said["argv"] = ["bash", "-c", ACTIVATE, prefix, *said["argv"]]
    said["env"] = {**said.get("env", {}), **variables(prefix), "PYTHONNOUSERSITE": "1"}
    folder = Path(tempfile.mkdtemp(), "tested")
    folder.mkdir()
    (folder / "kernel.json").write_text(json.dumps(said), encoding="utf-8")
    specs = KernelSpecManager(kernel_dirs=[str(folder.parent)])
    manager = KernelManager(kernel_name="tested", kernel_spec_manager=specs)
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    printed = []

    def heard(message):
        if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
            printed.append(message["content"]["text"])

    try:
        client.wait_for_ready(timeout=SECONDS)
        reply = client.execute_interactive(cell, output_hook=heard, timeout=SECONDS)["content"]
    except (RuntimeError, TimeoutError) as error:
        return f"it did not answer: {error}"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    if reply["status"] != "ok":
        return f"its cell failed: {reply.get('ename')}: {reply.get('evalue')}"
    text = "".join(printed).strip()
    return (
        "" if right is None or right(text, prefix) else f"its cell printed {text!r}, which is not in {prefix}"
    )


def main(prefix):
    """Run the kernels of the environment; returns the exit code."""
    specs = sorted(Path(prefix, "share/jupyter/kernels").glob("*/kernel.json"))
    os.environ["HOME"] = tempfile.mkdtemp()
    failed = 0 if specs else 1
    if not specs:
        sys.stderr.write(f"{prefix} has no kernel\n")
    for spec in specs:
        fault = run(spec, prefix)
        failed |= bool(fault)
        sys.stdout.write(f"{spec.parent.name}: {fault or 'ok'}\n")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
