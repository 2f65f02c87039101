"""What the end-to-end tests share: a root folder with Podman, a compiled centre, and when they run at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.e2e.centre import Centre, compiled
from tests.e2e.images import published
from tests.e2e.namespace import CannotRun
from tests.e2e.podman import Podman
from tests.e2e.root import Root, entered, obstacle
from tests.images.registry import NoRegistry

HERE = Path(__file__).parent
BASE = Path(os.environ.get("LEGO_E2E_ROOT") or HERE.parents[1] / ".cache" / "e2e").resolve()
WHY = (
    "not asked for; as root, `LEGO_E2E=1 pytest -n0 tests/e2e` runs what was compiled on a real engine, and installs "
    "Debian sid for it below .cache/e2e or LEGO_E2E_ROOT, once"
)
VERSIONS = pytest.StashKey[str]()


class Skipped(pytest.Module):
    """A file of tests that is not even imported.

    Attributes:
        reason: why.
    """

    reason = ""

    def collect(self) -> NoReturn:
        """Say why, once."""
        pytest.skip(self.reason, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Nothing here runs unless it is asked for, since it needs root and 370 MB; or where it cannot."""
    reason = obstacle() if os.environ.get("LEGO_E2E") == "1" else WHY
    if not reason:
        return None
    made: Skipped = Skipped.from_parent(parent, path=module_path)
    made.reason = reason
    return made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line with what was judged."""
    if versions := config.stash.get(VERSIONS, ""):
        terminalreporter.write_line(f"end to end: {versions}")


@pytest.fixture(scope="session")
def root(request: pytest.FixtureRequest) -> Iterator[Root]:
    """The root folder, entered; or a skip that says what this machine has not."""
    try:
        with entered(BASE) as made:
            programs = [made.run(each, "--version").stdout.splitlines()[0] for each in ("podman", "runc")]
            request.config.stash[VERSIONS] = ", ".join([*programs, f"Linux {os.uname().release}"])
            yield made
    except CannotRun as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def centre(root: Root, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """A centre that was compiled, and a registry that has its images."""
    pytest.importorskip("kubespawner", reason="no KubeSpawner: pip install 'lego-compile[conformance]'")
    try:
        with compiled(published(root), tmp_path_factory.mktemp("centre")) as made:
            yield made
    except NoRegistry as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def podman(root: Root, centre: Centre) -> Podman:
    """The engine, which may pull the centre's images."""
    return Podman(root, centre.host)
