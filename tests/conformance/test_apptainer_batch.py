"""Batch templates: what sbatch and oarsub read in them, and what bash runs; ShellCheck judges each."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.jupyter_lab import Browser, install, waited
from tests.strategies import example
from tests.targets.apptainer.around import ODD, titled, with_everything, written
from tests.targets.apptainer.conftest import Installed, prepare
from tests.targets.apptainer.samples import exceptions, oar, options, projected, slurm

pytestmark = pytest.mark.slow

ALL = [f"batch/{slug}.sh" for slug in ("ocean", "field", "deep")]
COMMON = ["--nodes=1", "--ntasks=1"]


def sbatch(script: str) -> list[str]:
    """The options that sbatch reads in a script: up to the first command (https://slurm.schedmd.com/sbatch.html).

    Each line of them is split like words of a shell, comments included (SchedMD/slurm:src/sbatch/sbatch.c,
    opt.c, _opt_batch_script).
    """
    found: list[str] = []
    for line in script.splitlines():
        if line.startswith("#SBATCH"):
            found += shlex.split(line[len("#SBATCH") :], comments=True)
        elif line.strip() and not line.lstrip().startswith("#"):
            break
    return found


def oarsub(script: str) -> list[tuple[str, str]]:
    """Option and value of each line that `oarsub -S` reads, wherever it is, without quotes."""
    assert script.startswith("#")
    found = (re.match(r"#OAR\s+(-\S+)(?:\s+(.*?))?\s*$", line) for line in script.splitlines())
    assert script.count("\n#OAR") == sum(map(bool, re.findall(r"(?m)^#OAR\s+-", script)))
    return [(match[1], match[2] or "") for match in found if match]


# --- directives ---------------------------------------------------------------------------------------------


def test_slurm_is_asked_for_what_a_profile_has() -> None:
    """Cores rounded up, memory in units of 1024 bytes, GPUs by the name that Slurm has for them."""
    files = written()
    asked = {slug: sbatch(files[f"batch/{slug}.sh"].decode()) for slug in ("ocean", "deep")}
    named = {slug: [f"--job-name=lego-{slug}", f"--output=lego-{slug}-%j.log"] for slug in asked}
    assert sorted(
        [
            *named["ocean"],
            "--time=08:00:00",
            *COMMON,
            "--partition=interactive",
            "--cpus-per-task=4",
            "--mem=8388608K",
        ]
    ) == sorted(asked["ocean"])
    deep = ["--time=02:00:00", "--partition=gpu", "--cpus-per-task=9", "--mem=33554432K", "--gres=gpu:a100:2"]
    assert sorted([*named["deep"], *COMMON, *deep]) == sorted(asked["deep"])


def test_every_word_of_slurm_is_there() -> None:
    """What the centre says for all profiles, and what one profile says otherwise."""
    words = {"account": "gaia", "qos": "short", "reservation": "school2026"}
    said = slurm(**words, exclusive=True, profiles={"deep": exceptions(exclusive=False, qos="long")})
    files = written(chosen=with_everything(slurm=said))
    asked = {slug: set(sbatch(files[f"batch/{slug}.sh"].decode())) for slug in ("ocean", "deep")}
    both = {"--account=gaia", "--reservation=school2026", "--partition=interactive", "--time=08:00:00"}
    assert {*both, "--qos=short", "--exclusive"} <= asked["ocean"]
    assert {*both, "--qos=long"} <= asked["deep"]
    assert "--exclusive" not in asked["deep"]


def test_oar_is_asked_for_what_a_profile_has() -> None:
    """Cores, or GPUs, of one node, in OAR's own words; a condition goes without quotes."""
    files = written(chosen=options(oar=oar(project="gaia", types=["night", "container=42"])))
    log = {slug: [("-n", f"lego-{slug}"), ("-O", f"lego-{slug}-%jobid%.log"), ("-E", f"lego-{slug}-%jobid%.log")]
           for slug in ("ocean", "deep")}  # fmt: skip
    end = [("--checkpoint", "30"), ("--signal", "15")]
    both = [("-q", "default"), ("--project", "gaia")]
    ocean = [("-l", "/nodes=1/core=4,walltime=08:00:00"), *both, ("-t", "night"), ("-t", "container=42")]
    assert [*log["ocean"], *ocean, *end] == oarsub(files["batch/ocean.sh"].decode())
    deep = [("-l", "/nodes=1/gpu=2,walltime=02:00:00"), *both, ("-p", "gpumodel='A100'"), ("-t", "devel")]
    assert [*log["deep"], *deep, *end] == oarsub(files["batch/deep.sh"].decode())


def test_a_whole_node_of_oar() -> None:
    """`exclusive` is all that a node has."""
    script = written(chosen=options(oar=oar(exclusive=True)))["batch/ocean.sh"].decode()
    assert ("-l", "/nodes=1,walltime=08:00:00") in oarsub(script)


@pytest.mark.parametrize("title", ODD)
@pytest.mark.parametrize("chosen", [with_everything(), options(oar=oar())], ids=["slurm", "oar"])
def test_odd_titles_ask_for_nothing(title: str, chosen: dict[str, object]) -> None:
    """A title is a comment, to the scheduler and to the shell."""
    plain = written(chosen=chosen)
    odd = written(titled(projected(example()), title), chosen)
    for path in ALL:
        before, after = plain[path].decode(), odd[path].decode()
        assert title in after
        assert (sbatch(before), oarsub(before)) == (sbatch(after), oarsub(after))
        commands = [
            [line for line in text.splitlines() if not line.startswith("#")] for text in (before, after)
        ]
        assert commands[0] == commands[1]


@pytest.mark.parametrize("chosen", [with_everything(), options(oar=oar())], ids=["slurm", "oar"])
def test_shellcheck_is_content(chosen: dict[str, object], tmp_path: Path) -> None:
    """With titles of every kind."""
    program = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("no shellcheck: pip install 'lego-compile[conformance]'")
    for number, title in enumerate(("Ocean", *ODD)):
        files = written(titled(projected(example()), title), chosen)
        for path in ALL:
            script = tmp_path / f"{number}-{Path(path).name}"
            script.write_bytes(files[path])
    done = subprocess.run([program, *sorted(tmp_path.iterdir())], capture_output=True, text=True, check=False)
    assert "" == done.stdout + done.stderr


# --- jobs ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An installed centre with Slurm, a full store, and the stand-in for the runtime."""
    folder = tmp_path_factory.mktemp("center")
    center = prepare(folder, root=str(folder / "root"), slurm=slurm(), scheduler="slurm")
    assert 0 == center.run("lego-materialize", "--no-try").returncode
    center.runtime.install(
        "show", 'stat -Lc %a /dev/stdout; for word in "$@"; do printf "<%s>" "$word"; done; exit 7'
    )
    return center


def job(installed: Installed, log: Path, *words: str, **environment: str) -> subprocess.Popen[bytes]:
    """Start a template as a job: its output goes to a log that others could read."""
    log.touch(0o644)
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(installed.root / "batch" / "ocean.sh"), *words],
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(installed.runtime.here), "HOME": "/root", **environment},
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip


