"""A folder with Debian sid and its container engines, and a way into it that leaves nothing behind.

Image volumes of ``podman kube play`` need Podman 5.5, image mounts Docker Engine 28: newer than what Debian stable has.
The folder is made once by debootstrap and kept. Sessions see it read-only, with a memory file system wherever something
writes, so that each starts with the same engines, no images and no containers.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.namespace import CannotRun, Namespace

SUITE = "sid"
PACKAGES = (
    "podman", "runc", "catatonit", "conmon", "netavark", "aardvark-dns", "nftables", "ca-certificates",
    "busybox-static", "docker.io", "docker-cli", "docker-compose", "docker-buildx", "iptables", "iproute2",
)  # fmt: skip
"""All that is installed besides Debian's minimal system, for the engines."""

_STAMP = ".lego-e2e"
_ELSEWHERE = "http://deb.debian.org/debian"
_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")
_REGISTRIES = ("PIP_INDEX_URL", "npm_config_registry", "NPM_CONFIG_REGISTRY")

_APT = 'APT::Sandbox::User "root";\nAPT::Install-Recommends "false";\n'  # its own user may not reach a new folder
_NO_SERVICES = "#!/bin/sh\nexit 101\n"  # /usr/share/doc/init-system-helpers/README.policy-rc.d.gz

_ENTER = """\
set -eu
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
for place in dev/shm run tmp var/tmp; do mount -t tmpfs tmpfs "$place"; done
for place in var/lib/containers var/lib/docker; do if [ -d "$place" ]; then mount -t tmpfs tmpfs "$place"; fi; done
mount -o "remount,bind,$2" "$1"
if [ -n "${3:-}" ]; then mount --bind "$3" media; fi
# chroot would do for programs, but who joins the namespace of a container (`podman exec`) arrives at its real root
pivot_root . mnt
exec chroot . umount --lazy /mnt
"""
"""$1 becomes the root of the mount namespace, `rw` or `ro`; $3, a folder of this machine, is its /media, writable."""


@dataclass(frozen=True)
class Recipe:
    """What is in a root folder.

    Attributes:
        folder: its name.
        version: to be raised when it is made in another way.
        packages: of Debian.
        script: of bash, which is run in the folder when they are installed, and may use the network.
    """

    folder: str
    version: int
    packages: tuple[str, ...]
    script: str = ""

    def stamp(self) -> dict[str, Any]:
        """What says that a folder was made of this."""
        said: dict[str, Any] = {"recipe": self.version, "suite": SUITE, "packages": list(self.packages)}
        return said | ({"script": hashlib.sha256(self.script.encode()).hexdigest()} if self.script else {})


ENGINES = Recipe("root", 2, PACKAGES)


def obstacle() -> str:
    """Why nothing here can run on this machine; empty when it may."""
    if sys.platform != "linux":
        return f"needs Linux, this is {sys.platform}"
    if platform.machine() != "x86_64":
        return f"its images are for linux/amd64, this is {platform.machine()}"
    if os.geteuid() != 0:
        return "needs root: it makes a Debian root folder, and mounts what a container engine needs"
    missing = [each for each in ("unshare", "nsenter", "chroot") if shutil.which(each) is None]
    if missing:
        return f"no {' and no '.join(missing)} on PATH: install util-linux and coreutils"
    return ""


