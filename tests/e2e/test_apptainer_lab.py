"""A Lab without a hub on a cluster: JupyterLab in the system image, started by the launcher, and every kernel."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest
import requests

from tests.e2e.engine import wait
from tests.e2e.hpc_centre import HpcCentre, Installed
from tests.e2e.images import PREFIXES
from tests.e2e.lab_images import ONLY, RELEASE, title
from tests.e2e.look import expected, look
from tests.e2e.machine import Job
from tests.e2e.visitor import Lab

HOMES = {"alice": ("/home/alice", (5001, 5001)), "root": ("/root", (0, 0))}
PORT = 18888


class Started:
    """A Lab that somebody started on the machine.

    Args:
        hpc: the centre.
        user: who started it.
        words: options of the launcher.
    """

    def __init__(self, hpc: Installed, user: str, *words: str) -> None:
        self.user = user
        self._token = secrets.token_hex(16)
        root = ("--allow-root",) if user == "root" else ()
        command = (
            hpc.program("lego-launch"),
            *words,
            "--",
            f"--ServerApp.port={PORT}",
            "--no-browser",
            *root,
        )
        self.job: Job = hpc.machine.start(user, *command, env={"JUPYTER_TOKEN": self._token})

    def lab(self, session: requests.Session) -> Lab:
        """Its REST API, once it answers; for who knows the token and is on the machine."""
        session.trust_env = False
        url = f"http://127.0.0.1:{PORT}"

        def answers() -> bool:
            assert self.job.code is None, self.job.output
            try:
                return session.get(f"{url}/api", timeout=5).status_code == 200
            except requests.RequestException:
                return False

        wait(answers, "JupyterLab does not answer", lambda: self.job.output)
        return Lab(url, self._token, session)

    def stop(self) -> None:
        """End it as a scheduler does."""
        self.job.signal("TERM")
        assert self.job.wait(30) in (0, 143), self.job.output


@pytest.fixture(scope="module", params=["alice", "root"])
def started(request: pytest.FixtureRequest, hpc: HpcCentre) -> Iterator[Started]:
    """A Lab with every brick; what this thread connects to is on the machine."""
    made = Started(hpc, request.param, "-b", "hydro,pangeo")
    try:
        with hpc.machine.network():
            yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def lab(started: Started) -> Iterator[Lab]:
    """Its REST API."""
    with requests.Session() as session:
        yield started.lab(session)


def test_it_shows_exactly_the_predicted_kernels(lab: Lab, hpc: HpcCentre) -> None:
    """The launcher has the kernel of every brick under the name that notebooks store, and JupyterLab's own."""
    wanted = {name: title(brick, RELEASE) for brick, name in hpc.kernels("ocean").items()}
    assert wanted.keys() == {"conda-env-ocean-py", "conda-env-hydro-py", "conda-env-conda-notebook-py"}
    shown = lab.kernels()
    assert shown.pop("python3") == "Python 3 (ipykernel)"
    assert shown == wanted


@pytest.mark.parametrize("brick", PREFIXES)
def test_every_kernel_runs_a_cell(brick: str, lab: Lab, started: Started, hpc: HpcCentre) -> None:
    """A cell runs in the brick's own Python at its prefix, activated, as the user, and cannot change it."""
    home, user = HOMES[started.user]
    assert look(lab, hpc.kernels("ocean")[brick]) == expected(brick, home=home, user=user)


def test_what_only_a_brick_has_can_be_imported(lab: Lab, hpc: HpcCentre) -> None:
    """Its libraries load too: one of the packages is compiled code."""
    for brick, name in hpc.kernels("ocean").items():
        assert lab.cell(name, f"import {ONLY[brick]} as only; print(only.__file__)").startswith(
            PREFIXES[brick]
        )


def test_what_a_session_writes_for_itself_is_on_the_node(lab: Lab, hpc: HpcCentre) -> None:
    """Sockets, keys and databases that network file systems do not bear are not in the home."""
    look = (
        "import os, json, jupyter_core.paths as p;"
        "history = get_ipython().history_manager.hist_file;"
        "print(json.dumps([p.jupyter_runtime_dir(), history, os.environ['XDG_RUNTIME_DIR']]))"
    )
    places = json.loads(lab.cell(hpc.kernels("ocean")["ocean"], look))
    assert all(each.startswith("/run/lego/") for each in places), places


def test_nobody_else_gets_in(started: Started, lab: Lab, hpc: HpcCentre) -> None:
    """Without the token nothing is answered; it is in no list of processes, and in no file of others' reach."""
    assert requests.get(f"http://127.0.0.1:{PORT}/api/kernelspecs", timeout=20).status_code == 403
    token = started._token
    assert lab.kernels()
    assert not [each for each in hpc.machine.processes() if token in each.words]
    assert (
        hpc.machine.sh("bob", f"! grep -rsl {token} /tmp /run /home /var/tmp /proc/[0-9]*/environ").stdout
        == ""
    )
    (place,) = hpc.machine.sh("root", "ls -d /tmp/lego-*").stdout.split()
    assert hpc.machine.root.run("stat", "-c", "%a %U", place).stdout.split() == ["700", started.user]
