"""The program that runs in sessions: Jupyter servers that are told about the kernels of bricks, and real kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lego_compile.session import program

SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['JUPYTER_PATH']]))"
"""A server that says how it was started."""


def brick(prefix: Path, **said: Any) -> Path:
    """An environment whose kernel is this Python's, and that sets variables in every way that conda has."""
    folder = prefix / "share/jupyter/kernels/python3"
    for place in (folder, prefix / "bin", prefix / "conda-meta", prefix / "etc/conda/activate.d"):
        place.mkdir(parents=True)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"The {prefix.name}",
        "language": "python",
        "env": {"OF_SPEC": "${OF_STATE} and more"},
        "metadata": {"debugger": True},
    } | said
    spec = {name: value for name, value in spec.items() if value is not None}
    (folder / "kernel.json").write_text(json.dumps(spec))
    (folder / "logo-svg.svg").write_text("<svg/>")
    (prefix / "conda-meta/history").touch()
    (prefix / "conda-meta/state").write_text(json.dumps({"env_vars": {"OF_STATE": "a $(b) 'c'"}}))
    (prefix / "etc/conda/activate.d/x.sh").write_text('export ACTIVATED="$CONDA_PREFIX is on"\n')
    return prefix


def served(kernels: str, tmp_path: Path, default: str = "", **more: str) -> tuple[list[str], str, str]:
    """Arguments and JUPYTER_PATH of the server that is started, and what was complained about."""
    environment = {"PATH": os.environ["PATH"], "LEGO_KERNELS": kernels, "TMPDIR": str(tmp_path), **more}
    environment |= {"LEGO_KERNEL": default} if default else {}
    words = [sys.executable, "-c", program(), "serve", sys.executable, "-c", SHOW, "--an=option"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    arguments, path = json.loads(done.stdout)
    return arguments, path, done.stderr


def test_jupyter_is_told_of_the_bricks_that_are_there(tmp_path: Path) -> None:
    """By the names that the compiler gave, with the titles and logos of the bricks; nobody else can write there."""
    ocean = brick(tmp_path / "ocean")
    kernels = f"conda-env-ocean-py={ocean}:python3 conda-env-hydro-py={tmp_path}/hydro:python3"
    arguments, path, said = served(kernels, tmp_path, "conda-env-ocean-py", JUPYTER_PATH="/usr/share/more")

    assert ["--an=option", "--MultiKernelManager.default_kernel_name=conda-env-ocean-py"] == arguments
    place, other = path.split(":")
    assert ("/usr/share/more", "") == (other, said)
    assert 0o700 == Path(place).stat().st_mode & 0o777
    assert ["conda-env-ocean-py"] == os.listdir(f"{place}/kernels")
    here = Path(place, "kernels/conda-env-ocean-py")
    spec = json.loads((here / "kernel.json").read_text())
    assert ("The ocean", "python", {"debugger": True}) == (
        spec["display_name"],
        spec["language"],
        spec["metadata"],
    )
    assert "<svg/>" == (here / "logo-svg.svg").read_text()
    assert not (here / "logo-svg.svg").is_symlink(), (
        "which a server does not follow (tornado:tornado/web.py@6.5.9)"
    )


@pytest.mark.parametrize("fault", [{"display_name": None}, {"display_name": 3}])
def test_one_bad_brick_is_nobody_elses_end(fault: dict[str, Any], tmp_path: Path) -> None:
    """A kernelspec that would keep the server from starting is left out, and the log says which."""
    good, bad = brick(tmp_path / "good"), brick(tmp_path / "bad", **fault)
    kernels = f"bad={bad}:python3 good={good}:python3 none={good}:ir"
    arguments, path, said = served(kernels, tmp_path, "bad")

    assert ["--an=option"] == arguments, "a default that is not there would be asked for"
    assert ["good"] == os.listdir(f"{path}/kernels")
    assert ["lego: no kernel bad:", "lego: no kernel none:"] == [
        line[: line.index(":", 6) + 1] for line in said.splitlines()
    ]


def test_without_bricks_the_server_starts(tmp_path: Path) -> None:
    """A profile may have none."""
    assert ["--an=option"] == served("", tmp_path)[0]


def test_a_kernel_runs_in_its_activated_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jupyter's own client starts it, by the name of the compiler."""
    pytest.importorskip("ipykernel", reason="no ipykernel: pip install 'lego-compile[conformance]'")
    client = pytest.importorskip(
        "jupyter_client", reason="no jupyter_client: pip install 'lego-compile[conformance]'"
    )
    ocean = brick(tmp_path / "ocean")
    _, path, _ = served(f"conda-env-ocean-py={ocean}:python3", tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    manager, talk = client.manager.start_new_kernel(kernel_name="conda-env-ocean-py", startup_timeout=60)
    try:
        names = ["ACTIVATED", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "OF_STATE", "OF_SPEC"]
        code = (
            f"import os; said = [os.environ[name] for name in {names}] + [os.environ['PATH'].split(':')[0]]"
        )
        reply = talk.execute_interactive(code, user_expressions={"said": "said"}, timeout=60)
        found = reply["content"]["user_expressions"]["said"]["data"]["text/plain"]
    finally:
        talk.stop_channels()
        manager.shutdown_kernel(now=True)
    state = "a $(b) 'c'"
    assert [f"{ocean} is on", str(ocean), str(ocean), state, f"{state} and more", f"{ocean}/bin"] == eval(
        found
    )
