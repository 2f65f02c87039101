"""What a session's container runs in tests: a server that does towards the hub what jupyterhub-singleuser does.

It finds the hub by its environment alone, says that it is in use, and answers below its own address
(jupyterhub/jupyterhub:jupyterhub/singleuser/extension.py@6.1.1).
"""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from tests.conformance.docker_engine import Process

SESSIONS = count()
"""Numbers of sessions, each of which tries an address of its own; threads share them."""


class SingleUser(Process):
    """The server of a session."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._environment = dict(entry.split("=", 1) for entry in body["Env"])
        version = self._ask("JUPYTERHUB_API_URL")["version"]
        self.report()
        asked = urlsplit(self._environment["JUPYTERHUB_SERVICE_URL"])
        assert asked.port is not None
        answers = _handler(asked.path, version, self._environment["JUPYTERHUB_USER"])
        self._server = listening(asked.port, answers)
        self.address = str(self._server.server_address[0])
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()

    def report(self) -> None:
        """Tell the hub that somebody is working here."""
        now = datetime.now(UTC).isoformat()
        self._ask("JUPYTERHUB_ACTIVITY_URL", {"last_activity": now, "servers": {"": {"last_activity": now}}})

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Somebody is working here all the time, be there a hub or not."""
        ended = threading.Event()

        def work() -> None:
            while not ended.wait(0.2):
                with contextlib.suppress(OSError):
                    self.report()

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        try:
            yield
        finally:
            ended.set()
            worker.join()

    def _ask(self, variable: str, body: Any = None) -> Any:
        """Ask the hub at the address that a variable has."""
        headers = {"Authorization": f"token {self._environment['JUPYTERHUB_API_TOKEN']}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._environment[variable], data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


def listening(port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """A server on the next address where nobody else has the port."""
    for number in SESSIONS:
        with contextlib.suppress(OSError):
            return _Server((f"127.0.{1 + number // 250}.{1 + number % 250}", port), handler)
        assert number < 60_000, "no address is left"
    raise AssertionError


class _Server(ThreadingHTTPServer):
    """A server that nobody shares its port with."""

    allow_reuse_address = False

    def server_bind(self) -> None:
        """Bind, without asking for the name of the address as HTTPServer does."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()


def _handler(base: str, version: str, user: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body of an answer are sent apart

        def log_message(self, *_: Any) -> None:
            return None

        def do_GET(self) -> None:
            mine = urlsplit(self.path).path.startswith(base)
            data = f"the Lab of {user}".encode() if mine else b"not here"
            self.send_response(200 if mine else 404)
            self.send_header("X-JupyterHub-Version", version)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
