"""Which image a report is about, and what a centre lets pass until when."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lego_compile.pipeline import Outcome, compile_center
from lego_compile.source.document import Problem
from lego_compile.source.read import LARGEST_REPORT, read_if_there, read_text
from tests.scans.reports import AMD, ARM, FLAW, INDEX, grype, match, trivy

CASES = Path(__file__).parents[1] / "cases"


def compiled(folder: Path, scans: str, reports: dict[str, Any], more: str = "") -> Outcome:
    """The outcome of a centre with a lab and a brick, with these reports in a folder beside it."""
    shelf = folder / "scans"
    shelf.mkdir(exist_ok=True)
    for name, data in reports.items():
        content = data if isinstance(data, bytes) else json.dumps(data).encode()
        (shelf / name).write_bytes(content)
    spec = folder / "center.yaml"
    spec.write_text(
        f"lego: 1\nextends: {CASES / 'base' / 'shared.yaml'}\ncenter: case\n{more}"
        f"profiles: {{main: {{bricks: [climate]}}}}\n{scans}",
        encoding="utf-8",
    )
    return compile_center(str(spec), read_text)


def codes(outcome: Outcome) -> list[str]:
    """The codes of the findings."""
    return [finding.code for finding in outcome.findings]


GATE = "scans: {reports: scans, refuse: high}\n"
CLEAN = {f"sha256-{AMD['lab']}.json": trivy(digests=[AMD["lab"]])}


def gate(until: str, name: str = "CVE-2026-0001") -> str:
    """A gate with one exception."""
    return f'{GATE[:-2]}, exceptions: [{{id: {name}, until: "{until}", reason: a test}}]}}\n'


def test_outputs_do_not_depend_on_scans(tmp_path: Path) -> None:
    """Clean, excepted, allowed or not asked for: the bytes are the same."""
    clean = {**CLEAN, f"sha256-{AMD['climate']}.json": trivy()}
    excepted = {f"sha256-{AMD['climate']}.json": trivy(FLAW)}
    without = compiled(tmp_path, "", {})

    assert without.files
    assert without.files == compiled(tmp_path, GATE, clean).files
    assert without.files == compiled(tmp_path, gate("2999-12-31"), excepted).files
    assert without.files == compiled(tmp_path, f"{GATE[:-2]}, missing: ignore}}\n", clean).files


@pytest.mark.parametrize(
    ("severity", "refuse", "passes"),
    [
        ("CRITICAL", "critical", False), ("HIGH", "critical", True), ("HIGH", "high", False), ("LOW", "low", False),
        ("MEDIUM", "high", True), ("MEDIUM", "medium", False), ("LOW", "medium", True), ("UNKNOWN", "low", True),
    ],
)  # fmt: skip
def test_the_stated_severity_and_above_is_refused(
    tmp_path: Path, severity: str, refuse: str, passes: bool
) -> None:
    """Each severity against each bar; what nobody has rated is below the lowest."""
    reports = {**CLEAN, f"sha256-{AMD['climate']}.json": trivy({**FLAW, "Severity": severity})}
    outcome = compiled(tmp_path, f"scans: {{reports: scans, refuse: {refuse}}}\n", reports)

    assert ([] if passes else ["LC411"]) == codes(outcome)
    assert outcome.failed is not passes


@pytest.mark.parametrize(
    "name",
    [
        f"sha256-{AMD['climate']}.json",
        f"sha256-{AMD['climate']}.sarif.json",
        f"{AMD['climate']}.json",
        f"sha256-{INDEX['climate']}.json",
        f"sha256-{INDEX['climate']}.sarif",
    ],
)
def test_a_report_is_found_by_either_digest(tmp_path: Path, name: str) -> None:
    """The name ends as people like; what is inside says the format."""
    outcome = compiled(tmp_path, GATE, {**CLEAN, name: trivy(FLAW)})

    assert ["LC411"] == codes(outcome)
    assert "CVE-2026-0001 (high, openssl 3.0.1, fixed in 3.0.7)" in outcome.findings[0].message


def test_the_report_on_the_platform_goes_before_the_one_on_the_index(tmp_path: Path) -> None:
    """What was scanned more exactly is what counts."""
    reports = {f"sha256-{AMD['climate']}.json": trivy(), f"sha256-{INDEX['climate']}.json": trivy(FLAW)}

    assert [] == codes(compiled(tmp_path, GATE, CLEAN | reports))


def test_each_platform_is_judged(tmp_path: Path) -> None:
    """A vulnerability on one platform is one; a report on an index that names its platform is not on the other."""
    both = "platforms: [linux/amd64, linux/arm64]\n"
    lab = {f"sha256-{ARM['lab']}.json": trivy(architecture="arm64")}
    amd = {**CLEAN, **lab, f"sha256-{INDEX['climate']}.json": trivy(digests=[INDEX["climate"]])}

    outcome = compiled(tmp_path, GATE, amd, both)
    assert ["LC412"] == codes(outcome)
    assert "for linux/arm64" in outcome.findings[0].message
    arm = {f"sha256-{ARM['climate']}.json": trivy(FLAW, architecture="arm64")}
    assert ["LC411"] == codes(compiled(tmp_path, GATE, arm, both))


def test_reports_of_two_scanners_are_united(tmp_path: Path) -> None:
    """One vulnerability under two names is one, with the worse severity; an exception may use either name."""
    reports = {
        f"sha256-{AMD['climate']}.json": trivy(FLAW),
        f"{AMD['climate']}.json": grype(match("GHSA-2222-3333-4444", "Critical", "CVE-2026-0001")),
    }
    outcome = compiled(tmp_path, GATE, CLEAN | reports)

    (finding,) = outcome.findings
    assert (
        "has a vulnerability of severity high or above: CVE-2026-0001 (critical, openssl 3.0.1"
        in finding.message
    )
    for name in ("CVE-2026-0001", "GHSA-2222-3333-4444", "ghsa-2222-3333-4444", "DSA-9999-1"):
        assert [] == codes(compiled(tmp_path, gate("2999-12-31", name), {}))


def test_an_exception_does_not_spread_through_a_shared_name(tmp_path: Path) -> None:
    """One advisory of a distribution stands for many: excepting one of them excepts no other."""
    other = {**FLAW, "VulnerabilityID": "CVE-2026-0002"}
    reports = {**CLEAN, f"sha256-{AMD['climate']}.json": trivy(FLAW, other)}

    (finding,) = compiled(tmp_path, gate("2999-12-31"), reports).findings
    assert "has a vulnerability of severity high or above: CVE-2026-0002" in finding.message
    assert [] == codes(compiled(tmp_path, gate("2999-12-31", "DSA-9999-1"), {}))


@pytest.mark.parametrize(
    ("now", "expected"),
    [("2027-01-30", []), ("2027-01-31", []), ("2027-02-01", ["LC414"])],
)
def test_an_exception_holds_through_its_last_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: str, expected: list[str]
) -> None:
    """The day is that of ``SOURCE_DATE_EPOCH``, to the second before midnight UTC."""
    start = {"2027-01-30": 1_801_267_200, "2027-01-31": 1_801_353_600, "2027-02-01": 1_801_440_000}[now]
    reports = {**CLEAN, f"sha256-{AMD['climate']}.json": trivy(FLAW)}
    for seconds in (start, start + 86_399):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(seconds))
        assert expected == codes(compiled(tmp_path, gate("2027-01-31"), reports))


@pytest.mark.parametrize("said", ["", "yesterday", "-1", "9" * 40, "²"])
def test_a_clock_that_says_nothing_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """Then it is today, which is after 2000 and before 2999."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", said)
    reports = {**CLEAN, f"sha256-{AMD['climate']}.json": trivy(FLAW)}

    assert ["LC414"] == codes(compiled(tmp_path, gate("2000-01-01"), reports))
    assert [] == codes(compiled(tmp_path, gate("2999-12-31"), reports))


