"""Sessions as jobs of the real OAR: what it prints, what becomes of a job's variables, how a job ends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.e2e.conftest import BASE, judged
from tests.e2e.engine import wait
from tests.e2e.machine import entered
from tests.e2e.namespace import CannotRun
from tests.e2e.oar import OVER, Oar, number_of, running
from tests.e2e.oar_root import OAR
from tests.strategies import example
from tests.targets.apptainer import samples

RECORDED = Path(__file__).parents[1] / "conformance" / "oar"
ROOT = "/opt/lego/grenoble"
TOKEN = "t0ken-0f-alice"
FORCED = ("toLaunch", "Launching", "Suspended", "Resuming", "Finishing", "toError", "toAckReservation")
"""States that last for an instant, or need what is off here: the database is made to say so, and OAR is asked."""


@pytest.fixture(scope="module")
def oar(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oar]:
    """A cluster with OAR, where the files of a centre are installed."""
    try:
        with entered(BASE, OAR) as machine, running(machine) as made:
            judged(request, made.version())
            chosen = samples.options(oar=samples.oar(), hub=samples.hub())
            folder = samples.install(tmp_path_factory.mktemp("oar"), samples.projected(example()), chosen)
            folder.chmod(0o755)
            machine.bring(folder, ROOT, "software")
            machine.root.run("chmod", "755", *(f"/home/{user}" for user in ("alice", "bob")))
            yield made
    except CannotRun as missing:
        pytest.skip(str(missing))


def put(oar: Oar, user: str, name: str, text: str) -> str:
    """Write a script of somebody's, and return its path."""
    oar.machine.run(user, "tee", name, text=text)
    oar.machine.run(user, "chmod", "700", name)
    return f"/home/{user}/{name}"


JOB = """\
#!/bin/bash
#OAR -n {name}
#OAR -l {resources},walltime={time}
#OAR -O /home/alice/{name}.log
#OAR -E /home/alice/{name}.log
{body}
"""


def job(
    name: str, body: str = "exec sleep 600", *, resources: str = "/nodes=1/core=1", time: str = "0:10:00"
) -> str:
    """A script with directives."""
    return JOB.format(name=name, resources=resources, time=time, body=body)


# ── what OAR prints ───────────────────────────────────────────────────────────────────────────────────


def neutral(text: str) -> str:
    """What OAR prints, without what differs from day to day: numbers, times, and what the scheduler thinks of it."""
    text = re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}", "2026-11-27 12:00:00", text)
    text = re.sub(r"(?m)^(Job_Id: |    job_array_id = )[0-9]+$", r"\g<1>7", text)
    text = re.sub(r"(?m)^(    assigned_resources = ).*", r"\g<1>1", text)
    text = re.sub(r"(?m)^(    message = ).*", r"\g<1>R=1,W=0:10:0,J=B", text)
    text = re.sub(r"(?m)^(    walltime = ).*", r"\g<1>0:10:0", text)  # said when it was first looked at
    text = re.sub(r"(?m)^(    scheduledStart = ).*", r"\g<1>no prediction", text)
    return re.sub(r"(?s)(\n    events = ).*", r"\g<1>\n", text)


def compare(name: str, said: str, accept: bool) -> None:
    """Compare what OAR prints with what was recorded, which tests read that have no OAR."""
    file = RECORDED / f"{name}.txt"
    if accept:
        file.write_text(neutral(said))
    assert file.read_text() == neutral(said)


