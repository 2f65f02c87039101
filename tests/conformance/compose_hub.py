"""A hub of the target ``compose`` for tests: files on disk, JupyterHub's loader, DockerSpawner and an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lego_compile.ir.model import Deployment, ImageRef
from tests.conformance.docker_engine import Engine, running
from tests.targets.compose.samples import compiled

ENVIRONMENT = {"CONFIGPROXY_AUTH_TOKEN": "0" * 64, "OAUTH_CLIENT_ID": "hub"}
MEMBERS = {"ada": ["staff"], "grace": ["staff", "m1"], "eve": []}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Files as `lego-compile` leaves them, with secrets beside them."""
    for name, data in files.items():
        folder.joinpath(name).write_bytes(data)
    secrets = folder / "secrets"
    secrets.mkdir()
    for name in ("oauth_client_secret", "tls_certificate", "tls_key"):
        secrets.joinpath(name).write_text("secret\n")
    return folder


def every_image(deployment: Deployment) -> Iterator[ImageRef]:
    """Images of all sessions."""
    for profile in deployment.profiles:
        yield profile.system.image
        yield from (brick.image for brick in (*profile.bricks, *profile.offers))


def need(package: str) -> Any:
    """A package of the platforms, or a skip that says how to get it."""
    return pytest.importorskip(
        package, reason=f"{package} is not installed: pip install 'lego-compile[conformance]'"
    )


def load(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The configuration as JupyterHub's own loader reads it."""
    need("dockerspawner")
    from jupyterhub.app import JupyterHub

    monkeypatch.setenv("LEGO_SECRETS", str(folder / "secrets"))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    JupyterHub.clear_instance()
    app = JupyterHub()
    app.load_config_file(str(folder / "jupyterhub_config.py"))
    return app.config


class Hub:
    """A loaded configuration, an engine, and real spawners of both."""

    def __init__(self, config: Any, engine: Engine) -> None:
        self.config, self.engine = config, engine

    def spawner(self, name: str = "ada", last: Any = None) -> Any:
        """DockerSpawner of a user, who has chosen something the last time."""
        from dockerspawner import DockerSpawner
        from jupyterhub.objects import Hub as JupyterHubHub

        groups = [SimpleNamespace(name=group) for group in MEMBERS[name]]
        user = SimpleNamespace(
            name=name, escaped_name=name, url=f"/user/{name}/", groups=groups, id=1, settings={}, db=None
        )
        spawner = DockerSpawner(config=self.config, user=user, hub=JupyterHubHub(), api_token="x")
        spawner.orm_spawner = SimpleNamespace(user_options=last, name="", server=None, state={})
        spawner.oauth_client_id = "jupyterhub-user"
        return spawner

    def start(self, options: Any, name: str = "ada") -> dict[str, Any]:
        """Start a server in the order of jupyterhub/user.py, and return what the engine was asked to create."""

        async def run() -> None:
            spawner = self.spawner(name)
            spawner.user_options = options
            await spawner._run_apply_user_options(options)
            await spawner.run_pre_spawn_hook()
            await spawner.start()

        before = len(self.engine.created)
        asyncio.run(run())
        (created,) = self.engine.created[before:]
        return created

    def refused(self, options: Any, name: str = "ada") -> int:
        """The status with which a start is refused; nothing may have been created."""
        from tornado.web import HTTPError

        before = len(self.engine.created)
        with pytest.raises(HTTPError) as caught:
            self.start(options, name)
        assert before == len(self.engine.created)
        return int(caught.value.status_code)


def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deployment: Deployment) -> Iterator[Hub]:
    """A hub of a deployment whose images are all on the machine."""
    config = load(write(tmp_path, compiled(deployment)), monkeypatch)
    from dockerspawner import DockerSpawner

    pinned = {image.pinned for image in every_image(deployment)}
    with running(Engine(pinned, f"lego-{deployment.center}-users")) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        monkeypatch.setattr(DockerSpawner, "_client", None)
        yield Hub(config, engine)
