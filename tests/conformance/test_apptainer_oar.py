"""The spawner of OAR, for which batchspawner has none, judged by what the real OAR printed and by real shells.

What is in ``oar/`` was printed by OAR 2.6.1; tests/e2e compares it with a real one.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lego_compile.ir.model import Limits
from tests.conformance.apptainer_hub import load, need, recorded, refused, reporting, spawner
from tests.conformance.test_apptainer import check_shell
from tests.strategies import choices, example, spelled
from tests.targets.apptainer.samples import hub, install, oar, options, projected

need("batchspawner")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RECORDED = Path(__file__).parent / "oar"
STATES = sorted(file.stem for file in RECORDED.glob("*.txt"))
PENDING = {"Waiting", "Hold", "toLaunch", "toAckReservation", "Launching", "Suspended", "Resuming"}
RUNNING = {"Running", "several-nodes"}
OVER = {"Terminated", "Error", "Finishing", "toError"}

DEPLOYMENT = projected(example())
SUBMITTED = """\
[ADMISSION RULE] Modify resource description with type constraints
[ADMISSION RULE] yesterday: OAR_JOB_ID=1
OAR_JOB_ID=42
"""
KILLED = "Deleting the job = 7 ...ERROR.\nCannot frag 7 ; This job was already killed."
NO_DATABASE = (
    "DBI connect('database=oar;host=127.0.0.1;port=5432','oar_ro',...) failed: connection to server at "
    '"127.0.0.1", port 5432 failed: Connection refused\nDB connection error, exiting.'
)
UNKNOWN_JOB = ""  # with exit code 0


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """JupyterHub of the example, with OAR."""
    return load(install(tmp_path_factory.mktemp("hub"), DEPLOYMENT, options(oar=oar(), hub=hub())))


def printed(state: str) -> str:
    """What OAR prints of a job in a state, as batchspawner takes it."""
    return (RECORDED / f"{state}.txt").read_text().strip()


class Cluster:
    """Stands in for the commands: each takes the next of its answers, and stays with the last.

    Args:
        made: the spawner whose commands these are.
        answers: program, and the word after ``-s`` for ``oardel``, → what it prints; an error is raised.
    """

    def __init__(self, made: Any, **answers: list[str | Exception]) -> None:
        self.answers = {"lego_oarsub": [SUBMITTED], "oardel": [""], "oardel_TERM": [""], **answers}
        self.commands: list[str] = []
        self.scripts: list[tuple[str, Mapping[str, str]]] = []
        made.run_command = self.run
        made.startup_poll_interval = 0.001

    async def run(self, command: str, input: str | None = None, env: Mapping[str, str] | None = None) -> str:
        """Answer."""
        prefix, words = shlex.split(command)[:4], shlex.split(command)[4:]
        assert ["sudo", "-E", "-u", "ada"] == prefix
        name = os.path.basename(words[0]).replace("-", "_")
        name += "_TERM" if words[1:3] == ["-s", "TERM"] else ""
        self.commands.append(" ".join(words))
        if input is not None:
            self.scripts.append((input, env or {}))
        answers = self.answers[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def submitted(app: Any, chosen: Any) -> tuple[str, str, Mapping[str, str]]:
    """The command, the script and the environment with which a session is asked for."""
    made = spawner(app)
    made.user_options = chosen
    cluster = Cluster(made, oarstat=[printed("Running")])
    assert ("node1", 40000) == asyncio.run(made.start())
    ((script, environment),) = cluster.scripts
    return cluster.commands[0], script, environment


def scanned(script: str) -> dict[str, list[str]]:
    """The directives of a script as ``oarsub -S`` finds them (OAR::Sub::scan_script of OAR 2.6.1)."""
    first, *lines = script.splitlines()
    assert first.startswith("#")
    found: dict[str, list[str]] = {}
    for line in lines:
        if re.match(r"#OAR\s", line):
            said = re.fullmatch(
                r"#OAR\s+(-[lqptdnOE]|--project|(?:--checkpoint|--signal)(?=\s*\d+\s*$))\s*(.+?)\s*", line
            )
            assert said is not None, line
            found.setdefault(said[1], []).append(said[2])
    return found


# ── what OAR prints ───────────────────────────────────────────────────────────────────────────────────


def test_every_state_was_recorded() -> None:
    """Those of OAR's database (its type of ``jobs.state``), and a job of several nodes."""
    assert STATES == sorted(PENDING | RUNNING | OVER)


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_what_it_means_for_a_session(app: Any, state: str) -> None:
    """It waits, or runs on a node, or it is over; and nothing else of what OAR prints is taken for it."""
    from batchspawner.batchspawner import JobStatus

    made = spawner(app)
    made.job_id = "7"
    Cluster(made, oarstat=[printed(state)])
    wanted = JobStatus.NOTFOUND
    wanted = JobStatus.PENDING if state in PENDING else JobStatus.RUNNING if state in RUNNING else wanted
    assert wanted is asyncio.run(made.query_job_status())
    if state in RUNNING:
        assert "node1" == made.state_gethost()
    assert (None if state in PENDING | RUNNING else 1) == asyncio.run(made.poll())


