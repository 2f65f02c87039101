"""``unpack-bricks`` with the real skopeo and umoci, which ask a real registry on the loopback interface."""

from __future__ import annotations

import io
import os
import platform
import shutil
import signal
import stat
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lego_compile.ir.model import Deployment, ImageRef
from lego_compile.targets.assets import asset
from lego_compile.targets.z2jh.lower_mounts import place
from tests.images.contents import build
from tests.images.gallery import read
from tests.images.oci import Built, image, text
from tests.images.registry import NoRegistry, Registry, push
from tests.strategies import example
from tests.targets.z2jh.samples import compiled, options, projected

ROOT = Path(__file__).parent.parent.parent
OURS = "registry.example.org/lego"
ORDINARY = 1234
NEEDED = (
    "sh",
    "skopeo",
    "umoci",
    "flock",
    "chmod",
    "chown",
    "dirname",
    "id",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "sync",
)
PATIENCE = 30.0


class Shop:
    """A registry that is asked in place of those that images are named after, and what is needed to ask it."""

    def __init__(self, registry: Registry, home: Path) -> None:
        self._registry, self.home = registry, home
        settings = home / ".config" / "containers"
        settings.mkdir(parents=True)
        (settings / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        mirrors = (
            f'[[registry]]\nprefix = "{host}"\nlocation = "{registry.host}/{host}"\ninsecure = true\n'
            for host in ("registry.example.org", "quay.io")
        )
        (settings / "registries.conf").write_text("\n".join(mirrors))

    def put(self, repository: str, built: Built) -> ImageRef:
        """Have an image; returns what it is called."""
        push(self._registry.url, repository, "1", built)
        return ImageRef(repository, built.index_digest)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """The registry, and a home with settings for it."""
    for program in ("skopeo", "umoci", "flock"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on PATH: install Debian's packages skopeo, umoci and util-linux")
    with tempfile.TemporaryDirectory(prefix="lego-home-") as home:
        Path(home).chmod(0o755)  # ordinary users read it as well
        registry = Registry()
        try:
            registry.__enter__()
        except NoRegistry as missing:
            pytest.skip(str(missing))
        try:
            yield Shop(registry, Path(home))
        finally:
            registry.stop()


class Site:
    """A folder with the script and its list, and the directory that bricks are unpacked into."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self.shop, self.folder, self.at = shop, folder, folder / "srv" / "bricks"
        self.at.mkdir(parents=True)
        self.script = folder / "unpack-bricks"
        self.script.write_bytes(asset("z2jh", "unpack-bricks"))
        self.script.chmod(0o755)

    def list(self, *images: ImageRef) -> None:
        """What is to be unpacked."""
        rows = "".join(f"{each.pinned}\t{place(each)}\n" for each in images)
        (self.folder / "bricks.tsv").write_text(rows)

    def words(self, *arguments: str | Path, user: int = 0, path: str = "") -> dict[str, Any]:
        """How a process of it is started."""
        as_user = [] if not user else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        return {
            "args": [*as_user, self.script, *(arguments or (self.at,))],
            "env": {"HOME": str(self.shop.home), "PATH": path or os.environ["PATH"]},
            "cwd": self.folder,
            "text": True,
        }

    def run(self, *arguments: str | Path, user: int = 0, path: str = "") -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        words = self.words(*arguments, user=user, path=path)
        return subprocess.run(**words, capture_output=True, timeout=PATIENCE)

    def start(self, log: str, *, path: str = "") -> subprocess.Popen[str]:
        """Run it in a group of processes of its own, as a terminal would; ``log`` is the file of what it says."""
        with (self.folder / log).open("w") as out:
            words = self.words(path=path)
            return subprocess.Popen(**words, stdout=out, stderr=out, start_new_session=True)

    def program(self, name: str, body: str) -> str:
        """A PATH on which a program is a script; ``$REAL`` is the real one."""
        folder = self.folder / f"bin-{name}"
        folder.mkdir(exist_ok=True)
        script = folder / name
        script.write_text(f"#!/bin/sh\nREAL={shutil.which(name)}\n{body}\n")
        script.chmod(0o755)
        return f"{folder}:{os.environ['PATH']}"

    def stopping(self) -> tuple[str, Path]:
        """A PATH on which umoci ends when there is a file ``on``, and the file that says that it is so far."""
        reached, on = self.folder / "reached", self.folder / "on"
        body = f'"$REAL" "$@" || exit\n: >"{reached}"\nwhile [ ! -e "{on}" ]; do sleep 0.02; done'
        return self.program("umoci", body), reached

    def finished(self, *images: ImageRef) -> bool:
        """Whether these images are there, and nothing else is, nor any part of anything."""
        wanted = {place(each) for each in images}
        found = {str(each.relative_to(self.at).parent) for each in self.at.glob("*/*/*/sha256-*/etc")}
        hidden = {each.name for each in self.at.glob(".*")}
        return found == wanted and hidden <= {".unpacking.lock"}


@pytest.fixture
def site(shop: Shop) -> Iterator[Site]:
    """A place to unpack to, which every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="lego-unpack-"))
    folder.chmod(0o755)
    try:
        yield Site(shop, folder)
    finally:
        subprocess.run(["chmod", "-R", "u+rwx", folder], check=True)
        shutil.rmtree(folder)


