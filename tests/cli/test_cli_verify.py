"""``verify``: each way in which a folder can be wrong has a code (LC701-LC705) and a place.

What can be done to the artifacts of each target is in ``tests/test_verify.py``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lego_compile.cli import FINDINGS, OK, USAGE
from tests.cli.conftest import spec
from tests.command import Call


def _replace(path: str, old: str, new: str, count: int = 1) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new, count))


VALUES = "out/d/z2jh/values.yaml"
DAMAGE: dict[str, tuple[Callable[[], object], str, str, str]] = {
    # what somebody did; code, file and words of the finding
    "another path": (
        lambda: _replace(VALUES, "mountPath: /opt/bricks/ocean", "mountPath: /opt/bricks/oceans"),
        "LC701",
        VALUES,
        "/opt/bricks/oceans",
    ),
    "another host": (
        lambda: _replace(VALUES, "hub.example.org", "evil.example.org", -1),
        "LC701",
        VALUES,
        "option 'host' is 'evil.example.org' in the artifact and should be 'hub.example.org'",
    ),
    "an option deep inside": (
        lambda: _replace("out/d/apptainer/composition.json", '"interactive"', '"fat"'),
        "LC701",
        "out/d/apptainer/composition.json",
        "option 'slurm' → 'partition' is 'fat' in the artifact and should be 'interactive'",
    ),
    "a key that nobody reads": (
        lambda: Path(VALUES).write_text(Path(VALUES).read_text() + "surprise: 1\n"),
        "LC702",
        VALUES,
        "surprise",
    ),
    "a file of the launcher gone": (
        lambda: os.unlink("out/d/apptainer/bin/lego-launch"),
        "LC703",
        "out/d/apptainer/bin/lego-launch",
        "is missing",
    ),
    "a fixed file edited": (
        lambda: _replace("out/d/apptainer/bin/lego-launch", "\n", "\n\n"),
        "LC704",
        "out/d/apptainer/bin/lego-launch",
        "lego-launch",
    ),
    "a merge left in": (
        lambda: Path(VALUES).write_text("<<<<<<< HEAD\n" + Path(VALUES).read_text()),
        "LC705",
        VALUES,
        "",
    ),
    "no record of what went in": (
        lambda: os.unlink("out/d/composition.json"),
        "LC703",
        "out/d",
        "composition.json",
    ),
    "a record that cannot be read": (
        lambda: Path("out/d/composition.json").write_text('{"center": 7}'),
        "LC705",
        "out/d/composition.json",
        "is not a composition that lego-compile wrote",
    ),
    "a record that was edited": (
        lambda: _replace("out/d/composition.json", '"A centre of the test cases"', '"Another"'),
        "LC704",
        "out/d/composition.json",
        "was edited by hand, so it proves nothing",
    ),
}


@pytest.fixture
def folder(lego: Call, work: Path) -> Path:
    """``out/d``: a centre with two targets, compiled."""
    both = Path("base/kubernetes.yaml").read_text().replace("  apptainer: null\n", "")
    (work / "base" / "both.yaml").write_text(both)
    (work / "d.yaml").write_text(spec("d", "both"))
    assert OK == lego("d.yaml")[0]
    return work / "out" / "d"


def test_a_good_folder_is_proven(lego: Call, folder: Path) -> None:
    """From the files alone, with the names of the targets that agree; the spec is not needed."""
    Path("d.yaml").unlink()

    expected = "out/d: z2jh and apptainer express the same composition\n"
    assert (OK, expected, "") == lego("verify", "out/d")
    assert (OK, expected, "") == lego("verify", "out/d/")


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_has_a_code_and_a_place(lego: Call, folder: Path, name: str) -> None:
    """What somebody did is found, in the file where it was done; the sound folder beside it is still proven."""
    damage, expected, file, words = DAMAGE[name]
    lego("a.yaml")
    damage()
    code, out, _ = lego("verify", "--output-format", "json", "out/d", "out/a")

    found = json.loads(out)["findings"]
    assert FINDINGS == code
    assert [] != [
        each
        for each in found
        if (each["code"], each["file"]) == (expected, file) and words in each["message"]
    ], found
    assert [] == [each for each in found if not each["file"].startswith("out/d")]


def test_the_line_of_a_difference_is_shown(lego: Call, folder: Path) -> None:
    """A person sees the line of the artifact that says something else."""
    damage = DAMAGE["another host"][0]
    damage()
    code, _, err = lego("verify", "out/d")

    assert FINDINGS == code
    assert "evil.example.org" in "".join(line for line in err.splitlines() if line[:2].strip().isdigit())


@pytest.mark.parametrize("name", ["nowhere", "empty", "file"])
def test_what_is_no_output_folder_is_wrong_usage(lego: Call, work: Path, name: str) -> None:
    """A folder that is not there, or that lego-compile did not write: exit code 2, and LC703."""
    (work / "empty").mkdir()
    (work / "file").write_text("")
    code, out, err = lego("verify", name)

    assert (USAGE, "") == (code, out)
    assert "error[LC703]" in err
    assert "name a folder such as out/grenoble" in err


def test_a_folder_that_cannot_be_read_is_a_finding(lego: Call, folder: Path) -> None:
    """A folder in the place of a file, or a link to elsewhere, is not followed, and is no bug of ours."""
    Path(VALUES).unlink()
    Path(VALUES).mkdir()
    code, _, err = lego("verify", "out/d")

    assert USAGE == code
    assert "error[LC705]" in err
    assert f"'{VALUES}' is a folder where a file should be" in err


MIRRORS = """\
mirrors:
  registry.example.org: harbor.example.org/gaia
  registry.k8s.io: harbor.example.org/k8s
"""


@pytest.fixture
def mirrored(lego: Call, work: Path) -> Path:
    """A centre on all three targets that pulls everything from its own registry."""
    (work / "m.yaml").write_text(spec("m", "all", MIRRORS))
    assert OK == lego("m.yaml")[0]
    return work / "out" / "m"


def test_no_reference_escapes_the_mirrors(mirrored: Path) -> None:
    """Bricks, system images and helper images: no artifact of any target has a name from before the rewriting."""
    fixed = {
        "apptainer/bin/lego-materialize",
        "composition.json",
    }  # an example in a docstring; the rules themselves
    for path in mirrored.rglob("*"):
        if path.is_file() and str(path.relative_to(mirrored)) not in fixed:
            text = path.read_text()
            assert "registry.example.org" not in text, path
            assert "registry.k8s.io" not in text, path
    for target in ("z2jh", "compose", "apptainer"):
        texts = [path.read_text() for path in (mirrored / target).rglob("*") if path.is_file()]
        assert any("harbor.example.org/gaia/lego/brick-ocean" in text for text in texts), target
    assert "harbor.example.org/k8s/pause" in (mirrored / "z2jh/brick-puller.yaml").read_text()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("z2jh/values.yaml", "lego/brick-ocean"),
        ("compose/compose.yaml", "lego/hub"),
        ("compose/composition.json", "lego/brick-ocean"),
    ],
)
def test_a_name_from_before_the_mirrors_is_recognised(
    lego: Call, mirrored: Path, file: str, name: str
) -> None:
    """``verify`` knows both names of an image: it is the same one, pulled from where it should not be."""
    _replace(str(mirrored / file), f"harbor.example.org/gaia/{name}", f"registry.example.org/{name}", -1)
    code, _, err = lego("verify", "out/m")

    assert FINDINGS == code
    assert "the image is the same, and is pulled past the centre's mirror" in err
