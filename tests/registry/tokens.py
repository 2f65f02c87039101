"""A token server as registries have one: whom it knows, it gives a signed token that lives for a while.

distribution/distribution:docs/spec/auth/token.md@v2.8.2 and jwt.md; the registry itself checks what is given here.
"""

from __future__ import annotations

import base64
import binascii
import json
import ssl
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.images.registry import PASSWORD, USER
from tests.registry.faults import Request
from tests.registry.servers import Handler, Server

ISSUER, SERVICE = "tests", "registry.tests"
REFRESH = "refresh-of-ada-3f9a"
"""The identity token that is known."""


class Tokens(Server):
    """The token server.

    Attributes:
        requests: those that arrived; the path of a POST has its form behind it.
        public: repositories that everybody may read.
        lifetime: seconds that a token lives; None says nothing.
        field: of the answer that holds the token.
        forged: sign with a key that the registry does not know.
        answer: bytes to answer with instead.
    """

    def __init__(self, folder: Path, context: ssl.SSLContext | None = None) -> None:
        super().__init__(_Handler, context)
        authority = trustme.CA()
        self._bundle = folder / "tokens.pem"
        authority.cert_pem.write_to_path(str(self._bundle))
        self._keys = [authority.issue_cert("tokens.tests"), trustme.CA().issue_cert("tokens.tests")]
        self.requests: list[Request] = []
        self.public: set[str] = set()
        self.lifetime: int | None = 300
        self.field = "token"
        self.forged = False
        self.answer: bytes | None = None

    def section(self) -> dict[str, str]:
        """The registry's configuration."""
        return {
            "realm": f"{self.url}/token",
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(self._bundle),
        }

    def authorization(self, repository: str) -> str:
        """What pushes to a repository."""
        return "Bearer " + self.token(USER, [(repository, ["pull", "push"])])

    def token(self, user: str, access: list[tuple[str, list[str]]]) -> str:
        """A token for repositories and actions."""
        leaf = self._keys[self.forged]
        certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
        chain = [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()]
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": user,
            "aud": SERVICE,
            "exp": now + 600,
            "nbf": now - 60,
            "iat": now,
            "jti": str(len(self.requests)),
            "access": [{"type": "repository", "name": name, "actions": actions} for name, actions in access],
        }
        return jwt.encode(claims, leaf.private_key_pem.bytes(), algorithm="ES256", headers={"x5c": chain})


class _Handler(Handler):
    server: Tokens

    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        """Give a token for a password, or for nothing."""
        fields = parse_qs(urlsplit(self.path).query)
        user, known = "", True
        sent = self.headers.get("Authorization")
        if sent:
            try:
                user, _, password = base64.b64decode(sent.removeprefix("Basic ")).decode().partition(":")
            except (binascii.Error, ValueError):
                password = ""
            known = (user, password) == (USER, PASSWORD)
        self._give(fields, user, known)

    def do_POST(self) -> None:  # noqa: N802 - http.server calls it so
        """Give a token for an identity token."""
        form = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        fields = parse_qs(form)
        known = fields.get("refresh_token") == [REFRESH] and fields.get("grant_type") == ["refresh_token"]
        self.path += f"?{form}"
        self._give(fields, USER, known)

    def _give(self, fields: dict[str, list[str]], user: str, known: bool) -> None:
        server = self.server
        with server.lock:
            server.requests.append(Request(self.command, self.path, dict(self.headers.items())))
        if server.answer is not None:
            self.reply(200, {"Content-Type": "application/json"}, server.answer)
            return
        if not known or fields.get("service") != [SERVICE]:
            message = (
                f"who is that? {self.headers.get('Authorization', '')}"  # some do repeat what they were sent
            )
            self.reply(401, {}, json.dumps({"errors": [{"message": message}]}).encode())
            return
        access = []
        for scope in " ".join(fields.get("scope", [])).split():
            name = scope.split(":")[1]
            if user or name in server.public:
                access.append((name, ["pull"]))
        content: dict[str, Any] = {server.field: server.token(user, access)}
        if server.lifetime is not None:
            content["expires_in"] = server.lifetime
        self.reply(200, {"Content-Type": "application/json"}, json.dumps(content).encode())