def until(true: Callable[[], object]) -> None:
    """Wait for something that has to happen."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def simple(word: str, size: int = 0) -> Built:
    """An image for this machine's platform that says a word."""
    return image({here(): {"etc/word": text(word), "etc/rest": text("x" * size)}}, {}, {})


def here() -> str:
    """This machine's platform."""
    return "linux/" + {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def layer(members: Mapping[str, Mapping[str, Any]]) -> bytes:
    """A tar with whatever tar knows; ``data`` is the content, the rest are fields of its header."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, fields in members.items():
            member = tarfile.TarInfo(name)
            content = str(fields.get("data", "")).encode()
            member.mode, member.mtime, member.size = 0o644, 981173106, len(content)
            for key, value in fields.items():
                if key != "data":
                    setattr(member, key, value)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def test_sessions_find_what_was_unpacked(site: Site) -> None:
    """The example images, at the root and at a subpath, lie where the emitted volumes mount them; twice is once."""
    images = build(read(ROOT / "catalog" / "gaia-data.yaml"))
    wanted = [f"{OURS}/brick-ocean", "quay.io/pangeo/pangeo-notebook"]
    chosen = [
        site.shop.put(name, next(built for (each, _), built in sorted(images.items()) if each == name))
        for name in wanted
    ]
    files = compiled(mounting(*chosen), options(mounts="hostPath", bricks_at="/srv/bricks", prepull="chart"))
    for name in ("bricks.tsv", "unpack-bricks"):
        (site.folder / name).write_bytes(files[name])

    first = site.run()
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines() == sorted(f"unpacking: {place(each)}" for each in chosen)
    override = yaml.safe_load(files["values.yaml"])["singleuser"]["profileList"][0]["kubespawner_override"]
    for name in ("brick-ocean", "brick-notebook"):
        source = Path(override["volumes"][name]["hostPath"]["path"])
        inside = override["volume_mounts"][name].get("subPath", "")
        assert (site.at / source.relative_to("/srv/bricks") / inside / "conda-meta" / "history").is_file()

    before = {path: path.lstat() for path in site.at.rglob("*")}
    again = site.run()
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.splitlines() == sorted(f"there already: {place(each)}" for each in chosen)
    after = {path: path.lstat() for path in site.at.rglob("*")}
    assert {path: each.st_ctime_ns for path, each in before.items() if path.name[0] != "."} == {
        path: each.st_ctime_ns for path, each in after.items() if path.name[0] != "."
    }


def mounting(ocean: ImageRef, notebook: ImageRef) -> Deployment:
    """A deployment of two bricks, one of which is a directory of its image."""
    deployment = projected(example())
    profile = next(each for each in deployment.profiles if each.default)
    brick = profile.bricks[0]
    bricks = (
        replace(brick, name="notebook", image=notebook, prefix="/srv/conda/envs/notebook",
                subpath="/srv/conda/envs/notebook", choice="", release=""),
        replace(brick, name="ocean", image=ocean, prefix="/opt/bricks/ocean", subpath="/", choice="", release=""),
    )  # fmt: skip
    profile = replace(profile, bricks=bricks, offers=(), retired=(), groups=())
    return replace(deployment, profiles=(profile,), groups=())


LAYERS = (
    {
        "bin": {"type": tarfile.DIRTYPE, "mode": 0o755},
        "bin/python": {"data": "#!", "mode": 0o755},
        "bin/su": {"data": "su", "mode": 0o6755},
        "bin/ping": {
            "data": "ping",
            "mode": 0o755,
            "pax_headers": {"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x04" + "\x00" * 14},
        },
        "dev": {"type": tarfile.DIRTYPE, "mode": 0o755},
        "dev/sda": {"type": tarfile.BLKTYPE, "devmajor": 8, "devminor": 0, "mode": 0o666},
        "etc": {"type": tarfile.DIRTYPE, "mode": 0o755},
        "etc/word": {"data": "odd", "uid": 1000, "gid": 100, "mode": 0o600},
        "gone": {"data": "gone"},
        "hidden": {"type": tarfile.DIRTYPE, "mode": 0o755},
        "hidden/old": {"data": "old"},
        "closed": {"type": tarfile.DIRTYPE, "mode": 0o000},
        "closed/file": {"data": "closed", "mode": 0o000},
        "fixed": {"type": tarfile.DIRTYPE, "mode": 0o555},
        "tmp": {"type": tarfile.DIRTYPE, "mode": 0o1777},
        "tmp/shared": {"data": "shared", "mode": 0o666},
        "link": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    },
    {
        ".wh.gone": {},
        "hidden/.wh..wh..opq": {},
        "hidden/new": {"data": "new"},
        "python": {"type": tarfile.LNKTYPE, "linkname": "bin/python"},
        "fixed/more": {"data": "more"},
    },
)  # fmt: skip


def layered(monkeypatch: pytest.MonkeyPatch) -> Built:
    """An image of layers with everything that tar knows."""
    monkeypatch.setattr("tests.images.oci._tar", layer)
    return image({here(): LAYERS}, {}, {})  # type: ignore[dict-item]


@pytest.mark.parametrize("user", [0, ORDINARY], ids=["root", "ordinary"])
def test_all_may_read_and_nobody_gains_a_right(
    site: Site, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers are applied; all of it is the caller's and for everybody to read, without rights that an image gives."""
    if os.geteuid() != 0:
        if user == 0:
            pytest.skip("needs root")
        user = 0  # who runs the tests is ordinary enough
    if user:
        os.chown(site.at, user, user)
    odd = site.shop.put(f"{OURS}/odd", layered(monkeypatch))
    site.list(odd)
    done = site.run(user=user)
    assert (done.returncode, done.stderr) == (0, "")

    root = site.at / place(odd)
    found = {str(path.relative_to(root)) for path in root.rglob("*")}
    gone = {"gone", "hidden/old"}
    assert found == ({*LAYERS[0], *LAYERS[1]} - gone - {".wh.gone", "hidden/.wh..wh..opq"})
    assert os.readlink(root / "link") == "/etc/passwd"
    assert (root / "python").stat().st_ino == (root / "bin/python").stat().st_ino
    assert (root / "etc/word").read_text() == "odd"
    assert (root / "closed/file").read_text() == "closed"
    for path in (root, *root.rglob("*")):
        status = path.lstat()
        assert status.st_uid == (user or os.geteuid()), path
        if not path.is_symlink():
            assert stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode), path
            assert status.st_mode & 0o444 == 0o444, path
            assert status.st_mode & 0o6022 == 0, path
            assert "security.capability" not in os.listxattr(path), path
            assert not path.is_dir() or status.st_mode & 0o111 == 0o111, path
    assert (root / "bin/python").stat().st_mode & 0o777 == 0o755
    assert (root / "etc/word").stat().st_mode & 0o777 == 0o644
    assert (root / "bin/python").stat().st_mtime == 981173106
    assert Path("/etc/passwd").stat().st_uid == 0


