"""Capability tables: complete, sourced, in order; and how they are read."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest

from lego_compile.diagnostic.model import Report
from lego_compile.ir.features import FEATURES, Need
from lego_compile.targets import TARGETS, capability
from lego_compile.targets.capability import LEVELS, Row, Table, parse, table

FOLDER = Path(capability.__file__).parent
ROW_KEYS = {"component", "since", "support", "gate", "needs", "source"}


def raw(target: str) -> dict[str, Any]:
    """The table as it is written."""
    return tomllib.loads((FOLDER / target / "capabilities.toml").read_text(encoding="utf-8"))


def options(target: str) -> Any:
    """The model of a target's options."""
    return import_module(f"lego_compile.targets.{target}.options").Options


def components(target: str) -> set[str]:
    """What ``versions:`` of a target may name."""
    versions = options(target).model_fields["versions"].annotation
    return {field.alias or name for name, field in versions.model_fields.items()}


def gates(target: str) -> set[str]:
    """What ``gates:`` of a target may name; empty when it has none."""
    field = options(target).model_fields.get("gates")
    found: set[str] = set()
    queue = [field.annotation] if field else []
    while queue:
        for each in get_args(queue.pop()):
            if isinstance(each, str):
                found.add(each)
            else:
                queue.append(each)
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_every_feature_has_rows(target: str) -> None:
    """Whatever a deployment may need, the table has an answer."""
    assert set() == set(FEATURES) - set(table(target).rows)


@pytest.mark.parametrize("target", TARGETS)
def test_rows_are_complete(target: str) -> None:
    """Each row has a source and a level, and says what it takes where that is not nothing."""
    for feature, rows in raw(target).items():
        for row in rows if feature != "slots" else ():
            assert set() == set(row) - ROW_KEYS, feature
            assert row["source"].strip() != "", feature
            assert row["support"] in LEVELS, feature
            assert row["support"] == "native" or row.get("needs"), feature
            assert "gate" not in row or (row["support"] in ("gated", "native") and row["needs"]), feature
            assert ("component" in row) == ("since" in row), feature


@pytest.mark.parametrize("target", TARGETS)
def test_steps_ascend(target: str) -> None:
    """The rows of a component are in the order of their versions, and what holds for all versions stands alone."""
    for feature, rows in table(target).rows.items():
        by_component: dict[str, list[tuple[int, ...]]] = {}
        for row in rows:
            by_component.setdefault(row.component, []).append(parse(row.since))
        for component, steps in by_component.items():
            assert steps == sorted(set(steps)), (feature, component)
            assert component or len(steps) == 1, feature


@pytest.mark.parametrize("target", TARGETS)
def test_components_and_gates_are_those_of_the_options(target: str) -> None:
    """A table speaks only of components that ``versions:`` may name, of all of them, and of gates that exist."""
    rows = [row for rows in table(target).rows.values() for row in rows]
    slots = [name for names in table(target).slots.values() for name in names]

    assert components(target) == {row.component for row in rows} - {""}
    assert set(slots) <= components(target)
    assert len(slots) == len(set(slots))
    assert gates(target) == {row.gate for row in rows} - {""}


@pytest.mark.parametrize("target", TARGETS)
def test_alternatives_know_the_same_features(target: str) -> None:
    """What depends on one component of a slot has rows for the others too, or it would be absent in silence."""
    for feature in FEATURES:
        named = {row.component for row in table(target).rows[feature]}
        for names in table(target).slots.values():
            assert not named & set(names) or set(names) <= named, feature


TABLE = Table(
    {"runtime": ("red", "blue")},
    {
        "mount": (
            Row("core", "1.2", "gated", "Switch", "the switch", "s1"),
            Row("core", "1.10", "native", "", "", "s2"),
            Row("red", "2", "native", "", "", "s3"),
            Row("blue", "3", "gated", "", "a daemon", "s4"),
        ),
        "store": (Row("core", "1", "native", "Store", "the other store", "s8"),),
        "always": (Row("", "", "native", "", "", "s5"),),
        "never": (Row("", "", "absent", "", "another platform", "s6"),),
        "somehow": (Row("", "", "emulated", "", "a script", "s7"),),
    },
)


@pytest.mark.parametrize(
    ("feature", "versions", "switches", "expected"),
    [
        ("always", {}, (), []),
        ("never", {}, (), ["LC501"]),
        ("somehow", {}, (), ["LC504"]),
        ("store", {"core": "1"}, (), ["LC503"]),
        ("store", {"core": "1"}, ("Store",), []),
        ("store", {"core": "0.9"}, ("Store",), ["LC501"]),
        ("mount", {}, (), ["LC502", "LC502"]),
        ("mount", {"core": "1.10"}, (), ["LC502"]),
        ("mount", {"core": "1.10", "red": "2.0"}, (), []),
        ("mount", {"core": "1.9", "red": "2.0"}, (), ["LC501"]),
        ("mount", {"core": "1.9", "red": "2.0"}, ("Switch",), ["LC503"]),
        ("mount", {"core": "1.1.9", "red": "2.0"}, ("Switch",), ["LC501"]),
        ("mount", {"core": "1.10", "blue": "3.1"}, (), ["LC503"]),
        ("mount", {"core": "1.10", "blue": "2.9"}, (), ["LC501"]),
        ("mount", {"core": "1.10", "red": "1.9"}, (), ["LC501"]),
        ("mount", {"core": "1.10", "red": "2", "blue": "3"}, (), ["LC505"]),
        ("mount", {"core": "1.10-rc.1", "red": "2"}, (), []),
    ],
)
def test_a_need_is_judged_by_the_declared_versions(
    feature: str,
    versions: dict[str, str],
    switches: tuple[str, ...],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last step that is not newer holds; a gate counts when it is said to be on; nothing is guessed."""
    monkeypatch.setattr(capability, "table", lambda target: TABLE)
    report = Report()
    capability.check("some", [Need(feature, ("center", "x"), "it")], versions, switches, report)

    assert expected == [found.code for found in report]


def test_one_missing_version_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten bricks need a version that is not declared: that is one mistake."""
    monkeypatch.setattr(capability, "table", lambda target: TABLE)
    report = Report()
    wanted = [Need("mount", ("center", "x", index), f"brick {index}") for index in range(10)]
    capability.check("some", wanted, {"red": "2"}, (), report)

    assert ["LC502"] == [found.code for found in report]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.35", (1, 35)),
        ("1.35.0", (1, 35)),
        ("1.35.0-gke.1", (1, 35)),
        ("29.1.4+azure", (29, 1, 4)),
        ("0", (0,)),
        ("2.40.3", (2, 40, 3)),
        ("1.10", (1, 10)),
        ("", (0,)),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, expected: tuple[int, ...]) -> None:
    """Numbers are compared as numbers, trailing zeros do not count, and a suffix neither."""
    assert expected == parse(version)
