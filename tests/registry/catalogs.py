"""The catalog that tests of ``catalog`` begin with, and the entries whose images are in the registry."""

from __future__ import annotations

import copy
from typing import Any

LAB: dict[str, Any] = {
    "title": "Lab",
    "image": "registry.example.org/lego/lab",
    "provides": {
        "glibc": "2.39",
        "jupyterlab": "4.6.6",
        "jupyterhub": "6.1.1",
        "conda": "26.7.1",
        "nb_conda_kernels": "2.5.2",
    },
    "releases": {"2026.10": {}},
}
OCEAN: dict[str, Any] = {
    "title": "Ocean",
    "image": "registry.example.org/lego/ocean",
    "prefix": "/opt/bricks/ocean",
    "kernels": [{"title": "Ocean (Python 3.12)"}],
    "requires": {"system": {"glibc": "2.28"}},
    "releases": {"2026.3": {}, "2026.10": {}},
}
R = "registry.example.org/lego"
TEXT = """\
lego: 1
catalog: tests
systems:
  lab:
    title: Lab
    image: registry.example.org/lego/lab
    provides: {glibc: "2.39", jupyterlab: "4.6.6", jupyterhub: "6.1.1", conda: "26.7.1", nb_conda_kernels: "2.5.2"}
    releases: {"2026.10": {}}

bricks:
  ocean:
    title: The ocean   # as we call it
    image: registry.example.org/lego/ocean
    prefix: /opt/bricks/ocean
    kernels:
      - {title: Ocean (Python 3.12)}
    requires: {system: {glibc: "2.28"}}
    releases:
      "2026.3": {}
      "2026.10": {}
"""


def newer(**changes: Any) -> dict[str, Any]:
    """The entry of the next release of the ocean."""
    return {**copy.deepcopy(OCEAN), "releases": {"2026.11": {}}, **changes}
