"""What the target ``compose`` emits, judged by Docker Compose in several versions and by JupyterHub's own loader."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.compose_hub import ENVIRONMENT, load, need, write
from tests.conformance.compose_samples import SAMPLES
from tests.conformance.composes import (
    LAB,
    OLDEST,
    VERSIONS,
    ask,
    compose_files,
    examples,
    install,
    oldest_supported,
)
from tests.targets.compose.samples import compiled, oauth_options, options

# JupyterHub and its libraries warn of each other's plans, which say nothing about us.
pytestmark = pytest.mark.filterwarnings("default")

EVERYTHING = {**examples(), **{f"sample: {name}": files for name, files in SAMPLES.items()}}


# --- Docker Compose -------------------------------------------------------------------------------------------


def test_the_oldest_is_the_oldest_supported() -> None:
    """The first of the versions that judge is of the oldest release that the table of capabilities allows."""
    assert OLDEST.startswith(oldest_supported() + ".")


def test_the_versions_are_what_they_are_called(tmp_path: Path) -> None:
    """Each folder has the program that its name promises, and the newest is a newer one."""
    told = {version: ask(version, tmp_path, "version", "--short").stdout.strip() for version in VERSIONS}
    *older, newest = VERSIONS
    assert {version: version for version in older} == {version: told[version] for version in older}
    assert int(told[newest].partition(".")[0]) >= 5


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", EVERYTHING)
def test_compose_accepts_the_project(version: str, name: str, tmp_path: Path) -> None:
    """Docker Compose accepts every file with every profile, and has nothing to remark, once .env is made."""
    files = EVERYTHING[name]
    install(tmp_path, files)
    for file in compose_files(files):
        for profiles in ([], ["--profile", "*"]):
            done = ask(version, tmp_path, "--file", file, *profiles, "config", "-q")
            if version == OLDEST and mounts_a_directory(files[file]):
                # The capability `lab-subpath` says so; the hub's own services mount no images.
                assert file == LAB
                assert done.returncode != 0
                assert "Additional property image is not allowed" in done.stderr
            else:
                assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def mounts_a_directory(text: bytes) -> bool:
    """Whether a service mounts a directory of an image, with the key that Compose has since 2.35."""
    return b"\n        image:\n          subpath: " in text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", EVERYTHING)
def test_compose_says_what_is_missing(version: str, name: str, tmp_path: Path) -> None:
    """Without .env, Compose stops and says what to put there; the trial without a hub needs none."""
    files = EVERYTHING[name]
    install(tmp_path, files)
    tmp_path.joinpath(".env").unlink()
    done = ask(version, tmp_path, "config", "-q")
    assert done.returncode != 0
    asked = re.findall(r":\?(.*?)\}", files["compose.yaml"].decode())
    assert "put the output of 'openssl rand -hex 32' into .env" in asked
    assert [
        message for message in set(asked) if message in done.stderr
    ] != []  # the first that Compose comes upon
    if LAB in files and not (version == OLDEST and mounts_a_directory(files[LAB])):
        lab = ask(version, tmp_path, "--file", LAB, "config", "-q")
        assert (0, "", "") == (lab.returncode, lab.stdout, lab.stderr)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_variable_is_a_missing_one(version: str, tmp_path: Path) -> None:
    """env.example as it is makes Compose stop too, so nobody starts a hub whose token is the empty text."""
    install(tmp_path, SAMPLES["oauth"])
    unfilled = SAMPLES["oauth"]["env.example"].decode()
    for variable, message in (
        ("CONFIGPROXY_AUTH_TOKEN", "put the output of 'openssl rand -hex 32' into .env"),
        ("OAUTH_CLIENT_ID", "put the id of this hub at the login service into .env"),
    ):
        (other,) = set(ENVIRONMENT) - {variable}
        tmp_path.joinpath(".env").write_text(unfilled.replace(f"{other}=", f"{other}=secret"))
        done = ask(version, tmp_path, "config", "-q")
        assert done.returncode != 0
        assert message in done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_the_lab_obeys_its_variables(version: str, tmp_path: Path) -> None:
    """`JUPYTER_TOKEN` and `LAB_PORT` reach the trial without a hub; without them it has no token and port 8888."""
    install(tmp_path, SAMPLES["baked"])
    told = []
    for variables in ("", "JUPYTER_TOKEN=abc\nLAB_PORT=9999\n"):
        tmp_path.joinpath(".env").write_text(variables)
        done = ask(version, tmp_path, "--file", LAB, "config", "--format", "json")
        lab = json.loads(done.stdout)["services"]["lab"]
        told.append(
            (lab["environment"]["JUPYTER_TOKEN"], lab["ports"][0]["host_ip"], lab["ports"][0]["published"])
        )
    assert [("", "127.0.0.1", "8888"), ("abc", "127.0.0.1", "9999")] == told


def test_what_is_judged() -> None:
    """Examples with Compose are there, and files with what only newer versions of Compose know."""
    assert {"grenoble", "nice", "strasbourg"} <= set(examples())
    asked = [name for name, files in EVERYTHING.items() if mounts_a_directory(files.get(LAB, b""))]
    assert asked == ["sample: subpath"]
    # With Podman, Compose cannot mount images, so there is no JupyterLab without a hub.
    assert ["sample: podman"] == [name for name, files in EVERYTHING.items() if LAB not in files]


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
