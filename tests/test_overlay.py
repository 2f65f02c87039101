"""Values files laid over ours: read, merged and judged as Helm and the schema of the chart do it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from lego_compile.source.document import parse
from lego_compile.targets.z2jh.overlay_keys import known, reason, table, unknown
from lego_compile.targets.z2jh.overlay_merge import leaves, merged
from lego_compile.targets.z2jh.overlay_text import read, writable
from tests.conformance import test_helm as conformance

ROOT = Path(__file__).parents[1]
Place = tuple[str, ...]


# ── Helm itself ───────────────────────────────────────────────────────────────────────────────────────


class Helm:
    """A chart of one template that shows the merged values."""

    def __init__(self, folder: Path, defaults: str = "") -> None:
        local = ROOT / ".venv" / "helm" / "helm" / "helm"
        self.program = str(local) if local.is_file() else conformance.helm()
        self.folder = folder
        (folder / "templates").mkdir()
        (folder / "Chart.yaml").write_text("apiVersion: v2\nname: shown\nversion: 0.1.0\n")
        (folder / "values.yaml").write_text(defaults)
        (folder / "templates" / "all.yaml").write_text("{{ toJson .Values }}\n")

    def values(self, *texts: str) -> Any:
        """What the templates of a chart see when these files are given with ``-f``."""
        words = []
        for index, text in enumerate(texts):
            file = self.folder / f"over-{index}.yaml"
            file.write_text(text)
            words += ["-f", str(file)]
        done = subprocess.run(
            [self.program, "template", "x", str(self.folder), *words],
            capture_output=True,
            text=True,
            timeout=120,
            env={"HOME": str(self.folder), "PATH": os.environ["PATH"]},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.split("\n", 2)[2])


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The real Helm, with a chart that has no values of its own."""
    return Helm(tmp_path_factory.mktemp("chart"))


def as_read(text: str) -> Any:
    """What we take a values file for."""
    tree, _ = parse("overrides.yaml", text)
    assert tree is not None
    return read(tree)[0]


KEYS = st.sampled_from(["a", "b", "c", "no", "d-e"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "x", "null", "{}"]))
VALUES = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.dictionaries(KEYS, below, max_size=3), st.lists(st.one_of(below, LEAVES), max_size=2)
    ),
    max_leaves=12,
)
MAPS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


@settings(max_examples=12)
@given(cases=st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=5, max_size=20))
def test_files_are_merged_as_helm_merges_them(helm: Helm, cases: list[tuple[Any, Any, Any]]) -> None:
    """Maps key by key; everything else replaces, be it null, a list, or a map in the place of a scalar."""
    files = [{f"k{index}": case[file] for index, case in enumerate(cases)} for file in range(3)]
    result: Any = {}
    for each in files:
        result = merged(result, each)

    assert helm.values(*map(json.dumps, files)) == result


WORDS = [
    "y", "Y", "yes", "Yes", "YES", "yEs", "on", "On", "oN", "off", "n", "N", "no", "No", "true", "TRUE", "tRue",
    "False", "~", "null", "Null", "nULL", "=", "<", "<<", "0o8", "0x1p-2", "1:30", "2024-01-01",
    "2024-01-01T00:00:00Z", "1e400", "0755", "08", "0_8", "._5", ".5_0", ".e3", "--", ".", "..", "+.", "1__0", "0b",
    "0x_", "0o", "00", "+.5", "-.5e3", "1e21", "1e-7", "-0.0", "+12", "1_000.5", "99999999999999999999",
    "12345678901234567890", "9223372036854775808", "-9223372036854775809", "9007199254740993", ".nAn",
    "0x7fffffffffffffffffff", "0777777777777777777777777", "123456789.123456789", "+9223372036854775808", "-0x10",
    "0B11", "0O17", "1.", "1.e5",
]  # fmt: skip


def test_words_without_quotes_are_read_as_helm_reads_them(helm: Helm) -> None:
    """YAML 1.1 in the Go dialect, and numbers as JSON keeps them; thousands of words that are nearly numbers."""
    chance = Random(7)
    near = ("".join(chance.choices("0123456789_.+-exobXafE", k=chance.randint(1, 6))) for _ in range(3000))
    words = [*WORDS, *(word for word in near if not word.startswith("-") or len(word) > 1)]
    text = "".join(f"k{index}: {word}\n" for index, word in enumerate(words))
    found, real = as_read(text), helm.values(text)

    for index, word in enumerate(words):
        one, other = (
            float(each) if type(each) is int else each for each in (found[f"k{index}"], real[f"k{index}"])
        )
        assert (type(one), one) == (type(other), other), word


def test_a_null_takes_the_value_of_the_chart_away(tmp_path: Path) -> None:
    """What ``lift`` believes of a null; where the chart has nothing, Helm keeps it, as we do."""
    shown = Helm(tmp_path, "deep: {there: 1, kept: 2, map: {}}\n")
    values = shown.values('{"deep": {"there": null, "new": null, "map": {"x": 1}}}')

    assert values["deep"] == {"kept": 2, "map": {"x": 1}, "new": None}


