"""A Jupyter outside the sessions finds the kernels of the bricks, and really starts one through the launcher."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.strategies import example
from tests.targets.apptainer.around import ODD, put, titled
from tests.targets.apptainer.conftest import Installed, prepare
from tests.targets.apptainer.samples import projected

pytest.importorskip("jupyter_client", reason="no jupyter_client: pip install 'lego-compile[conformance]'")
pytest.importorskip("ipykernel", reason="no ipykernel: pip install 'lego-compile[conformance]'")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of jupyter_client and what it loads

NAMES = {
    "ocean": ["climate", "ml", "ml_v2026-3", "notebook", "ocean"],
    "field": ["climate_v2026-10", "climate_v2026-3", "notebook", "ocean"],
    "deep": ["ml"],
}
"""Bricks of the profiles of the example, as the names of their kernels say them."""

INSIDE = """
import json, os, sys
session = json.load(open({here!r} + "/session"))[0]
words = [word.replace("/run/lego/etc", {settings!r}).replace("/run/lego", session) for word in sys.argv[1:]]
os.execv(sys.executable, [sys.executable, *words])
"""
"""The system image's Python, which the stand-in starts where nothing is mounted at /run/lego."""


def finder(path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Jupyter's own list of kernels, of a user who loaded a profile's module."""
    from jupyter_client.kernelspec import KernelSpecManager

    monkeypatch.setenv("JUPYTER_PATH", str(path))
    return KernelSpecManager(ensure_native_kernel=False)


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without kernels."""
    for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("slug", NAMES)
def test_jupyter_lists_the_kernels_of_a_profile(
    slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kernel of each brick, and each release of one, by a name that Jupyter takes."""
    found = finder(put(tmp_path / "root") / "kernels" / slug, monkeypatch).get_all_specs()
    ours = {name: each["spec"] for name, each in found.items() if name.startswith("lego-")}
    assert {f"lego-{slug}.{brick}.python3" for brick in NAMES[slug]} == set(ours)
    for name, spec in ours.items():
        assert re.fullmatch(r"[a-z0-9._-]+", name)
        assert f"(Profile {slug})" in spec["display_name"]
        assert ("python", "message") == (spec["language"], spec["interrupt_mode"])
    assert len(ours) == len({spec["display_name"] for spec in ours.values()})


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("title", ODD)
def test_odd_titles_are_shown_as_they_are(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A title is text, in the list and in no word of the command."""
    root = put(tmp_path / "root", titled(projected(example()), title))
    spec = finder(root / "kernels" / "deep", monkeypatch).get_kernel_spec("lego-deep.ml.python3")
    assert f"{title} ({title})" == spec.display_name
    assert not any(title in word for word in spec.argv)


# --- a kernel runs ------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    """An installed centre with a full store, whose bricks have a kernelspec as conda installs it."""
    center = prepare(tmp_path / "center", root=str(tmp_path / "center" / "root"))
    assert 0 == center.run("lego-materialize", "--no-try").returncode
    wrapper = tmp_path / "inside.py"
    wrapper.write_text(INSIDE.format(here=str(center.runtime.here), settings=str(center.root / "jupyter")))
    center.runtime.install("python3", f'exec "{sys.executable}" "{wrapper}" "$@"')
    ocean, *_ = center.deployment.profiles
    for brick in (*ocean.bricks, *ocean.offers):
        spec = Path(brick.prefix) / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
        spec.parent.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.write_text(json.dumps({"argv": argv, "display_name": brick.title, "language": "python"}))
    return center


@pytest.fixture
def manager(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outside: None
) -> Iterator[Any]:
    """Jupyter's manager of kernels, which ends what it started."""
    from jupyter_client.multikernelmanager import MultiKernelManager

    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("TMPDIR", str(installed.runtime.here))
    kernels = finder(installed.root / "kernels" / "ocean", monkeypatch)
    found = MultiKernelManager(kernel_spec_manager=kernels, connection_dir=str(tmp_path))
    yield found
    found.shutdown_all(now=True)


def said(client: Any, code: str) -> str:
    """What a cell prints."""
    printed: list[str] = []

    def hook(message: dict[str, Any]) -> None:
        printed.append(str(message["content"].get("text", "")))

    client.execute_interactive(code, timeout=60, output_hook=hook)
    return "".join(printed).strip()


def alive(number: str) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def sessions(installed: Installed) -> list[str]:
    """Directories of sessions that are there."""
    return [each.name for each in installed.runtime.here.iterdir() if each.name.startswith("lego-")]


def gone(installed: Installed) -> bool:
    """Whether no session is left, after a while."""
    until = time.monotonic() + 60
    while sessions(installed) and time.monotonic() < until:
        time.sleep(0.05)
    return not sessions(installed)


@pytest.mark.parametrize("brick", ["ocean", "ml_v2026-3"])
def test_a_kernel_of_a_brick_answers(brick: str, manager: Any, installed: Installed) -> None:
    """It runs a cell in its brick, is interrupted by message, and leaves nothing behind."""
    identity = manager.start_kernel(kernel_name=f"lego-ocean.{brick}.python3")
    kernel = manager.get_kernel(identity)
    client = kernel.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    prefix = str(installed.runtime.here / "inside/opt/bricks" / brick.partition("_")[0])
    assert prefix == said(client, "import os; print(os.environ['CONDA_PREFIX'])")
    mounts = [call["words"] for call in installed.runtime.calls() if call["words"][0] == "exec"][-1]
    release = {"ocean": "brick-ocean-aaaa", "ml_v2026-3": "brick-ml-1111"}[brick]
    assert any(f"/{release}" in word for word in mounts)

    # An interrupt before the cell's first line is ipykernel's own and stops nothing: the cell says that it runs.
    # What is asked at once after an error may be dropped.
    client.execute(
        "import time\nfor _ in range(1200):\n    print('running', flush=True)\n    time.sleep(0.1)",
        stop_on_error=False,
    )
    deadline = time.monotonic() + 60
    while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        assert time.monotonic() < deadline
    kernel.interrupt_kernel()
    reply = client.get_shell_msg(timeout=60)
    assert ("error", "KeyboardInterrupt") == (reply["content"]["status"], reply["content"]["ename"])
    # the answer and not what is printed, of which ipykernel may lose the first line after an interrupt
    client.execute("", user_expressions={"sum": "1 + 1"})
    reply = client.get_shell_msg(timeout=60)
    assert "2" == reply["content"]["user_expressions"]["sum"]["data"]["text/plain"]

    client.stop_channels()
    assert sessions(installed)
    manager.shutdown_kernel(identity)
    assert gone(installed)


@pytest.mark.parametrize("background", [False, True])
def test_a_restart_is_a_new_session(background: bool, manager: Any, installed: Installed) -> None:
    """The same kernel again, with nothing of before in it; also where a shell started Jupyter in its background.

    Such a shell has Ctrl-C ignored, so that the session is in a group of processes of its own.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if background else None
    try:
        identity = manager.start_kernel(kernel_name="lego-ocean.ocean.python3")
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
    client = manager.get_kernel(identity).client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    old = said(client, "import os; kept = 1; print(os.getpid())")
    manager.restart_kernel(identity, now=True)
    until = time.monotonic() + 60
    while alive(old) and time.monotonic() < until:  # it may answer for as long as it is there
        time.sleep(0.01)
    client.wait_for_ready(timeout=60)
    assert "False" == said(client, "print('kept' in globals())")
    client.stop_channels()


def test_what_is_wrong_is_said_and_nothing_hangs(
    manager: Any, installed: Installed, capfd: pytest.CaptureFixture[str]
) -> None:
    """A brick that is not in the store ends the kernel, and its user reads why."""
    records = installed.store / "resolved.json"
    os.chmod(records, 0o644)
    data = json.loads(records.read_text())
    del data["images"][next(key for key in data["images"] if "aaaa" in key)]
    records.write_text(json.dumps(data))
    identity = manager.start_kernel(kernel_name="lego-ocean.ocean.python3")
    until = time.monotonic() + 30
    while manager.is_alive(identity) and time.monotonic() < until:
        time.sleep(0.05)
    assert not manager.is_alive(identity)
    assert "is not in the store: run lego-materialize" in capfd.readouterr().err
