"""``--check``, ``--target``, ``--out``, ``--strict``, several centres, and the same bytes every time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lego_compile.cli import FINDINGS, OK
from tests.cli.conftest import spec, tree
from tests.command import Call


def states(err: str) -> list[tuple[str, str]]:
    """Code and file of each finding, from the full format."""
    lines = err.splitlines()
    return [
        (line[6:11], lines[number + 1].split("--> ")[1])
        for number, line in enumerate(lines)
        if line.startswith("error[LC")
    ]


def test_a_second_compile_changes_nothing(lego: Call) -> None:
    """The first run writes, the second finds everything current, and ``--check`` agrees."""
    code, out, _ = lego("a.yaml")
    assert OK == code
    assert "1 centre compiled and proven, " in out
    before = tree(Path("out"))
    code, out, _ = lego("a.yaml")
    assert (OK, f"1 centre compiled and proven, 0 files written, {len(before)} already current\n") == (
        code,
        out,
    )
    assert (OK, "1 centre checked\n", "") == lego("--check", "a.yaml")
    assert before == tree(Path("out"))


def test_check_names_each_file_that_is_not_current(lego: Call, work: Path) -> None:
    """Stale, missing, edited and left-over files are told apart (LC801-LC804); nothing is written."""
    lego("a.yaml")
    folder = Path("out/a/apptainer")
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    edited, missing = folder / names[0], folder / names[1]
    edited.write_bytes(edited.read_bytes() + b"\n")
    missing.unlink()
    (work / "a.yaml").write_text(spec("a", "docker"))  # another target: the old files are left over
    before = tree(Path("out"))
    code, _, err = lego("--check", "a.yaml")

    found = {file: code for code, file in states(err)}
    assert FINDINGS == code
    assert before == tree(Path("out"))
    assert "LC804" == found[str(edited)]
    assert "LC804" == found[str(folder / names[2])]
    assert "LC801" == found["out/a/composition.json"]
    assert "LC802" == found["out/a/compose/compose.yaml"]
    assert "was edited by hand" in err
    assert "run `lego-compile a.yaml` and commit the result" in err


def test_check_names_a_file_that_was_edited(lego: Call) -> None:
    """An edit of a file that is still wanted is LC803, a removed one LC802; one not compiled yet is LC802 too."""
    assert {"LC802"} == {code for code, _ in states(lego("--check", "a.yaml")[2])}
    lego("a.yaml")
    bricks = Path("out/a/apptainer/composition.json")
    bricks.write_bytes(bricks.read_bytes() + b" ")
    Path("out/a/composition.json").unlink()
    code, _, err = lego("--check", "a.yaml")

    assert FINDINGS == code
    assert [("LC803", str(bricks)), ("LC802", "out/a/composition.json")] == states(err)
    assert OK == lego("a.yaml")[0]
    assert OK == lego("--check", "a.yaml")[0]


def test_check_sees_what_may_be_run(lego: Call) -> None:
    """A launcher that lost its permission to run is not current."""
    lego("a.yaml")
    launcher = Path("out/a/apptainer/bin/lego-launch")
    launcher.chmod(0o644)

    assert [("LC801", str(launcher))] == states(lego("--check", "a.yaml")[2])


def test_what_is_left_over_is_removed_unless_edited(lego: Call, work: Path) -> None:
    """A target that was disabled goes; what somebody changed in it stays, and is told (LC804)."""
    lego("a.yaml")
    mine = Path("out/a/apptainer/composition.json")
    mine.write_bytes(mine.read_bytes() + b" ")
    Path("out/a/notes.txt").write_text("of somebody")
    (work / "a.yaml").write_text(spec("a", "docker"))
    code, out, err = lego("a.yaml")

    assert FINDINGS == code
    assert [("LC804", str(mine))] == states(err)
    assert "removed out/a/apptainer/bin/lego-launch" in out
    assert ["composition.json"] == sorted(os.listdir("out/a/apptainer"))
    assert Path("out/a/notes.txt").read_text() == "of somebody"


def test_one_target_is_written_and_the_others_are_left(lego: Call, work: Path) -> None:
    """``--target`` writes the files of one platform; what another has is neither touched nor reported."""
    both = Path("base/kubernetes.yaml").read_text().replace("  apptainer: null\n", "")
    (work / "base" / "both.yaml").write_text(both)
    (work / "d.yaml").write_text(spec("d", "both"))
    assert OK == lego("--target", "z2jh", "d.yaml")[0]
    assert ["SHA256SUMS", "composition.json", "z2jh"] == sorted(os.listdir("out/d"))
    assert OK == lego("d.yaml")[0]
    Path("out/d/apptainer/composition.json").write_bytes(b"edited")
    assert OK == lego("--check", "--target", "z2jh", "d.yaml")[0]
    assert FINDINGS == lego("--check", "d.yaml")[0]


def test_the_output_folder_can_be_elsewhere(lego: Call) -> None:
    """``--out`` names the folder; nothing depends on its name."""
    lego("a.yaml")
    lego("--out", "else/where", "a.yaml")

    assert tree(Path("out")) == tree(Path("else/where"))


def test_a_warning_is_an_error_when_that_is_asked_for(lego: Call, work: Path) -> None:
    """With ``--strict`` a warning fails the compile, and nothing is written."""
    (work / "w.yaml").write_text(spec("w", more="storage: {home: {size: 1G}}\n"))
    code, _, err = lego("--strict", "w.yaml")

    assert FINDINGS == code
    assert "error[LC504]" in err
    assert not Path("out").exists()
    assert OK == lego("w.yaml")[0]
    assert FINDINGS == lego("--strict", "--check", "w.yaml")[0]


def test_two_centres_of_one_name_are_not_written(lego: Call, work: Path) -> None:
    """Both specs that claim one folder are refused (LC807), and a third is written."""
    (work / "other.yaml").write_text(spec("a", more="title: Another\n"))
    code, _, err = lego("a.yaml", "other.yaml", "b.yaml")

    assert FINDINGS == code
    assert [("LC807", "other.yaml")] == states(err)
    assert "'a.yaml' and 'other.yaml' are both the centre 'a'" in err
    assert ["b"] == os.listdir("out")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_one_bad_centre_does_not_stop_the_others(lego: Call, work: Path, jobs: str) -> None:
    """Findings come in the order of files, whatever the number of processes."""
    (work / "bad.yaml").write_text(spec("bad", more="colour: blue\n"))
    (work / "worse.yaml").write_text(spec("worse", more="color: blue\n"))
    code, out, err = lego("--jobs", jobs, "worse.yaml", "c.yaml", "bad.yaml", "a.yaml", "b.yaml")

    assert FINDINGS == code
    assert [("LC202", "bad.yaml:4:1"), ("LC202", "worse.yaml:4:1")] == states(err)
    assert ["a", "b", "c"] == sorted(os.listdir("out"))
    assert "3 centres compiled and proven, 2 failed" in out


def test_outputs_depend_on_inputs_only(process: Call, work: Path) -> None:
    """Hash seed, jobs, locale, time zone and umask change no byte, no mode, and no word of what is said."""
    (work / "bad.yaml").write_text(spec("bad", more="profiles: {main: {bricks: [oceans], offer: [geoo]}}\n"))
    surroundings: list[dict[str, str]] = [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "UTC"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"},
    ]
    specs = ("a.yaml", "b.yaml", "c.yaml", "bad.yaml")
    results = [
        process("--jobs", str(jobs), "--out", f"out-{jobs}", *specs, umask=umask, **environment)
        for jobs, umask, environment in zip((1, 2), (0o022, 0o077), surroundings, strict=True)
    ]

    assert tree(work / "out-1") == tree(work / "out-2")
    assert {0o644, 0o755} == {mode for _, mode in tree(work / "out-1").values()}
    assert results[0][0] == results[1][0] == FINDINGS
    assert results[0][2] == results[1][2]
    assert results[0][1] == results[1][1].replace("out-2", "out-1")
    holds = b"\n".join(data for data, _ in tree(work / "out-1").values())
    assert str(work).encode() not in holds
