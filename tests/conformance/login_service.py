"""A login service on this machine: OAuth 2 (RFC 6749) with proofs of possession (RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit


class Service:
    """A login service whose users have logged in before; what is wrong with a request is an assertion.

    Args:
        claims: of each user.
        client_id: of the hub.
        client_secret: of the hub.
        scope: what the hub has to ask for.
        callback: address of the hub.

    Attributes:
        claims: of each user.
        options: of the target's ``oauth``, as far as this service says them.
    """

    def __init__(
        self,
        claims: Mapping[str, Any],
        *,
        client_id: str,
        client_secret: str,
        scope: list[str],
        callback: str,
    ) -> None:
        from tornado.netutil import bind_sockets

        self.claims = dict(claims)
        self._client = (client_id, client_secret)
        self._scope = scope
        self._callback = callback
        self._challenges: dict[str, str] = {}
        self._sockets = bind_sockets(0, "127.0.0.1")
        site = f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}"
        self.options = {
            "authorize_url": f"{site}/authorize", "token_url": f"{site}/token", "userdata_url": f"{site}/user",
        }  # fmt: skip

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """What the hub itself asks; browsers do ``authorize``."""
        from tornado.httpserver import HTTPServer

        server = HTTPServer(self._answer)
        server.add_sockets(self._sockets)
        try:
            yield
        finally:
            server.stop()
            await server.close_all_connections()

    def authorize(self, user: str, address: str) -> str:
        """Where a browser is sent on to that came with an address of the hub's making."""
        assert address.startswith(f"{self.options['authorize_url']}?")
        asked = {key: each[0] for key, each in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == self._client[0]
        assert asked["redirect_uri"] == self._callback
        assert asked["response_type"] == "code"
        assert asked["scope"].split() == self._scope
        assert asked["code_challenge_method"] == "S256"
        self._challenges[user] = asked["code_challenge"]
        return f"{self._callback}?{urlencode({'code': user, 'state': asked['state']})}"

    def _token(self, sent: Mapping[str, str]) -> dict[str, str]:
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert self._challenges.pop(sent["code"]) == challenge
        assert sent["grant_type"] == "authorization_code"
        assert sent["redirect_uri"] == self._callback
        assert (sent["client_id"], sent["client_secret"]) == self._client
        return {"access_token": sent["code"], "token_type": "Bearer"}

    def _answer(self, request: Any) -> None:
        from tornado.httputil import HTTPHeaders, ResponseStartLine

        if request.path == "/token":
            found = self._token({key: each[0].decode() for key, each in request.body_arguments.items()})
        else:
            found = self.claims[request.headers["Authorization"].removeprefix("Bearer ")]
        data = json.dumps(found).encode()
        headers = HTTPHeaders({"Content-Type": "application/json", "Content-Length": str(len(data))})
        request.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), headers, data)
        request.connection.finish()
