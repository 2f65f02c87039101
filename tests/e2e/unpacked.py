"""The roots of images that were built, in folders; and programs that run there, with bricks at their places."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.built import CONDA, PANGEO_TAG, PREFIXES, REFERENCES, Built, read
from tests.e2e.images import HOME
from tests.e2e.lab_images import NEXT, RELEASE
from tests.e2e.namespace import Namespace

PLATFORM = "linux/amd64"
BRICKS = [("ocean", RELEASE), ("ocean", NEXT), ("hydro", RELEASE)]
EVERY = [*BRICKS, ("lab", RELEASE)]
"""Name and release, of those that are ours."""

LAB = CONDA or "/opt/conda"
"""Where the environment of the system image is."""

Folders = dict[tuple[str, str], Path]
"""Name and release → folder with the root of the image."""

_CHROOT = shutil.which("chroot", path="/usr/sbin:/usr/bin") or "chroot"


def unpacked(built: Built, below: Path) -> Folders:
    """Have the root of every image in a folder of its own, as tar unpacks it."""
    found: Folders = {}
    for name, release in REFERENCES:
        folder = found[name, release] = below / f"{name}-{release}"
        folder.mkdir()
        layout = built.layout(name, release)
        for layer, _ in read(layout).layers[PLATFORM]:
            archive = layout / "blobs" / layer.replace(":", "/")
            words = ["tar", "-x", "-p", "--numeric-owner", "-f", str(archive), "-C", str(folder)]
            subprocess.run(words, check=True)
        assert not list(folder.rglob(".wh.*")), "a layer that takes away what is below, which tar does not"
    return found


def environment(folders: Folders, name: str, release: str) -> Path:
    """Folder with the environment of a brick."""
    root = folders[name, release]
    return root / PREFIXES[name].lstrip("/") if name == "pangeo" else root


def files(folder: Path) -> Iterator[Path]:
    """Every file of a folder that is no link."""
    return (each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())


class Session:
    """Programs that run in the system image, as its user, with bricks mounted read-only."""

    def __init__(self, namespace: Namespace, root: Path) -> None:
        self._namespace, self._root = namespace, root

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program, with the variables that the image has."""
        env = {"PATH": f"{LAB}/bin:/usr/bin:/bin", "HOME": HOME, "LANG": "C.UTF-8"}
        enter = [_CHROOT, "--userspec=1000:100", str(self._root), *words]
        return self._namespace.run(enter, env=env | {"PYTHONDONTWRITEBYTECODE": "1"}, check=check)


@contextmanager
def mounted(folders: Folders, bricks: dict[str, str]) -> Iterator[Session]:
    """A session with bricks: name of the place → name of the brick that is there."""
    root = folders["lab", RELEASE]
    with Namespace() as namespace:
        home = ("tmpfs", HOME.lstrip("/"), "-o", "uid=1000,gid=100")
        for kind, place, *options in (("proc", "proc"), ("tmpfs", "tmp"), home):
            (root / place).mkdir(exist_ok=True)
            namespace.run(["mount", "-t", kind, *options, kind, root / place])
        namespace.run(["mount", "--rbind", "/dev", root / "dev"])
        for place, name in bricks.items():
            target = root / PREFIXES[place].lstrip("/")
            target.mkdir(parents=True, exist_ok=True)
            release = PANGEO_TAG if name == "pangeo" else RELEASE
            namespace.run(["mount", "--bind", environment(folders, name, release), target])
            namespace.run(["mount", "-o", "remount,bind,ro", target])
        yield Session(namespace, root)
