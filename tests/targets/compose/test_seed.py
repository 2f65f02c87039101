"""The copy of a brick into a volume, by the shells and the programs of images, as its service runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lego_compile.targets.assets import asset
from tests.targets.copying import Image, awkward, listed, require_mounts

HISTORY = "conda-meta/history"


@pytest.fixture(params=["dash", "bash", "busybox"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Image]:
    """An image with each of the shells."""
    require_mounts()
    made = Image(
        tmp_path,
        request.param,
        ("cp", "chmod", "rm", "mv"),
        asset("compose", "seed.sh"),
        "/lego/brick",
        "0:0",
    )
    yield made
    subprocess.run(["rm", "-rf", tmp_path / "image", tmp_path / "volume"], check=True)


def environment(folder: Path) -> Path:
    """Fill a folder with what an environment may have in it."""
    folder.mkdir(parents=True, exist_ok=True)
    awkward(folder)
    for name in (HISTORY, "conda-meta/numpy.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_an_environment_arrives_as_it_was(image: Image) -> None:
    """Everything at the subpath, whatever it is called, with modes, times and owners; everybody may enter."""
    source = environment(image.root / "opt/envs/my ocean")
    done = image.copy("/opt/envs/my ocean")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert listed(image.volume) == listed(source)
    assert ((image.volume / "plain").stat().st_uid, image.volume.stat().st_mode & 0o777) == (1000, 0o755)


def test_the_image_may_be_the_environment(image: Image) -> None:
    """Where the environment is the whole image, what the container put into it is left out."""
    environment(image.root)
    for name in (".dockerenv", "run/secrets/x"):
        image.write(name, "")
    done = image.copy("/")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    of_the_container = (".dockerenv", "dev", "lego", "proc", "run", "sys")
    assert listed(image.volume) == listed(image.root, without=of_the_container)
    assert not any((image.volume / name).exists() for name in of_the_container)


def test_what_is_complete_stays(image: Image) -> None:
    """A second run does nothing: sessions use the volume meanwhile."""
    environment(image.root / "env")
    assert image.copy("/env").returncode == 0
    (image.root / "env/plain").write_text("of another time")
    before = listed(image.volume)
    assert image.copy("/env").returncode == 0
    assert before == listed(image.volume)


def test_what_was_interrupted_is_made_anew(image: Image) -> None:
    """A part of an environment is not taken for the whole, however far the copy had come."""
    source = environment(image.root / "env")
    assert image.copy("/env").returncode == 0
    (image.volume / "conda-meta").rename(image.volume / ".conda-meta")
    (image.volume / "plain").unlink()
    (image.volume / "fixed/f").write_text("half")
    (image.volume / ".more").write_text("")
    done = image.copy("/env")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert listed(image.volume) == listed(source)


def test_a_full_disk_is_an_error(image: Image) -> None:
    """A volume that is too small fails the service, with the reason, and counts as not complete."""
    image.write(f"env/{HISTORY}", "")
    image.write("env/large", "x" * 2_000_000)
    done = image.copy("/env", size="1m")
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert "No space left on device" in done.stderr
    assert image.copy("/env", size="4m").returncode == 0


@pytest.mark.parametrize("at", ["/nowhere", "/file", "/empty", "/$(reboot)"])
def test_without_an_environment_it_fails(image: Image, at: str) -> None:
    """A place that is missing, no directory, or no environment, is named; nothing is deleted."""
    image.write("file", "")
    (image.root / "empty").mkdir()
    (image.volume / "kept").write_text("")
    done = image.copy(at)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"lego: this image has no environment at {at}\n")
    assert (image.volume / "kept").exists()
