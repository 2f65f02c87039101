"""The copy of a brick, by the shells and the ``cp`` of images, as the init container runs them."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lego_compile.targets.assets import asset
from lego_compile.targets.z2jh.lift_text import expanded
from tests.targets.z2jh.samples import compiled, options

NOBODY = 65534
THEN = 981173106_789000000  # when the files of bricks were made

RUN = """\
set -eu
mount --bind "$1" "$1"
if [ -d "$2" ]; then mount --bind "$2" "$1/lego"; else mount -t tmpfs -o "mode=777,size=$2" tmpfs "$1/lego"; fi
mount --bind /proc "$1/proc" # glibc changes modes through it
mount -o remount,bind,ro "$1"
exec chroot --userspec=65534:65534 --groups=100 "$1" /bin/sh -c "$3" copy "$4"
"""
"""$1 is the image, $2 the volume or the size of one in memory, $3 the script, $4 where the environment is."""


class Image:
    """A folder with a shell, ``cp``, ``chmod`` and ``rm`` in /bin and nothing else, and a volume.

    Args:
        folder: where both are made.
        shell: ``dash`` and ``bash`` come with GNU's programs, ``busybox`` is all of them.
    """

    def __init__(self, folder: Path, shell: str) -> None:
        self.shell, self.root, self.volume = shell, folder / "image", folder / "volume"
        self.root.mkdir()
        for mount in ("dev", "lego", "proc", "sys"):
            self.write(f"{mount}/of-the-container", "")
        self.volume.mkdir()
        os.chown(self.volume, 0, 100)  # as Kubernetes does for the `fsGroup` of the chart
        self.volume.chmod(0o2777)
        if shell == "busybox":
            program = shutil.which("busybox")
            if program is None or "not a dynamic" not in _said("ldd", program):
                pytest.skip("no static busybox on PATH: install Debian's package busybox-static")
            names = dict.fromkeys(("sh", "cp", "chmod", "rm"), program)
        else:
            names = {"sh": _found(shell), **{each: _found(each) for each in ("cp", "chmod", "rm")}}
            if "GNU coreutils" not in _said(names["cp"], "--version"):
                pytest.skip("the programs of this machine are not GNU's")
        for name, program in names.items():
            self._install(program, f"/bin/{name}")

    def _install(self, program: str, at: str) -> None:
        """Copy a program and the libraries that it needs, which lie where they lie here."""
        for source, place in ((program, at), *((each, each) for each in _libraries(program))):
            target = self.root / place.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)

    def write(self, path: str, content: str, mode: int = 0o644) -> Path:
        """A file of the image."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(mode)
        return file

    def copy(self, at: str, *, size: str = "") -> subprocess.CompletedProcess[str]:
        """Run the script.

        Args:
            at: where the environment is in the image.
            size: of a volume in memory, which is gone afterwards; empty for the one that stays.
        """
        script = asset("z2jh", "copy.sh").decode()
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", RUN, "sh"]
        return subprocess.run(
            [*words, self.root, size or self.volume, script, at],
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )


def _said(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def _found(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"no {program} on PATH")
    return found


def _libraries(program: str) -> list[str]:
    return re.findall(r"(/\S+) \(0x", _said("ldd", program))


@pytest.fixture(params=["dash", "bash", "busybox"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Image]:
    """An image with each of the shells."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it mounts a volume in a folder that becomes the root")
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no new namespace for mounts: {tried.stderr.strip()}")
    yield Image(tmp_path, request.param)
    subprocess.run(["rm", "-rf", tmp_path / "image", tmp_path / "volume"], check=True)


def listed(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, tuple[Any, ...]]:
    """What is below a folder: kinds, modes, contents, times in seconds, and which files are one."""
    found: dict[str, tuple[Any, ...]] = {}
    first: dict[int, str] = {}
    for path in sorted(folder.rglob("*")):
        name, status = str(path.relative_to(folder)), path.lstat()
        if name.partition("/")[0] in without:
            continue
        if stat.S_ISLNK(status.st_mode):
            found[name] = ("link", os.readlink(path))
            continue
        content = path.read_bytes() if path.is_file() else None
        mode = status.st_mode & 0o777  # whose file it is changes: set-ID bits must not stay
        same = first.setdefault(status.st_ino, name)
        found[name] = (content, mode, int(status.st_mtime), same)
    return found


def awkward(folder: Path) -> None:
    """Fill a folder with what an environment may have in it."""
    names = [
        "plain",
        "a b",
        "-n",
        "--help",
        "x\ny",
        "*",
        "[ab]",
        "?",
        ".hidden",
        "..data",
        "...",
        "ü",
        "\\n",
        "$HOME",
    ]
    for name in (*names, "dev/x", "proc/x", "sys/x", "lego/x", "bin/python", "bin/.wh", "lib/-rf"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (folder / "bin/python").chmod(0o755)
    (folder / "bin/setuid").write_text("s")
    (folder / "bin/setuid").chmod(0o4755)
    (folder / "empty").mkdir()
    (folder / "shared").mkdir(mode=0o755)
    (folder / "shared").chmod(0o2775)
    (folder / "fixed").mkdir()
    (folder / "fixed/f").write_text("f" * 5000)
    (folder / "fixed/f").chmod(0o444)
    (folder / "fixed").chmod(0o555)
    (folder / "dangling").symlink_to("nowhere")
    (folder / "-link").symlink_to("bin")
    (folder / "lib/absolute").symlink_to("/etc")
    (folder / "lib/python").hardlink_to(folder / "bin/python")
    (folder / "other").hardlink_to(folder / "plain")
    os.chown(folder / "plain", 1000, 100)
    for path in sorted(folder.rglob("*"), reverse=True):
        os.utime(path, ns=(THEN, THEN), follow_symlinks=False)


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
