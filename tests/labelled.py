"""Images that state facts of themselves, and catalogs that they are added to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lego_compile.cataloguing.adding import put
from lego_compile.cataloguing.page import Page
from lego_compile.cataloguing.stated import Reference, Stated, stated
from lego_compile.diagnostic.model import Report
from lego_compile.registry.model import Image, PlatformImage
from lego_compile.source.document import parse
from lego_compile.spec.conform import conform
from lego_compile.spec.load import schema_of

WHERE = "registry.example.org/lego/brick-ocean"
OCEAN = {"name": "ocean", "prefix": "/opt/bricks/ocean", "kernels": [("python3", "Ocean", "python")]}
LAB = {"name": "lab", "home": "/home/jovyan", "user": "1000:100", "conda": "/opt/conda"}
EXAMPLE = (Path(__file__).parent.parent / "catalog" / "gaia-data.yaml").read_text()

SMALL = """\
# the catalog of tests
lego: 1
catalog: tests
systems:
  lab:   # the only one
    title:  'JupyterLab'
    image: registry.example.org/lego/lab
    releases: {"1": { }}

bricks:
  ocean:
    title: "No" # a title that somebody wrote
    description: a sentence that is long, and longer, and so long that a printer with a usual width would fold it here
    image: registry.example.org/lego/brick-ocean
    prefix: /opt/bricks/ocean
    kernels:
      # what users see
      - {title: "Ocean"}   # in Python
    releases:
      # newest last
      "2026.3":   {}
      "2026.10": {note: better}   # good
      # 2026.9 was never published

# the end
"""


def labels(facts: Mapping[str, Any], word: str = "brick", **more: str) -> dict[str, str]:
    """The labels that state some facts."""
    said = {f"org.gaia-data.lego.{word}.spec": "1"}
    for fact, value in facts.items():
        if fact == "kernels":
            value = [{"dir": each, "display_name": title, "language": lang} for each, title, lang in value]
        said[f"org.gaia-data.lego.{word}.{fact}"] = value if isinstance(value, str) else json.dumps(value)
    return said | {f"org.opencontainers.image.{key}": value for key, value in more.items()}


def image(*stated: Mapping[str, str], platforms: tuple[str, ...] = ("linux/amd64", "linux/arm64")) -> Image:
    """An image with labels for each of some platforms."""
    return Image(
        "sha256:" + 64 * "1",
        "application/vnd.oci.image.index.v1+json",
        {},
        {
            platform: PlatformImage("sha256:" + 64 * "2", (), said, {})
            for platform, said in zip(platforms, stated, strict=False)
        },
    )


def say(
    facts: Mapping[str, Any],
    tag: str = "2026.11",
    *,
    word: str = "brick",
    where: str = WHERE,
    platforms: tuple[str, ...] = ("linux/amd64",),
    **more: str,
) -> Stated:
    """What an image states that a catalog can list."""
    report = Report()
    said = [labels(facts, word, **more)] * len(platforms)
    found = stated(Reference(where, tag), image(*said, platforms=platforms), None, ("file", "c"), report)
    assert found is not None, [each.message for each in report]
    return found


def added(text: str, *every: Stated) -> tuple[str, list[str]]:
    """A catalog after images were added, and what was said."""
    page, report = Page(text), Report()
    lines = [str(line) for each in every for line in put(each, page, report)]
    assert not [*report], [each.message for each in report]
    tree, _problems = parse("c.yaml", page.text)
    assert tree is not None
    conform(tree, schema_of("catalog"), "catalog", report)
    assert not [*report], [each.message for each in report]
    return page.text, lines


def changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that are gone, and lines that are new."""
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]
