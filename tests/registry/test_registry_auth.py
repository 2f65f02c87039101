"""Logging in to real registries: passwords, tokens that are asked for once, and what fools answer instead."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lego_compile.registry import auth
from lego_compile.registry.client import Registries
from lego_compile.registry.model import RegistryError
from tests.images.registry import PASSWORD, USER, Registry, basic
from tests.registry import faults
from tests.registry.conftest import two_platforms
from tests.registry.faults import Answer, Proxy, status
from tests.registry.homes import ADA, WRONG, Home, assert_hidden
from tests.registry.tokens import REFRESH, Tokens

DIGEST = two_platforms().index_digest
Make = Callable[..., Registries]


def test_a_password_opens_the_registry(locked: Registry, home: Home, client: Make) -> None:
    """Basic authentication of the real registry, with a password of a file; without it, ``denied``."""
    home.file(".docker/config.json", {"auths": {locked.host: ADA}})

    assert client(credentials=home.credentials()).image(f"{locked.host}/lego/one", "1.0").digest == DIGEST
    with pytest.raises(RegistryError, match="is not for everybody, or is not there") as failed:
        client().image(f"{locked.host}/lego/one", "1.0")
    assert (failed.value.kind, failed.value.help) == (
        "denied",
        f"check the name, or run `docker login {locked.host}`",
    )


def test_a_wrong_password_is_denied(locked: Registry, home: Home, client: Make) -> None:
    """It is tried once, and is nowhere in what we say."""
    with Proxy(locked.host) as front:
        home.file(".docker/config.json", {"auths": {front.host: WRONG}})
        with pytest.raises(RegistryError, match="is refused to the user that is logged in") as failed:
            client(credentials=home.credentials()).image(f"{front.host}/lego/one", "1.0")
    assert failed.value.kind == "denied"
    assert len(front.requests) == 2
    assert_hidden(failed.value, "hunter2", basic(USER, "hunter2-wrong")[6:])


def test_a_helper_opens_the_registry(locked: Registry, home: Home, client: Make) -> None:
    """The program's secret is the password."""
    home.helper("vault", f"print(json.dumps({{'Username': {USER!r}, 'Secret': {PASSWORD!r}}}))")
    home.file("auth.json", {"credHelpers": {locked.host: "vault"}})
    found = home.credentials(REGISTRY_AUTH_FILE=str(home.folder / "auth.json"))

    assert client(credentials=found).image(f"{locked.host}/lego/one", "1.0").digest == DIGEST


def test_tokens_for_everybody(guarded: Registry, tokens: Tokens, client: Make) -> None:
    """A public repository gives a token to nobody in particular; a private one is denied."""
    asking = client()
    assert asking.image(f"{guarded.host}/lego/public", "1.0").digest == DIGEST
    assert [each.method for each in tokens.requests] == ["GET"]
    assert "scope=repository%3Alego%2Fpublic%3Apull" in tokens.requests[0].path
    assert "service=registry.tests" in tokens.requests[0].path

    with pytest.raises(RegistryError, match="is not for everybody") as failed:
        asking.image(f"{guarded.host}/lego/private", "1.0")
    assert failed.value.kind == "denied"
    assert len(tokens.requests) == 3  # one that was refused, and one fresh one


@pytest.mark.parametrize("field", ["token", "access_token"])
def test_tokens_for_a_password(
    field: str, guarded: Registry, tokens: Tokens, home: Home, client: Make
) -> None:
    """The password goes to the token server only, and once."""
    tokens.field = field
    with Proxy(guarded.host) as front:
        home.file(".docker/config.json", {"auths": {front.host: ADA}})
        asking = client(credentials=home.credentials())
        assert asking.image(f"{front.host}/lego/private", "1.0").digest == DIGEST
        assert asking.digest(f"{front.host}/lego/private", "1.0") == DIGEST

    assert len(tokens.requests) == 1
    assert tokens.requests[0].headers["Authorization"] == basic()
    assert {each.headers.get("Authorization", "Bearer")[:6] for each in front.requests} == {"Bearer"}


def test_tokens_for_an_identity_token(guarded: Registry, tokens: Tokens, home: Home, client: Make) -> None:
    """OAuth 2: the refresh token is sent in a form, never in a URL."""
    home.file(".docker/config.json", {"auths": {guarded.host: {"identitytoken": REFRESH}}})
    asking = client(credentials=home.credentials())

    assert asking.image(f"{guarded.host}/lego/private", "1.0").digest == DIGEST
    (request,) = tokens.requests
    assert request.method == "POST"
    assert request.path.startswith(
        "/token?grant_type=refresh_token&service=registry.tests&client_id=lego-compile"
    )


@pytest.mark.parametrize("entry", [WRONG, {"identitytoken": "hunter2-wrong"}], ids=["password", "identity"])
def test_a_token_server_refuses(
    entry: dict[str, str], guarded: Registry, tokens: Tokens, home: Home, client: Make
) -> None:
    """A wrong secret is ``denied``, and not printed, though the server repeats it."""
    home.file(".docker/config.json", {"auths": {guarded.host: entry}})
    with pytest.raises(RegistryError, match="is refused to the user that is logged in") as failed:
        client(credentials=home.credentials()).image(f"{guarded.host}/lego/private", "1.0")

    assert failed.value.kind == "denied"
    assert len(tokens.requests) == 1
    assert_hidden(failed.value, "hunter2", basic(USER, "hunter2-wrong")[6:])