def test_a_job_that_oar_forgot_is_over(app: Any) -> None:
    """It says nothing of it, and no error."""
    made = spawner(app)
    made.job_id = "7"
    Cluster(made, oarstat=[UNKNOWN_JOB])
    assert 1 == asyncio.run(made.poll())


@pytest.mark.parametrize("error", [NO_DATABASE, "sudo: a terminal is required", "state = Terminated"])
def test_without_an_answer_nothing_is_known(app: Any, error: str) -> None:
    """A session is not forgotten because the database of OAR is away for a moment."""
    made = spawner(app)
    made.job_id = "7"
    Cluster(made, oarstat=[RuntimeError(error)])
    assert asyncio.run(made.poll()) is None
    assert "7" == made.job_id


def test_the_state_of_a_job_is_no_text_of_its_user(app: Any) -> None:
    """Names and commands are the user's words; only OAR's own line counts."""
    made = spawner(app)
    made.job_id = "7"
    text = printed("Terminated").replace("name = short", "name = state = Running")
    Cluster(
        made, oarstat=[text.replace("/home/alice/short", "    state = Running    assigned_hostnames = evil")]
    )
    assert 1 == asyncio.run(made.poll())


# ── what is asked ─────────────────────────────────────────────────────────────────────────────────────


def test_every_profile_gets_its_resources(app: Any) -> None:
    """Cores or GPUs of one node; what the centre says of one profile counts for it only."""
    log = "/home/ada/.jupyterhub-%jobid%.log"
    common = {"-O": [log], "-E": [log], "-q": ["default"], "--checkpoint": ["60"], "--signal": ["15"]}
    wanted = {
        "ocean": {"-l": ["/nodes=1/core=4,walltime=08:00:00"]},
        "field": {"-l": ["/nodes=1/core=4,walltime=08:00:00"]},
        "deep": {"-l": ["/nodes=1/gpu=2,walltime=02:00:00"], "-p": ["gpumodel='A100'"], "-t": ["devel"]},
    }
    for slug, own in wanted.items():
        _, script, _ = submitted(app, {"profile": slug})
        assert {**common, "-n": [f"jupyter-{slug}"], **own} == scanned(script)


@pytest.mark.parametrize(
    ("changes", "directive", "values"),
    [
        ({"exclusive": True}, "-l", ["/nodes=1,walltime=08:00:00"]),
        ({"project": "gaia"}, "--project", ["gaia"]),
        ({"types": ["container=42", "devel"]}, "-t", ["container=42", "devel"]),
        ({"properties": "cluster='dahu' AND n_cores >= 16"}, "-p", ["cluster='dahu' AND n_cores >= 16"]),
        ({"queue": None}, "-q", None),
        ({"time": "00:20:00"}, "-l", ["/nodes=1/core=4,walltime=00:20:00"]),
    ],
)
def test_what_the_centre_says_is_asked(
    tmp_path: Path, changes: dict[str, Any], directive: str, values: list[str] | None
) -> None:
    """As it stands, and what is unsaid is left to the cluster."""
    made = load(install(tmp_path, DEPLOYMENT, options(oar=oar(profiles={}, **changes), hub=hub())))
    assert values == scanned(submitted(made, {})[1]).get(directive)


