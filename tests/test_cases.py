"""The cases below ``tests/cases``: mistaken inputs with what is said about them, and whole compiles.

A case of ``error/`` is a centre spec, or a folder with a ``center.yaml``. Its offending lines end with
``# error: LC402`` (or ``# warning: LC503``), and beside it lies what a person sees on a terminal
(``LC402-….txt``, or ``expected.txt`` in a folder). A case of ``ok/`` is a folder with a ``center.yaml`` and the
output, byte for byte, but for the files that are the same for every centre. ``pytest --accept`` rewrites both,
and a person reads the diff.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from lego_compile import targets
from lego_compile.diagnostic.codes import CATALOGUE
from lego_compile.diagnostic.render import render
from lego_compile.diagnostic.view import Finding
from lego_compile.pipeline import Outcome, compile_center
from lego_compile.source.read import read_text

CASES = Path(__file__).parent / "cases"
ASSETS = Path(targets.__file__).parent.parent
MISTAKES = sorted(
    path.name for path in (CASES / "error").iterdir() if path.is_dir() or path.suffix == ".yaml"
)
COMPILES = sorted(path.name for path in (CASES / "ok").iterdir() if path.is_dir())
SHOWN_ELSEWHERE = {
    "LC317": "tests/lock/test_lock_pins.py",
    "LC321": "tests/lock/test_lock_registries.py",
    "LC322": "tests/lock/test_lock_registries.py",
    "LC323": "tests/lock/test_lock_registries.py",
    "LC324": "tests/lock/test_lock_registries.py",
    "LC325": "tests/lock/test_lock_registries.py",
    "LC326": "tests/lock/test_lock_refusals.py",
    "LC327": "tests/lock/test_lock_refusals.py",
    "LC328": "tests/lock/test_lock_registries.py",
    "LC329": "tests/lock/test_lock_pins.py",
    "LC330": "tests/lock/test_lock_pins.py",
    "LC332": "tests/lock/test_outdated.py",
    "LC331": "tests/test_cataloguing_images.py",
    "LC651": "tests/inspecting/test_inspecting_layers.py",
    "LC652": "tests/inspecting/test_inspecting_bricks.py",
    "LC653": "tests/inspecting/test_inspecting_bricks.py",
    "LC654": "tests/inspecting/test_inspecting_bricks.py",
    "LC655": "tests/inspecting/test_inspecting_bricks.py",
    "LC656": "tests/inspecting/test_inspecting_bricks.py",
    "LC657": "tests/inspecting/test_inspecting_bricks.py",
    "LC658": "tests/inspecting/test_inspecting_bricks.py",
    "LC659": "tests/inspecting/test_inspecting_bricks.py",
    "LC660": "tests/inspecting/test_inspecting_bricks.py",
    "LC661": "tests/inspecting/test_inspecting_bricks.py",
    "LC662": "tests/inspecting/test_inspecting_bricks.py",
    "LC663": "tests/inspecting/test_inspecting_bricks.py",
    "LC664": "tests/inspecting/test_inspecting_bricks.py",
    "LC665": "tests/inspecting/test_inspecting_bricks.py",
    "LC666": "tests/inspecting/test_inspecting_bricks.py",
    "LC667": "tests/inspecting/test_inspecting_bricks.py",
    "LC668": "tests/inspecting/test_inspecting_systems.py",
    "LC669": "tests/inspecting/test_inspecting_labels.py",
    "LC670": "tests/inspecting/test_inspecting_labels.py",
    "LC671": "tests/inspecting/test_inspecting_systems.py",
    "LC672": "tests/inspecting/test_inspecting_systems.py",
    "LC673": "tests/inspecting/test_inspecting_systems.py",
    "LC341": "tests/imaging/test_imaging_check.py",
    "LC342": "tests/imaging/test_imaging_check.py",
    "LC343": "tests/imaging/test_imaging_check.py",
    "LC344": "tests/imaging/test_imaging_check.py",
    "LC345": "tests/imaging/test_imaging_check.py",
    "LC346": "tests/imaging/test_imaging_check.py",
    "LC347": "tests/imaging/test_imaging_check.py",
    "LC348": "tests/imaging/test_imaging_check.py",
    "LC701": "tests/cli/test_cli_verify.py",
    "LC702": "tests/cli/test_cli_verify.py",
    "LC703": "tests/cli/test_cli_verify.py",
    "LC704": "tests/cli/test_cli_verify.py",
    "LC705": "tests/cli/test_cli_verify.py",
    "LC706": "tests/cli/test_cli_overlay.py",
    "LC707": "tests/cli/test_cli_overlay.py",
    "LC708": "tests/cli/test_cli_overlay.py",
    "LC710": "tests/test_verify.py",
    "LC709": "tests/cli/test_cli_overlay.py",
    "LC801": "tests/cli/test_cli_check.py",
    "LC802": "tests/cli/test_cli_check.py",
    "LC803": "tests/cli/test_cli_check.py",
    "LC804": "tests/cli/test_cli_check.py",
    "LC805": "tests/cli/test_cli_output.py",
    "LC806": "tests/cli/test_cli_output.py",
    "LC807": "tests/cli/test_cli_check.py",
    "LC900": "tests/cli/test_cli_usage.py",
}
"""Codes that no spec can raise, and the test that shows each."""

_ANNOUNCED = re.compile(r"# (error|warning): (LC\d{3}(?:, LC\d{3})*)")

Mark = tuple[str, int, str, str]
"""File, line, severity and code."""


def compiled(case: str, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """The outcome of a case, run from ``tests/cases``: names of files do not depend on the machine."""
    monkeypatch.chdir(CASES)
    spec = f"{case}/center.yaml" if os.path.isdir(case) else case
    return compile_center(spec, read_text)


def announced(case: str) -> Counter[Mark]:
    """What the comments of a case announce."""
    files = sorted(Path(case).glob("*.yaml")) if os.path.isdir(case) else [Path(case)]
    marks: Counter[Mark] = Counter()
    for file in files:
        for number, line in enumerate(file.read_bytes().decode("latin-1").split("\n"), 1):
            for severity, codes in _ANNOUNCED.findall(line):
                marks.update((str(file), number, severity, code) for code in codes.split(", "))
    return marks


def mark(finding: Finding) -> Mark:
    """The line that a finding blames; of a file that cannot be read, the line that names it."""
    place = finding if finding.line or not finding.related else finding.related[0]
    return place.file, place.line or 0, finding.severity, finding.code


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_where_it_was_made(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line that announces a finding gets it, and no other line gets any."""
    outcome = compiled(f"error/{name}", monkeypatch)

    assert announced(f"error/{name}") == Counter(mark(finding) for finding in outcome.findings)
    assert name[:5] in {finding.code for finding in outcome.findings}
    assert any(finding.severity == "error" for finding in outcome.findings) == outcome.failed
    assert outcome.failed == (outcome.files == {})


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_drawn_as_a_person_accepted_it(
    name: str, monkeypatch: pytest.MonkeyPatch, accept: bool
) -> None:
    """The drawing on a terminal, without colour, is the one in the file beside the case."""
    drawing = render("full", compiled(f"error/{name}", monkeypatch).findings)
    path = CASES / "error" / name
    expected = path / "expected.txt" if path.is_dir() else path.with_suffix(".txt")
    if accept:
        expected.write_text(drawing, encoding="utf-8")

    assert expected.read_text(encoding="utf-8") == drawing


