"""Without a hub, on a real Apptainer and Slurm: batch templates, kernels for a Jupyter outside, modules, the doctor."""

from __future__ import annotations

import json
import re

import pytest
import requests

from tests.e2e.engine import wait
from tests.e2e.hpc_centre import HpcCentre
from tests.e2e.hpc_root import configured
from tests.e2e.images import PREFIXES
from tests.e2e.lab_images import RELEASE, title
from tests.e2e.machine import ADDRESS, Machine
from tests.e2e.slurm import Slurm
from tests.e2e.visitor import Lab

LOOK = "import sys; print(sys.prefix)"


def submitted(
    hpc: HpcCentre, slurm: Slurm, profile: str, *words: str, env: dict[str, str]
) -> tuple[str, str]:
    """Submit the template of a profile; returns the number of the job, and the file of its log."""
    said = hpc.machine.run("alice", "sbatch", f"{hpc.root}/batch/{profile}.sh", *words, env=env).stdout
    number = said.split()[-1]
    return number, f"/home/alice/{slurm.job(number)['StdOut'].rpartition('/')[2]}"


def ended(machine: Machine, slurm: Slurm) -> None:
    """Wait until nothing of alice's is there any more."""
    wait(lambda: not slurm.jobs("alice"), "the job goes on")
    wait(lambda: not machine.processes("alice"), "something runs", lambda: str(machine.processes("alice")))
    assert machine.root.run("find", "/tmp", "-name", "lego-*").stdout == ""


# ── jobs ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("profile", "env", "bricks"),
    [
        ("ocean", {}, ["ocean"]),
        ("ocean", {"LEGO_BRICKS": "hydro,pangeo"}, ["ocean", "hydro", "pangeo"]),
        ("field", {}, ["hydro"]),
    ],
    ids=["default", "picked bricks", "another profile"],
)
def test_a_program_as_a_job(
    profile: str, env: dict[str, str], bricks: list[str], hpc: HpcCentre, slurm: Slurm
) -> None:
    """`sbatch` with the template of a profile runs a program in its session, with what the profile asks for."""
    line = 'cat /proc/self/mountinfo; printf "%s|" "$@"; exit 3'
    number, log = submitted(hpc, slurm, profile, "sh", "-c", line, "sh", "a b", "$(id)", env=env)
    ended(hpc.machine, slurm)
    said = hpc.machine.run("alice", "cat", log).stdout
    fuse = [each.split()[4] for each in said.splitlines() if " - fuse.squashfuse_ll " in each]
    assert sorted(each for each in fuse if each.startswith(("/opt/bricks", "/srv"))) == sorted(
        PREFIXES[each] for each in bricks
    )
    assert said.splitlines()[-1] == "a b|$(id)|"
    job = slurm.job(number)
    assert (job["JobName"], job["ExitCode"]) == (f"lego-{profile}", "3:0")
    wanted = ("fat", "00:30:00", "2") if profile == "field" else ("interactive", "01:00:00", "1")
    assert (job["Partition"], job["TimeLimit"], job["NumCPUs"]) == wanted


def test_jupyterlab_as_a_job(hpc: HpcCentre, slurm: Slurm) -> None:
    """Without a program it is JupyterLab; its log, which only the user reads, says where; it ends with the job."""
    machine = hpc.machine
    number, log = submitted(hpc, slurm, "ocean", env={"LEGO_BRICKS": "hydro"})

    def printed() -> str:
        return machine.root.run("cat", log, check=False).stdout

    def address() -> list[tuple[str, str]]:
        return re.findall(r"http://127\.0\.0\.1:(\d+)/lab\?token=([0-9a-f]+)", printed())

    try:
        wait(lambda: bool(address()), "no address", printed)
        (port, token) = address()[0]
        assert machine.root.run("stat", "-c", "%a", log).stdout == "600\n"
        assert not [each for each in machine.processes() if token in each.words]
        with machine.network(), requests.Session() as session:
            session.trust_env = False
            url = f"http://{ADDRESS}:{port}"
            wait(lambda: _listens(session, url), "JupyterLab does not answer", printed)
            assert session.get(f"{url}/api/kernelspecs", timeout=20).status_code == 403
            names = hpc.kernels("ocean")
            shown = Lab(url, token, session).kernels()
        assert {name: shown[name] for name in shown if name != "python3"} == {
            names[each]: title(each, RELEASE) for each in ("ocean", "hydro")
        }
    finally:
        machine.run("alice", "scancel", number)
    ended(machine, slurm)


def _listens(session: requests.Session, url: str) -> bool:
    try:
        return session.get(f"{url}/api", timeout=5).status_code == 200
    except requests.RequestException:
        return False


# ── a Jupyter outside ─────────────────────────────────────────────────────────────────────────────────

