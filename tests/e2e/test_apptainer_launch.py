"""The launcher on a real Apptainer, as root and as an ordinary user: what a session is, and what is left of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.e2e.engine import wait
from tests.e2e.hpc_centre import HpcCentre
from tests.e2e.hpc_root import configured
from tests.e2e.images import PREFIXES
from tests.e2e.machine import Job, Machine

ALL = ("-b", "hydro,pangeo")
UNUSABLE = 78


@pytest.fixture(autouse=True)
def tidy(hpc: HpcCentre) -> Iterator[None]:
    """When a test is over, no session has left anything: process, mount, or directory."""
    machine = hpc.machine
    before = sorted(machine.mounts())
    yield
    wait(lambda: not left(machine), "a session left something", lambda: str(left(machine)))
    assert sorted(machine.mounts()) == before


def left(machine: Machine) -> list[str]:
    """What there is of sessions on the machine."""
    running = [
        each.words for each in machine.processes() if re.search("apptainer|squashfuse|lego-", each.words)
    ]
    return (
        running + machine.root.run("find", "/tmp", "/var/tmp", "/dev/shm", "-name", "lego-*").stdout.split()
    )


def mounted(hpc: HpcCentre, user: str, *words: str) -> dict[str, tuple[str, str]]:
    """Where there is a file system of an image in a session → its type, and whether it is ``ro`` or ``rw``."""
    lines = hpc.launch(user, *words, "--", "cat", "/proc/self/mountinfo").stdout.splitlines()
    found = {}
    for line in lines:
        fields, (kind, *_) = line.split(" - ")[0].split(), line.split(" - ")[1].split()
        if "squash" in kind and not fields[4].startswith("/usr/"):
            found[fields[4]] = (kind, fields[5].split(",")[0])
    return found


# ── what a session is ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("user", ["alice", "root"])
@pytest.mark.parametrize(
    ("words", "bricks"),
    [
        ((), ["ocean"]),
        (ALL, ["ocean", "hydro", "pangeo"]),
        (("-b", "pangeo"), ["ocean", "pangeo"]),
        (("-c", "field"), ["hydro"]),
        (("-c", "night"), ["pangeo"]),
    ],
    ids=["default", "all picked", "one picked", "another profile", "brick of a subpath"],
)
def test_a_session_has_exactly_its_bricks(
    hpc: HpcCentre, user: str, words: tuple[str, ...], bricks: list[str]
) -> None:
    """The kernel's mount table in the session has the bricks of the choice, read-only, and no other."""
    found = mounted(hpc, user, *words)
    assert found.keys() == {PREFIXES[each] for each in bricks}
    kind = "squashfs" if user == "root" else "fuse.squashfuse_ll"
    assert set(found.values()) == {(kind, "ro")}


def test_bricks_cannot_be_written(hpc: HpcCentre) -> None:
    """Not even by root."""
    for user in ("alice", "root"):
        done = hpc.launch(user, "--", "touch", f"{PREFIXES['ocean']}/new", check=False)
        assert done.returncode == 1
        assert "Read-only file system" in done.stderr


def test_home_and_data_are_there(hpc: HpcCentre) -> None:
    """A session is in the user's own home, sees the centre's data read-only, and sees no other user's."""
    hpc.machine.sh("alice", "echo mine >notes")
    hpc.machine.sh("software", "echo warm >/scratch/era5/sst")
    line = "pwd; cat notes /data/era5/sst; id -un; echo $OCEAN_DATA; ! touch /data/era5/new; ls /home"
    said = hpc.launch("alice", "--", "sh", "-c", line)
    assert said.stdout.splitlines() == [
        "/home/alice",
        "mine",
        "warm",
        "alice",
        "/data/era5",
        "alice",
        "jovyan",
    ]
    assert "Read-only file system" in said.stderr


def test_several_sessions_at_once(hpc: HpcCentre) -> None:
    """Sessions of one user and of two do not disturb each other, and each cleans up after itself."""
    jobs = [
        hpc.machine.start(
            user, hpc.program("lego-launch"), *ALL, "--", "sh", "-c", "ls -d /opt/bricks/* && sleep 1"
        )
        for user in ("alice", "alice", "bob", "root")
    ]
    for each in jobs:
        assert each.wait() == 0, each.output
        assert each.output.split()[-2:] == [PREFIXES["hydro"], PREFIXES["ocean"]]