@pytest.mark.parametrize(("cpu", "cores"), [(None, 1), (1, 1), (1000, 1), (1001, 2), (8500, 9)])
def test_cores_are_whole(tmp_path: Path, cpu: int | None, cores: int) -> None:
    """A part of a core is one; a profile that says nothing has one."""
    ocean = replace(DEPLOYMENT.profiles[0], limits=Limits(cpu=cpu))
    root = install(tmp_path, replace(DEPLOYMENT, profiles=(ocean,)), options(oar=oar(profiles={}), hub=hub()))
    assert [f"/nodes=1/core={cores},walltime=08:00:00"] == scanned(submitted(load(root), {})[1])["-l"]


def test_every_choice_starts_the_composition(app: Any) -> None:
    """For every profile and all ticked bricks, the job runs the launcher with exactly them; shellcheck is content."""
    for profile in DEPLOYMENT.profiles:
        for ticked in choices(profile):
            words = list(map(spelled, ticked))
            _, script, _ = submitted(app, {"profile": profile.slug, "bricks": words})
            expected = ["exec", "/opt/lego/grenoble/bin/lego-launch", "-c", profile.slug]
            expected += ["-b", ",".join(words)] if words else []
            expected += ["--", *reporting(profile)]
            assert expected == shlex.split(script.splitlines()[-1])
            assert "" == check_shell(script, "bash")


@pytest.mark.parametrize(
    "attack", [{"cmd": "id"}, {"properties": "1=1"}, {"resources": "/nodes=9"}, ["ocean"], None]
)
def test_an_attack_is_refused(app: Any, attack: Any) -> None:
    """As with Slurm: options are a profile and bricks."""
    assert 400 == refused(spawner(app), attack)


def test_the_token_is_in_the_environment_alone(app: Any) -> None:
    """Names of variables are on the command line, and only what is a name; values are for who runs the command."""
    app.config.LegoOarSpawner.environment = {"A;id": "x", "$(id)": "x", "PATH": "/hub/bin", "MY_1": "x"}
    try:
        command, script, environment = submitted(app, {})
    finally:
        del app.config.LegoOarSpawner.environment
    program, names = shlex.split(command)
    assert "/opt/lego/grenoble/bin/lego-oarsub" == program
    assert {"JUPYTERHUB_API_TOKEN", "MY_1", "MEM_LIMIT", "CPU_LIMIT"} <= set(names.split(","))
    assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) for name in names.split(","))
    assert "PATH" not in names.split(",")
    token = environment["JUPYTERHUB_API_TOKEN"]
    assert token
    assert token not in command + script


def test_the_number_of_the_job_has_a_line_of_its_own(app: Any) -> None:
    """Admission rules of the site print what they like before."""
    made = spawner(app)
    assert "42" == made.parse_job_id(SUBMITTED)
    assert "" == made.parse_job_id("# There are not enough resources for your request\n")


def test_a_refusal_reaches_the_user(app: Any) -> None:
    """The line of lego-oarsub, as an error that JupyterHub shows."""
    from tornado.web import HTTPError

    made = spawner(app)
    made.user_options = {}
    Cluster(made, lego_oarsub=[RuntimeError("lego: OAR refused the job: queue 'x' does not exist")])
    with pytest.raises(HTTPError) as caught:
        asyncio.run(made.start())
    assert "queue 'x' does not exist" in caught.value.jupyterhub_message


