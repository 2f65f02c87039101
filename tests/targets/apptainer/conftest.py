"""An installed centre with a stand-in for the runtime."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lego_compile.ir.model import BrickMount, Deployment
from tests.strategies import example
from tests.targets.apptainer.runtime import Runtime
from tests.targets.apptainer.samples import install, options, projected


@dataclass
class Installed:
    """A centre on disk.

    Attributes:
        root: where its files are.
        runtime: the stand-in for Apptainer.
        deployment: what was compiled, with prefixes and data below the runtime's folder.
        store: where its images are.
    """

    root: Path
    runtime: Runtime
    deployment: Deployment
    store: Path

    def command(self, program: str, *words: str) -> list[str]:
        """The command line of one of its programs."""
        return [sys.executable, "-I", str(self.root / "bin" / program), *words]

    def run(self, program: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs to its end."""
        variables = {"PATH": "/usr/bin:/bin", "TMPDIR": str(self.runtime.here), **environment}
        return subprocess.run(
            self.command(program, *words),
            env=variables,
            capture_output=True,
            text=True,
            timeout=300,  # never reached on an idle machine
            check=False,
        )

    def records(self) -> dict[str, Any]:
        """What the store knows of its files."""
        found: dict[str, Any] = json.loads((self.store / "resolved.json").read_text())["images"]
        return found


def images(deployment: Deployment) -> list[str]:
    """The digests of all images."""
    found: dict[str, None] = {}
    for profile in deployment.profiles:
        for image in (profile.system.image, *(brick.image for brick in (*profile.bricks, *profile.offers))):
            found[image.digest] = None
    return list(found)


def at_home(deployment: Deployment, here: Path) -> Deployment:
    """The deployment with everything that is mounted below a folder of the test."""

    def moved(brick: BrickMount) -> BrickMount:
        return replace(brick, prefix=f"{here}/inside{brick.prefix}")

    profiles = []
    for profile in deployment.profiles:
        data = tuple(
            replace(each, path=f"{here}/inside{each.path}", source=f"{here}/host/{each.name}")
            for each in profile.data
        )
        bricks, offers = tuple(map(moved, profile.bricks)), tuple(map(moved, profile.offers))
        profiles.append(replace(profile, data=data, bricks=bricks, offers=offers))
    return replace(deployment, profiles=tuple(profiles))


def prepare(folder: Path, **changes: Any) -> Installed:
    """Install the example, with all images published and none in the store."""
    runtime = Runtime(folder / "here")
    deployment = at_home(projected(example()), runtime.here)
    store = folder / "store"
    for data in deployment.profiles[0].data:
        Path(data.source).mkdir(parents=True)
    for digest in images(deployment):
        runtime.publish(digest)
    chosen = options(executable=str(runtime.program), store=str(store), **changes)
    return Installed(install(folder / "root", deployment, chosen), runtime, deployment, store)


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    """The example, with all images published and none in the store."""
    return prepare(tmp_path)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The example with a full store; for tests that do not change it."""
    center = prepare(tmp_path_factory.mktemp("ready"))
    done = center.run("lego-materialize", "--no-try")
    assert 0 == done.returncode, done.stderr
    return center