@pytest.mark.parametrize("form", ["plain", "gzip", "zstd", "docker", "docker-gzip", "attested", "no-index"])
def test_every_form_of_image_is_unpacked(site: Site, form: str) -> None:
    """Of an index, the image of this machine's platform is taken; compression is no matter."""
    if "zstd" in form:
        pytest.importorskip("zstandard")
    platforms = [here()] if form == "no-index" else ["linux/amd64", "linux/arm64", "linux/s390x"]
    made = image(
        {each: {"etc/word": text(each)} for each in platforms},
        {},
        {},
        docker=form.startswith("docker"),
        index=form != "no-index",
        compression="gzip" if "gzip" in form else "zstd" if "zstd" in form else "",
        attested=form == "attested",
    )
    named = site.shop.put(f"{OURS}/{form}", made)
    site.list(named)
    done = site.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert (site.at / place(named) / "etc/word").read_text() == here()


@pytest.mark.parametrize("name", ["a b", "co:lon", "-dash", "$(reboot)", "*", "ünï"])
def test_any_directory_will_do(site: Site, name: str) -> None:
    """Whatever the directory is called, and also when it is named from where one is."""
    named = site.shop.put(f"{OURS}/one", simple("one"))
    site.list(named)
    (site.folder / name).mkdir()
    done = site.run(name)
    assert (done.returncode, done.stderr) == (0, "")
    assert (site.folder / name / place(named) / "etc/word").read_text() == "one"
    done = site.run(site.folder / name)
    assert (done.returncode, done.stdout) == (0, f"there already: {place(named)}\n")


