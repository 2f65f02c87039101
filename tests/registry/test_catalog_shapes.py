"""``lego-compile catalog add`` takes a catalog as its people wrote it: with these keys, in blocks, braces or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.imaging.catalogs import small
from tests.registry.catalogs import TEXT, R, newer
from tests.registry.test_catalog_command import Call, Publish, folder, lego, publish, space

__all__ = ["folder", "lego", "publish", "space"]  # fixtures

MORE = {
    "description": "Of water", "subpath": "/", "shell": True, "platforms": ["linux/amd64"],
    "requires": {"system": {"glibc": "2.17"}}, "build": {"packages": ["python=3.12", "ipykernel"]},
}  # fmt: skip
KEYS = [(), *((each,) for each in MORE), ("shell", "build"), tuple(MORE)]
"""Which keys an entry has beside those that it needs."""


def entries() -> Iterator[dict[str, Any]]:
    """The ocean with these keys, in this order and the other way round; with a release, and without one."""
    base = yaml.safe_load(TEXT)["bricks"]["ocean"]
    for keys in KEYS:
        for releases in ({}, {"2026.3": {}}):
            needed = {key: base[key] for key in ("title", "image", "prefix", "kernels")}
            entry = {**needed, **{key: MORE[key] for key in keys}, "releases": releases}
            yield entry
            yield dict(reversed(entry.items()))


def written(style: str, bricks: dict[str, Any] | None) -> str:
    """A catalog in a style."""
    data = {**yaml.safe_load(TEXT), "build": small()["build"], "bricks": bricks}
    if bricks is None:
        del data["bricks"]
    if style == "JSON":
        return json.dumps(data, indent=1) + "\n"
    return yaml.safe_dump(data, sort_keys=False, default_flow_style=style == "braces")


def read(folder: Path) -> dict[str, Any]:
    """The ocean, as the catalog has it now."""
    return dict(yaml.safe_load((folder / "catalog/tests.yaml").read_text())["bricks"]["ocean"])


@pytest.mark.slow
@pytest.mark.parametrize("style", ["block", "braces", "JSON"])
def test_every_shape_of_an_entry(style: str, lego: Call, publish: Publish, folder: Path) -> None:
    """The release and what is new in it are there, and what the entry said besides."""
    publish(ocean=newer(requires={"system": {"glibc": "2.30"}}, kernels=[{"title": "New"}]))
    for entry in entries():
        (folder / "catalog/tests.yaml").write_text(written(style, {"ocean": entry}))
        code, out, err = lego("catalog", "add", f"{R}/ocean:2026.11")
        assert (code, err) == (0, ""), entry
        assert "+ brick ocean 2026.11" in out
        expected = {**entry, "requires": {"system": {"glibc": "2.30"}}, "kernels": [{"title": "New"}]}
        expected["releases"] = {**entry["releases"], "2026.11": {}}
        assert read(folder) == expected


@pytest.mark.parametrize("style", ["block", "braces", "JSON"])
@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_the_first_brick(style: str, eol: str, lego: Call, folder: Path) -> None:
    """Of a catalog that has no bricks yet, one way or the other."""
    for bricks in (None, {}):
        (folder / "catalog/tests.yaml").write_bytes(written(style, bricks).replace("\n", eol).encode())
        code, out, err = lego("catalog", "add", f"{R}/ocean:2026.10")
        assert (code, err) == (0, "")
        assert "+ brick ocean 2026.10" in out
        assert [*read(folder)["releases"]] == ["2026.10"]
        assert (folder / "catalog/tests.yaml").read_bytes().count(b"\r\n") == (
            (folder / "catalog/tests.yaml").read_bytes().count(b"\n") if eol == "\r\n" else 0
        )