def nested(place: tuple[str | int, ...], value: Any) -> Any:
    """A value at a place, and nothing beside it."""
    for step in reversed(place):
        value = {step: value}
    return value


@given(data=MAPS)
def test_what_is_laid_over_can_always_be_written_for_lift(data: Any) -> None:
    """No value of a values file is one that our own printer and reader have no room for."""
    from lego_compile.emit.yaml import dump
    from lego_compile.targets.goyaml import load

    odd = {**data, "<<": 1e-7, "k" * 2000: 10**19, "e": float("1e300"), "s": "\u2028\x07", "l": [1e22]}

    assert load(dump(writable(odd)).encode()) == writable(odd)


def test_a_number_that_json_cannot_write_is_refused() -> None:
    """Helm ends with `unsupported value`, and we with its place."""
    tree, _ = parse("o.yaml", 'a: {b: [.inf, -.Inf, .NaN, ".inf", x.inf]}\n')
    assert tree is not None

    assert read(tree)[1] == (("a", "b", 0), ("a", "b", 1), ("a", "b", 2))


# ── the schema of the chart ───────────────────────────────────────────────────────────────────────────


def schemas() -> list[tuple[str, Any]]:
    """Version and schema, as far as they are at hand."""
    return [
        (folder.name, json.loads((folder / "values.schema.json").read_text()))
        for folder in conformance.upstream()
    ]


def places(schema: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every place of the values that the schema says something about; ``any`` stands for a key that may be any."""
    yield place, schema
    for key, below in schema.get("properties", {}).items():
        if key != "$schema":
            yield from places(below, (*place, key))
    for pattern, below in schema.get("patternProperties", {}).items():
        yield from places(below, (*place, "Any" if "A-Z" in pattern else "any"))


def test_the_table_lists_the_keys_of_the_schema_and_no_other() -> None:
    """Where the schema is closed the table has its keys, of one version at least; everywhere else it has none."""
    listed: dict[Place, set[str]] = {}
    for _, schema in schemas():
        for place, below in places(schema):
            if below.get("additionalProperties") is False and ".*" not in below.get("patternProperties", {}):
                listed.setdefault(place, set()).update(below.get("properties", {}))
            else:
                assert known(place) is None or place in listed, place

    classes = {"[A-Z]*", "Authenticator", "GenericOAuthenticator", "KubeSpawner"}
    for place, keys in listed.items():
        assert set(known(place) or ()) - classes == keys, place


def test_a_key_is_unknown_where_the_schema_refuses_it() -> None:
    """``jsonschema`` and the table agree on a key that no chart has, put into every place that takes a map."""
    key = "legoUnknown"
    for folder in conformance.upstream():
        validator = Draft7Validator(json.loads((folder / "values.schema.json").read_text()))
        chart = yaml.safe_load((folder / "values.yaml").read_text())
        for place, below in places(validator.schema):
            if "object" not in (below.get("type") or "object"):
                continue
            over = nested((*place, key), {})
            refused = any(
                error.validator == "additionalProperties" and key in error.message
                for error in validator.iter_errors(merged(chart, over))
            )

            assert refused == any(each.where == (*place, key) for each in unknown(over)), (folder.name, place)


def test_the_chart_knows_its_own_values() -> None:
    """Nothing in the chart's values.yaml is unknown, and nothing in what we compile."""
    for folder in conformance.upstream():
        assert [*unknown(yaml.safe_load((folder / "values.yaml").read_text()))] == []
    for file in ROOT.glob("out/*/z2jh/values.yaml"):
        assert [*unknown(yaml.safe_load(file.read_text()))] == []


def test_the_table_speaks_of_places_that_there_are() -> None:
    """What decides over sessions, or is replaced, is a place that the chart has."""
    rows = [
        *table()["decides"],
        *table()["replaces"],
        *table()["replaces"].values(),
    ]
    for row in rows:
        place: Place = ()
        for step in row.split("."):
            names = known(place) or ("any",)
            place += (
                next(name for name in (*names, "any") if fnmatchcase(name, step)) if "*" in step else step,
            )
        assert [*unknown(nested(place, None))] == [], row


@pytest.mark.parametrize(
    ("place", "steps"),
    [
        (("hub", "extraConfig", "mine"), 3),
        (("hub", "config", "KubeSpawner", "image"), 4),
        (("hub", "config", "GenericOAuthenticator", "admin_groups", "x"), 4),
        (("singleuser", "extraPodConfig", "hostNetwork"), 2),
        (("singleuser", "events"), 0),
        (("hub", "resources", "limits"), 0),
        (("proxy", "chp", "image"), 0),
    ],
)
def test_what_decides_over_sessions_is_in_the_table(place: Place, steps: int) -> None:
    """A part of the place is enough; what cannot reach a session has no reason."""
    found, words = reason(place)

    assert bool(words) == bool(steps)
    assert not steps or found == steps


def test_leaves_are_what_a_file_sets() -> None:
    """Maps are looked into, and everything else is one thing."""
    assert [*leaves({"a": {"b": [1, {"c": 2}], "d": {}}, "e": None})] == [("a", "b"), ("a", "d"), ("e",)]