def test_what_cannot_be_had_stops_nothing_else(site: Site) -> None:
    """An unknown digest, an unknown image and things in the way are named; the rest is unpacked, and the code is 1."""
    one, two, three, four = (site.shop.put(f"{OURS}/{each}", simple(each)) for each in ("a", "b", "c", "d"))
    wrong = replace(one, digest=f"sha256:{'0' * 64}")
    unknown = replace(one, repository=f"{OURS}/unknown")
    other_machine = site.shop.put(f"{OURS}/s390x", image({"linux/s390x": {"etc/word": text("s")}}, {}, {}))
    site.list(wrong, unknown, other_machine, one, two, three, four)
    for each in (two, three):
        (site.at / place(each)).parent.mkdir(parents=True)
    (site.at / place(two)).write_text("a file")
    (site.at / place(three)).symlink_to("nowhere")

    done = site.run()
    assert done.returncode == 1
    for each in (wrong, unknown, other_machine):
        assert f"unpack-bricks: cannot unpack {each.pinned}\n" in done.stderr
    assert "manifest unknown" in done.stderr
    assert "no image found in" in done.stderr
    for each in (two, three):
        assert f"unpack-bricks: {site.at / place(each)} is no directory, and in the way\n" in done.stderr
    assert (site.at / place(two)).read_text() == "a file"
    (site.at / place(two)).unlink()
    (site.at / place(three)).unlink()
    assert site.finished(one, four)


