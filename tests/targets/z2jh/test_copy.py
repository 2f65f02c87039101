"""The copy of a brick, by the shells and the ``cp`` of images, as the init container runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lego_compile.targets.assets import asset
from lego_compile.targets.z2jh.lift_text import expanded
from tests.targets.copying import Image, awkward, listed, require_mounts
from tests.targets.z2jh.samples import compiled, options

NOBODY = 65534


@pytest.fixture(params=["dash", "bash", "busybox"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Image]:
    """An image with each of the shells."""
    require_mounts()
    script = asset("z2jh", "copy.sh")
    yield Image(tmp_path, request.param, ("cp", "chmod", "rm"), script, "/lego", f"{NOBODY}:{NOBODY}")
    subprocess.run(["rm", "-rf", tmp_path / "image", tmp_path / "volume"], check=True)


def test_an_environment_arrives_as_it_was(image: Image) -> None:
    """Everything at the subpath, whatever it is called, with modes and times; nothing is said about owners."""
    environment = image.root / "opt/envs/my ocean"
    environment.mkdir(parents=True)
    awkward(environment)
    done = image.copy("/opt/envs/my ocean")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert listed(image.volume) == listed(environment)
    for path in image.volume.rglob("*"):
        assert path.lstat().st_uid == NOBODY
    assert (image.volume / "bin/setuid").stat().st_mode & 0o7000 == 0


def test_the_image_may_be_the_environment(image: Image) -> None:
    """Where the environment is the whole image, what the container put into it is left out."""
    for name in ("dev", "lego", "proc", "sys"):
        shutil.rmtree(image.root / name)
    awkward(image.root)
    done = image.copy("/")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    mounts = ("dev", "lego", "proc", "sys")
    assert listed(image.volume) == listed(image.root, without=mounts)
    assert not any((image.volume / name).exists() for name in mounts)


def test_a_second_run_ends_right(image: Image) -> None:
    """A container that starts again finds a part of the environment, and leaves the whole."""
    environment = image.root / "env"
    environment.mkdir()
    awkward(environment)
    assert image.copy("/env").returncode == 0
    (image.volume / "plain").unlink()
    (image.volume / "fixed/f").write_text("half")
    (image.volume / "bin/more").write_text("of another time")
    (image.volume / ".more").write_text("")
    (image.volume / "dangling").unlink()
    (image.volume / "dangling").symlink_to("/elsewhere")
    for path in (image.volume, *image.volume.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    done = image.copy("/env")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert listed(image.volume) == listed(environment)


@pytest.mark.parametrize("what", ["file", "directory"])
def test_what_cannot_be_read_is_an_error(image: Image, what: str) -> None:
    """A part of an environment is none: the container fails, and says which file it was, and little else."""
    environment = image.root / "env"
    environment.mkdir()
    awkward(environment)
    image.write("env/secret/key", "k", 0o600 if what == "file" else 0o644)
    (environment / "secret").chmod(0o755 if what == "file" else 0o700)
    done = image.copy("/env")
    assert (done.returncode, done.stdout) == (1, "")
    if what == "file" or image.shell != "busybox":  # BusyBox does not say that it cannot open a directory
        assert "secret" in done.stderr
        assert "Permission denied" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        "lego: not all of /env was copied; with no reason above, it has a directory that not"
    )
    assert len(done.stderr.splitlines()) <= 3


@pytest.mark.parametrize("at", ["/nowhere", "/file", "/empty", "/$(reboot)"])
def test_without_an_environment_it_fails(image: Image, at: str) -> None:
    """A place that is missing, no directory, or empty, is named."""
    image.write("file", "")
    (image.root / "empty").mkdir()
    done = image.copy(at)
    assert (done.returncode, done.stdout) == (1, "")
    assert f" {at}" in done.stderr


def test_a_full_disk_is_an_error(image: Image) -> None:
    """A volume that is too small fails the container, with the reason."""
    image.write("env/large", "x" * 2_000_000)
    image.write("env/more", "x")
    done = image.copy("/env", size="1m")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No space left on device" in done.stderr
    assert image.copy("/env", size="4m").returncode == 0


def test_the_container_runs_that_script() -> None:
    """What KubeSpawner and Kubernetes make of the emitted command is the script, character by character."""
    values = yaml.safe_load(compiled(chosen=options(mounts="copy", prepull="chart"))["values.yaml"])
    seen = 0
    for profile in values["singleuser"]["profileList"]:
        for container in profile.get("kubespawner_override", {}).get("init_containers", {}).values():
            words = [expanded(word.format(username="ada")) for word in container["command"]]
            assert words[:4] == ["/bin/sh", "-c", asset("z2jh", "copy.sh").decode(), "copy"]
            seen += 1
    assert seen
