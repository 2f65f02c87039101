"""What the documents show is true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from lego_compile.pipeline import compile_center
from lego_compile.source.read import read_text

ROOT = Path(__file__).parent.parent


def test_the_centre_of_the_readme_compiles(tmp_path: Path) -> None:
    """The example that a new user copies is a whole centre, and compiles without an error."""
    text = next(
        block
        for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
        if "center: example" in block
    )
    spec = tmp_path / "centers" / "example.yaml"
    spec.parent.mkdir()
    spec.write_text(text.replace("../catalog/", f"{ROOT}/catalog/"))
    pins = yaml.safe_load((ROOT / "centers" / "grenoble.lock.yaml").read_text())
    used = {"ocean", "climate@2026.3", "hydro", "geo", "geo@2026.4"}
    bricks = {use: pin for use, pin in pins["bricks"].items() if use in used}
    (tmp_path / "centers" / "example.lock.yaml").write_text(
        json.dumps({**pins, "lock": "example", "bricks": bricks})
    )

    outcome = compile_center(str(spec), read_text)

    assert [found for found in outcome.findings if found.severity == "error"] == []
    assert "z2jh/values.yaml" in outcome.files


def test_the_mistake_that_is_shown_is_drawn_like_that() -> None:
    """The message in the README is the one that a case of ``tests/cases`` proves."""
    shown = re.findall(r"```text\n(error.*?)\n```", (ROOT / "README.md").read_text(), re.S)
    drawn = [path.read_text().strip() for path in (ROOT / "tests" / "cases" / "error").glob("*.txt")]

    assert shown
    assert [each for each in shown if each not in drawn] == []


def test_every_room_is_in_the_architecture() -> None:
    """ARCHITECTURE.md names each folder and module at the top of the package, and stays short."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    names = [
        path.name + ("/" if path.is_dir() else "")
        for path in (ROOT / "lego_compile").iterdir()
        if not path.name.startswith("__") and path.name != "py.typed"
    ]

    assert [name for name in names if name not in text] == []
    assert len(text.splitlines()) <= 120


def test_links_in_the_documents_lead_somewhere() -> None:
    """A relative link in a document names a file of the repository."""
    broken = [
        f"{document.name}: {link}"
        for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text())
        if not (document.parent / link).exists()
    ]

    assert broken == []


def test_the_page_of_labels_has_every_fact() -> None:
    """An image builder finds each label that is read, and no other."""
    text = (ROOT / "docs" / "labels.md").read_text()
    schema = json.loads((ROOT / "schemas" / "lock.schema.json").read_text())
    _, bricks, systems = re.split(
        r"^## (?:Bricks|System images).*$", text.partition("## A Containerfile")[0], flags=re.M
    )
    for section, model in ((bricks, "BrickFacts"), (systems, "SystemFacts")):
        named = re.findall(r"^\| `([a-z]+)` \|", section, re.M)
        assert sorted([*schema["$defs"][model]["properties"], "spec"]) == sorted(named)
