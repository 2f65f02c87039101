"""``lego-doctor``, run as it is, with a stand-in for the runtime."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.targets.apptainer.conftest import Installed, prepare
from tests.targets.apptainer.samples import slurm

pytestmark = pytest.mark.slow


def verdicts(installed: Installed, *words: str, **environment: str) -> tuple[int, dict[str, str]]:
    """Exit status, and the verdict of each line without the remedies below it."""
    done = installed.run("lego-doctor", *words, **environment)
    assert "" == done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    return done.returncode, {line[6:]: line[:6].strip() for line in lines}


@pytest.fixture
def sound(installed: Installed) -> Installed:
    """An installed centre with all its images, on a machine where nothing is amiss."""
    assert 0 == installed.run("lego-materialize", "--no-try").returncode
    fuse = installed.runtime.libexec / "apptainer/bin/squashfuse_ll"
    fuse.parent.mkdir(parents=True)
    fuse.write_text("")
    fuse.chmod(0o755)
    return installed


def failures(found: dict[str, str]) -> list[str]:
    """What keeps sessions from starting, but for the device, which not every machine of these tests has."""
    return [words for words, verdict in found.items() if verdict == "FAIL" and "/dev/fuse" not in words]


def test_a_sound_machine_is_fine(sound: Installed) -> None:
    """Everything is looked at, and every profile is started."""
    code, found = verdicts(sound)
    assert [] == failures(found)
    if os.access("/dev/fuse", os.R_OK | os.W_OK):
        assert 0 == code
        starts = {f"profile {profile.slug} starts" for profile in sound.deployment.profiles}
        assert starts <= {words for words, verdict in found.items() if verdict == "ok"}
    assert f"apptainer 1.4.5 at {sound.runtime.program}" in found


@pytest.mark.parametrize(
    ("directive", "words"),
    [
        ("user bind control = no", "user bind control = no: bricks are left out"),
        ("enable overlay = no\nenable underlay = no", "neither overlay nor underlay"),
        ("mount home = no", "mount home = no"),
        ("allow container sif = no", "allow container sif = no"),
        ("limit container paths = /srv/images", "limit container paths does not name"),
        ("bind path = {here}/inside/opt/bricks", "is in the way of the brick at"),
        ("bind path = {here}/inside/opt/bricks/climate/lib", "is in the way of the brick at"),
        ("bind path = /data:{here}/inside", "is in the way of the brick at"),
    ],
)
def test_what_the_site_forbids_is_named(sound: Installed, directive: str, words: str) -> None:
    """Each directive that would keep bricks away; the last one counts."""
    line = directive.format(here=sound.runtime.here)
    sound.runtime.conf.write_text(f"{sound.runtime.conf.read_text()}\n{line}\n")
    code, found = verdicts(sound)
    assert 1 == code
    assert failures(found)
    assert all(words in each for each in failures(found)), found


@pytest.mark.parametrize(
    "directive",
    [
        "limit container paths = NULL",
        "limit container paths = {store}",
        "# user bind control = no",
        "bind path = /scratch",
    ],
)
def test_what_does_no_harm_is_no_failure(sound: Installed, directive: str) -> None:
    """Comments, what names the store, and binds that are in nobody's way."""
    line = directive.format(store=sound.store.parent)
    sound.runtime.conf.write_text(f"{sound.runtime.conf.read_text()}\n{line}\n")
    assert [] == failures(verdicts(sound)[1])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("apptainer version 1.1.0", "apptainer 1.1.0 is too old; it takes 1.1.3"),
        (
            "singularity-ce version 4.5.1",
            "is singularity-ce, and the specification says `runtime: apptainer`",
        ),
    ],
)
def test_the_runtime_has_to_be_the_one(sound: Installed, answer: str, words: str) -> None:
    """Of the kind and the age that the launcher is written for."""
    (sound.runtime.here / "version").write_text(answer)
    assert words in failures(verdicts(sound)[1])[0]


def test_what_is_missing_in_the_store_is_named(sound: Installed) -> None:
    """Nothing is started then."""
    digest = sound.deployment.profiles[0].system.image.digest
    file = sound.store / sound.records()[f"sif {digest}"]["file"]
    file.unlink()
    code, found = verdicts(sound)
    assert (1, [f"{file} is missing or changed"]) == (code, failures(found))
    assert not any("starts" in words for words in found)


def test_a_store_that_is_open_to_all_is_named(sound: Installed) -> None:
    """And so is one that is not there."""
    sound.store.chmod(0o777)
    assert f"everybody can write to {sound.store}" in failures(verdicts(sound)[1])
    sound.store.rename(sound.store.parent / "gone")
    assert [f"{sound.store} has no images yet"] == failures(verdicts(sound)[1])


