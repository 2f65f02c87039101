"""A folder with Debian sid, Buildah and what images are built of: a conda channel, and stand-ins of two base images.

``conda/build.sh`` makes them there once; see it for what they hold.
"""

from __future__ import annotations

from pathlib import Path

from tests.e2e.root import Recipe

PACKAGES = (
    "ca-certificates", "buildah", "netavark", "python3", "python3-venv", "python3.14-venv", "python3.13", "patchelf",
    "tcc", "libc6-dev", "mmdebstrap",
)  # fmt: skip

_HERE = Path(__file__).parent / "conda"
_PROGRAMS = ("packages.py", "wheels.py", "channel.py", "micromamba.py", "solve.py")
_END = "end of a file of the tests"


def _script() -> str:
    """The script, after lines that write the programs that it runs."""
    written = [
        f"cat >/srv/conda/{name} <<'{_END}'\n{(_HERE / name).read_text()}{_END}\n" for name in _PROGRAMS
    ]
    return "".join(["mkdir -p /srv/conda\n", *written, (_HERE / "build.sh").read_text()])


BUILD = Recipe("build", 1, PACKAGES, _script())