def test_a_forged_token_is_tried_twice(guarded: Registry, tokens: Tokens, client: Make) -> None:
    """A token that the registry does not believe is replaced once."""
    tokens.forged = True
    with pytest.raises(RegistryError) as failed:
        client().image(f"{guarded.host}/lego/public", "1.0")

    assert failed.value.kind == "denied"
    assert len(tokens.requests) == 2


@pytest.mark.parametrize(("lifetime", "renewed"), [(300, False), (30, True), (None, True), (0, True)])
def test_tokens_grow_old(
    lifetime: int | None,
    renewed: bool,
    guarded: Registry,
    tokens: Tokens,
    client: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``expires_in`` is obeyed; a server that does not say it means a minute."""
    tokens.lifetime = lifetime
    asking = client()
    asking.digest(f"{guarded.host}/lego/public", "1.0")
    now = time.monotonic()
    monkeypatch.setattr(auth, "monotonic", lambda: now + 59)
    asking.digest(f"{guarded.host}/lego/public", "1.0")

    assert len(tokens.requests) == 1 + renewed


def test_many_threads_share_a_token(guarded: Registry, tokens: Tokens, client: Make) -> None:
    """Sixteen threads that begin at once ask for one token."""
    asking, gate = client(), threading.Barrier(16)

    def ask(_: int) -> str:
        gate.wait()
        return asking.digest(f"{guarded.host}/lego/public", "1.0")

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {DIGEST}
    assert len(tokens.requests) == 1


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b'{"token":3}', b'{"token":""}', b'{"token":"s3cr3t\\r\\nX: y"}', b'{"token":"s3cr3t \\u00fc"}',
     b'{"token": "s3cr3t"', b" " * 5_000_000],
)  # fmt: skip
def test_answers_without_a_token(text: bytes, guarded: Registry, tokens: Tokens, client: Make) -> None:
    """What is no token is ``wrong``, and is not quoted."""
    tokens.answer = text
    with pytest.raises(RegistryError) as failed:
        client().image(f"{guarded.host}/lego/public", "1.0")

    assert failed.value.kind == "wrong"
    assert_hidden(failed.value, "s3cr3t")


@pytest.mark.parametrize(
    ("challenge", "kind"),
    [
        ("Bearer", "wrong"),
        ('Bearer realm=""', "wrong"),
        ('Bearer realm="/token"', "wrong"),
        ('Bearer realm="file:///etc/passwd"', "wrong"),
        ('Bearer realm="http://ada:hunter2@127.0.0.1/"', "wrong"),
        ('Bearer realm="http://127.0.0.1:99999/"', "wrong"),
        ("Negotiate", "denied"),
        ("", "denied"),
        ('Basic realm="x', "denied"),
    ],
)
def test_challenges_of_fools(challenge: str, kind: str, proxy: Proxy, client: Make) -> None:
    """A realm that is none is ``wrong``; a scheme that we do not speak is ``denied``."""
    proxy.fault("manifests/", status(401, WWW_Authenticate=challenge))
    with pytest.raises(RegistryError) as failed:
        client().image(f"{proxy.host}/lego/one", "1.0")

    assert failed.value.kind == kind
    assert_hidden(failed.value, "hunter2")


@pytest.mark.parametrize(
    ("deed", "kind"),
    [
        (status(404), "wrong"),
        (status(403), "denied"),
        (status(500), "unreachable"),
        (faults.redirect("https://elsewhere.invalid/"), "wrong"),
        (faults.slam, "unreachable"),
    ],
    ids=["404", "403", "500", "redirect", "slam"],
)
def test_token_servers_fail(deed: faults.Deed, kind: str, proxy: Proxy, home: Home, client: Make) -> None:
    """What a token server does wrong; a refresh token is not sent on to another place."""
    realm = f'Bearer realm="{proxy.url}/token",service="x"'
    proxy.fault("manifests/", status(401, WWW_Authenticate=realm))
    proxy.fault("POST /token$", deed)
    home.file(".docker/config.json", {"auths": {proxy.host: {"identitytoken": REFRESH}}})
    with pytest.raises(RegistryError) as failed:
        client(credentials=home.credentials(), attempts=2).image(f"{proxy.host}/lego/one", "1.0")

    assert failed.value.kind == kind
    assert_hidden(failed.value, REFRESH)


def test_an_error_that_repeats_the_token(proxy: Proxy, home: Home, client: Make) -> None:
    """Words of a registry with a secret of ours in them are not printed, whatever the status."""
    home.file(".docker/config.json", {"auths": {proxy.host: ADA}})

    def echo(handler: Any, answer: Answer) -> Answer:
        sent = handler.headers.get("Authorization")
        if sent is None:
            return Answer(401, {"WWW-Authenticate": 'Basic realm="x"'}, b"")
        return Answer(418, {}, json.dumps({"errors": [{"message": f"you sent {sent}"}]}).encode())

    proxy.fault("manifests/", echo)
    with pytest.raises(RegistryError, match="answers 418, which") as failed:
        client(credentials=home.credentials()).image(f"{proxy.host}/lego/one", "1.0")
    assert_hidden(failed.value, basic()[6:], PASSWORD)
