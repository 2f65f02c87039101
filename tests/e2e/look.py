"""What a kernel sees of where it runs: a cell that looks around, and what it has to see in a brick."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.images import HOME, PREFIXES
from tests.e2e.lab_images import ONLY, RELEASE
from tests.e2e.visitor import Lab

PYTHON = {"ocean": "3.13", "hydro": "3.14", "pangeo": "3.13"}

_CELL = """\
import importlib.util, json, os, sys
try:
    open(f"{sys.prefix}/new", "w").close()
    written = ""
except OSError as error:
    written = error.strerror
print(json.dumps({
    "prefix": sys.prefix, "python": "%d.%d" % sys.version_info[:2], "written": written,
    "only": sorted(each for each in ONLY if importlib.util.find_spec(each)),
    "activated": os.environ.get("LEGO_ACTIVATED"), "conda": os.environ.get("CONDA_PREFIX"),
    "data": os.environ.get("OCEAN_DATA"), "home": os.path.expanduser("~"), "user": [os.getuid(), os.getgid()],
}))
""".replace("ONLY", repr(tuple(ONLY.values())))


def look(lab: Lab, kernel: str) -> dict[str, Any]:
    """What a cell sees in a new kernel."""
    return dict(json.loads(lab.cell(kernel, _CELL)))


def expected(
    brick: str,
    *,
    written: str = "Read-only file system",
    home: str = HOME,
    user: tuple[int, int] = (1000, 100),
) -> dict[str, Any]:
    """What it has to see: the brick's own Python at its prefix, activated, with its own packages, as the user.

    Args:
        brick: of the profile ``ocean``.
        written: how a new file at the prefix is refused.
        home: of the user.
        user: numbers of user and group.
    """
    prefix = PREFIXES[brick]
    return {
        "prefix": prefix, "python": PYTHON[brick], "written": written, "only": [ONLY[brick]],
        "activated": f"{brick}@{RELEASE}", "conda": prefix, "data": "/data/era5", "home": home, "user": [*user],
    }  # fmt: skip
