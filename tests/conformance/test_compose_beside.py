"""Files that others put beside ours and that Docker Compose obeys: ``verify`` points them out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lego_compile.cli import main
from tests.command import run
from tests.conformance.compose_model import Tree, from_model
from tests.conformance.compose_samples import SAMPLES
from tests.conformance.composes import ROOT, VERSIONS, ask, environment, install, model

pytestmark = pytest.mark.slow

FILES = SAMPLES["oauth"]
OVERRIDE = b"services:\n  hub:\n    privileged: true\n"
OTHER = b"name: other\nservices:\n  x:\n    image: x\n"


def env(more: bytes, start: bytes = b"") -> dict[str, bytes]:
    """.env with something more in it."""
    return {".env": start + environment(FILES) + more}


OBEYED: dict[str, dict[str, bytes]] = {
    **{
        f"{stem}.{end}": {f"{stem}.{end}": OVERRIDE}
        for stem in ("compose.override", "docker-compose", "docker-compose.override")
        for end in ("yaml", "yml")
    },
    "compose.yml": {"compose.yml": OVERRIDE},
    "another file": env(b"COMPOSE_FILE=other.yaml\n"),
    "blanks": env(b"  COMPOSE_FILE = other.yaml\n"),
    "export": env(b"export COMPOSE_FILE=other.yaml\n"),
    "export and a tab": env(b"export\tCOMPOSE_FILE=other.yaml\n"),
    "a colon": env(b"COMPOSE_FILE: other.yaml\n"),
    "a blank that does not break": env("\u00a0COMPOSE_FILE=other.yaml\n".encode()),
    "a byte order mark": env(b"", b"\xef\xbb\xbfCOMPOSE_FILE=other.yaml\n"),
    "after a text of two lines": env(b"A='x\ny'\nCOMPOSE_FILE=other.yaml\n"),
    "after a quoted value": env(b'A="b" COMPOSE_FILE=other.yaml\n'),
    "after a quoted value and a tab": env(b"A='b'\tCOMPOSE_FILE=other.yaml\n"),
    "right after a quoted value": env(b'A="b"COMPOSE_FILE=other.yaml\n'),
    "after a quoted value and export": env(b"A='b' export COMPOSE_FILE=other.yaml\n"),
    "after the second line of a value": env(b"A='b\n# c' COMPOSE_FILE=other.yaml\n"),
    "another project": env(b"COMPOSE_PROJECT_NAME=other\n"),
    "two files": env(b"COMPOSE_PATH_SEPARATOR=,\nCOMPOSE_FILE=compose.yaml,other.yaml\n"),
}
"""What Compose reads together with ours, in the place of ours, or warns of."""

PARTLY: dict[str, dict[str, bytes]] = {
    "no .env": env(b"COMPOSE_DISABLE_ENV_FILE=1\n"),  # not before 2.2x
    "profiles": env(b"COMPOSE_PROFILES=x\n"),  # of which compose.yaml has none
    "more files of variables": env(b"COMPOSE_ENV_FILES=more.env\n"),
    "another engine": env(b"DOCKER_HOST=tcp://127.0.0.1:1\n"),  # `config` asks none; see below
}
"""What some version of Compose obeys, or in some case: it is pointed out as well."""

IGNORED: dict[str, dict[str, bytes]] = {
    **{
        name: {name: OVERRIDE}
        for name in ("Compose.yaml", "compose.local.yaml", "compose.lab.override.yaml", ".compose.yaml")
    },
    ".env.local": {".env.local": b"COMPOSE_FILE=other.yaml\n"},
    "a comment": env(b"#COMPOSE_FILE=other.yaml\n"),
    "a comment with a quote": env(b"# it's\n#COMPOSE_FILE=other.yaml\n"),
    "in a quoted value": env(b"A='\nCOMPOSE_FILE=other.yaml\n'\n"),
    "small letters": env(b"compose_file=other.yaml\n"),
    "variables of the lab": env(b"LAB_PORT=9999\nJUPYTER_TOKEN=abc\n"),
    ".env as it should be": env(b""),
}
"""What Compose does not obey: it is the operator's, and passed over."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of the committed centre Grenoble."""
    folder = tmp_path_factory.mktemp("beside")
    assert main(["-q", "--out", str(folder / "out"), str(ROOT / "centers" / "grenoble.yaml")]) == 0
    return folder / "out" / "grenoble"


def pointed_out(out: Path, beside: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> bool:
    """Whether ``lego-compile verify`` has something to say of files beside ours."""
    for name, data in beside.items():
        out.joinpath("compose", name).write_bytes(data)
    code, _, said = run(["verify", str(out)], capsys)
    for name in beside:
        out.joinpath("compose", name).unlink()
    assert (code, "is not ours, and" in said) in ((0, False), (1, True))
    return code == 1


def changes(version: str, folder: Path, beside: dict[str, bytes]) -> bool:
    """Whether Compose sees another project with files beside ours, or remarks on them."""
    install(folder, FILES)
    untouched = from_model(version, model(version, folder), folder)
    for name, data in {**beside, "other.yaml": OTHER, "more.env": b"A=1\n"}.items():
        folder.joinpath(name).write_bytes(data)
    done = ask(version, folder, "--profile", "*", "config", "--format", "json")
    if done.returncode or done.stderr:
        return True
    seen: Tree = json.loads(done.stdout)
    return from_model(version, seen, folder) != untouched


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OBEYED)
def test_compose_obeys_them(version: str, name: str, tmp_path: Path) -> None:
    """What these tables say of Compose is so, in every version."""
    assert changes(version, tmp_path, OBEYED[name])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", IGNORED)
def test_compose_ignores_them(version: str, name: str, tmp_path: Path) -> None:
    """And what is passed over is nothing to Compose."""
    assert not changes(version, tmp_path, IGNORED[name])


def test_an_engine_in_env(tmp_path: Path) -> None:
    """The oldest Compose asks the engine that .env names."""
    install(tmp_path, FILES)
    tmp_path.joinpath(".env").write_bytes(PARTLY["another engine"][".env"])
    assert "tcp://127.0.0.1:1" in ask(VERSIONS[0], tmp_path, "ps").stderr


@pytest.mark.parametrize("name", [*OBEYED, *PARTLY])
def test_verify_points_them_out(name: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`lego-compile verify` says which file beside ours Compose obeys."""
    assert pointed_out(out, {**OBEYED, **PARTLY}[name], capsys)


@pytest.mark.parametrize("name", IGNORED)
def test_verify_passes_over_the_rest(name: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`lego-compile verify` says nothing of files that Compose does not obey."""
    assert not pointed_out(out, IGNORED[name], capsys)


def cases() -> Iterator[str]:
    """Names of all tables."""
    yield from (*OBEYED, *PARTLY, *IGNORED)


def test_every_case_is_another() -> None:
    """No case hides another one of the same name."""
    assert len(list(cases())) == len(set(cases()))