def test_the_list_of_wrapspawner_starts_jobs_of_oar(tmp_path: Path) -> None:
    """Its profiles are sessions of this spawner."""
    need("wrapspawner")
    chosen = options(oar=oar(), hub=hub(spawner="wrapspawner"))
    made = spawner(load(install(tmp_path, DEPLOYMENT, chosen)))
    construct, clusters = made.construct_child, []

    def construct_child() -> Any:
        new = made.child_spawner is None
        child = construct()
        if new:
            recorded(child, [])
            clusters.append(Cluster(child, oarstat=[printed("Running")]))
        return child

    made.construct_child = construct_child
    made.user_options = {"profile": "deep"}
    assert ("node1", 40000) == asyncio.run(made.start())
    ((script, _),) = clusters[0].scripts
    assert ["jupyter-deep"] == scanned(script)["-n"]


# ── how it ends ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sleeps."""
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _seconds, *_: sleep(0))


@pytest.mark.parametrize(
    ("answers", "commands"),
    [
        ({"oarstat": [printed("Running"), printed("Finishing")]}, ["oardel -s TERM 7"]),
        ({"oarstat": [printed("Running"), RuntimeError(NO_DATABASE), ""]}, ["oardel -s TERM 7"]),
        ({"oarstat": [printed("Waiting"), printed("Error")]}, ["oardel 7"]),
        ({"oarstat": [printed("Running")] * 16 + [printed("Error")]}, ["oardel -s TERM 7", "oardel 7"]),
        ({"oarstat": [printed("Waiting")] * 16 + [printed("Error")]}, ["oardel 7"] * 2),
        (
            {"oarstat": [printed("Waiting")] * 16 + [printed("Error")], "oardel": ["", RuntimeError(KILLED)]},
            ["oardel 7"] * 2,
        ),
        ({"oarstat": [printed("Running")]}, ["oardel -s TERM 7", *["oardel 7"] * 3]),
        ({"oarstat": [RuntimeError(NO_DATABASE)]}, ["oardel 7"] * 3),
        (
            {"oarstat": [printed("Running"), RuntimeError(NO_DATABASE)]},
            ["oardel -s TERM 7", *["oardel 7"] * 3],
        ),
        (
            {
                "oarstat": [printed("Running"), printed("Error")],
                "oardel_TERM": [RuntimeError("Cannot signal 7")],
            },
            ["oardel -s TERM 7", "oardel 7"],
        ),
    ],
    ids=[
        "ends",
        "ends unseen",
        "waits",
        "does not end when it is asked",
        "ends when it is killed again",
        "ends, and was being killed already",
        "does not end",
        "nobody knows",
        "nobody knows any more",
        "cannot be asked",
    ],
)
@pytest.mark.usefixtures("at_once")
def test_a_session_is_asked_to_end_before_it_is_killed(
    app: Any, answers: dict[str, list[str | Exception]], commands: list[str]
) -> None:
    """oardel kills every process of a job: nobody would remove the session's directory."""
    made = spawner(app)
    made.job_id = "7"
    cluster = Cluster(made, **answers)
    asyncio.run(made.cancel_batch_job())
    assert commands == [each for each in cluster.commands if each.startswith("oardel")]


@pytest.mark.usefixtures("at_once")
def test_the_hub_keeps_a_session_that_cannot_be_killed(app: Any) -> None:
    """Its user may try again: the hub forgets a server whose spawner says nothing."""
    made = spawner(app)
    made.job_id = "7"
    cluster = Cluster(made, oarstat=[printed("Waiting")], oardel=[RuntimeError(NO_DATABASE)])
    with pytest.raises(RuntimeError, match=re.escape(NO_DATABASE)):
        asyncio.run(made.cancel_batch_job())
    assert ["oardel 7"] * 3 == [each for each in cluster.commands if each.startswith("oardel")]


def test_without_a_job_nothing_is_ended(app: Any) -> None:
    """``oardel`` without a number would be an error."""
    made = spawner(app)
    cluster = Cluster(made)
    asyncio.run(made.cancel_batch_job())
    assert [] == cluster.commands
