"""The hub of the target ``apptainer``, as processes: JupyterHub 5 and 6, batchspawner, the proxy, users before them.

What batchspawner makes of each choice is looked at more closely, and without a hub, in test_apptainer.py.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conformance.apptainer_hub import directives
from tests.conformance.cluster_hub import INSTALLED, ClusterHub, available, deployed, need
from tests.conformance.hub_complaints import ENDS, JOBS, REFUSED, unexpected
from tests.conformance.hub_visitor import Visitor
from tests.conformance.running_hub import VERSIONS
from tests.conformance.spawn_page import Page
from tests.targets.apptainer.samples import exceptions, hub, slurm

CLOSED = {"field": exceptions(partition="closed")}
DEEP = {"deep": exceptions(partition="gpu", gres="gpu:a100", time="02:00:00")}


HUBS = [
    *(("batchspawner", version) for version in VERSIONS),
    *((spawner, version) for spawner in ("wrapspawner", "moss") for version in ("5.3.0", INSTALLED)),
]
"""Spawn pages and JupyterHubs that are run."""


def here(spawner: str) -> list[str]:
    """JupyterHubs that this machine can run with a spawn page: one line says what is missing, and not one each test."""
    return [version for each, version in HUBS if each == spawner and available(spawner, version)]


@pytest.mark.parametrize(("spawner", "version"), HUBS)
def test_what_it_takes_is_here(spawner: str, version: str) -> None:
    """Every version that the fixed configuration is for is at hand; a skip says how to get it."""
    need(spawner, version)


def options(spawner: str, **changes: Any) -> dict[str, Any]:
    """Options of a centre whose partition for one profile is closed."""
    return {
        "scheduler": "slurm",
        "slurm": slurm(profiles={**CLOSED, **DEEP}),
        "hub": hub(spawner=spawner),
        **changes,
    }


@pytest.fixture(scope="module", params=here("batchspawner"))
def centre(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHub]:
    """A centre with our own spawn page."""
    with deployed(tmp_path_factory.mktemp("centre"), request.param, options("batchspawner")) as found:
        assert [] == unexpected(found.complaints())
        yield found
        assert [] == unexpected(found.complaints(), *REFUSED, *JOBS)
        assert [] == [end for end in found.exceptions() if not re.match(ENDS, end)]


def test_a_session_from_the_page(centre: ClusterHub) -> None:
    """What is chosen on the page starts as a job with its bricks, answers through the proxy, and is ended by Stop."""
    ada = centre.visitor("ada")
    assert ada.choose("ocean", ["ml@v2026-3"]).status_code == 200
    said = centre.lab(ada)
    assert ("ada", "4.0", str(8 * 2**30)) == (said["user"], said["CPU_LIMIT"], said["MEM_LIMIT"])
    call = centre.center.runtime.calls()[-1]
    profile = centre.center.deployment.profiles[0]
    mounted = [word for word in call["words"] if "image-src=" in word]
    ticked = [each for each in profile.offers if each.choice == "v2026-3"]
    assert len(profile.bricks) + 1 == len(mounted)
    for brick in (*profile.bricks, *ticked):
        assert any(f",dst={brick.prefix}," in word for word in mounted)
    log = centre.homes / "ada" / f".jupyterhub-{len(centre.slurm.scripts())}.log"
    assert 0o600 == stat.S_IMODE(log.stat().st_mode)
    assert {"profile": ["ocean"], "bricks-ocean": ["ml@v2026-3"]}.items() <= Page(
        ada.get("/hub/spawn/ada").text
    ).posted().items() or ada.get("/user/ada/api/said").status_code == 200
    centre.end(ada)
    assert {"profile": ["ocean"], "bricks-ocean": ["ml@v2026-3"]}.items() <= Page(
        ada.get("/hub/spawn").text
    ).posted().items()


def test_a_session_by_the_api(centre: ClusterHub) -> None:
    """Without options it is the default profile; with some, theirs; and a stopped one starts as the last time."""
    ada = centre.visitor("ada")
    assert centre.start(ada, {}).status_code in (201, 202)
    centre.lab(ada)
    centre.end(ada)
    assert centre.start(ada, {"profile": "deep", "bricks": []}).status_code in (201, 202)
    centre.lab(ada)
    centre.end(ada)
    assert ada.rest("POST", "/users/ada/server").status_code in (201, 202)
    centre.lab(ada)
    assert ["interactive", "gpu", "gpu"] == [
        directives(each)["partition"] for each in centre.slurm.scripts()[-3:]
    ]
    centre.end(ada)


def test_the_commands_of_the_hub_know_none_of_its_secrets(centre: ClusterHub) -> None:
    """What runs as a user, who can look at its environment, has the user's own token at the most."""
    ada = centre.visitor("ada")
    centre.start(ada, {})
    centre.lab(ada)
    centre.end(ada)
    asked = centre.slurm.asked()
    assert {"sbatch", "squeue", "scancel"} <= {each["words"][3] for each in asked}
    for each in asked:
        assert ["-E", "-u"] == each["words"][:2]
        assert centre.token not in repr(each)
        own = {name for name in each["environment"] if name.startswith(("JUPYTERHUB_", "JPY_"))}
        assert bool(own) == (each["words"][3] == "sbatch")
    for script in centre.slurm.scripts():
        assert centre.token not in script
        assert "JUPYTERHUB_API_TOKEN=" not in script


