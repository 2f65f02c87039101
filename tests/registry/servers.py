"""Servers in threads: many connections, counted, closed when the test ends, with or without TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

_NOT_TLS = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n"  # as Go's net/http does


class Server(ThreadingHTTPServer):
    """A server of the loopback interface that runs until the ``with`` ends.

    Attributes:
        open: connections of this moment.
        most: the largest number of connections that there was.
    """

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, handler: type[Handler], context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.context = context
        self.lock = threading.Lock()
        self.open: set[socket.socket] = set()
        self.most = 0
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self.shutdown()
        with self.lock:
            for each in self.open:
                try:
                    socket.socket.shutdown(each, socket.SHUT_RDWR)
                except OSError:
                    continue
        self.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        """Address and port."""
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """Scheme, address and port."""
        return f"{'https' if self.context else 'http'}://{self.host}"

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection; the handshake is left to its thread."""
        accepted, address = super().get_request()
        if self.context:
            accepted = self.context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        return accepted, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away in the middle here, on purpose."""


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open, counts them, and says nothing on the terminal."""

    protocol_version = "HTTP/1.1"
    server: Server
    timeout = 20
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Count the connection."""
        with self.server.lock:
            self.server.open.add(self.request)
            self.server.most = max(self.server.most, len(self.server.open))
        super().setup()

    def handle(self) -> None:
        """Answer TLS like Go where none is spoken, and requests otherwise."""
        if self.server.context is None and self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
            self.wfile.write(_NOT_TLS)
            self.connection.recv(65536)
            return
        super().handle()

    def finish(self) -> None:
        """Count it no more."""
        try:
            super().finish()
        finally:
            with self.server.lock:
                self.server.open.discard(self.request)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Send a whole answer."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
