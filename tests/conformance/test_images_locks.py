"""Locks of images, made by the real conda-lock: it reads what is written, and writes what a Containerfile installs.

Nothing is solved: who would is a stand-in, which takes every package that is asked for and writes down the machine that
it is asked for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.slow

IMAGES = Path(__file__).parents[2] / "images/gaia-data"
_SOLVER = """\
#!{python}
import json, os, pathlib, sys
from urllib.parse import urlsplit
words = sys.argv[1:]
if words == ["--version"]:
    sys.exit(print("2.3.3"))
platform = os.environ["CONDA_SUBDIR"]
channels = [after for word, after in zip(words, words[1:]) if word == "--channel"]
asked = words[len(words) - words[::-1].index(channels[-1]):]
(fake,) = (pathlib.Path(urlsplit(each).path) for each in channels if each.startswith("file:"))
machine = json.loads((fake / platform / "repodata.json").read_text())["packages"].values()
with open({seen!r}, "a") as file:
    virtual = {{each["name"]: each["version"] + " " + each.get("build", "") for each in machine}}
    print(json.dumps([platform, virtual, asked]), file=file)
base = "https://conda.anaconda.org/conda-forge"
found = [
    {{
        "name": each.split()[0], "version": "1", "build": "h_0", "build_string": "h_0", "build_number": 0,
        "channel": base + "/" + platform, "base_url": base, "subdir": platform, "platform": platform,
        "fn": each.split()[0] + "-1-h_0.conda", "dist_name": each.split()[0] + "-1-h_0",
        "url": base + "/" + platform + "/" + each.split()[0] + "-1-h_0.conda",
        "md5": "0" * 32, "sha256": "0" * 64, "depends": [], "constrains": [], "timestamp": 0,
    }}
    for each in asked
]
print(json.dumps({{"success": True, "dry_run": True, "actions": {{"FETCH": found, "LINK": found, "PREFIX": "/x"}}}}))
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with conda-lock and the solver."""
    program = os.environ.get("LEGO_CONDA_LOCK")
    if not program:
        pytest.skip(
            "LEGO_CONDA_LOCK is not set: python3 -m venv DIR && DIR/bin/pip install conda-lock==4.0.3, "
            "then LEGO_CONDA_LOCK=DIR/bin/conda-lock"
        )
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "conda-lock").symlink_to(Path(program).absolute())
    solver = folder / "micromamba"
    solver.write_text(_SOLVER.format(python=sys.executable, seen=str(tmp_path / "seen")))
    solver.chmod(0o755)
    return folder


def test_locks_are_made_of_what_is_written(programs: Path, tmp_path: Path) -> None:
    """For each platform a file of the name that the Containerfile reads, solved for the machine that it is for."""
    root = tmp_path / "images"
    shutil.copytree(IMAGES, root)
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    images = ["bricks/ocean", "bricks/ml", "systems/lab"]
    done = subprocess.run(
        [str(root / "bin/lock.sh"), *images],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]

    seen: list[tuple[str, dict[str, str], list[str]]] = list(
        map(json.loads, (tmp_path / "seen").read_text().splitlines())
    )
    for image in images:
        environment: dict[str, Any] = yaml.safe_load((root / image / "environment.yaml").read_text())
        machines = yaml.safe_load((root / image / "virtual-packages.yaml").read_text())["subdirs"]
        names = {re.split("[=<>! ]", each)[0] for each in environment["dependencies"]}
        assert sorted(machines) == sorted(environment["platforms"])
        for platform, machine in machines.items():
            _, virtual, asked = seen.pop(0)
            assert {each.split()[0] for each in asked} == names
            packages = machine["packages"].items()  # without a build it is build 0
            assert virtual == {each: said if " " in said else f"{said} 0" for each, said in packages}
            lock = root / image / f"conda-{platform}.lock"
            assert lock.name in (root / image / "Containerfile").read_text()
            lines = lock.read_text().partition("@EXPLICIT\n")[2].splitlines()
            base = f"https://conda.anaconda.org/conda-forge/{platform}"
            assert sorted(lines) == [f"{base}/{name}-1-h_0.conda#{'0' * 32}" for name in sorted(names)]
    assert seen == []