def test_an_exception_is_not_called_idle_without_all_reports(tmp_path: Path) -> None:
    """What an image has that nobody scanned is not known."""
    lenient = gate("2999-12-31").replace("refuse", "missing: warning, refuse")

    assert ["LC416", "LC416"] == codes(compiled(tmp_path, lenient, {}))
    assert ["LC415"] == codes(compiled(tmp_path, lenient, {**CLEAN, f"{AMD['climate']}.json": trivy()}))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (trivy(digests=[AMD["lab"]]), f"reports on another image: it states sha256:{AMD['lab']}"),
        (grype(digest="0" * 64), "reports on another image: it states sha256:000"),
        (trivy(architecture="arm64"), "reports on another platform"),
        (trivy(digests=[INDEX["climate"], ARM["climate"]]), "reports on another platform"),
        (b'{"name": "\xff"}', "is not in UTF-8"),
        (json.dumps(trivy()).encode("utf-16"), "is written in UTF-16"),
    ],
)
def test_a_misfiled_or_garbled_report_is_refused(tmp_path: Path, content: Any, says: str) -> None:
    """A report that is about something else proves nothing, even when it is clean."""
    outcome = compiled(tmp_path, GATE, {**CLEAN, f"sha256-{AMD['climate']}.json": content})

    assert ["LC413"] == codes(outcome)
    assert says in outcome.findings[0].message
    assert outcome.files == {}