def test_a_full_disk(site: Site) -> None:
    """What does not fit leaves nothing behind, and what fits is unpacked."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it mounts a small file system")
    large, small = (
        site.shop.put(f"{OURS}/{name}", simple(name, size))
        for name, size in (("large", 500_000), ("small", 9))
    )
    site.list(large, small)
    check = 'mount -t tmpfs -o size=300k tmpfs "$1" && "$2" "$1"; code=$?; ls -A "$1" "$1"/*/*; exit $code'
    words = site.words()
    words["args"] = ["unshare", "--mount", "sh", "-c", check, "sh", site.at, site.script]
    done = subprocess.run(**words, capture_output=True, timeout=PATIENCE)
    if "unshare failed" in done.stderr:
        pytest.skip(f"no new namespace for mounts: {done.stderr.strip()}")
    assert done.returncode == 1
    assert "no space left on device" in done.stderr
    assert f"cannot unpack {large.pinned}" in done.stderr
    assert small.pinned not in done.stderr
    *_, listed = done.stdout.partition(f"{site.at}:\n")
    assert listed == f".unpacking.lock\nregistry.example.org\n\n{site.at}/registry.example.org/lego:\nsmall\n"


def test_wrong_usage(site: Site) -> None:
    """No directory, or one that cannot be written, is said at once; nothing is made."""
    site.list()
    (site.folder / "file").write_text("")
    for words in (["nowhere"], ["file"], [""], [site.at, site.at]):
        done = site.run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("usage: unpack-bricks DIRECTORY")
    assert not (site.folder / "nowhere").exists()
    if os.geteuid() == 0:
        os.chown(site.at, 0, 0)
        done = site.run(user=ORDINARY)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("usage: unpack-bricks DIRECTORY")
    assert not list(site.at.iterdir())


@pytest.mark.parametrize("missing", ["skopeo", "umoci", "flock"])
def test_a_missing_program_is_named(site: Site, missing: str) -> None:
    """Without its tools the script says which to install, before it touches anything."""
    site.list()
    folder = site.folder / "bin"
    folder.mkdir()
    for name in NEEDED:
        (folder / name).symlink_to(str(shutil.which(name)))
    assert site.run(path=str(folder)).returncode == 0
    (site.at / ".unpacking.lock").unlink()
    (folder / missing).unlink()
    done = site.run(path=str(folder))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"unpack-bricks: {missing} is not installed\n"
    assert not list(site.at.iterdir())


def test_the_list(site: Site) -> None:
    """An empty list is nothing to do, a missing one is an error, and the last line needs no end."""
    site.list()
    assert (site.run().returncode, site.run().stdout) == (0, "")
    (site.folder / "bricks.tsv").unlink()
    done = site.run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"unpack-bricks: there is no list beside it: {site.folder}/bricks.tsv\n"
    one = site.shop.put(f"{OURS}/one", simple("one"))
    (site.folder / "bricks.tsv").write_text(f"{one.pinned}\t{place(one)}")
    assert site.run().returncode == 0
    assert site.finished(one)


@pytest.mark.parametrize(
    ("number", "everybody", "code"),
    [(signal.SIGTERM, False, 143), (signal.SIGHUP, False, 129), (signal.SIGINT, True, 130)],
    ids=["kill", "hang up", "ctrl-c"],
)
def test_a_signal_is_heard_at_once(site: Site, number: signal.Signals, everybody: bool, code: int) -> None:
    """A run that is ended in the middle ends its programs, and leaves no part of a brick; the next one goes on."""
    one, two = (site.shop.put(f"{OURS}/{each}", simple(each)) for each in ("one", "two"))
    site.list(one)
    assert site.run().returncode == 0
    site.list(one, two)
    path, reached = site.stopping()
    running = site.start("log", path=path)
    until(reached.exists)
    assert not (site.at / place(two)).exists()
    if everybody:
        os.killpg(running.pid, number)
    else:
        running.send_signal(number)
    assert running.wait(PATIENCE) == code
    assert site.finished(one)
    until(lambda: not alive(running.pid))
    assert site.run().returncode == 0
    assert site.finished(one, two)


def test_a_signal_that_was_lost_is_sent_again(site: Site) -> None:
    """By a process that was not its program yet; here it is one that hears only the second."""
    one = site.shop.put(f"{OURS}/one", simple("one"))
    site.list(one)
    reached = site.folder / "reached"
    deaf = f"trap 'trap - TERM' TERM\n: >'{reached}'\nwhile :; do sleep 0.02; done"
    running = site.start("log", path=site.program("skopeo", deaf))
    until(reached.exists)
    running.terminate()
    assert running.wait(PATIENCE) == 143
    assert not alive(running.pid)
    assert site.finished()


def alive(group: int) -> bool:
    """Whether a process of a group runs; those that nobody has waited for do not."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _parent, of, *_ = path.read_text().rpartition(")")[2].split()
            if int(of) == group and state != "Z":
                return True
    return False


