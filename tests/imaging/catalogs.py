"""Catalogs that are built, for the tests of this room and its judges."""

from __future__ import annotations

import copy
import json
from typing import Any, cast

from lego_compile.diagnostic.model import Report
from lego_compile.emit.tree import File
from lego_compile.imaging.check import check
from lego_compile.imaging.lower import lower
from lego_compile.spec.catalog import CatalogSpec

_DIGEST = "@sha256:" + "0123456789abcdef" * 4
_SMALL: dict[str, Any] = {
    "lego": 1,
    "catalog": "small",
    "build": {
        "source": "https://gitlab.example.org/small/images",
        "catalog": {"repository": "https://gitlab.example.org/small/catalog.git", "file": "catalog.yaml"},
        "images": {
            "tools": f"registry.example.org/tools:1{_DIGEST}",
            **{
                name: f"docker.io/made-up/{name}:1{_DIGEST}"
                for name in ("micromamba", "base", "cosign", "syft", "grype")
            },
        },
        "pipelines": {"gitlab": {}, "github": {}},
    },
    "systems": {
        "lab": {
            "title": "Lab",
            "image": "registry.example.org/lab",
            "platforms": ["linux/amd64", "linux/arm64"],
            "provides": {"glibc": "2.39", "jupyterlab": "4.6.6", "jupyterhub": "6.1.1"},
            "build": {"packages": ["python=3.12"]},
            "releases": {"1": {}},
        }
    },
    "bricks": {
        "ocean": {
            "title": "Ocean",
            "image": "registry.example.org/ocean",
            "prefix": "/opt/bricks/ocean",
            "platforms": ["linux/amd64", "linux/arm64"],
            "kernels": [{"title": "Ocean (Python 3.12)"}],
            "requires": {"system": {"glibc": "2.28"}},
            "build": {"packages": ["python=3.12", "ipykernel"]},
            "releases": {"1": {}},
        }
    },
}


def small() -> dict[str, Any]:
    """A catalog with one system image and one brick, without mistakes; a copy to change."""
    return copy.deepcopy(_SMALL)


def parsed(data: dict[str, Any]) -> CatalogSpec:
    """The catalog of this data, checked by its grammar."""
    return CatalogSpec.model_validate_json(json.dumps(data))


def findings(data: dict[str, Any]) -> list[tuple[str, tuple[str | int, ...]]]:
    """Code and place of everything that is wrong with the builds."""
    report = Report()
    check(parsed(data), report)
    return [(each.code, each.primary[1:]) for each in report]


def written(data: dict[str, Any]) -> dict[str, File]:
    """The files of a catalog's repository."""
    return cast("dict[str, File]", lower(parsed(data)))


def text(files: dict[str, File], path: str) -> str:
    """One of them."""
    return files[path].data.decode()
