"""Images with a shell, as folders that become the root; for the scripts that copy a brick out of its own image."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

THEN = 981173106_789000000  # when the files of bricks were made

RUN = """\
set -eu
mount --bind "$1" "$1"
if [ -d "$2" ]; then mount --bind "$2" "$1/$5"; else mount -t tmpfs -o "mode=777,size=$2" tmpfs "$1/$5"; fi
mount --bind /proc "$1/proc" # glibc changes modes through it
mount -o remount,bind,ro "$1"
exec chroot "--userspec=$6" --groups=100 "$1" /bin/sh -c "$3" copy "$4"
"""
"""$1 is the image, $2 the volume or the size of one in memory, which is mounted at $5, $3 the script, $4 where the
environment is, $6 user and group."""


class Image:
    """A folder with a shell and a few programs in /bin and nothing else, and a volume.

    Args:
        folder: where both are made.
        shell: ``dash`` and ``bash`` come with GNU's programs, ``busybox`` is all of them.
        programs: those beside it.
        script: that copies.
        at: where the script has the volume.
        user: user and group that run it.
    """

    def __init__(
        self, folder: Path, shell: str, programs: tuple[str, ...], script: bytes, at: str, user: str
    ) -> None:
        self.shell, self.root, self.volume = shell, folder / "image", folder / "volume"
        self._script, self._at, self._user = script.decode(), at, user
        self.root.mkdir()
        for mount in ("dev", "lego", "proc", "sys"):
            self.write(f"{mount}/of-the-container", "")
        (self.root / at.lstrip("/")).mkdir(exist_ok=True)
        self.volume.mkdir()
        os.chown(self.volume, 0, 100)  # as Kubernetes does for the `fsGroup` of the chart
        self.volume.chmod(0o2777)
        if shell == "busybox":
            program = shutil.which("busybox")
            if program is None or "not a dynamic" not in _said("ldd", program):
                pytest.skip("no static busybox on PATH: install Debian's package busybox-static")
            names = dict.fromkeys(("sh", *programs), program)
        else:
            names = {"sh": _found(shell), **{each: _found(each) for each in programs}}
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
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", RUN, "sh"]
        return subprocess.run(
            [*words, self.root, size or self.volume, self._script, at, self._at, self._user],
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )


def _said(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def require_mounts() -> None:
    """Skip where nothing can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it mounts a volume in a folder that becomes the root")
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no new namespace for mounts: {tried.stderr.strip()}")


def _found(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"no {program} on PATH")
    return found


def _libraries(program: str) -> list[str]:
    return re.findall(r"(/\S+) \(0x", _said("ldd", program))


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
