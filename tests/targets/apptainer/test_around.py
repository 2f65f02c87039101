"""What is around the sessions: what is written is read back, and every damage to it is noticed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lego_compile.ir.model import Deployment
from lego_compile.targets.apptainer.lift_around import paths_around
from tests.strategies import example
from tests.targets.apptainer.around import ODD, complaints, titled, with_everything, written
from tests.targets.apptainer.samples import oar, options, projected, projections, slurm, varieties

EXAMPLE = projected(example())
CENTERS = {
    "slurm": with_everything(),
    "oar": options(oar=oar(project="gaia", types=["devel", "container=42"])),
    "neither": options(),
}
GOLDEN = {name: written(chosen=chosen) for name, chosen in CENTERS.items()}
FILES = [(center, path) for center, files in GOLDEN.items() for path in files]


@given(projections, varieties)
def test_what_is_written_is_read_back(deployment: Deployment, chosen: dict[str, Any]) -> None:
    """Of every centre, every file is read by somebody, and says what composition.json says."""
    files = written(deployment, chosen)
    assert [] == complaints(files, deployment, chosen)
    assert set(files) == paths_around(deployment, chosen)


@pytest.mark.parametrize("title", ODD)
def test_odd_titles_are_read_back(title: str) -> None:
    """Text that means something to Lua, YAML, a shell or a scheduler stays text."""
    for chosen in CENTERS.values():
        deployment = titled(EXAMPLE, title)
        assert [] == complaints(written(deployment, chosen), deployment, chosen)


@pytest.mark.parametrize(("center", "path"), FILES)
def test_a_missing_file_is_noticed(center: str, path: str) -> None:
    """Each of them is needed."""
    files = {name: data for name, data in GOLDEN[center].items() if name != path}
    found = complaints(files, chosen=CENTERS[center])
    assert [("LC703", (path,))] == [(each.code, each.place) for each in found]


@pytest.mark.slow
@pytest.mark.parametrize(("center", "path"), FILES)
def test_every_changed_byte_is_noticed(center: str, path: str) -> None:
    """Wherever a slip of the hand is, also in comments and blanks."""
    golden = GOLDEN[center][path]
    if path.endswith(".json"):  # blanks mean nothing there, and every value is damaged by the test below
        golden = json.dumps(json.loads(golden), separators=(",", ":")).encode()
    step = 1 + len(golden) // 200
    for at in range(0, len(golden), step):
        damaged = golden[:at] + bytes([golden[at] ^ 1]) + golden[at + 1 :]
        found = complaints({**GOLDEN[center], path: damaged}, chosen=CENTERS[center])
        assert found, damaged[max(0, at - 20) : at + 20]


@pytest.mark.slow
@pytest.mark.parametrize(("center", "path"), FILES)
def test_every_line_counts(center: str, path: str) -> None:
    """A line that is not there, or there twice, or cut, is noticed; an empty one says nothing."""
    lines = GOLDEN[center][path].split(b"\n")[:-1]
    for at, line in enumerate(lines):
        if not line:
            continue
        # the same comment twice says the same
        twice = [] if line.startswith(b"# Compiled") else [[line, line]]
        for instead in ([], [line[: len(line) // 2]], *twice):
            text = b"\n".join([*lines[:at], *instead, *lines[at + 1 :], b""])
            if text != GOLDEN[center][path]:
                found = complaints({**GOLDEN[center], path: text}, chosen=CENTERS[center])
                assert found, text.decode()


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
JSONS = [("slurm", path) for path in GOLDEN["slurm"] if path.endswith(".json")]


@pytest.mark.parametrize(("center", "path"), JSONS)
@given(data=st.data(), value=_values)
@settings(max_examples=20)
def test_wrong_values_in_json_are_noticed(center: str, path: str, data: st.DataObject, value: Any) -> None:
    """Any other value in the place of any value is a complaint, and never an exception."""
    tree = json.loads(GOLDEN[center][path])
    node = tree
    while True:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        below = node[key]
        if not isinstance(below, dict | list) or not below or data.draw(st.booleans()):
            break
        node = below
    if json.dumps(value) != json.dumps(below):
        node[key] = value
        text = json.dumps(tree).encode()
        assert complaints({**GOLDEN[center], path: text}, chosen=CENTERS[center])


@given(st.dictionaries(st.sampled_from([path for _, path in FILES]), st.binary(max_size=200)))
def test_any_bytes_are_complaints(files: dict[str, bytes]) -> None:
    """Reading never raises, whatever lies on the disk, and complains about it."""
    for chosen in CENTERS.values():
        assert complaints(files, chosen=chosen)


def test_another_profile_is_noticed_everywhere() -> None:
    """Each kind of file is compared with composition.json, and not with itself."""
    other = replace(EXAMPLE, profiles=(replace(EXAMPLE.profiles[0], title="Other"), *EXAMPLE.profiles[1:]))
    found = {str(each.place[0]).split("/")[0] for each in complaints(GOLDEN["slurm"], deployment=other)}
    assert {"modulefiles", "kernels", "batch", "ondemand"} == found


def test_another_job_is_noticed_where_jobs_are_asked_for() -> None:
    """Templates and the interactive app ask for what composition.json says, of each profile."""
    for other in ({"partition": "other"}, {"time": "07:00:00"}, {"exclusive": True}, {"qos": "short"}):
        chosen = with_everything(slurm=slurm(**other))
        found = {str(each.place[0]) for each in complaints(GOLDEN["slurm"], chosen=chosen)}
        assert {"batch/ocean.sh", "batch/field.sh", "ondemand/profiles.json"} <= found
    for other in ({"queue": "other"}, {"time": "07:00:00"}, {"exclusive": True}, {"types": ["night"]}):
        chosen = options(oar=oar(**{"project": "gaia", "types": ["devel", "container=42"], **other}))
        found = {str(each.place[0]) for each in complaints(GOLDEN["oar"], chosen=chosen)}
        assert {"batch/ocean.sh", "batch/field.sh"} <= found
