"""The catalogue of codes, and the page written from it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lego_compile.diagnostic import codes
from lego_compile.diagnostic.model import CompileFailed, Report

ROOT = Path(__file__).parents[2]

RANGES = {
    101: 12,
    201: 8,
    301: 18,
    321: 12,
    341: 8,
    401: 16,
    501: 5,
    601: 3,
    651: 23,
    701: 10,
    801: 7,
    900: 1,
}
"""First number of a run of codes, and how many they are; registries have a run of their own."""

IDS = [f"LC{first + n}" for first, count in RANGES.items() for n in range(count)]

NAMES = ("`", "lego-compile ", "conda ", "nb_conda_kernels ")
"""What a sentence may begin with, other than a capital letter."""

EVERY = pytest.mark.parametrize("code", codes.CATALOGUE.values(), ids=codes.CATALOGUE)


def test_the_codes_are_those_agreed_in_order() -> None:
    """Codes are an interface: none goes away, none changes its number, and they are sorted."""
    assert list(codes.CATALOGUE) == IDS
    assert sorted(IDS) == IDS


def test_the_warnings_are_those_agreed() -> None:
    """A change of severity changes what compiles, so it has to be made here as well."""
    assert [name for name in IDS if not codes.is_error(name)] == [
        "LC311", "LC327", "LC330", "LC332", "LC343", "LC348", "LC409", "LC415", "LC416", "LC503", "LC504", "LC603",
        "LC657", "LC661", "LC662", "LC664", "LC665", "LC667", "LC670", "LC671", "LC672", "LC707", "LC709", "LC710",
    ]  # fmt: skip


def test_an_unknown_code_has_no_severity() -> None:
    """A misspelt code in a pass is found at once and not taken for a warning."""
    with pytest.raises(KeyError):
        codes.is_error("LC999")


def test_titles_are_unique() -> None:
    """Two codes with one title could not be told apart in a list."""
    titles = [code.title for code in codes.CATALOGUE.values()]
    assert sorted(set(titles)) == sorted(titles)


@EVERY
def test_every_entry_is_complete(code: codes.Code) -> None:
    """Every entry has a short title without a full stop, and three texts that are whole sentences."""
    assert codes.CATALOGUE[code.id] is code
    assert code.severity in ("error", "warning")
    assert len(code.title) <= 60
    assert not code.title.endswith(".")
    for text in (code.what, code.why, code.fix):
        prose = [part for part in text.split("\n\n") if not part.startswith("    ")]
        assert all(part[0].isupper() or part.startswith(NAMES) for part in prose)
        assert all(part.rstrip()[-1] in ".:?" for part in prose)


@EVERY
def test_texts_keep_their_shape(code: codes.Code) -> None:
    """Texts are printed as they are: no tabs or blanks at the end, no stray indentation, 106 columns."""
    for text in (code.what, code.why, code.fix):
        for line in text.split("\n"):
            assert line == line.rstrip()
            assert "\t" not in line
            assert len(line) <= 106
            assert re.match(r" {1,3}\S", line) is None


@EVERY
def test_examples_are_yaml(code: codes.Code) -> None:
    """What an entry tells people to write can be parsed; commands and lists of paths are no YAML."""
    import yaml

    for block in re.findall(r"(?:^    .*\n?|^\n(?=    ))+", code.fix, re.MULTILINE):
        example = "\n".join(line[4:] for line in block.split("\n")).strip()
        if example and not example.startswith(("lego-compile ", "iconv ", "/home/")):
            yaml.safe_load(example)


def test_explain_shows_all_of_an_entry() -> None:
    """``lego-compile explain CODE`` prints id, severity, title and the three texts, indented."""
    text = codes.explain("LC108")
    assert text == (
        "LC108 (error): empty document\n"
        "\n"
        "What it means\n"
        "  The file holds nothing but white space and comments.\n"
        "\n"
        "Why\n"
        "  An empty file is what an interrupted copy or a redirection leaves behind; it is never a centre.\n"
        "\n"
        "What to do\n"
        "  Restore the file, or begin a new one with `lego-compile init`.\n"
    )


def test_the_page_is_up_to_date() -> None:
    """``docs/codes.md`` is what the catalogue says now."""
    assert codes.markdown() == (ROOT / "docs" / "codes.md").read_text(encoding="utf-8")


def test_the_page_has_every_code_once() -> None:
    """Every code has one heading, and every link in the tables leads to one."""
    page = codes.markdown()
    headings = re.findall(r"^### (\S+)$", page, re.MULTILINE)
    assert headings == IDS
    assert re.findall(r"\(#(\S+)\)", page) == [name.lower() for name in IDS]


def test_asking_for_a_severity_imports_nothing_of_its_own() -> None:
    """Start-up: the catalogue costs no module that ``dataclasses`` and ``typing`` have not loaded already."""
    script = (
        "from __future__ import annotations\n"
        "import sys, dataclasses, typing, collections.abc; before = set(sys.modules)\n"
        "import lego_compile.diagnostic.codes, lego_compile.diagnostic.model\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = [name for name in done.stdout.split() if not name.startswith("lego_compile")]
    assert loaded == []


def test_a_report_with_warnings_only_stops_a_strict_compile() -> None:
    """Severity decides whether a phase ends; ``strict`` counts warnings too."""
    report = Report()
    report.stop_if_errors(strict=True)
    report.add("LC311", "mirror is never used", ("center", "mirrors"))
    report.stop_if_errors()
    with pytest.raises(CompileFailed):
        report.stop_if_errors(strict=True)
    report.add("LC402", "mounts nest", ("center",))
    with pytest.raises(CompileFailed):
        report.stop_if_errors()
