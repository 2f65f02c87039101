"""A hub of the target ``compose`` for tests: files on disk, JupyterHub's loader, DockerSpawner and an engine."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from lego_compile.ir.model import Deployment, ImageRef
from tests.conformance.docker_engine import Engine, Process, running
from tests.conformance.single_user import listening
from tests.targets.compose.samples import compiled

ENVIRONMENT = {"CONFIGPROXY_AUTH_TOKEN": "0" * 64, "OAUTH_CLIENT_ID": "hub"}
MEMBERS = {"ada": ["staff"], "grace": ["staff", "m1"], "eve": []}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Files as `lego-compile` leaves them, with secrets beside them."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
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


def machine(compose: bytes) -> tuple[set[str], set[str]]:
    """What `docker compose pull`, `build` and `up` bring to a machine: references of images, and names of volumes."""
    project = yaml.safe_load(compose)
    images = {each["image"] for each in project["services"].values()}
    volumes = {each["name"] for each in project["volumes"].values() if each and "name" in each}
    # The engine knows repository:tag@digest by repository@digest.
    return {re.sub(r":[^:/@]+@", "@", image) for image in images}, volumes


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


class Listening(Process):
    """A server that takes connections, and does nothing with them."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._server = listening(8888, BaseHTTPRequestHandler)
        self.address = str(self._server.server_address[0])

    def stop(self) -> None:
        """End it."""
        self._server.server_close()


class Hub:
    """A loaded configuration, an engine, and real spawners of both."""

    def __init__(self, config: Any, engine: Engine) -> None:
        self.config, self.engine = config, engine

    def spawner(self, name: str = "ada", last: Any = None) -> Any:
        """DockerSpawner of a user, who has chosen something the last time."""
        from jupyterhub.objects import Hub as JupyterHubHub
        from traitlets.utils.importstring import import_item

        groups = [SimpleNamespace(name=group) for group in MEMBERS[name]]
        user = SimpleNamespace(
            name=name, escaped_name=name, url=f"/user/{name}/", groups=groups, id=1, settings={}, db=None
        )
        kind: Any = self.config.JupyterHub.spawner_class
        kind = import_item(kind) if isinstance(kind, str) else kind
        spawner = kind(config=self.config, user=user, hub=JupyterHubHub(), api_token="x")
        spawner.orm_spawner = SimpleNamespace(user_options=last, name="", server=None, state={})
        spawner.oauth_client_id = "jupyterhub-user"
        return spawner

    def start(self, options: Any, name: str = "ada") -> dict[str, Any]:
        """Start and stop a server as jupyterhub/user.py does, and return what the engine was asked to create."""

        async def run() -> None:
            spawner = self.spawner(name)
            spawner.user_options = options
            await spawner._run_apply_user_options(options)
            await spawner.run_pre_spawn_hook()
            await spawner.start()
            await spawner.stop()

        before = len(self.engine.created)
        asyncio.run(run())
        (created,) = self.engine.created[before:]
        assert not self.engine.containers
        return created

    def refused(self, options: Any, name: str = "ada") -> int:
        """The status with which a start is refused; nothing may have been created."""
        from tornado.web import HTTPError

        before = len(self.engine.created)
        with pytest.raises(HTTPError) as caught:
            self.start(options, name)
        assert before == len(self.engine.created)
        return int(caught.value.status_code)


def hub(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    deployment: Deployment,
    chosen: dict[str, Any] | None = None,
) -> Iterator[Hub]:
    """A hub of a deployment on a machine that has everything.

    Args:
        tmp_path: for its files.
        monkeypatch: for variables, and the client of DockerSpawner.
        deployment: as this target sees it.
        chosen: options of the target, else those of a trial.
    """
    files = compiled(deployment, chosen)
    config = load(write(tmp_path, files), monkeypatch)
    from dockerspawner import DockerSpawner

    images, volumes = machine(files["compose.yaml"])
    with running(Engine(images, f"lego-{deployment.center}-users", volumes, Listening)) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        monkeypatch.setattr(DockerSpawner, "_client", None)
        yield Hub(config, engine)
