"""A computer of a cluster, in a root folder: everything that is written there is in memory, and it has users.

A centre's node has what containers of ordinary users take: it is no chroot (the kernel refuses user namespaces there),
``/dev/fuse`` is for everybody, and there are loop devices.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from tests.e2e.engine import wait
from tests.e2e.namespace import Namespace
from tests.e2e.root import Recipe, Root, kept

USERS = {"software": 5000, "alice": 5001, "bob": 5002, "hub": 5010}
"""Name → number, of users and their groups: who installs software, two scientists, and the hub's own."""

ADD_USERS = "".join(
    f"groupadd --gid {number} {name}\n"
    f"useradd --uid {number} --gid {number} --no-create-home --home-dir /home/{name} --shell /bin/bash {name}\n"
    for name, number in USERS.items()
)
"""For the script of a recipe."""

NODE, HUB, ADDRESS = "node1", "hub.example.org", "192.0.2.1"
"""What the machine is called, as a node and by sessions that report to the hub; and where it is.

The address is of RFC 5737: with loopback addresses alone, glibc resolves no name for who asks for addresses that are
configured (AI_ADDRCONFIG), as Slurm does.
"""

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

# The lower folder stays as it is, and others may use it at the same time.
_ENTER = """\
set -eu
mount -t tmpfs tmpfs "$1/mnt"
mkdir "$1/mnt/upper" "$1/mnt/work" "$1/mnt/root"
mount -t overlay -o "lowerdir=$1,upperdir=$1/mnt/upper,workdir=$1/mnt/work" overlay "$1/mnt/root"
cd "$1/mnt/root"
mount -t proc proc proc
mount --rbind /sys sys
for place in run tmp var/tmp home; do mount -t tmpfs tmpfs "$place"; done
chmod 1777 tmp var/tmp
chmod 755 run home
mount -t tmpfs -o mode=755 tmpfs dev
device() { mknod -m "$5" "dev/$1" "$2" "$3" "$4"; }
device null c 1 3 666
device zero c 1 5 666
device full c 1 7 666
device random c 1 8 666
device urandom c 1 9 666
device tty c 5 0 666
device fuse c 10 229 666
device loop-control c 10 237 660
for number in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do device "loop$number" b 7 "$number" 660; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for number in 0 1 2; do ln -s "fd/$number" "dev/$(echo stdin stdout stderr | cut -d' ' -f$((number + 1)))"; done
pivot_root . mnt
exec chroot . umount --lazy /mnt
"""
"""A layer of memory over $1 becomes the root of the mount namespace."""

_JOB = """\
import json, os, signal, subprocess, sys
place = sys.argv[1]
words = json.load(sys.stdin)  # not in our own command line, which everybody can read
os.mkdir(place)
if os.fork():
    os._exit(0)
os.setsid()
with open(place + "/out", "wb", buffering=0) as out:
    for number in (1, 2):
        os.dup2(out.fileno(), number)
os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
for number in (signal.SIGINT, signal.SIGQUIT):  # a shell that starts us in the background ignores them
    signal.signal(number, signal.SIG_DFL)
child = subprocess.Popen(words)
def say(name, what):
    with open(place + "/new", "w") as file:
        file.write(str(what))
    os.rename(place + "/new", place + "/" + name)
say("pid", child.pid)
say("code", child.wait())
"""
"""Starts a program in a session of its own, and notes its number and how it ended; it hears every signal."""