_OUTSIDE = """\
import json, sys, time
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name=sys.argv[1], startup_timeout=60)
def run(code):
    said = []
    client.execute_interactive(code, timeout=60, output_hook=lambda each: said.append(each["content"].get("text", "")))
    return "".join(said)
seen = {"prefix": run("import sys; print(sys.prefix)").strip()}
# An interrupt before the cell's first line is ipykernel's own and stops nothing: the cell says that it runs. What is
# asked at once after an error may be dropped.
runs = "import time\\nfor _ in range(600):\\n    print('runs', flush=True)\\n    time.sleep(0.1)"
client.execute(runs, stop_on_error=False)
while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
    pass
manager.interrupt_kernel()
seen["said"] = client.get_shell_msg(timeout=60)["content"].get("ename", "it was not interrupted")
# the answer and not what is printed, of which ipykernel may lose the first line after an interrupt
client.execute("", user_expressions={"sum": "1 + 1"})
answer = client.get_shell_msg(timeout=60)["content"]
seen["after"] = answer.get("user_expressions", {}).get("sum", {}).get("data", {}).get("text/plain")
if sys.argv[2] == "kill":
    manager.provisioner.process.kill()
    manager.provisioner.process.wait()
    client.stop_channels()
else:
    client.stop_channels()
    manager.shutdown_kernel()
print(json.dumps(seen))
"""


@pytest.mark.parametrize(
    ("kernel", "brick", "end"),
    [
        ("ocean.ocean", "ocean", "shutdown"),
        ("ocean.pangeo", "pangeo", "shutdown"),
        ("field.hydro", "hydro", "kill"),
    ],
)
def test_a_jupyter_outside_has_the_kernels(kernel: str, brick: str, end: str, hpc: HpcCentre) -> None:
    """It starts a brick's kernel in a session of its own, runs a cell, interrupts it, and ends it in any way."""
    profile = kernel.partition(".")[0]
    python = "/opt/hub/bin/python"
    script = hpc.machine.root.write("/tmp/outside.py", _OUTSIDE)
    env = {"JUPYTER_PATH": f"{hpc.root}/kernels/{profile}"}
    done = hpc.machine.run("alice", python, script, f"lego-{kernel}.python3", end, env=env, timeout=120)
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen == {
        "prefix": PREFIXES[brick],
        "after": "2",
        "said": "KeyboardInterrupt",
    }
    machine = hpc.machine
    wait(lambda: not machine.processes("alice"), "something runs", lambda: str(machine.processes("alice")))
    assert hpc.launch("alice", "--", "true").returncode == 0  # removes what a killed one left
    assert machine.root.run("find", "/tmp", "-name", "lego-*").stdout == ""


# ── the command line ──────────────────────────────────────────────────────────────────────────────────


def test_a_module_brings_the_programs(hpc: HpcCentre) -> None:
    """Who loads the module of a profile has the launcher for it, and a command for each brick's Python."""
    line = (
        f". /etc/profile.d/lmod.sh; module use {hpc.root}/modulefiles; module load lego/field;"
        f" lego-launch -- sh -c 'echo $0 /opt/bricks/*'; hydro-python -c '{LOOK}';"
        f" module swap lego/field lego/ocean; ocean-python -c '{LOOK}'; pangeo-python -c '{LOOK}'; type hydro-python"
    )
    done = hpc.machine.sh("alice", line, timeout=120)
    said = done.stdout.splitlines()
    assert said[:4] == [
        f"sh {PREFIXES['hydro']}", PREFIXES["hydro"], PREFIXES["ocean"], PREFIXES["pangeo"],
    ], done.stdout + done.stderr  # fmt: skip


def test_the_doctor_finds_nothing(hpc: HpcCentre) -> None:
    """On a node where sessions start, and of which the doctor starts every profile."""
    done = hpc.machine.run("alice", hpc.program("lego-doctor"), timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout


@pytest.mark.parametrize(
    ("key", "value"),
    [("user bind control", "no"), ("mount home", "no"), ("allow container sif", "no")],
)
def test_the_doctor_finds_what_a_site_forbids(key: str, value: str, hpc: HpcCentre) -> None:
    """A setting with which sessions do not start is named."""
    with configured(hpc.machine, key, value):
        done = hpc.machine.run("alice", hpc.program("lego-doctor"), timeout=120, check=False)
    assert done.returncode == 1, done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("FAIL") and key in line], done.stdout


def test_the_doctor_misses_fuse(hpc: HpcCentre) -> None:
    """A node without /dev/fuse, or where it is not for everybody, is no node for sessions."""
    for change, back in (
        ("mv /dev/fuse /dev/no", "mv /dev/no /dev/fuse"),
        ("chmod 600 /dev/fuse", "chmod 666 /dev/fuse"),
    ):
        hpc.machine.sh("root", change)
        try:
            done = hpc.machine.run("alice", hpc.program("lego-doctor"), timeout=120, check=False)
        finally:
            hpc.machine.sh("root", back)
        assert done.returncode == 1, done.stdout
        assert [line for line in done.stdout.splitlines() if line.startswith("FAIL") and "/dev/fuse" in line]
