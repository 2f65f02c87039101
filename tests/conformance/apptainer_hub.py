"""A hub of the target ``apptainer`` for tests: files on disk, JupyterHub's loader, and spawners whose commands are
recorded and not run.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from lego_compile.ir.model import SERVER, Composition
from tests.conformance.spawn_page import Page

TOKEN = "t0ken-of-the-user"
MODULES = ("jobs", "moss", "oar", "profiles")
"""What the settings import that knows the centre; Python would keep it for the next one."""


def need(*packages: str) -> None:
    """Skip where a package of the conformance tests is not installed."""
    for package in packages:
        pytest.importorskip(
            package, reason=f"no {package}: pip install 'lego-compile[conformance]' jupyterhub"
        )


def load(root: Path) -> Any:
    """JupyterHub with the configuration that was installed."""
    need("batchspawner")
    from jupyterhub.app import JupyterHub

    for name in MODULES:
        sys.modules.pop(name, None)
    app, path = JupyterHub(log_level=50), list(sys.path)
    try:
        app.load_config_file(str(root / "jupyterhub" / "jupyterhub_config.py"))
    finally:
        sys.path[:] = path
    return app


def spawner(app: Any, name: str = "ada", groups: tuple[str, ...] = ("staff",), last: Any = None) -> Any:
    """A spawner of a user, as JupyterHub would make it; commands are recorded and not run."""
    user = mock.MagicMock(escaped_name=name, url=f"/user/{name}/", settings={"template_path": []})
    user.name, user.groups = name, [SimpleNamespace(name=each) for each in groups]
    hub = SimpleNamespace(
        base_url="/hub/",
        api_url="http://hub.example.org:8081/hub/api",
        public_host="",
        server=mock.MagicMock(),
    )
    made = app.config.JupyterHub.spawner_class(
        config=app.config, user=user, hub=hub, authenticator=None, api_token=TOKEN, db=mock.MagicMock(),
        oauth_client_id="jupyterhub-user", public_url="", handler=SimpleNamespace(hub=hub),
        orm_spawner=SimpleNamespace(user_options=last, name="", state={}, server=None),
    )  # fmt: skip
    made.run = []
    recorded(made, made.run)
    return made


def recorded(made: Any, run: list[Any]) -> None:
    """Make a spawner of jobs one of a machine without users and Slurm, where everything succeeds."""
    name = made.user.name

    async def run_command(command: str, input: str | None = None, env: dict[str, str] | None = None) -> str:
        run.append((command, input, env))
        if "sinfo" in command:
            return SINFO
        return "7" if "sbatch" in command else "RUNNING node1.example.org"

    made.user_env = lambda env: {**env, "USER": name, "HOME": f"/home/{name}"}  # no such users here
    made.run_command = run_command
    made.mock_port, made.startup_poll_interval = 40000, 0.001
    if made.has_trait("req_homedir"):
        made.req_homedir = f"/home/{name}"


SINFO = """\
interactive 2/46/0/48 35+ 38/1642/0/1680 (null) 196000+ 1-00:00:00
gpu 2/5/0/7 128 116/780/0/896 gpu:a100:4 512000 12:00:00
secret 2/5/0/7 128 116/780/0/896 gpu:a100:4 512000 infinite
"""
"""What ``sinfo -a --noheader -o '%R %F %c %C %G %m %l'`` prints (recorded on Slurm 26.05, with other names)."""


def script(app: Any, chosen: Any, **user: Any) -> str:
    """The batch script that Slurm gets for the options of a user."""
    made = spawner(app, **user)
    made.user_options = chosen
    return started(made)


def started(made: Any) -> str:
    """The batch script that Slurm gets of a spawner."""
    assert asyncio.run(made.start()) == ("node1.example.org", 40000)
    command, text, environment = next(each for each in made.run if "sbatch" in each[0])
    assert f"sudo -E -u {made.user.name} sbatch --parsable" == command
    assert TOKEN == environment["JUPYTERHUB_API_TOKEN"]
    assert TOKEN not in text
    return str(text)


def refused(made: Any, options: Any) -> int:
    """The status with which options are refused; nothing may have been run."""
    from tornado.web import HTTPError

    made.user_options = options
    with pytest.raises(HTTPError) as caught:
        asyncio.run(made.start())
    assert not made.run
    assert caught.value.jupyterhub_message
    return int(caught.value.status_code)


def directives(text: str) -> dict[str, str]:
    """What the script asks Slurm for."""
    return dict(re.findall(r"^#SBATCH --([a-z-]+)(?:=(.*))?$", text, re.MULTILINE))


def reporting(profile: Composition) -> list[str]:
    """What runs in a session: batchspawner's program starts only programs in Python, so it comes before the server."""
    return [*profile.prepares, "batchspawner-singleuser", SERVER, *profile.server_options]


def launched(text: str) -> list[str]:
    """The words of the last line, the one that starts the session."""
    return shlex.split(text.splitlines()[-1])


def form(made: Any) -> Page:
    """The spawn page."""
    return Page(asyncio.run(made.get_options_form()))
