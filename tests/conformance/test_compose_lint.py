"""Every file for Docker Compose, judged by the schema of compose-spec and by two linters.

What a linter finds and is left as it is stands in one table with its reason: a finding without one fails, and so does a
reason without a finding.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from lego_compile.targets.goyaml import load
from tests.conformance.compose_samples import SAMPLES
from tests.conformance.composes import compose_files, examples, install

pytestmark = pytest.mark.slow

EVERYTHING = {**examples(), **{f"sample-{name}": files for name, files in SAMPLES.items()}}


class Finding(NamedTuple):
    """What a linter says.

    Attributes:
        rule: its name.
        service: that it is about; empty for the whole file.
        file: of which folder.
    """

    rule: str
    service: str
    file: str


class Excuse(NamedTuple):
    """Why a finding is left as it is.

    Attributes:
        rule: its name.
        services: pattern of the services.
        reason: in words.
    """

    rule: str
    services: str
    reason: str


NEVER_A_CONTAINER = r"image-.+|baked-.+"
LAB = r"lab|lab-data"
MACHINE = "how many processors there are is the machine's, and nothing here computes: memory and processes are bounded"

COMPOSE_LINT = [
    Excuse(
        "CL-0001", "docker-api", "this is the socket proxy that the rule asks for; nobody else has the socket"
    ),
    Excuse("CL-0003", NEVER_A_CONTAINER, "0 replicas: it is there to be pulled or built"),
    Excuse("CL-0006", NEVER_A_CONTAINER, "0 replicas: it is there to be pulled or built"),
    Excuse("CL-0007", NEVER_A_CONTAINER, "0 replicas: it is there to be pulled or built"),
    Excuse("CL-0026", NEVER_A_CONTAINER, "0 replicas: it is there to be pulled or built"),
    Excuse(
        "CL-0019",
        rf"baked-.+|{LAB}",
        "built on this machine, and called after a digest of what it is built of",
    ),
    Excuse("CL-0005", "edge", "the way in, for everybody: that is what it is for, and it ends TLS"),
    Excuse("CL-0026", "edge|proxy|hub|docker-api", MACHINE),
    Excuse("CL-0026", r"seed-.+", "it copies once and ends; how much it needs depends on the brick"),
    Excuse("CL-0026", LAB, "bounds are those of the profile, and one of them has none"),
    Excuse(
        "CL-0018",
        r"seed-.+",
        "it copies files of any owner: as root with three capabilities and without a network, and ends",
    ),
    Excuse("CL-0007", r"seed-.+", "it ends in a minute, and what it writes beside the volume goes with it"),
    Excuse("CL-0007", LAB, "people install things there; what is not in the home goes with the container"),
]
"""What compose-lint finds (OWASP's and CIS' rules for Docker)."""

DCLINT = [
    Excuse("no-unbound-port-interfaces", "edge", "the way in, for everybody"),
    Excuse("service-keys-order", ".*", "keys are in the order of the other targets, from what to how"),
    Excuse(
        "services-alphabetical-order",
        ".*",
        "services are in the order of a request: edge, proxy, hub, docker-api",
    ),
    Excuse("service-dependencies-alphabetical-order", ".*", "services first, and then what is pulled"),
    Excuse(
        "top-level-properties-order", "", "secrets are last: env.example says that they are found at the end"
    ),
]
"""What dclint finds."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each example and sample, as an operator has it."""
    top = tmp_path_factory.mktemp("lint")
    for name, files in EVERYTHING.items():
        install(top / name, files)
    return top


def every_file() -> list[str]:
    """Paths of all files for Compose below that folder."""
    return [f"{name}/{file}" for name, files in EVERYTHING.items() for file in compose_files(files)]


def unexplained(findings: Iterable[Finding], excuses: Iterable[Excuse]) -> tuple[list[Finding], list[Excuse]]:
    """Findings without an excuse, and excuses without a finding."""
    used: set[Excuse] = set()
    open_: list[Finding] = []
    for each in findings:
        fitting = [
            one for one in excuses if one.rule == each.rule and re.fullmatch(one.services, each.service)
        ]
        used.update(fitting)
        open_ += [] if fitting else [each]
    return open_, [each for each in excuses if each not in used]


# --- the schema -------------------------------------------------------------------------------------------------


def check_schema(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """check-jsonschema with the schema of compose-spec that it brings along."""
    if find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema is not installed: pip install 'lego-compile[conformance]'")
    words = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *files]
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=120)