# ── how it ends ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "code"),
    [(("true",), 0), (("sh", "-c", "exit 7"), 7), (("sh", "-c", "kill -KILL $$"), 137), (("no-such",), 127)],
    ids=["success", "failure", "killed", "no command"],
)
def test_the_exit_code_is_that_of_the_command(hpc: HpcCentre, command: tuple[str, ...], code: int) -> None:
    """Whatever it was."""
    assert hpc.launch("alice", *ALL, "--", *command, check=False).returncode == code


def waiting(hpc: HpcCentre, trap: str = "") -> Job:
    """A session that waits for a signal, with a trap of bash or without."""
    line = f"{trap} echo ready; sleep 300 & wait" if trap else "echo ready; exec sleep 300"
    job = hpc.machine.start("alice", hpc.program("lego-launch"), *ALL, "--", "bash", "-c", line)
    job.says("ready")
    return job


@pytest.mark.parametrize(("signal", "code"), [("TERM", 143), ("INT", 130), ("HUP", 129), ("USR1", 138)])
def test_a_signal_reaches_the_command(hpc: HpcCentre, signal: str, code: int) -> None:
    """A command that handles it ends as it likes; another one is ended by it. A scheduler sends it to us alone."""
    job = waiting(hpc, f"trap 'echo caught; kill $!; exit 9' {signal};")
    job.signal(signal)
    assert (job.wait(), "caught" in job.output) == (9, True)
    job = waiting(hpc)
    job.signal(signal)
    assert job.wait() == code


def test_a_launcher_that_is_killed(hpc: HpcCentre) -> None:
    """The session ends with it, and the next one on the node removes its directory."""
    machine = hpc.machine
    job = waiting(hpc)
    job.signal("KILL")
    wait(
        lambda: not [each for each in machine.processes("alice") if "sleep 300" in each.words],
        "the session goes on",
        lambda: str(machine.processes("alice")),
    )
    wait(lambda: not machine.processes("alice"), "something runs", lambda: str(machine.processes("alice")))
    assert len(left(machine)) == 1
    assert hpc.launch("bob", "--", "true").returncode == 0
    assert len(left(machine)) == 1  # not the business of others
    assert hpc.launch("alice", "--", "true").returncode == 0
    assert left(machine) == []


# ── what is hostile or broken ─────────────────────────────────────────────────────────────────────────


def test_nothing_of_the_caller_gets_in(hpc: HpcCentre) -> None:
    """Variables that steer the runtime, the loader, Python or conda do nothing; bricks are where they should be."""
    hpc.machine.sh("alice", "mkdir -p evil && echo 'raise SystemExit(66)' >evil/sitecustomize.py")
    hostile = {
        "APPTAINER_BIND": f"/home/alice/evil:{PREFIXES['ocean']}",
        "SINGULARITY_BIND": f"/home/alice/evil:{PREFIXES['ocean']}",
        "APPTAINER_BINDPATH": f"/home/alice/evil:{PREFIXES['ocean']}", "APPTAINER_NO_MOUNT": "home,tmp",
        "APPTAINER_MOUNT": f"type=bind,src=/home/alice/evil,dst={PREFIXES['ocean']}",
        "APPTAINERENV_PATH": "/home/alice/evil", "APPTAINERENV_LD_PRELOAD": "/home/alice/evil/x.so",
        "SINGULARITYENV_EVIL": "1", "APPTAINER_CONTAINALL": "1", "APPTAINER_WRITABLE": "1", "EVIL": "1",
        "LD_PRELOAD": "/home/alice/evil/x.so", "LD_LIBRARY_PATH": "/home/alice/evil",
        "PYTHONPATH": "/home/alice/evil", "PYTHONHOME": "/home/alice/evil", "PYTHONSTARTUP": "/home/alice/evil/x.py",
        "CONDA_PREFIX": "/home/alice/evil", "CONDA_ENVS_PATH": "/home/alice/evil", "BASH_ENV": "/home/alice/evil/x.sh",
        "ENV": "/home/alice/evil/x.sh", "JUPYTER_PATH": "/home/alice/evil", "JUPYTER_CONFIG_DIR": "/home/alice/evil",
    }  # fmt: skip
    look = "import os, sys; print(sys.prefix); print('\\n'.join(f'{n}={v}' for n, v in os.environ.items()))"
    done = hpc.launch("alice", *ALL, "--", f"{PREFIXES['ocean']}/bin/python", "-c", look, env=hostile)
    prefix, *variables = done.stdout.splitlines()
    assert prefix == PREFIXES["ocean"]
    allowed = ("PROMPT_COMMAND=", "APPTAINER_BIND=", "SINGULARITY_BIND=")  # what the runtime says of itself
    assert [each for each in variables if "evil" in each.lower() and not each.startswith(allowed)] == []
    assert mounted(
        hpc,
        "alice",
        *ALL,
    ).keys() == set(PREFIXES.values())