def told(centre: ClusterHub, visitor: Visitor, page: requests.Response, words: str) -> str:
    """The page that says so, after a start that fails: while a job waits, it loads itself anew."""
    shown = [page]

    def said() -> bool:
        if words not in shown[-1].text:
            shown.append(visitor.get(f"/hub/spawn-pending/{visitor.name}"))
        return words in shown[-1].text

    centre.wait(said, f"no page says {words!r}")
    return shown[-1].text


def test_why_a_session_ended_at_once(centre: ClusterHub) -> None:
    """A brick that does not arrive is named, in the API and on the page, long before the start times out."""
    ada = centre.visitor("ada")
    (brick,) = (each for each in centre.center.deployment.profiles[0].offers if each.choice == "v2026-3")
    with centre.forbidden(brick.image.digest):
        words = f"lego: brick ml@2026.3 is not at {brick.prefix}"
        answer = centre.start(ada, {"profile": "ocean", "bricks": ["ml@v2026-3"]})
        assert (503, True) == (answer.status_code, words in answer.text), answer.text
        shown = [ada.choose("ocean", ["ml@v2026-3"])]
        # While a job waits, the page loads itself anew.
        centre.wait(
            lambda: words in shown[-1].text or shown.append(ada.get("/hub/spawn-pending/ada")), "no words"
        )
    assert [] == centre.slurm.alive()
    assert centre.start(ada, {"profile": "ocean", "bricks": ["ml@v2026-3"]}).status_code in (201, 202)
    centre.lab(ada)
    centre.end(ada)


@contextmanager
def session(centre: ClusterHub, script: str) -> Iterator[None]:
    """Sessions run a script instead of batchspawner's program."""
    program = centre.center.runtime.here / "image" / "batchspawner-singleuser"
    kept = program.read_text()
    program.write_text(f"#!/bin/sh\n{script}\n")
    try:
        yield
    finally:
        program.write_text(kept)


def test_last_words_are_text(centre: ClusterHub) -> None:
    """What a session says is shown and not obeyed, whatever it is, and not at any length."""
    ada, evil = centre.visitor("ada"), "<script>alert(1)</script>{{ 7 * 6 }}"
    with session(centre, f"printf 'no text: \\377\\n%s%0999d\\n' '{evil}' 7; exit 1"):
        text = told(centre, ada, ada.choose("ocean"), "alert(1)")
    assert "<script>alert(1)" not in text
    assert evil in Page(text).text
    assert "0" * 600 not in text


def test_why_slurm_takes_no_job(centre: ClusterHub) -> None:
    """What sbatch says is what the user reads."""
    ada = centre.visitor("ada")
    answer = centre.start(ada, {"profile": "field"})
    assert 503 == answer.status_code
    assert (
        "did not accept the job: sbatch: error: Batch job submission failed: Invalid partition" in answer.text
    )


