"""``lego-launch --in`` and ``--kernel``: what runs in the environment of a brick."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.targets.apptainer.conftest import Installed
from tests.targets.apptainer.test_launch import parsed

KERNEL = {
    "argv": ["{prefix}/bin/show", "{connection_file}", "{resource_dir}"],
    "display_name": "Climate",
    "language": "python",
    "env": {"OF_SPEC": "1"},
}


def test_a_kernel_runs_for_a_jupyter_outside(ready: Installed, tmp_path: Path) -> None:
    """In its activated environment, with the connection file wherever it was, which nobody else reads."""
    brick = ready.deployment.profiles[0].bricks[0]
    prefix = Path(brick.prefix)
    folder = prefix / "share/jupyter/kernels/python3"
    for place in (folder, prefix / "bin", prefix / "etc/conda/activate.d", prefix / "etc/conda/env_vars.d"):
        place.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(KERNEL).replace("{prefix}", brick.prefix))
    show = prefix / "bin/show"
    show.write_text(
        '#!/bin/sh\necho "$1|$2|$ACTIVATED|$OF_SPEC|$OF_PACKAGE|$CONDA_PREFIX|${PATH%%:*}"; cat "$1"\n'
    )
    show.chmod(0o755)
    (prefix / "etc/conda/activate.d/x.sh").write_text('export ACTIVATED="$OF_PACKAGE is on"\n')
    (prefix / "etc/conda/env_vars.d/x.json").write_text('{"OF_PACKAGE": "a $(b)"}')
    inside = Path("/run/lego")
    connection = tmp_path / "kernel-1.json"
    connection.write_text('{"key": "s3cret"}')
    line = ready.run("lego-launch", "--dry-run", "--kernel", f"{brick.name}/python3", str(connection)).stdout
    command = parsed(line).command
    assert "s3cret" not in line
    script, stated = ready.root / "jupyter/in_brick.py", str(inside / "connection.json")
    assert [
        "python3",
        "-I",
        "/run/lego/etc/in_brick.py",
        brick.prefix,
        "kernel",
        "python3",
        stated,
    ] == command
    # the stand-in mounts nothing at /run/lego: what runs there runs here with what is mounted there
    words = [sys.executable, "-I", str(script), brick.prefix, "kernel", "python3", str(connection)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"})
    assert 0 == done.returncode, done.stderr
    said, secret = done.stdout.splitlines()
    expected = [
        str(connection),
        str(folder),
        "a $(b) is on",
        "1",
        "a $(b)",
        brick.prefix,
        f"{brick.prefix}/bin",
    ]
    assert expected == said.split("|")
    assert '{"key": "s3cret"}' == secret
    ready.run("lego-launch", "--kernel", f"{brick.name}/python3", str(connection))
    assert "connection.json" in ready.runtime.session()[2]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--kernel", "nothing/python3", "x"], "there is no kernel 'nothing/python3' in this session"),
        (["--kernel", "climate/../../x", "x"], "there is no kernel"),
        (["--kernel", "climate", "x"], "there is no kernel"),
        (["--kernel", "climate/python3", "/nowhere/x"], "/nowhere/x"),
        (["--kernel", "climate/python3", "x", "--", "true"], "and no command"),
    ],
)
def test_a_kernel_that_is_not_there_is_refused(ready: Installed, words: list[str], says: str) -> None:
    """With a message, and nothing is started."""
    done = ready.run("lego-launch", *words)
    assert (78, True) == (done.returncode, says in done.stderr), done.stderr


def test_a_command_runs_in_a_brick(ready: Installed) -> None:
    """Activated, like its kernels."""
    brick = ready.deployment.profiles[0].bricks[0]
    activate = Path(brick.prefix) / "etc/conda/activate.d/y.sh"
    activate.parent.mkdir(parents=True, exist_ok=True)
    activate.write_text("export ON=yes\n")
    try:
        words = [
            "--in",
            brick.name,
            "--",
            "sh",
            "-c",
            'echo "$ON|$CONDA_PREFIX|${PATH%%:*}|$1"',
            "sh",
            "a $(b)",
        ]
        done = ready.run("lego-launch", *words)
    finally:
        activate.unlink()
    assert (0, f"yes|{brick.prefix}|{brick.prefix}/bin|a $(b)\n") == (done.returncode, done.stdout), (
        done.stderr
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["--in", "nothing", "--", "true"],
            "there is no brick 'nothing' in this session; it has: climate, ocean",
        ),
        (["--in", "climate"], "--in is for a command"),
        (["--in", "climate", "--", "--port=1"], "--in is for a command"),
        (["--in", "climate", "--kernel", "climate/python3", "x"], "--in is for a command"),
    ],
)
def test_a_brick_that_is_not_there_is_refused(ready: Installed, words: list[str], says: str) -> None:
    """With a message, and nothing is started."""
    done = ready.run("lego-launch", *words)
    assert (78, True) == (done.returncode, says in done.stderr), done.stderr