def test_the_schema_accepts_every_file(folders: Path) -> None:
    """The schema of compose-spec accepts every file."""
    done = check_schema(folders, *every_file())
    assert (0, "") == (done.returncode, done.stderr), done.stdout


def test_the_schema_can_refuse(folders: Path, tmp_path: Path) -> None:
    """And refuses one with a key that it does not know."""
    text = folders.joinpath(every_file()[0]).read_text()
    tmp_path.joinpath("compose.yaml").write_text(text.replace("    init: true\n", "    inti: true\n", 1))
    done = check_schema(tmp_path, "compose.yaml")
    assert (done.returncode, "inti" in done.stdout) == (1, True)


# --- compose-lint -----------------------------------------------------------------------------------------------


def compose_lint(folder: Path, *files: str) -> list[Finding]:
    """What compose-lint finds."""
    if find_spec("compose_lint") is None:
        pytest.skip("compose-lint is not installed: pip install 'lego-compile[conformance]'")
    words = ["-m", "compose_lint", "check", "--format", "json", *files]
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=120)
    told = json.loads(done.stdout)
    assert (told["errors"], told["warnings"]) == ([], []), done.stderr
    return [Finding(each["rule_id"], each["service"], each["file"]) for each in told["findings"]]


def test_compose_lint_finds_nothing_new(folders: Path) -> None:
    """compose-lint finds in every file only what has a reason, and every reason is still needed."""
    assert ([], []) == unexplained(compose_lint(folders, *every_file()), COMPOSE_LINT)


def test_what_is_excused_as_no_container_is_none() -> None:
    """The services that are excused for not being containers have no replicas, no network and no mounts."""
    seen = 0
    for name in every_file():
        folder, _, file = name.partition("/")
        for service, keys in load(EVERYTHING[folder][file])["services"].items():
            if re.fullmatch(NEVER_A_CONTAINER, service):
                assert ({"replicas": 0}, "none", "no") == (
                    keys["deploy"],
                    keys["network_mode"],
                    keys["restart"],
                )
                assert keys.keys() <= {"image", "pull_policy", "build", "deploy", "network_mode", "restart"}
                seen += 1
    assert seen


def test_compose_lint_can_find(folders: Path, tmp_path: Path) -> None:
    """And it finds a privileged service, which nothing excuses."""
    text = folders.joinpath(every_file()[-1]).read_text()
    tmp_path.joinpath("compose.yaml").write_text(
        text.replace("    init: true\n", "    privileged: true\n", 1)
    )
    open_, _ = unexplained(compose_lint(tmp_path, "compose.yaml"), COMPOSE_LINT)
    assert "CL-0002" in {each.rule for each in open_}


# --- dclint -----------------------------------------------------------------------------------------------------


def dclint(folder: Path, *files: str) -> list[Finding]:
    """What dclint finds; its standard output is cut when a pipe is full, and a file is not."""
    program = os.environ.get("LEGO_DCLINT")
    if not program:
        pytest.skip(
            "LEGO_DCLINT is not set: npm install --prefix DIR dclint@3.1.0, "
            "then LEGO_DCLINT=DIR/node_modules/.bin/dclint"
        )
    subprocess.run(
        [program, *files, "--formatter", "json", "--output-file", "found.json"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = []
    for file in json.loads(folder.joinpath("found.json").read_text()):
        for each in file["messages"]:
            service = re.search(r'[Ss]ervice "([^"]+)"', each["message"])
            found.append(Finding(each["rule"], service[1] if service else "", Path(file["filePath"]).name))
    return found


def test_dclint_finds_nothing_new(folders: Path) -> None:
    """dclint finds in every example, and in each way to mount bricks, only what has a reason that is still needed."""
    chosen = [*examples(), "sample-baked", "sample-volume"]  # it takes half a second for each file
    files = [file for file in every_file() if file.partition("/")[0] in chosen]
    assert len(files) >= 2 * len(chosen)
    assert ([], []) == unexplained(dclint(folders, *files), DCLINT)


def test_dclint_can_find(folders: Path, tmp_path: Path) -> None:
    """And it finds two services that publish the same port, which nothing excuses."""
    text = folders.joinpath(every_file()[-1]).read_text()
    tmp_path.joinpath("compose.yaml").write_text(text.replace('published: "443"', 'published: "80"'))
    open_, _ = unexplained(dclint(tmp_path, "compose.yaml"), DCLINT)
    assert ["no-duplicate-exported-ports"] == sorted({each.rule for each in open_})
