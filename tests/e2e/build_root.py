"""A folder with Debian sid, Buildah and what images are built of: a conda channel, and stand-ins of two base images.

``conda/build.sh`` makes them there once; see it for what they hold. ``/srv/lego`` is a Python for lego-compile.
"""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

from tests.e2e.root import Recipe

PACKAGES = (
    "ca-certificates", "buildah", "netavark", "python3", "python3-venv", "python3.14-venv", "python3.13", "patchelf",
    "tcc", "libc6-dev", "mmdebstrap", "git", "skopeo", "iproute2",
)  # fmt: skip

_HERE = Path(__file__).parent / "conda"
_PROJECT = Path(__file__).parents[2] / "pyproject.toml"
_PROGRAMS = ("packages.py", "wheels.py", "channel.py", "micromamba.py", "solve.py")
_END = "end of a file of the tests"


def _script() -> str:
    """The script, after lines that write the programs that it runs."""
    written = [
        f"cat >/srv/conda/{name} <<'{_END}'\n{(_HERE / name).read_text()}{_END}\n" for name in _PROGRAMS
    ]
    needs = tomllib.loads(_PROJECT.read_text())["project"]["dependencies"]
    ours = f"python3 -m venv /srv/lego\n/srv/lego/bin/pip install --quiet {shlex.join(needs)}\n"
    return "".join(["mkdir -p /srv/conda\n", *written, (_HERE / "build.sh").read_text(), ours])


BUILD = Recipe("build", 1, PACKAGES, _script())