class Root:
    """The prepared folder, entered: programs run in it as if it were this machine.

    Args:
        namespace: with the mounts of the folder.
        folder: the folder.
    """

    def __init__(self, namespace: Namespace, folder: Path) -> None:
        self.namespace = namespace
        self.folder = folder
        self.env = dict(_ENV)

    def run(
        self, *words: str, text: str = "", timeout: float = 180, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the folder; see ``Namespace.run``."""
        return self.namespace.run(words, env=self.env, text=text, timeout=timeout, check=check)

    def read(self, path: str) -> bytes:
        """A file that is kept in the folder, following links; not one in memory."""
        found = (self.folder / path.lstrip("/")).resolve()
        assert found.is_relative_to(self.folder), f"{path} is a link to this machine's {found}"
        return found.read_bytes()

    def write(self, path: str, content: str) -> str:
        """Write a file, in memory; returns its path."""
        self.run("tee", path, text=content)
        return path


@contextmanager
def entered(
    base: Path, *, network: bool = False, recipe: Recipe = ENGINES, shared: Path | None = None
) -> Iterator[Root]:
    """A root folder below ``base``, made when it is not there, with mounts that nobody else sees.

    Args:
        base: folder that keeps what takes long to make.
        network: with a network of its own, in which nothing is but the loopback interface.
        recipe: what is in it; the engines.
        shared: a folder of this machine, which is ``/media`` there and may be written.

    Raises:
        CannotRun: it cannot be made on this machine, or not entered.
    """
    with kept(base, recipe) as (folder, lock):
        try:
            with Namespace(lock, network=network) as namespace:
                namespace.run(["sh", "-c", _ENTER, "sh", folder, "ro", *([shared] if shared else [])])
                yield Root(namespace, folder)
        finally:
            with suppress(BlockingIOError):  # somebody else is in there still, and will do it
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if recipe == ENGINES:
                    _sweep()


@contextmanager
def kept(base: Path, recipe: Recipe) -> Iterator[tuple[Path, int]]:
    """The root folder of a recipe and a file that is locked as long as it is used; made when it is not there.

    Raises:
        CannotRun: it cannot be made on this machine.
    """
    base.mkdir(parents=True, exist_ok=True)
    (base / ".gitignore").write_text("*\n")
    # A lock for each: who is in one folder may make another.
    with (base / ("lock" if recipe == ENGINES else f"lock-{recipe.folder}")).open("w") as lock:
        folder = base / recipe.folder
        while True:  # others may use the folder at the same time, but nobody while it is made
            fcntl.flock(lock, fcntl.LOCK_SH)
            if _ready(folder, recipe):
                break
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _ready(folder, recipe):
                _make(folder, recipe, lock.fileno())
        yield folder, lock.fileno()


def _ready(folder: Path, recipe: Recipe) -> bool:
    try:
        return bool(json.loads((folder / _STAMP).read_text()) == recipe.stamp())
    except (OSError, ValueError):
        return False


def _make(folder: Path, recipe: Recipe, lock: int) -> None:
    """Install Debian and the packages; the stamp is written last, so that half a folder is no folder."""
    _require_debootstrap(folder.parent)
    mirror = _mirror()
    try:
        with urllib.request.urlopen(f"{mirror}/dists/{SUITE}/InRelease", timeout=20) as answer:
            answer.read(1)
    except (urllib.error.URLError, OSError) as error:
        host = urlsplit(mirror).hostname  # the rest may have a password in it
        raise CannotRun(f"no network: the Debian mirror {host} does not answer ({error})") from error
    _remove(folder)
    proxies = {name: value for name, value in os.environ.items() if name.lower() in _PROXIES}
    env = {**_ENV, **proxies, "DEBIAN_FRONTEND": "noninteractive"}
    with Namespace(lock) as namespace:
        namespace.run(["debootstrap", "--variant=minbase", SUITE, folder, mirror], env=env, timeout=900)
        (folder / "etc/apt/apt.conf.d/90lego").write_text(_APT)
        (folder / "etc/dpkg/dpkg.cfg.d/lego").write_text("force-unsafe-io\n")
        policy = folder / "usr/sbin/policy-rc.d"
        policy.write_text(_NO_SERVICES)
        policy.chmod(0o755)
        if recipe == ENGINES:
            for place in ("var/lib/containers", "var/lib/docker"):
                (folder / place).mkdir(parents=True)
        namespace.run(["sh", "-c", _ENTER, "sh", folder, "rw"])
        for words in (["install", "--yes", *recipe.packages], ["clean"]):
            namespace.run(["apt-get", "-qq", *words], env=env, timeout=900)
        if recipe.script:
            namespace.run(["bash", "-s"], env=env | _trust(namespace), text=recipe.script, timeout=1800)
    (folder / _STAMP).write_text(json.dumps(recipe.stamp()))


def _trust(namespace: Namespace) -> dict[str, str]:
    """Variables for pip and npm, so that they trust whom this machine trusts, and ask the registries that it asks.

    A mirror may have a certificate of the site's own authority, which this machine has among its others.
    """
    found = {name: os.environ[name] for name in _REGISTRIES if name in os.environ}
    authorities = Path(ssl.get_default_verify_paths().cafile or "/")
    if not authorities.is_file():
        return found
    here = "/run/lego-authorities.pem"
    namespace.run(["tee", here], text=authorities.read_text())
    return {**found, "SSL_CERT_FILE": here, "PIP_CERT": here, "NODE_EXTRA_CA_CERTS": here}


def _require_debootstrap(base: Path) -> None:
    with (base / "lock-debootstrap").open("w") as lock:  # one at a time: another one may be installing it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if shutil.which("debootstrap") is None:
            _install_debootstrap()


def _install_debootstrap() -> None:
    if shutil.which("apt-get") is None:
        raise CannotRun("no debootstrap on PATH, and no apt-get to install it")
    apt = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", "debootstrap"]):
        done = subprocess.run([*apt, *words], capture_output=True, text=True, env=env)
    if done.returncode:  # of the second; an archive that does not answer may be one that is not needed
        raise CannotRun(
            f"no debootstrap on PATH, and apt-get cannot install it: {done.stderr.strip()[-500:]}"
        )


def _mirror() -> str:
    """The Debian mirror that this machine uses, if it is one."""
    wanted = ("Created-By: Packages", "Label: Debian", "Component: main")
    with_apt = shutil.which("apt-get") is not None
    words = ["apt-get", "indextargets", "--format", "$(SITE)", *wanted]
    sites = subprocess.run(words, capture_output=True, text=True).stdout.split() if with_apt else []
    return next((each for each in sites if each.startswith("http")), _ELSEWHERE).rstrip("/")


def _sweep() -> None:
    """Remove the empty control groups of containers that are gone, which the kernel keeps when we are killed."""
    groups = Path("/sys/fs/cgroup")
    names = ("libpod_parent", "lego-docker")
    for top in (each for name in names for each in (*groups.glob(name), *groups.glob(f"*/{name}"))):
        for place in (*sorted(top.rglob("*"), reverse=True), top):
            with suppress(OSError):  # a file, or in use
                place.rmdir()


def _remove(folder: Path) -> None:
    """Delete what an earlier run left unfinished; below another one's mounts there may be this machine's own files."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in reversed(mounted):
        if place == str(folder) or place.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", place], check=True)
    subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=True)
