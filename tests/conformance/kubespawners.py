"""The releases of KubeSpawner that charts run, each a folder of packages, and what they make of starts.

A folder is made by ``pip install --no-deps --target``; what the packages need besides comes from this environment.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.conformance.pods import Answer, Request

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("jupyterhub-kubespawner", "kubernetes_asyncio", "jupyterhub")
INSTALLED = "installed"
CHARTS = {  # releases of PACKAGES, and a chart whose values go with them (images/hub/requirements.txt at its tags)
    "7.0.0-33.3.0-5.4.0": "4.3.0",  # to 4.3.2
    "7.0.0-35.0.1-5.4.6": "4.4.0",  # 4.3.3 to 4.3.5
    "7.0.0-36.1.0-5.5.0": "4.4.0",
    INSTALLED: "4.4.0",  # 7.1.0 and 36.1.0, or newer: the branch main, to be 5.0.0
}


def versions(name: str) -> dict[str, str]:
    """What a set has to be."""
    if name == INSTALLED:
        return {package: importlib.metadata.version(package) for package in PACKAGES}
    return dict(zip(PACKAGES, name.split("-"), strict=True))


def missing(name: str) -> str:
    """Why a set cannot be asked, with what to do about it; empty when it can be."""
    if name == INSTALLED:
        return ""
    folder = os.environ.get("LEGO_KUBESPAWNERS")
    if folder and (Path(folder) / name).is_dir():
        return ""
    wanted = " ".join(f"{package}=={version}" for package, version in versions(name).items())
    return (
        f"no folder {name} in LEGO_KUBESPAWNERS ({folder or 'unset'}): pip install --no-deps --target "
        f'"$LEGO_KUBESPAWNERS/{name}" {wanted}'
    )


def ask(name: str, request: Request) -> Answer:
    """What a set makes of a request."""
    path = [] if name == INSTALLED else [str(Path(os.environ["LEGO_KUBESPAWNERS"]).absolute() / name)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance.pods"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*path, str(ROOT)])},
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    answer: Answer = json.loads(done.stdout)
    return answer


def ask_all(request: Callable[[str], Request], shared: Path) -> dict[str, Answer]:
    """The answers of every set that is there, asked once for all processes of a test run.

    Args:
        request: what a set is asked.
        shared: a folder that the processes have in common.
    """
    found = [name for name in CHARTS if not missing(name)]
    kept = shared / "kubespawners.json"
    with (shared / "kubespawners.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                answers = dict(
                    zip(found, pool.map(lambda name: ask(name, request(name)), found), strict=True)
                )
            kept.write_text(json.dumps(answers))
    read: dict[str, Any] = json.loads(kept.read_text())
    return read