def test_after_a_kill_the_next_run_clears_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed run left, read-only directories included, is removed by the next one; others' files stay."""
    odd = site.shop.put(f"{OURS}/odd", layered(monkeypatch))
    site.list(odd)
    (site.at / ".unpacking-mine").symlink_to(site.folder)
    (site.at / ".other").mkdir()
    path, reached = site.stopping()
    running = site.start("log", path=path)
    until(reached.exists)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    until(lambda: not alive(running.pid))
    assert [each for each in site.at.glob(".unpacking-*") if not each.is_symlink()]
    assert not (site.at / place(odd)).exists()

    done = site.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert (site.at / ".unpacking-mine").is_symlink()
    assert site.script.exists()
    (site.at / ".unpacking-mine").unlink()
    (site.at / ".other").rmdir()
    assert site.finished(odd)


@pytest.mark.parametrize("killed", [False, True], ids=["two runs", "what a killed run started"])
def test_one_run_at_a_time(site: Site, killed: bool) -> None:
    """A run waits for another one, and says so; programs that a killed run left behind count as one."""
    one = site.shop.put(f"{OURS}/one", simple("one"))
    site.list(one)
    path, reached = site.stopping()
    first = site.start("first", path=path)
    until(reached.exists)
    if killed:
        first.kill()
        assert first.wait(PATIENCE) == -signal.SIGKILL
    second = site.start("second")
    waits = f"unpack-bricks: waits for another run in {site.at}\n"
    until(lambda: (site.folder / "second").read_text() == waits)
    assert list(site.at.glob(".unpacking-*"))
    assert second.poll() is None
    (site.folder / "on").touch()
    assert second.wait(PATIENCE) == 0
    assert (first.wait(PATIENCE) == 0) is not killed
    word = "unpacking" if killed else "there already"
    assert (site.folder / "second").read_text() == f"{waits}{word}: {place(one)}\n"
    assert site.finished(one)


def test_who_waits_can_be_ended(site: Site) -> None:
    """A run that waits hears a signal too, and does not touch what the other one is at."""
    one = site.shop.put(f"{OURS}/one", simple("one"))
    site.list(one)
    path, reached = site.stopping()
    first = site.start("first", path=path)
    until(reached.exists)
    second = site.start("second")
    until(lambda: (site.folder / "second").read_text())
    second.terminate()
    assert second.wait(PATIENCE) == 143
    (site.folder / "on").touch()
    assert first.wait(PATIENCE) == 0
    assert site.finished(one)


def test_without_locks(site: Site) -> None:
    """Where the file system has no locks, the script says so, leaves strange work alone, and does its own."""
    one = site.shop.put(f"{OURS}/one", simple("one"))
    site.list(one)
    (site.at / ".unpacking-strange").mkdir()
    path = site.program("flock", "echo 'flock: 9: No locks available' >&2; exit 71")
    done = site.run(path=path)
    assert done.returncode == 0
    assert "this file system has no locks" in done.stderr
    assert (site.at / place(one) / "etc/word").read_text() == "one"
    (site.at / ".unpacking-strange").rmdir()
    assert site.finished(one)


def test_without_locks_another_run_may_be_faster(site: Site) -> None:
    """A directory that another run has put there meanwhile is as good, and nothing gets into it."""
    one = site.shop.put(f"{OURS}/one", simple("one"))
    site.list(one)
    there = site.at / place(one) / "etc"
    path = site.program("umoci", f'"$REAL" "$@" && mkdir -p "{there}" && : >"{there}/theirs"')
    done = site.run(path=path)
    assert done.returncode == 0
    assert [each.name for each in (site.at / place(one)).rglob("*")] == ["etc", "theirs"]
    assert site.finished(one)