def test_words_and_values_stay_what_they_are(hpc: HpcCentre) -> None:
    """No shell on the way looks into arguments and values."""
    odd = ["$(id)", "a b", "'", '"', "\\", "`id`", "*", "", "line\nbreak", "--", "-c", "é☃"]
    done = hpc.launch(
        "alice", "--", "sh", "-c", 'printf "%s|" "$@" "$JUPYTERHUB_USER"', "sh", *odd,
        env={"JUPYTERHUB_USER": "$(id) `id` \"'"},
    )  # fmt: skip
    assert done.stdout.split("|")[:-1] == [*odd, "$(id) `id` \"'"]


def test_a_site_that_forbids_binds(hpc: HpcCentre) -> None:
    """Apptainer only warns, and would start a Lab without kernels; the guard ends it, and names the brick."""
    with configured(hpc.machine, "user bind control", "no"):
        done = hpc.launch("alice", *ALL, "--", "true", check=False)
    assert done.returncode == UNUSABLE
    assert re.search(r"lego: brick (ocean|hydro|pangeo) is not at /", done.stderr), done.stderr


def test_a_node_without_fuse(hpc: HpcCentre) -> None:
    """There the bricks of an ordinary user cannot be mounted: no session, and the runtime says why."""
    hpc.machine.root.run("mv", "/dev/fuse", "/dev/no-fuse")
    try:
        done = hpc.launch("alice", "--", "true", check=False)
        assert done.returncode != 0
        assert "fuse" in done.stderr
        assert hpc.launch("root", "--", "true").returncode == 0  # mounts with the kernel's own
    finally:
        hpc.machine.root.run("mv", "/dev/no-fuse", "/dev/fuse")


def test_temporary_directories_that_are_of_no_use(hpc: HpcCentre) -> None:
    """A TMPDIR that cannot be written, or is not there, is not the one of the session."""
    machine = hpc.machine
    machine.sh("root", "mkdir -p /run/fixed && mount -t tmpfs -o ro tmpfs /run/fixed")
    try:
        for place in ("/run/fixed", "/no/where", "relative", ""):
            done = hpc.launch("alice", "--", "true", env={"TMPDIR": place}, check=False)
            assert done.returncode == 0, done.stderr
    finally:
        machine.root.run("umount", "/run/fixed")


def test_a_brick_that_is_damaged(hpc: HpcCentre) -> None:
    """A file of the right length that holds no file system ends the session; nobody gets a Lab without the brick."""
    machine = hpc.machine
    (image,) = (each["image"] for each in hpc.data()["profiles"][1]["bricks"])
    name = machine.sh("root", f"ls {hpc.store}/*{image.rpartition(':')[2]}*").stdout.strip()
    # Sessions that run have the old file still.
    machine.sh(
        "root",
        f"mv {name} {name}.kept && truncate --size=$(stat -c %s {name}.kept) {name} && chmod 444 {name}",
    )
    try:
        done = hpc.launch("alice", "-c", "field", "--", "true", check=False)
        assert done.returncode != 0
        assert hpc.launch("alice", "--", "true").returncode == 0
    finally:
        machine.sh("root", f"mv -f {name}.kept {name}")
