"""A real JupyterHub in this process, in memory and without a proxy, and browsers before it."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance import compose_hub
from tests.conformance import z2jh_chart as chart
from tests.conformance.directory import ACCOUNT_PASSWORD
from tests.conformance.test_z2jh import require
from tests.targets.compose import samples as compose_samples
from tests.targets.z2jh.samples import OAUTH, authenticator, compiled, options

HOST = options()["host"]
"""Of every hub here."""

CA = ("directory-ca", "ca.crt")
"""The ConfigMap that some options name, and the key in it."""

SECRETS = {
    ("jupyterhub-oauth", "client-secret"): "from the Secret",
    ("hub-ldap", "password"): ACCOUNT_PASSWORD,
}
"""Name of a Secret or ConfigMap of the cluster, and key in it → what is there."""

_FILES = {
    ("jupyterhub-oauth", "client-secret"): "oauth_client_secret",
    ("hub-ldap", "password"): "ldap_password",
    CA: "ldap_ca",
}
"""The same on one machine: files below ``secrets/``."""


def values_of(**login: Any) -> dict[str, Any]:
    """The compiled values of a centre with this authenticator, over the chart's own."""
    files = compiled(chosen=options(authenticator=authenticator(**login)))
    values = yaml.load(files["values.yaml"], getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return dict(chart.coalesce(copy.deepcopy(chart.DEFAULTS), values))


def configured(
    values: dict[str, Any], secrets: Mapping[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The hub's configuration, with the variables that the pod of the hub has.

    Args:
        values: over the chart's own.
        secrets: like SECRETS.
        monkeypatch: for the variables.
    """
    require("kubespawner", "jupyterhub-kubespawner")
    for name, source in values["hub"].get("extraEnv", {}).items():
        key = source["valueFrom"]["secretKeyRef"]
        monkeypatch.setenv(name, secrets[key["name"], key["key"]])
    return chart.config(values, monkeypatch)


def z2jh(
    monkeypatch: pytest.MonkeyPatch, folder: Path, secrets: Mapping[tuple[str, str], str], **login: Any
) -> Any:
    """The configuration of a hub on Kubernetes with an authenticator of these options.

    Args:
        monkeypatch: for the variables.
        folder: for files of the hub, such as certificates of CAs.
        secrets: like SECRETS.
        login: changes of the option ``authenticator``, in the words of the target z2jh.
    """
    values = values_of(**login)
    if CA in secrets:
        (volume,) = values["hub"]["extraVolumes"]
        (mount,) = values["hub"]["extraVolumeMounts"]
        (item,) = volume["configMap"]["items"]
        assert volume["name"] == mount["name"]
        folder.joinpath(item["path"]).write_text(secrets[volume["configMap"]["name"], item["key"]])
        config = json.dumps(values["hub"]["config"]).replace(mount["mountPath"], str(folder))
        values["hub"]["config"] = json.loads(config)
    return configured(values, secrets, monkeypatch)


def compose(
    monkeypatch: pytest.MonkeyPatch, folder: Path, secrets: Mapping[tuple[str, str], str], **login: Any
) -> Any:
    """The configuration of a hub on one machine with an authenticator of the same options: like ``z2jh``."""
    chosen = dict(login)
    if oauth := login.get("oauth"):
        chosen["oauth"] = {key: oauth[key] for key in oauth if key not in ("client_id", "client_secret")}
    if ldap := login.get("ldap"):
        search = ldap["search"]
        found = search and {key: search[key] for key in search if key != "password"}
        chosen["ldap"] = {**ldap, "ca": bool(ldap["ca"]), "search": found}
    asked = compose_samples.authenticator(**{"admin_users": [], **chosen})
    files = compose_samples.compiled(chosen=compose_samples.options(host=HOST, authenticator=asked))
    folder = compose_hub.write(Path(tempfile.mkdtemp(dir=folder)), files)
    for key, text in secrets.items():
        folder.joinpath("secrets", _FILES[key]).write_text(f"{text}\n")
    monkeypatch.setitem(compose_hub.ENVIRONMENT, "OAUTH_CLIENT_ID", OAUTH["client_id"])
    return compose_hub.load(folder, monkeypatch)


TARGETS: dict[str, Callable[..., Any]] = {"z2jh": z2jh, "compose": compose}
"""Name of a target with a hub → the configuration of its hub."""


class _Kept(logging.Handler):
    """Keeps what is warned about."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.messages.append(record.getMessage())


class Hub:
    """A hub that has been initialized.

    Attributes:
        app: the real application.
        authenticator: its own.
        warnings: what it has logged as a warning, or worse.
    """

    def __init__(self, app: Any, kept: _Kept) -> None:
        self.app = app
        self.authenticator = app.authenticator
        self.warnings = kept.messages

    async def login(self, name: str, password: str) -> tuple[str, bool] | None:
        """Who it is, and whether an administrator; None when the hub lets nobody in."""
        data = {"username": name, "password": password}
        found = await self.authenticator.get_authenticated_user(None, data)
        return found and (found["name"], bool(found["admin"]))

    def groups(self, name: str) -> set[str]:
        """The groups of a user who has been here."""
        orm = require("jupyterhub.orm", "jupyterhub")
        return {group.name for group in orm.User.find(self.app.db, name).groups}

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Its pages, on a free port; yields ``http://127.0.0.1:PORT``."""
        from tornado.httpserver import HTTPServer
        from tornado.netutil import bind_sockets

        server, sockets = HTTPServer(self.app.tornado_application), bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        try:
            yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        finally:
            server.stop()
            await server.close_all_connections()


def no_proxy() -> type:
    """A class of JupyterHub's proxies."""
    base: Any = require("jupyterhub.proxy", "jupyterhub").Proxy

    class NoProxy(base):  # type: ignore[misc]
        """Browsers come to the hub itself."""

        should_start = False

        async def add_route(self, routespec: str, target: str, data: Any) -> None:
            """Nothing to do."""

        async def delete_route(self, routespec: str) -> None:
            """Nothing to do."""

        async def get_all_routes(self) -> dict[str, Any]:
            """None."""
            return {}

    return NoProxy


@asynccontextmanager
async def running(c: Any, folder: Path, **traits: Any) -> AsyncIterator[Hub]:
    """The hub of a configuration.

    Args:
        c: the configuration; what a cluster gives besides is added.
        folder: for files of this hub.
        traits: of JupyterHub, instead of what these tests have.
    """
    hub = require("jupyterhub.app", "jupyterhub").JupyterHub
    c = copy.deepcopy(c)
    c.JupyterHub.update(
        {"db_url": "sqlite:///:memory:", "cookie_secret": b"0" * 32, "proxy_class": no_proxy(),
         "spawner_class": "simple", "hub_bind_url": "http://127.0.0.1:8081", **traits}
    )  # fmt: skip
    nothing = folder / "jupyterhub_config.py"
    nothing.touch()
    log, kept = logging.Logger("hub"), _Kept()  # one that no other test can see
    log.addHandler(kept)
    hub.clear_instance()
    app = hub.instance(config=c, log=log)
    app.init_logging = lambda: None  # it redirects the logs of this process
    try:
        await app.initialize(["--config", str(nothing)])
        yield Hub(app, kept)
    finally:
        if app.db is not None:
            app.db.close()
            app.db.bind.dispose()
        hub.clear_instance()


def asked(
    target: str,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    use: Callable[[Hub], Awaitable[None]],
    secrets: Mapping[tuple[str, str], str] = SECRETS,
    **login: Any,
) -> None:
    """Use a hub of a target with an authenticator of these options."""
    c = TARGETS[target](monkeypatch, folder, secrets, **login)

    async def main() -> None:
        async with running(c, folder) as hub:
            await use(hub)

    asyncio.run(main())


class Browser:
    """Somebody's browser, with the cookies of one site.

    Args:
        session: of aiohttp, with a jar for its cookies.
        site: ``http://127.0.0.1:PORT`` of the hub.
    """

    def __init__(self, session: Any, site: str) -> None:
        self._session = session
        self._site = site

    def cookies(self) -> dict[str, str]:
        """What the site has left here, for another browser."""
        return {each.key: each.value for each in self._session.cookie_jar}

    async def get(self, path: str, *, follow: bool = True) -> tuple[int, str]:
        """Status and page; the address instead of the page where it sends us on and ``follow`` is off."""
        async with self._session.get(self._site + path, allow_redirects=follow) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def fill(self, path: str, *, follow: bool = True, **fields: str) -> tuple[int, str]:
        """Send the form of a page, with what is hidden in it; like ``get``."""
        status, page = await self.get(path)
        assert status == 200, page
        hidden = dict(re.findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', page))
        data = {**hidden, **fields}
        async with self._session.post(self._site + path, data=data, allow_redirects=follow) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()


@asynccontextmanager
async def browser(site: str, cookies: Mapping[str, str] | None = None) -> AsyncIterator[Browser]:
    """A browser that nobody has used before, or with cookies of another one."""
    import aiohttp

    jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=site)  # as if there were TLS before the hub
    async with aiohttp.ClientSession(cookie_jar=jar, cookies=cookies, base_url=site) as session:
        yield Browser(session, site)
