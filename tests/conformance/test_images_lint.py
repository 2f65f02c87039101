"""What builds the images, before the judges of others: linters, schemas and parsers of Containerfiles and pipelines."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.imaging.catalogs import small, written
from tests.imaging.test_imaging_files import HOSTILE, hostile

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2] / "images/gaia-data"
PROGRAMS = Path(sys.executable).parent


def program(name: str) -> str:
    """A program beside this Python, or on the path; the test is skipped without it."""
    found = shutil.which(name, path=str(PROGRAMS)) or shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def kept(folder: Path, catalog: dict[str, Any]) -> Path:
    """The repository of a catalog, on the disk."""
    for path, file in written(catalog).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
    return folder


@pytest.fixture(params=["gaia-data", "small", "hostile"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The one that is committed; a small one; one with text that means something everywhere."""
    if request.param == "gaia-data":
        return ROOT
    # hadolint takes the quote after an escaped backslash for an escaped one, so that the text must not end with it
    return kept(tmp_path, small() if request.param == "small" else hostile(HOSTILE[0] + "."))


def test_hadolint(repository: Path) -> None:
    """No finding but that of several RUN in a stage that is thrown away: each has a reason before it (DL3059)."""
    files = sorted(map(str, repository.rglob("Containerfile")))
    assert len(files) >= 3
    done = subprocess.run(
        [program("hadolint"), "--no-color", "--ignore", "DL3059", *files], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_zizmor(repository: Path) -> None:
    """No weakness of the workflows."""
    done = subprocess.run(
        [program("zizmor"), "--offline", "--format", "json", str(repository / ".github/workflows")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == []
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("schema", "files"),
    [("vendor.gitlab-ci", ".gitlab-ci.yml"), ("vendor.github-workflows", ".github/workflows/*.yml")],
)
def test_the_schemas_of_both_systems(repository: Path, schema: str, files: str) -> None:
    """The schemas that check-jsonschema carries, without the network."""
    paths = sorted(map(str, repository.glob(files)))
    assert paths
    transform = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    words = [program("check-jsonschema"), "--builtin-schema", schema, *transform, *paths]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def commands(repository: Path) -> Iterator[tuple[str, str]]:
    """Where a shell command is, and the command."""
    for path in sorted(repository.glob(".github/workflows/*.yml")):
        for job, body in yaml.safe_load(path.read_text())["jobs"].items():
            for number, step in enumerate(body["steps"]):
                if "run" in step:
                    yield f"{path.name} {job} {number}", step["run"]
    for job, body in yaml.safe_load((repository / ".gitlab-ci.yml").read_text()).items():
        if isinstance(body, dict) and "script" in body:
            yield f"gitlab {job}", "\n".join(body["script"])


def test_shellcheck(repository: Path) -> None:
    """Every script, and every command of a pipeline; the words of both systems are the same."""
    for script in sorted(repository.glob("bin/*.sh")):
        done = subprocess.run([program("shellcheck"), str(script)], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "")
    found = dict(commands(repository))
    assert len(found) >= 10
    for where, command in found.items():
        assert "${{" not in command  # GitHub would paste it in before a shell reads it
        done = subprocess.run(
            [program("shellcheck"), "--shell", "sh", "-"], input=command, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (0, ""), where
    for step in ("build", "publish"):
        ours = [each for each in found[f"gitlab .{step}"].split("\n") if not each.startswith("export ")]
        theirs = [each for where, each in found.items() if where.startswith(f"images.yml {step} ")]
        assert ours == theirs


@pytest.mark.parametrize("title", HOSTILE)
def test_labels_arrive_as_they_were_written(title: str, tmp_path: Path) -> None:
    """An independent parser of Dockerfiles reads the catalog's text back, but for escapes that it leaves as they are.

    tests/e2e/test_images_labels.py has all of them built by Buildah.
    """
    parse = pytest.importorskip("dockerfile_parse")
    root = kept(tmp_path, hostile(title))
    for folder in ("bricks/ocean", "systems/lab"):
        with (root / folder / "Containerfile").open("rb") as file:
            labels = parse.DockerfileParser(fileobj=file).labels
        for name in ("title", "description"):
            assert re.sub(r'\\([\\$"])', r"\1", labels[f"org.opencontainers.image.{name}"]) == title
        kind = folder.split("s/")[0]
        assert labels[f"org.gaia-data.lego.{kind}.spec"] == "1"


def test_pipelines_are_read_back_as_data(repository: Path) -> None:
    """PyYAML sees both pipelines; secrets are given to the step that needs them, and to no other."""
    workflow = yaml.safe_load((repository / ".github/workflows/images.yml").read_text())
    assert workflow["permissions"] == {}
    assert [name for name, job in workflow["jobs"].items() if "id-token" in job["permissions"]] == ["publish"]
    for job in workflow["jobs"].values():
        assert "secrets" not in json.dumps(job.get("env", {}))
        holders = [
            each.get("run", "").split(".sh")[0] for each in job["steps"] if "secrets." in json.dumps(each)
        ]
        assert {*holders} <= {"bin/login", "bin/propose"}
    gitlab = yaml.safe_load((repository / ".gitlab-ci.yml").read_text())
    for name, job in gitlab.items():
        if name.startswith("build "):
            assert [each.get("variables") for each in job["rules"]] == [None, {"LEGO_PUBLISH": "yes"}, None]
        if name.startswith("publish "):
            assert not [each for each in job["rules"] if "merge_request" in each["if"]]