@pytest.mark.parametrize("digests", [[INDEX["climate"]], [AMD["climate"]], [AMD["lab"], AMD["climate"]], []])
def test_a_report_may_state_any_digest_of_the_pin(tmp_path: Path, digests: list[str]) -> None:
    """A scanner states the digest it was asked for, the one it resolved, or none."""
    report = trivy(digests=digests)

    assert [] == codes(compiled(tmp_path, GATE, {**CLEAN, f"sha256-{AMD['climate']}.json": report}))


def test_a_report_that_is_no_file_or_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is not there at all is missing; a link to nothing is there."""
    compiled(tmp_path, GATE, CLEAN)
    file = tmp_path / "scans" / f"{AMD['climate']}.json"
    file.mkdir()
    assert ["LC413"] == codes(compiled(tmp_path, GATE, {}))
    file.rmdir()
    file.symlink_to("nowhere")
    assert ["LC413"] == codes(compiled(tmp_path, GATE, {}))
    file.unlink()
    with file.open("wb") as large:
        large.truncate(LARGEST_REPORT + 1)
    (finding,) = compiled(tmp_path, GATE, {}).findings
    assert "is larger than 64 MiB" in finding.message


def test_a_report_may_be_larger_than_what_people_write(tmp_path: Path) -> None:
    """Some name every file of an image."""
    report = {**trivy(FLAW), "Padding": "x" * 9_000_000}

    assert ["LC411"] == codes(compiled(tmp_path, GATE, {**CLEAN, f"{AMD['climate']}.json": report}))


def test_a_missing_report_is_asked_for_and_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying a name costs no listing of the folder, which may be large."""
    monkeypatch.setattr(os, "listdir", lambda _: pytest.fail("the folder was listed"))

    assert (None, []) == read_if_there(str(tmp_path / "sha256-0.json"))
    assert ["LC412", "LC412"] == codes(compiled(tmp_path, GATE, {}))


def test_reports_may_come_from_elsewhere(tmp_path: Path) -> None:
    """Who compiles in memory says how reports are found, by the names below the folder."""
    asked = []

    def find(name: str) -> tuple[str | None, list[Problem]]:
        asked.append(name)
        return None, [Problem("unreadable", "is a folder", None)] if name.endswith("scans") else []

    compiled(tmp_path, GATE, {})
    outcome = compile_center(str(tmp_path / "center.yaml"), read_text, find=find)

    assert ["LC412", "LC412"] == codes(outcome)
    assert str(tmp_path / "scans" / f"sha256-{AMD['lab']}.json") in asked


def test_the_folder_is_relative_to_the_file_that_says_so(tmp_path: Path) -> None:
    """As the catalog is: centres may share the gate."""
    shelf = tmp_path / "shared" / "reports"
    shelf.mkdir(parents=True)
    (shelf / f"sha256-{AMD['lab']}.json").write_text(json.dumps(trivy(FLAW)), encoding="utf-8")
    (tmp_path / "shared" / "gate.yaml").write_text(
        f"lego: 1\nextends: {CASES / 'base' / 'shared.yaml'}\n"
        "scans: {reports: reports, refuse: low, missing: ignore}\n",
        encoding="utf-8",
    )
    spec = tmp_path / "center.yaml"
    spec.write_text("lego: 1\nextends: shared/gate.yaml\ncenter: case\n", encoding="utf-8")

    assert ["LC411"] == codes(compile_center(str(spec), read_text))


def test_an_image_is_judged_once(tmp_path: Path) -> None:
    """However many profiles use it, at the first place that does."""
    spec = tmp_path / "center.yaml"
    reports = {**CLEAN, f"sha256-{AMD['climate']}.json": trivy(FLAW)}
    compiled(tmp_path, GATE, reports)
    text = spec.read_text(encoding="utf-8")
    spec.write_text(
        text.replace(
            "profiles: {main: {bricks: [climate]}}",
            "profiles:\n  main: {bricks: [climate]}\n  other: {title: Other, offer: [climate]}",
        ),
        encoding="utf-8",
    )

    (finding,) = compile_center(str(spec), read_text).findings
    assert ("LC411", 5) == (finding.code, finding.line)