def test_a_profile_that_does_not_start_is_named(sound: Installed) -> None:
    """With the last words of the guard."""
    digest = sound.deployment.profiles[0].bricks[0].image.digest
    file = sound.store / sound.records()[f"sif {digest}"]["file"]
    file.unlink()
    sound.runtime.publish(digest, "forbidden 4")
    assert 1 == sound.run("lego-materialize").returncode
    done = sound.run("lego-doctor")
    if os.access("/dev/fuse", os.R_OK | os.W_OK):
        assert "FAIL  profile ocean does not start\n      lego: brick climate is not at" in done.stdout
    assert 1 == done.returncode
    assert "does not start" not in sound.run("lego-doctor", "--no-start").stdout


def test_sessions_take_the_directory_that_the_launcher_takes(sound: Installed, tmp_path: Path) -> None:
    """One that cannot be written is passed over, as there."""
    _, found = verdicts(sound, TMPDIR=str(tmp_path / "nowhere"))
    assert any(words.startswith("session directories are made in /tmp, on ") for words in found)
    _, found = verdicts(sound, TMPDIR=str(tmp_path))
    assert any(words.startswith(f"session directories are made in {tmp_path}, on ") for words in found)


def test_who_else_can_change_what_everybody_runs(sound: Installed) -> None:
    """Everybody is a failure, a group a warning."""
    for name, mode, verdict, words in (
        ("bin", 0o777, "FAIL", "everybody can write to "),
        ("composition.json", 0o664, "warn", "the group of "),
    ):
        path = sound.root / name
        before = path.stat().st_mode & 0o777
        path.chmod(mode)
        _, found = verdicts(sound)
        assert [verdict] == [said for each, said in found.items() if words in each and str(path) in each]
        path.chmod(before)


def test_the_commands_of_the_scheduler_are_looked_for(tmp_path: Path) -> None:
    """A warning: compute nodes may have none."""
    center = prepare(tmp_path, slurm=slurm())
    _, found = verdicts(center)
    assert "warn" == found["no sbatch on PATH"]
    for name in ("sbatch", "squeue", "scancel"):
        (center.runtime.program.parent / name).symlink_to("/bin/true")
    _, found = verdicts(center, PATH=f"{center.runtime.program.parent}:/usr/bin:/bin")
    assert "ok" == found["the commands of slurm are there"]


def test_what_is_asked_of_an_administrator_is_that_of_the_note(sound: Installed) -> None:
    """One list, for those who read it and for those who run it."""
    said = sound.run("lego-doctor", "--list").stdout
    assert 8 < len(said.splitlines())
    assert said in (sound.root / "OPERATE.md").read_text()


@pytest.mark.parametrize("damage", ["{", "[]", '{"profiles": 1, "runtime": "apptainer"}', '{"runtime": {}}'])
def test_damaged_data_is_a_failure(sound: Installed, damage: str) -> None:
    """In words, not as a traceback."""
    (sound.root / "composition.json").write_text(damage)
    code, found = verdicts(sound)
    assert 1 == code
    assert failures(found)
    assert damage != "{" or f"{sound.root}/composition.json is damaged" in failures(found)[0]


def test_a_damaged_record_is_a_failure(sound: Installed) -> None:
    """In words, and with the rest looked at."""
    (sound.store / "resolved.json").write_text('{"images": null}')
    code, found = verdicts(sound)
    assert (1, 1) == (code, len(failures(found)))


def test_a_file_that_may_be_written_to_is_named(sound: Installed) -> None:
    """No session starts from it."""
    path = sound.store / next(iter(sound.records().values()))["file"]
    path.chmod(0o644)
    assert f"{path} is missing or changed" in failures(verdicts(sound, "--no-start")[1])


def test_singularity_has_to_be_set_user_id(tmp_path: Path) -> None:
    """It mounts no brick otherwise; the set-user-id starter is what tells."""
    center = prepare(tmp_path, runtime="singularity")
    (center.runtime.here / "version").write_text("singularity-ce version 4.5.1")
    starter = center.runtime.libexec / "singularity/bin/starter-suid"
    starter.parent.mkdir(parents=True)
    starter.write_text("")
    if os.geteuid() != 0:
        assert any("not installed set-user-id" in words for words in failures(verdicts(center)[1]))
    starter.chmod(0o4755)
    _, found = verdicts(center)
    assert "ok" == found["installed set-user-id"]
    assert json.loads((center.root / "composition.json").read_text())["runtime"] == "singularity"
