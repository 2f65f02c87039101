"""One real registry of each kind for each process of pytest, and a client that does not wait."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lego_compile.registry.client import Registries
from lego_compile.registry.credentials import Credentials
from tests.images.oci import Built, image, text
from tests.images.registry import NoRegistry, Registry, basic, push
from tests.registry.faults import Proxy
from tests.registry.homes import Home
from tests.registry.tokens import Tokens

LABELS = {"org.opencontainers.image.title": "tests", "org.gaia-data.lego.brick.spec": "1", "ünïcode": "ß → …"}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine of the tests has in its environment is nothing to them."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def started(context: Any) -> Any:
    """A registry, or a reason to skip."""
    try:
        return context.__enter__()
    except NoRegistry as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """A registry that is open to everybody, without TLS."""
    with contextlib.ExitStack() as stack:
        made = Registry()
        started(made)
        stack.callback(made.stop)
        push(made.url, "lego/one", "1.0", two_platforms())
        push(made.url, "lego/one", "1.0.1", two_platforms())
        yield made


@pytest.fixture(scope="session")
def locked() -> Iterator[Registry]:
    """A registry that wants a user name and a password."""
    made = Registry(htpasswd=True)
    started(made)
    try:
        push(made.url, "lego/one", "1.0", two_platforms(), authorization=basic())
        yield made
    finally:
        made.stop()


@pytest.fixture
def tokens(token_pair: tuple[Tokens, Registry]) -> Tokens:
    """The token server of ``guarded``, as new."""
    server = token_pair[0]
    server.requests.clear()
    server.public = {"lego/public"}
    server.lifetime, server.field, server.forged, server.answer = 300, "token", False, None
    return server


@pytest.fixture
def guarded(token_pair: tuple[Tokens, Registry]) -> Registry:
    """A registry that wants tokens; ``lego/public`` is for everybody, ``lego/private`` is not."""
    return token_pair[1]


@pytest.fixture(scope="session")
def token_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tokens, Registry]]:
    """A token server and the registry that believes it."""
    with Tokens(tmp_path_factory.mktemp("tokens")) as server:
        made = Registry(token=server.section())
        started(made)
        try:
            for name in ("lego/public", "lego/private"):
                push(made.url, name, "1.0", two_platforms(), authorization=server.authorization(name))
            yield server, made
        finally:
            made.stop()


@pytest.fixture
def proxy(registry: Registry) -> Iterator[Proxy]:
    """A proxy before the open registry, which does what a test tells it."""
    with Proxy(registry.host) as made:
        yield made


@pytest.fixture
def waits() -> list[float]:
    """The pauses that the client would have made."""
    return []


@pytest.fixture
def client(waits: list[float]) -> Iterator[Callable[..., Registries]]:
    """Makes clients that nobody waits for, and closes them."""
    with contextlib.ExitStack() as stack:

        def make(**options: Any) -> Registries:
            options = {"credentials": Credentials.anonymous(), "sleep": waits.append, "timeout": 5, **options}
            return stack.enter_context(Registries(**options))

        yield make


def two_platforms(**options: Any) -> Built:
    """An image of two layers for two platforms, the lower layer of which both have."""
    base = {"etc/os-release": text("ID=tests\n")}
    files = {platform: [base, {"opt/arch": text(platform)}] for platform in ("linux/amd64", "linux/arm64")}
    return image(files, LABELS, {"User": "1000"}, **options)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path)