def test_a_mistake_has_a_finding_of_every_code() -> None:
    """Each code of the catalogue has a case, or is listed with the test that shows it; none has both."""
    shown = {name[:5] for name in MISTAKES}

    assert set(CATALOGUE) == shown | set(SHOWN_ELSEWHERE)
    assert shown & set(SHOWN_ELSEWHERE) == set()


@pytest.mark.parametrize(("code", "file"), sorted(SHOWN_ELSEWHERE.items()))
def test_a_code_shown_elsewhere_is_shown_there(code: str, file: str) -> None:
    """The test that is named for a code mentions it."""
    assert code in (CASES.parent.parent / file).read_text(encoding="utf-8")


def test_no_drawing_is_left_over() -> None:
    """Each drawing belongs to a case."""
    drawings = {path.stem for path in (CASES / "error").glob("*.txt")}

    assert set() == drawings - {name.removesuffix(".yaml") for name in MISTAKES}


@pytest.mark.parametrize("name", COMPILES)
def test_a_correct_centre_compiles_to_its_tree(
    name: str, monkeypatch: pytest.MonkeyPatch, accept: bool
) -> None:
    """What is in ``out/`` beside the centre is what it compiles to; there are no findings but announced ones."""
    outcome = compiled(f"ok/{name}", monkeypatch)
    fixed = {path.read_bytes() for path in ASSETS.glob("**/assets/**/*") if path.is_file()}
    own = {path: file.data.decode() for path, file in outcome.files.items() if file.data not in fixed}
    root = CASES / "ok" / name / "out"
    if accept:
        shutil.rmtree(root, ignore_errors=True)
        for path, text in own.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
    accepted = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in root.rglob("*")
        if path.is_file()
    }

    assert announced(f"ok/{name}") == Counter(mark(finding) for finding in outcome.findings)
    assert accepted == own