def test_the_recordings_are_what_oar_prints(oar: Oar, accept: bool) -> None:
    """For a job in every state; the hub's tests without OAR are about these texts."""
    number = oar.submit("alice", put(oar, "alice", "session", job("session")))
    oar.wait(number, "Running")
    compare("Running", oar.show(number), accept)
    with oar.without("server"):  # it would act on them
        for state in FORCED:
            oar.set_state(number, state)
            said = oar.show(number)
            assert f"    state = {state}\n" in said
            compare(state, said, accept)
        oar.set_state(number, "Running")
    assert not oar.delete("alice", number).returncode
    oar.wait(number, *OVER)
    compare("Error", oar.show(number), accept)

    number = oar.submit("alice", put(oar, "alice", "short", job("short", "exit 3")))
    oar.wait(number, "Terminated")
    compare("Terminated", oar.show(number), accept)

    wide = put(oar, "alice", "wide", job("wide", resources="/nodes=2"))
    number = oar.submit("alice", wide)
    oar.wait(number, "Running")
    compare("several-nodes", oar.show(number), accept)
    queued = oar.submit("alice", wide)
    assert "Waiting" == oar.state(queued)
    compare("Waiting", oar.show(queued), accept)
    oar.machine.run("alice", "oarhold", queued)
    oar.wait(queued, "Hold")
    compare("Hold", oar.show(queued), accept)
    for each in (queued, number):
        oar.delete("alice", each)
        oar.wait(each, *OVER)
    assert "" == oar.show("99999")


# ── what becomes of the hub's variables ───────────────────────────────────────────────────────────────

HOSTILE = {
    "JUPYTERHUB_API_TOKEN": TOKEN,
    "QUOTES": """it's "so" `id` $(touch /tmp/evaluated) ${HOME} \\ \\' !!""",
    "LINES": "first\n#OAR -t besteffort\n#OAR -n evil\n\nlast\t\r\x07\x1b",
    "ACCENTS": "é€😀",
    "EMPTY": "",
    "JSON": '{"a": [1, "b\'c"]}',
    "LONG": "x" * 3000,
}
NAMES = ",".join([*HOSTILE, "NOT_THERE", "1BAD", "A B", "$(id)"])
SEEN = """\
import json, os
umask = os.umask(0o077)
with open("/home/alice/seen.new", "w") as file:
    json.dump({"environment": dict(os.environ), "folder": os.getcwd(), "left": os.listdir("/home/alice/.lego/jobs"),
               "umask": umask}, file)
os.rename("/home/alice/seen.new", "/home/alice/seen")
"""


BECOME = """\
import json, os, sys
os.environ.update(json.load(open("/run/hub.json")))
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Variables on the command line of a test would be seen there."""


def as_the_hub(oar: Oar, script: str, names: str = NAMES, check: bool = True) -> CompletedProcess[str]:
    """Submit a script of alice's as the hub does."""
    private = "umask 077; cat >/run/hub.json"
    oar.machine.run("root", "sh", "-c", private, text=json.dumps({**HOSTILE, "SECRET": TOKEN}))
    words = ("sudo", "-E", "-u", "alice", f"{ROOT}/bin/lego-oarsub", names)
    return oar.machine.run("root", "python3", "-c", BECOME, *words, text=script, check=check)


def scripts(oar: Oar) -> list[str]:
    """What is in alice's folder of scripts, as ``find`` shows it."""
    words = ("find", "/home/alice/.lego/jobs", "-printf", "%M %u %g %p\\n")
    return sorted(oar.machine.root.run(*words, check=False).stdout.splitlines())


PRIVATE = "drwx------ alice alice /home/alice/.lego/jobs"