class Job:
    """A program that was started on a machine and may run still.

    Args:
        machine: the machine.
        place: folder there with what is known of it.
    """

    def __init__(self, machine: Machine, place: str) -> None:
        self._machine = machine
        self._place = place
        wait(lambda: self._said("pid") != "", f"{place} does not start")
        self.number = int(self._said("pid"))

    def _said(self, name: str) -> str:
        return self._machine.root.run("cat", f"{self._place}/{name}", check=False).stdout

    @property
    def output(self) -> str:
        """What it has printed so far, errors too."""
        return self._said("out")

    @property
    def code(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        said = self._said("code")
        return int(said) if said else None

    def signal(self, name: str) -> None:
        """Send it a signal, and nobody else."""
        self._machine.root.run("kill", f"-{name}", str(self.number))

    def wait(self, patience: float = 180) -> int:
        """Wait until it ends, and return its exit code.

        Raises:
            AssertionError: it runs longer than so many seconds.
        """
        wait(lambda: self.code is not None, "it does not end", lambda: self.output, patience)
        code = self.code
        assert code is not None
        return code

    def says(self, text: str, patience: float = 180) -> str:
        """Wait until it has printed something; returns all that it has printed.

        Raises:
            AssertionError: it did not within so many seconds, or has ended without.
        """

        def said() -> bool:
            over = self.code is not None  # before its output is read: what it printed last is there then
            found = text in self.output
            assert found or not over, (
                f"it has ended with {self.code}, and did not say {text!r}\n{self.output}"
            )
            return found

        wait(said, f"it does not say {text!r}", lambda: self.output, patience)
        return self.output


@dataclass(frozen=True)
class Process:
    """A program that runs.

    Attributes:
        number: in the machine.
        parent: number of who started it.
        user: name of its user.
        words: program and arguments.
    """

    number: int
    parent: int
    user: str
    words: str


class Machine:
    """The computer.

    Args:
        root: its folder, entered with a network of its own.
    """

    def __init__(self, root: Root) -> None:
        self.root = root
        self._jobs = itertools.count(1)
        root.run("ip", "link", "set", "lo", "up")
        root.run("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
        names = f"{NODE} {HUB} {os.uname().nodename}"
        root.write("/etc/hosts", f"127.0.0.1 localhost\n{ADDRESS} {names}\n")
        for name in USERS:
            root.run("install", "-d", "-m", "700", "-o", name, "-g", name, f"/home/{name}")
        root.run("mkdir", "/run/jobs")

    def run(
        self,
        user: str,
        *words: str,
        env: Mapping[str, str] | None = None,
        text: str = "",
        timeout: float = 180,
        check: bool = True,
    ) -> CompletedProcess[str]:
        """Run a program as somebody, in the user's home and with nothing else in the environment.

        Args:
            user: name.
            words: program and arguments.
            env: more variables.
            text: its standard input.
            timeout: seconds until it is ended.
            check: whether another exit code than 0 is an error.

        Raises:
            RuntimeError: it failed, or took too long; says what it printed.
        """
        return self.root.run(*as_user(user, words, env), text=text, timeout=timeout, check=check)

    def sh(self, user: str, line: str, *, check: bool = True, timeout: float = 180) -> CompletedProcess[str]:
        """A line that somebody types."""
        return self.run(user, "bash", "-c", line, check=check, timeout=timeout)

    def start(self, user: str, *words: str, env: Mapping[str, str] | None = None) -> Job:
        """Start a program as somebody, without waiting for it; see ``run``."""
        place = f"/run/jobs/{next(self._jobs)}"
        self.root.run("python3", "-c", _JOB, place, text=json.dumps(as_user(user, words, env)))
        return Job(self, place)

    def bring(self, folder: Path, there: str, owner: str) -> None:
        """Copy the files of a folder of ours there; they belong to somebody then."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(folder, ".", filter=lambda each: _owned(each, USERS[owner]))
        self.root.run("mkdir", "-p", there)
        unpack = 'base64 -d | tar --extract --preserve-permissions --directory "$1"'
        self.root.run("sh", "-c", unpack, "sh", there, text=base64.b64encode(packed.getvalue()).decode())

    def processes(self, *users: str) -> list[Process]:
        """What runs, of some users or of everybody."""
        every = self.root.run("ps", "-e", "-ww", "-o", "pid=,ppid=,user:20=,args=").stdout.splitlines()
        found = (line.split(None, 3) for line in every)
        made = [Process(int(number), int(parent), user, words) for number, parent, user, words in found]
        return [each for each in made if not users or each.user in users]

    def mounts(self) -> list[str]:
        """Where something is mounted, for programs outside of containers."""
        return [line.split()[4] for line in self.root.run("cat", "/proc/self/mountinfo").stdout.splitlines()]

    def network(self) -> AbstractContextManager[None]:
        """Be there: what this thread connects to is on the machine, until the ``with`` ends."""
        return self.root.namespace.network()


def as_user(user: str, words: tuple[str, ...], env: Mapping[str, str] | None = None) -> list[str]:
    """A command as somebody runs it: in the user's home, with nothing else in the environment than ``env``."""
    home = "/root" if user == "root" else f"/home/{user}"
    variables = {"PATH": PATH, "HOME": home, "USER": user, "LOGNAME": user, "LANG": "C.UTF-8", **(env or {})}
    become = ["setpriv", "--reuid", user, "--regid", user, "--init-groups"]
    within = ["env", "-i", f"--chdir={home}", *(f"{name}={value}" for name, value in variables.items())]
    return [*become, *within, *words]


def _owned(each: tarfile.TarInfo, number: int) -> tarfile.TarInfo:
    each.uid = each.gid = number
    each.uname = each.gname = ""
    return each


@contextmanager
def entered(base: Path, recipe: Recipe) -> Iterator[Machine]:
    """A machine whose software is that of a recipe; all that it has written is gone when the ``with`` ends.

    Args:
        base: folder that keeps what takes long to make.
        recipe: of the folder; its script has ``ADD_USERS``.

    Raises:
        CannotRun: it cannot be made on this machine, or not entered.
    """
    with kept(base, recipe) as (folder, lock), Namespace(lock, network=True) as namespace:
        namespace.run(["sh", "-c", _ENTER, "sh", folder])
        yield Machine(Root(namespace, folder))