@pytest.mark.parametrize(
    "trick",
    ["ln -sf {secret} {log}", "rm {log}; mkfifo {log}", "rm {log}; mkdir {log}", "rm {log}", ": > {log}"],
    ids=["a link", "a pipe", "a directory", "nothing", "empty"],
)
def test_a_log_that_is_none(centre: ClusterHub, trick: str) -> None:
    """Nothing but a file in the home is read as the log: not where it leads to, and nothing that never ends."""
    ada, secret = centre.visitor("ada"), centre.homes / "secret"
    secret.write_text("lego: the secret of somebody else\n")
    log = centre.homes / "ada" / f".jupyterhub-{len(centre.slurm.scripts()) + 1}.log"
    with session(centre, trick.format(secret=secret, log=log) + "\nexit 1"):
        text = told(centre, ada, ada.choose("ocean"), "may say why")
    assert f"{log} may say why" in text
    assert "somebody else" not in text + centre.log("hub")


def test_bodies_that_are_no_options(centre: ClusterHub) -> None:
    """Whatever is posted is refused, starts nothing, breaks neither the user's pages nor the next start of the hub."""
    eve, before = centre.visitor("eve"), len(centre.slurm.scripts())
    for raw in (b'["ocean"]', b'"ocean"', b"7", b"{", b'{"profile": ' + b"[" * 100_000):
        assert eve.rest("POST", "/users/eve/server", raw=raw).status_code == 400, raw[:20]
        assert eve.get("/hub/spawn").status_code == 200, raw[:20]
    for attack in (
        {"cmd": "id"},
        {"prologue": "id"},
        {"profile": "deep"},
        {"profile": "ocean", "bricks": ["ml"] * 9999},
    ):
        assert centre.start(eve, attack).status_code == 400
    assert eve.rest("POST", "/users/eve/server", raw=b'["ocean"]').status_code == 400
    assert before == len(centre.slurm.scripts())


def test_a_session_outlives_the_hub(centre: ClusterHub) -> None:
    """The hub is started again, whatever is stored in its database, and the session goes on; then Stop ends it."""
    ada, eve = centre.visitor("ada"), centre.visitor("eve")
    assert eve.rest("POST", "/users/eve/server", raw=b'["ocean"]').status_code == 400
    centre.start(ada, {})
    centre.lab(ada)
    centre.stop("hub")
    assert "ada" == ada.get("/user/ada/api/said").json()["user"]  # the proxy needs no hub for those who work
    centre.start_hub()
    assert "ada" == centre.lab(ada)["user"]
    assert ada.rest("GET", "/users/ada").json()["servers"][""]["ready"]
    assert eve.get("/hub/spawn").status_code == 200
    centre.end(ada)


def test_a_job_that_ends_is_noticed(centre: ClusterHub) -> None:
    """A session whose job ended, at its time limit for one, can be started again."""
    ada = centre.visitor("ada")
    centre.start(ada, {})
    centre.lab(ada)
    centre.slurm.close()
    centre.wait(lambda: not ada.rest("GET", "/users/ada").json()["servers"], "nobody noticed")
    for each in centre.slurm.sessions():  # killed with no time to clean up
        (centre.slurm._here / "tmp" / each).rename(centre.homes / each)
    centre.start(ada, {"profile": "ocean", "bricks": ["notebook"]})
    centre.lab(ada)
    centre.end(ada)


# --- other spawn pages ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=here("wrapspawner"))
def wrapped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHub]:
    """A centre with wrapspawner."""
    with deployed(tmp_path_factory.mktemp("centre"), request.param, options("wrapspawner")) as found:
        yield found