def test_a_job_has_its_variables_and_nobody_else(oar: Oar) -> None:
    """What is in them arrives as it is; neither the process table, nor OAR and its database, nor a file shows it."""
    machine = oar.machine
    machine.root.run("touch", "/run/before")
    machine.run("bob", "sh", "-c", "umask 077; cat >pattern", text=f"{TOKEN}\n")
    looks = "while [ ! -e /run/seen ]; do ps -e -ww -o args=; done | grep -F -f pattern"
    watch = machine.start("bob", "sh", "-c", looks)
    machine.run("alice", "tee", "seen.py", text=SEEN)
    body = "python3 /home/alice/seen.py\nexec sleep 600"
    number = number_of(as_the_hub(oar, job("variables", body)))
    oar.wait(number, "Running")
    wait(
        lambda: not machine.root.run("test", "-e", "/home/alice/seen", check=False).returncode,
        "it saw nothing",
    )
    seen = json.loads(machine.root.run("cat", "/home/alice/seen").stdout)
    assert HOSTILE == {name: seen["environment"].get(name) for name in HOSTILE}
    assert not {"NOT_THERE", "SECRET", "1BAD", "A B"} & seen["environment"].keys()
    assert ("/home/alice", [], 0o022) == (seen["folder"], seen["left"], seen["umask"])
    assert "variables" == oar.facts(number)["name"]
    assert "" == oar.facts(number)["types"]
    assert [PRIVATE] == scripts(oar)

    assert TOKEN not in oar.show(number, "bob") + oar.show(number, "alice")
    assert TOKEN not in machine.run("bob", "oarstat", "-J", "-f", "-j", number).stdout
    dump = machine.root.run("sudo", "-u", "postgres", "pg_dump", "oar").stdout
    assert "/home/alice/.lego/jobs/job-" in dump
    assert TOKEN not in dump
    new = "find / -xdev -newer /run/before -type f -readable -not -path '/proc/*' -print0 2>/dev/null"
    places = (
        "find /home /run /tmp /var /etc /dev/shm -newer /run/before -type f -readable -print0 2>/dev/null"
    )
    found = machine.sh("bob", f"{{ {new}; {places}; }} | xargs -0 grep -laF -f pattern; true").stdout
    assert "/home/bob/pattern" in found
    assert {"/home/bob/pattern"} == set(found.split())
    assert machine.root.run("test", "-e", "/tmp/evaluated", check=False).returncode
    machine.root.run("touch", "/run/seen")
    watch.wait()
    assert "" == watch.output
    oar.delete("alice", number)
    oar.wait(number, *OVER)


def test_a_script_that_waits_is_for_its_user_alone(oar: Oar) -> None:
    """Also when the folder was open to others before; what is left of jobs that never ran is removed some day."""
    machine = oar.machine
    machine.sh("alice", "mkdir -p .lego/jobs; chmod 777 .lego .lego/jobs; touch .lego/jobs/mine")
    machine.sh("alice", "cd .lego/jobs; echo x >job-old; touch -d '2 days ago' job-old; echo x >job-new")
    with oar.without("server"):
        done = as_the_hub(oar, job("unheard"), check=False)
        assert (1, "") == (done.returncode, done.stdout)
        assert (
            "lego: OAR refused the job: cannot connect to executor frontend:6666. Job is killed.\n"
            == done.stderr
        )
    mine, new = (f"-rw-r--r-- alice alice /home/alice/.lego/jobs/{name}" for name in ("mine", "job-new"))
    assert sorted([PRIVATE, mine, new]) == scripts(oar)
    assert (
        "drwx------\n"
        == machine.root.run("find", "/home/alice/.lego", "-maxdepth", "0", "-printf", "%M\\n").stdout
    )
    machine.root.run("rm", "/home/alice/.lego/jobs/mine", "/home/alice/.lego/jobs/job-new")

    full = oar.submit("alice", put(oar, "alice", "full", job("full", resources="/nodes=2")))
    oar.wait(full, "Running")
    number = number_of(as_the_hub(oar, job("waits")))
    (script, folder) = scripts(oar)
    assert PRIVATE == folder
    assert re.fullmatch(r"-rwx------ alice alice /home/alice/\.lego/jobs/job-[a-z0-9_]+", script)
    assert machine.run("bob", "cat", script.split()[-1], check=False).returncode
    assert TOKEN in machine.run("alice", "cat", script.split()[-1]).stdout
    for each in (number, full):
        oar.delete("alice", each)
        oar.wait(each, *OVER)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("-q nosuch", "queue 'nosuch' does not exist"),
        ("-t nosuch", "unknown job type: nosuch"),
        ("-p nosuch = 1", 'Bad resource request (ERROR:  column "nosuch" does not exist'),
        ("-l /nodes=1/core=99", "There are not enough resources for your request"),
        ("-l /nodes=one", "cannot recognize the resource description: nodes=one"),
        ("--nosuch", "[ERROR] 1 error(s) encountered while parsing the file"),
    ],
)
def test_a_refusal_says_why_and_leaves_nothing(oar: Oar, change: str, reason: str) -> None:
    """On one line, which the hub shows to the user."""
    oar.machine.root.run("rm", "-rf", "/home/alice/.lego")
    done = as_the_hub(oar, f"#!/bin/bash\n#OAR {change}\nexec true\n", check=False)
    assert (1, "") == (done.returncode, done.stdout)
    (line,) = done.stderr.splitlines()
    assert line.startswith("lego: OAR refused the job: ")
    assert reason in line
    assert [PRIVATE] == scripts(oar)


