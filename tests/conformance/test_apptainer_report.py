"""How a session tells a hub of the target ``apptainer`` its port, and nothing else, judged by JupyterHub."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.apptainer_hub import MODULES, TOKEN
from tests.strategies import example
from tests.targets.apptainer.samples import everything, install, projected

pytest.importorskip(
    "batchspawner", reason="no batchspawner: pip install 'lego-compile[conformance]' jupyterhub"
)

# JupyterHub and its libraries warn of each other's plans, which say nothing about us.
pytestmark = pytest.mark.filterwarnings("default")

DEPLOYMENT = projected(example())


@dataclass
class Answers:
    """What a hub answered to the reports of sessions.

    Attributes:
        codes: status by the body that was sent.
        before: traits of the spawner before anything was sent.
        after: the same, after everything but the port was sent.
        stranger: status of a port sent with a token of the user that is no session's.
        nobody: status of a port sent without a token.
        port: of the spawner, at last.
        routes: handlers of the route.
    """

    codes: dict[str, int]
    before: dict[str, Any]
    after: dict[str, Any]
    stranger: int
    nobody: int
    port: int
    routes: list[Any]


REFUSED = (
    '{"exec_prefix": "id;"}',
    '{"port": 40000, "exec_prefix": "id;"}',
    '{"batch_query_cmd": "id"}',
    '{"cmd": ["id"]}',
    '{"user_options": {}}',
    '{"port": "40000"}',
    '{"port": 40000.0}',
    '{"port": true}',
    '{"port": null}',
    '{"port": [40000]}',
    '{"port": 1023}',
    '{"port": 65536}',
    '{"port": -1}',
    "{}",
    "[]",
    '["port"]',
    '"port"',
    "40000",
    "null",
    "{",
    "",
)
"""Bodies that no session sends."""


async def reported(root: Path) -> Answers:
    """Start the hub that was installed, with a user who has a session, and send it reports over HTTP."""
    from jupyterhub import orm
    from jupyterhub.app import JupyterHub
    from tornado.httpclient import AsyncHTTPClient
    from tornado.httpserver import HTTPServer
    from tornado.testing import bind_unused_port

    hub = JupyterHub()
    await hub.initialize(["-f", str(root / "jupyterhub" / "jupyterhub_config.py"), "--log-level=CRITICAL"])
    socket, number = bind_unused_port()
    server = HTTPServer(hub.tornado_application)
    server.add_socket(socket)
    try:
        ada = orm.User.find(hub.db, "ada")  # a member of a group of the example
        user = hub.users[ada]
        made = user.spawners[""]
        made.api_token = user.new_api_token(note="Server at /user/ada/")

        async def post(body: str, token: str) -> int:
            answer = await AsyncHTTPClient().fetch(
                f"http://127.0.0.1:{number}/hub/api/batchspawner",
                method="POST",
                body=body,
                headers={"Authorization": f"token {token}"} if token else {},
                raise_error=False,
            )
            return int(answer.code)

        def traits() -> dict[str, Any]:
            return {name: getattr(made, name) for name in ("exec_prefix", "batch_query_cmd", "cmd", "port")}

        before = traits()
        codes = {body: await post(body, made.api_token) for body in REFUSED}
        after = traits()
        good = '{"port": 40000}'
        stranger, nobody = await post(good, user.new_api_token()), await post(good, "")
        assert after == traits()
        codes[good] = await post(good, made.api_token)
        routes = [each[1] for each in hub.handlers if each[0] == "/hub/api/batchspawner"]
        return Answers(codes, before, after, stranger, nobody, made.port, routes)
    finally:
        server.stop()
        hub.db.close()


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Of a real hub, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    root = install(tmp_path / "root", DEPLOYMENT, {**everything(), "site_binds": []})
    extra = root / "jupyterhub" / "jupyterhub_config.d" / "site.py"
    extra.parent.mkdir()
    extra.write_text(
        "c.JupyterHub.db_url, c.JupyterHub.cookie_secret = 'sqlite://', bytes(32)\n"
        "c.ConfigurableHTTPProxy.auth_token, c.JupyterHub.authenticator_class = 'x', 'dummy'\n"
        "c.Authenticator.allowed_users = {'ada'}\n"
    )
    return asyncio.run(reported(root))


def test_a_session_reports_its_port_and_nothing_else(answers: Answers) -> None:
    """The token of a session sets a port of the spawner; anything else is answered with 400 and sets nothing."""
    assert {**dict.fromkeys(REFUSED, 400), '{"port": 40000}': 201} == answers.codes
    assert answers.before == answers.after
    assert 40000 == answers.port
    assert (403, 403) == (answers.stranger, answers.nobody)
    assert ["PortHandler"] == [each.__name__ for each in answers.routes]


def test_batchspawner_in_the_session_reports_what_the_hub_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program in the image sends a body that is not among those refused: a port, alone."""
    from batchspawner import singleuser

    sent: list[Any] = []
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", TOKEN)
    monkeypatch.setattr(singleuser.requests, "post", lambda url, **more: sent.append((url, more["json"])))
    monkeypatch.setattr(singleuser, "run_path", lambda *_, **__: None)
    monkeypatch.setattr(sys, "argv", ["batchspawner-singleuser", "true"])
    singleuser.main()
    ((url, body),) = sent
    assert url.endswith("/hub/api/batchspawner")
    assert ["port"] == list(body)
    assert (int, True) == (type(body["port"]), 1024 <= body["port"] <= 65535)