def test_wrapspawner(wrapped: ClusterHub) -> None:
    """Sessions start from its page and by the API, outlive the hub, and end; nothing else starts, least of all here."""
    ada = wrapped.visitor("ada")
    assert ada.choose("deep").status_code == 200
    assert "ada" == wrapped.lab(ada)["user"]
    assert "gpu" == directives(wrapped.slurm.scripts()[-1])["partition"]
    before = len(wrapped.slurm.scripts())
    eve = wrapped.visitor("eve")
    for attack in ({"profile": "local"}, {"profile": "deep"}, {"profile": "ocean", "cmd": "id"}):
        assert wrapped.start(eve, attack).status_code == 400
    assert eve.rest("POST", "/users/eve/server", raw=b'["ocean"]').status_code == 400
    wrapped.stop("hub")
    wrapped.start_hub()
    assert before == len(wrapped.slurm.scripts())
    assert eve.get("/hub/home").status_code == 200
    assert "ada" == wrapped.lab(ada)["user"]
    wrapped.end(ada)
    answer = wrapped.start(ada, {"profile": "field"})
    assert (503, True) == (answer.status_code, "did not accept the job: sbatch: error" in answer.text)
    assert wrapped.start(ada, {"profile": "ocean"}).status_code in (201, 202)
    wrapped.lab(ada)
    wrapped.end(ada)


@pytest.fixture(scope="module", params=here("moss"))
def mossy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHub]:
    """A centre with the form of jupyterhub_moss."""
    chosen = options("moss", slurm=slurm(profiles=DEEP))
    with deployed(tmp_path_factory.mktemp("centre"), request.param, chosen) as found:
        yield found


def test_moss(mossy: ClusterHub) -> None:
    """Its form is shown, with its style and program; what it sends starts by the programs of the profile, and ends."""
    ada = mossy.visitor("ada")
    page = ada.get("/hub/spawn")
    assert page.status_code == 200
    for file in re.findall(r'(?:href|src)="(/hub/form/[^"]+)"', page.text):
        assert ada.get(file).status_code == 200
    fields = {
        "partition": "gpu", "environment_id": "deep", "nprocs": "2", "mem": "3G", "ngpus": "1", "runtime": "1:00:00",
        "default_url": "/lab", "environment_path": "", "options": "", "reservation": "",
    }  # fmt: skip
    assert ada.send(page, fields).status_code == 200
    said = mossy.lab(ada)
    assert ("2.0", str(3 * 2**30), "/lab") == (
        said["CPU_LIMIT"],
        said["MEM_LIMIT"],
        said["JUPYTERHUB_DEFAULT_URL"],
    )
    found = directives(mossy.slurm.scripts()[-1])
    assert ("gpu", "2", "gpu:a100:1") == (found["partition"], found["cpus-per-task"], found["gres"])
    mossy.stop("hub")
    mossy.start_hub()
    assert "ada" == mossy.lab(ada)["user"]
    mossy.end(ada)
    before = len(mossy.slurm.scripts())
    forged = ada.send(
        ada.get("/hub/spawn"), {**fields, "environment_id": "", "environment_path": "/tmp/evil.sif;id"}
    )
    assert forged.status_code in (200, 400)
    for attack in ({"environment_path": "/tmp/evil;id"}, {"options": "--wrap=id"}, {"cmd": "id"}):
        assert mossy.start(ada, attack).status_code == 400
    assert before == len(mossy.slurm.scripts())


# --- patience -------------------------------------------------------------------------------------------------------


def test_a_job_that_waits_too_long_is_cancelled(tmp_path: Path) -> None:
    """The time in the queue counts; nothing is left of a start that took too long."""
    need("batchspawner", INSTALLED)
    more = "c.LegoSlurmSpawner.start_timeout = 2"
    with deployed(tmp_path, INSTALLED, options("batchspawner"), more) as found:
        found.slurm.hold(True)
        ada = found.visitor("ada")
        found.start(ada, {})
        assert 1 == len(found.slurm.scripts())
        found.wait(lambda: not found.slurm.alive(), "the job still waits")
        found.wait(lambda: not ada.rest("GET", "/users/ada").json()["servers"], "the start does not end")
        assert 200 == ada.get("/hub/spawn").status_code
        assert 1 == len(found.slurm.scripts())