def test_words_are_a_command_and_arrive_as_they_are(installed: Installed, tmp_path: Path) -> None:
    """In the session, in a log that nobody else reads, and with its own exit status."""
    words = ["a b", "$(id)", "`id`", 'it\'s "x"', "*", "", "-x", "--"]
    log = tmp_path / "log"
    assert 7 == job(installed, log, "show", *words).wait(timeout=60)
    mode, shown = log.read_text().split("\n", 1)
    assert ("600", "".join(f"<{word}>" for word in words)) == (mode, shown)


def test_bricks_are_added_by_a_variable(installed: Installed, tmp_path: Path) -> None:
    """Those that the profile offers, in a release; another one is an error with a name."""
    log = tmp_path / "log"
    assert 7 == job(installed, log, "show", LEGO_BRICKS="notebook,ml@2026.3").wait(timeout=60)
    mounts = " ".join(installed.runtime.calls()[-1]["words"])
    assert "brick-ml-1111" in mounts
    assert "srv/conda/envs/notebook" in mounts
    assert 78 == job(installed, log, "show", LEGO_BRICKS="$(id)").wait(timeout=60)
    assert "brick '$(id)' is not offered by 'ocean'" in log.read_text()


def test_a_signal_ends_the_session(installed: Installed, tmp_path: Path) -> None:
    """No shell stands between the scheduler and the launcher, which cleans up."""
    installed.runtime.install("wait", "echo ready; exec sleep 60")
    started = job(installed, tmp_path / "log", "wait")
    waited(lambda: "ready" in (tmp_path / "log").read_text())
    started.send_signal(signal.SIGTERM)
    assert 143 == started.wait(timeout=60)
    assert not [each for each in installed.runtime.here.iterdir() if each.name.startswith("lego-")]


@pytest.fixture
def lab(installed: Installed, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A job without words: its log, and the arguments of its JupyterLab."""
    pytest.importorskip("jupyter_server", reason="no jupyter_server: pip install 'lego-compile[conformance]'")
    arguments = install(installed.runtime)
    log = tmp_path / "log"
    started = job(installed, log, SLURMD_NODENAME="node7", LEGO_BRICKS="notebook")
    yield log, arguments
    started.send_signal(signal.SIGTERM)
    assert 143 == started.wait(timeout=60) or "Shutting down" in log.read_text()


def test_without_words_it_is_a_lab(lab: tuple[Path, Path], installed: Installed) -> None:
    """The log says how to reach it and holds the token, which no command line has; without it nobody comes in."""
    log, arguments = lab
    address = waited(
        lambda: re.search(r"http://127\.0\.0\.1:([0-9]+)/\S*\?token=([0-9a-f]+)", log.read_text())
    )
    port, token = address[1], address[2]
    assert 0o600 == stat.S_IMODE(log.stat().st_mode)
    assert f"    ssh -N -L {port}:node7:{port} USER@LOGIN-NODE\n" in log.read_text()
    words = arguments.read_text().split("\0")
    assert {f"--ServerApp.port={port}", "--ServerApp.ip=0.0.0.0", "--ServerApp.open_browser=False"} <= set(
        words
    )
    assert any("kernel_spec_manager_class=nb_conda_kernels" in word for word in words), (
        "the profile's own options"
    )
    assert "srv/conda/envs/notebook" in " ".join(installed.runtime.calls()[-1]["words"])
    lines = [Path(f"/proc/{each}/cmdline") for each in os.listdir("/proc") if each.isdigit()]
    assert not any(token.encode() in each.read_bytes() for each in lines if each.exists())
    visitor = Browser()
    api = f"http://127.0.0.1:{port}/api/contents"
    assert 403 == visitor.open(api)[0]
    assert 200 == visitor.open(f"{api}?token={token}")[0]
