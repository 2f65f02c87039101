"""Somebody who uses a hub over HTTPS: pages, REST, and cells that kernels run."""

from __future__ import annotations

import asyncio
import json
import ssl
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from tornado.httpclient import HTTPRequest
from tornado.netutil import DefaultLoopResolver, OverrideResolver
from tornado.websocket import websocket_connect

from tests.conformance.hub_visitor import Visitor
from tests.e2e.engine import wait

PATIENCE = 300.0
"""Seconds until a session is there, and until a cell of it has run."""


class _Edge(HTTPAdapter):
    """The way to a host that no name service knows: to this machine, whose certificate has to be that host's."""

    def __init__(self, host: str, context: ssl.SSLContext) -> None:
        self._host, self._context = host, context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Say the host's name and expect it, whatever the address."""
        kwargs |= {"ssl_context": self._context, "server_hostname": self._host, "assert_hostname": self._host}
        super().init_poolmanager(*args, **kwargs)

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Send it to this machine, and answer as the host."""
        inner = request.copy()
        inner.url = urlsplit(request.url)._replace(netloc="127.0.0.1").geturl()
        inner.headers["Host"] = self._host
        answer = super().send(inner, *args, **kwargs)
        answer.url, answer.request, answer.encoding = request.url, request, "utf-8"
        return answer


class Lab:
    """The REST API of a JupyterLab, and what its kernels say.

    Args:
        url: of the server, without a slash at its end.
        token: that it knows.
        session: that gets there.
        context: for TLS; None for none.
        address: where the host of the URL is.
    """

    def __init__(
        self,
        url: str,
        token: str,
        session: requests.Session,
        context: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self._url, self._session, self._context, self._address = url, session, context, address
        self._token = {"Authorization": f"token {token}"}

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Ask the REST API."""
        self._session.cookies.clear()
        url = f"{self._url}/api{path}"
        return self._session.request(method, url, headers=self._token, json=body, timeout=PATIENCE)

    def kernelspecs(self) -> dict[str, dict[str, Any]]:
        """Name → kernelspec of every kernel that the launcher shows."""
        answer = self.ask("GET", "/kernelspecs")
        assert answer.status_code == 200, answer.text
        return {name: dict(each["spec"]) for name, each in answer.json()["kernelspecs"].items()}

    def kernels(self) -> dict[str, str]:
        """Name → title of every kernel that the launcher shows."""
        return {name: str(each["display_name"]) for name, each in self.kernelspecs().items()}

    @contextmanager
    def kernel(self, name: str) -> Iterator[Callable[[str], str]]:
        """Start a kernel, which ends with the ``with``: what runs a cell in it, and returns what that printed."""
        started = self.ask("POST", "/kernels", {"name": name})
        assert started.status_code == 201, started.text
        number = started.json()["id"]
        try:
            yield lambda code: asyncio.run(asyncio.wait_for(self._execute(number, code), PATIENCE))
        finally:
            self.ask("DELETE", f"/kernels/{number}")

    def cell(self, kernel: str, code: str) -> str:
        """Run a cell in a new kernel; returns what it printed."""
        with self.kernel(kernel) as run:
            return run(code)

    async def _execute(self, number: str, code: str) -> str:
        """jupyter_client:docs/messaging.rst, over one socket."""
        request = HTTPRequest(
            f"ws{self._url.removeprefix('http')}/api/kernels/{number}/channels",
            headers=self._token,
            ssl_options=self._context,
            connect_timeout=PATIENCE,
            request_timeout=PATIENCE,
        )
        here = OverrideResolver(
            resolver=DefaultLoopResolver(), mapping={urlsplit(self._url).hostname: self._address}
        )
        socket = await websocket_connect(request, resolver=here)
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "version": "5.3"}
        asked = {
            "channel": "shell", "header": {**header, "session": uuid.uuid4().hex}, "parent_header": {}, "metadata": {},
            "content": {"code": code, "silent": False, "store_history": False, "allow_stdin": False},
        }  # fmt: skip
        await socket.write_message(json.dumps(asked))
        printed = ""
        try:
            while (text := await socket.read_message()) is not None:
                said = json.loads(text)
                if said["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                content, kind = said["content"], said["msg_type"]
                assert kind != "error", "\n".join(content["traceback"])
                printed += content["text"] if kind == "stream" else ""
                if kind == "status" and content["execution_state"] == "idle":
                    return printed
        finally:
            socket.close()
            while await socket.read_message() is not None:
                pass
        raise AssertionError(f"the kernel is gone; it had printed {printed!r}")


class User(Visitor):
    """A user with a browser, and a token for the REST API.

    Args:
        host: of the hub.
        authority: the certificate, in PEM, of who signed the host's.
        name: of the user, who is logged in.

    Attributes:
        lab: the user's server, once it runs.
    """

    def __init__(self, host: str, authority: str, name: str) -> None:
        super().__init__(f"https://{host}", "")
        context = ssl.create_default_context(cadata=authority)
        for session in (self.session, self._program):
            session.mount(self.site, _Edge(host, context))
        assert self.log_in(name).url == f"{self.site}/hub/home"
        assert self.rest("GET", "/user").json()["name"] == name  # makes a token
        self.lab = Lab(f"{self.site}/user/{name}", self.token, self._program, context)

    def close(self) -> None:
        """Close the browser."""
        self.session.close()
        self._program.close()

    def server(self) -> dict[str, Any] | None:
        """The user's server as the hub knows it; None without one."""
        answer = self.rest("GET", f"/users/{self.name}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["servers"]).get("")

    def start(self, **options: Any) -> None:
        """Start the server over REST, and wait for it; without options it is that of the last time."""
        answer = self.rest(
            "POST", f"/users/{self.name}/server", {"user_options": options} if options else None
        )
        assert answer.status_code in (201, 202), answer.text
        self.ready()

    def ready(self) -> None:
        """Wait for the server that is starting."""
        complaint = f"the server of {self.name} does not start"
        wait(lambda: bool((self.server() or {}).get("ready")), complaint, patience=PATIENCE)

    def stop(self) -> None:
        """Stop the server, and wait until it has."""
        answer = self.rest("DELETE", f"/users/{self.name}/server")
        assert answer.status_code in (202, 204), answer.text
        wait(lambda: self.server() is None, f"the server of {self.name} does not stop", patience=PATIENCE)
