"""A reverse proxy in front of the real registry that does wrong what a test tells it to."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Callable
from typing import NamedTuple

from tests.registry.servers import Handler, Server


class Answer(NamedTuple):
    """What the registry behind answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class Request(NamedTuple):
    """What somebody asked for."""

    method: str
    path: str
    headers: dict[str, str]


Deed = Callable[["_Handler", Answer], Answer | None]
"""What to do with an answer: another one, or None when the deed has written to the client itself."""


class Proxy(Server):
    """The proxy; ``requests`` are those that arrived."""

    def __init__(self, upstream: str, context: ssl.SSLContext | None = None) -> None:
        super().__init__(_Handler, context)
        self.upstream = upstream
        self.requests: list[Request] = []
        self._rules: list[tuple[str, Deed, list[int | None]]] = []

    def fault(self, pattern: str, deed: Deed, times: int | None = None) -> None:
        """Do something to the answers of requests (``METHOD /path``) that match, always or some times."""
        self._rules.append((pattern, deed, [times]))

    def deeds(self, request: Request) -> list[Deed]:
        """What is to be done to the answer of a request, which is written down."""
        chosen = []
        with self.lock:
            self.requests.append(request)
            for pattern, deed, left in self._rules:
                if left[0] != 0 and re.search(pattern, f"{request.method} {request.path}"):
                    chosen.append(deed)
                    left[0] = None if left[0] is None else left[0] - 1
        return chosen

    def asked(self, pattern: str) -> list[Request]:
        """The requests (``METHOD /path``) that match."""
        return [each for each in self.requests if re.search(pattern, f"{each.method} {each.path}")]


class _Handler(Handler):
    server: Proxy
    _behind: http.client.HTTPConnection | None = None

    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        """Ask the registry, do what is to be done, answer."""
        headers = dict(self.headers.items())
        answer: Answer | None = Answer(404, {}, b"") if self.command == "POST" else self._upstream(headers)
        for deed in self.server.deeds(Request(self.command, self.path, headers)):
            if answer is not None:
                answer = deed(self, answer)
        if answer is not None:
            self.reply(*answer)

    do_HEAD = do_GET  # noqa: N815 - http.server calls it so

    def do_POST(self) -> None:  # noqa: N802 - http.server calls it so
        """Read what is sent, and go on: nothing that is sent reaches the registry."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.do_GET()

    def _upstream(self, headers: dict[str, str]) -> Answer:
        if not self.server.upstream:
            return Answer(404, {}, b"")
        if self._behind is None:
            self._behind = http.client.HTTPConnection(self.server.upstream)
        self._behind.request(self.command, self.path, headers=headers)
        response = self._behind.getresponse()
        body = response.read()
        kept = {
            name: value
            for name, value in response.headers.items()
            if name.lower() not in ("content-length", "connection", "transfer-encoding")
        }
        return Answer(response.status, kept, body)

    def finish(self) -> None:
        """Close the connection behind with the one in front."""
        if self._behind is not None:
            self._behind.close()
        super().finish()


def status(code: int, body: bytes = b"", **headers: str) -> Deed:
    """Another status; header names are written with underscores."""
    return lambda handler, answer: Answer(
        code, {name.replace("_", "-"): value for name, value in headers.items()}, body
    )


def header(name: str, value: str | None) -> Deed:
    """Another value of a header; None for none."""

    def deed(handler: _Handler, answer: Answer) -> Answer:
        kept = {key: each for key, each in answer.headers.items() if key.lower() != name.lower()}
        return answer._replace(headers={**kept, **({} if value is None else {name: value})})

    return deed


def body(change: Callable[[bytes], bytes]) -> Deed:
    """Other bytes, of whatever length, without the registry's word for their digest."""

    def deed(handler: _Handler, answer: Answer) -> Answer:
        kept = {key: each for key, each in answer.headers.items() if key.lower() != "docker-content-digest"}
        return answer._replace(body=change(answer.body), headers=kept)

    return deed


def redirect(location: str, code: int = 307) -> Deed:
    """Somewhere else; ``{path}`` stands for the path that was asked for."""
    return lambda handler, answer: Answer(code, {"Location": location.replace("{path}", handler.path)}, b"")


def truncated(keep: int) -> Deed:
    """The first bytes of what Content-Length promises."""

    def deed(handler: _Handler, answer: Answer) -> None:
        _head(handler, answer, f"Content-Length: {len(answer.body)}")
        handler.wfile.write(answer.body[:keep])
        handler.close_connection = True

    return deed


def truncated_chunks(keep: int) -> Deed:
    """A chunk, and then nothing: the one that ends the body is missing."""

    def deed(handler: _Handler, answer: Answer) -> None:
        _head(handler, answer, "Transfer-Encoding: chunked")
        handler.wfile.write(b"%x\r\n%s\r\n" % (keep, answer.body[:keep]))
        handler.close_connection = True

    return deed


def chunked(handler: _Handler, answer: Answer) -> None:
    """All of it, in chunks: nothing is wrong with that."""
    _head(handler, answer, "Transfer-Encoding: chunked")
    for at in range(0, len(answer.body), 100):
        part = answer.body[at : at + 100]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
    handler.wfile.write(b"0\r\n\r\n")


def hang(handler: _Handler, answer: Answer) -> None:
    """Say nothing until the test is over."""
    handler.server.stopping.wait(10)
    handler.close_connection = True


def drip(pause: float, headers: bool = False) -> Deed:
    """A byte, and a pause, and a byte; of the headers or of the body."""

    def deed(handler: _Handler, answer: Answer) -> None:
        if not headers:
            _head(handler, answer, f"Content-Length: {len(answer.body)}")
        for byte in b"HTTP/1.1 200 " + b"O" * 1000 if headers else answer.body:
            handler.wfile.write(bytes([byte]))
            if handler.server.stopping.wait(pause):
                break
        handler.close_connection = True

    return deed


def slam(handler: _Handler, answer: Answer) -> None:
    """Close without a word."""
    handler.close_connection = True


def _head(handler: _Handler, answer: Answer, length: str) -> None:
    lines = [f"HTTP/1.1 {answer.status} OK", *(f"{name}: {value}" for name, value in answer.headers.items())]
    handler.wfile.write("\r\n".join([*lines, length, "", ""]).encode())
    handler.wfile.flush()