@pytest.mark.parametrize(
    ("script", "names", "reason"),
    [
        ("", NAMES, "a script begins with #!"),
        ("true\n", NAMES, "a script begins with #!"),
        ("#!/bin/sh\n", "", ""),
    ],
)
def test_what_is_no_script_is_not_submitted(oar: Oar, script: str, names: str, reason: str) -> None:
    """Nor is what would run with the variables of somebody else."""
    done = as_the_hub(oar, script, names, check=False)
    assert reason in done.stderr
    assert (0 if not reason else 1) == done.returncode


# ── how a job ends ────────────────────────────────────────────────────────────────────────────────────

LAUNCHER = """\
import pathlib, signal, subprocess, sys
place = pathlib.Path("/tmp/lego-" + sys.argv[1])
place.mkdir()
child = subprocess.Popen(["sleep", "600"])
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
print("started", flush=True)
child.wait()
place.rmdir()
"""
"""What has a directory on the node and removes it, as the launcher does."""


@pytest.mark.parametrize("how", ["oardel", "oardel -s TERM", "walltime"])
def test_only_who_is_asked_cleans_up(oar: Oar, how: str) -> None:
    """oardel kills at once: the hub asks with a signal before, and OAR itself before the end of the walltime."""
    name = re.sub("[^a-z]", "", how.lower())
    oar.machine.run("alice", "tee", "launcher.py", text=LAUNCHER)
    # The time begins when OAR decides that the job may run: until 15 seconds before its end it has to listen.
    time_limit = "0:01:00" if how == "walltime" else "0:10:00"
    body = f"#OAR --checkpoint 15\n#OAR --signal 15\nexec python3 launcher.py {name}"
    number = number_of(as_the_hub(oar, job(name, body, time=time_limit)))
    oar.wait(number, "Running")
    log = f"/home/alice/{name}.log"
    wait(lambda: "started" in oar.machine.root.run("cat", log, check=False).stdout, "it does not start")
    place = f"/tmp/lego-{name}"
    assert not oar.machine.root.run("test", "-d", place).returncode
    if how != "walltime":
        assert oar.delete("bob", *how.split()[1:], number).returncode
        assert "Running" == oar.state(number)
        assert not oar.delete("alice", *how.split()[1:], number).returncode
    state = oar.wait(number, *OVER, patience=240)
    left = not oar.machine.root.run("test", "-d", place, check=False).returncode
    assert ("Error", True) == (state, left) if how == "oardel" else ("Terminated", False) == (state, left)
    assert not [each for each in oar.machine.processes("alice") if "launcher.py" in each.words]


def test_what_the_server_did_not_hear_is_heard_when_it_is_said_again(oar: Oar) -> None:
    """A job that is deleted while the server is away runs on, when it is back too; so the hub says it again."""
    number = oar.submit("alice", put(oar, "alice", "deaf", job("deaf")))
    oar.wait(number, "Running")
    with oar.without("server"):
        unheard = oar.delete("alice", number)
    assert (2, "Could not connect to the socket frontend:6666\n") == (unheard.returncode, unheard.stderr)
    assert "Running" == oar.state(number)
    again = oar.delete("alice", number)
    assert (6, f"Cannot frag {number} ; This job was already killed.\n") == (again.returncode, again.stderr)
    oar.wait(number, *OVER)
