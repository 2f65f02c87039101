"""Whom we believe to be a registry, and when a registry without TLS will do."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from lego_compile.registry import tls, transport
from lego_compile.registry.client import Registries
from lego_compile.registry.credentials import Credentials
from lego_compile.registry.model import RegistryError
from lego_compile.registry.transport import Transport
from tests.images.registry import PASSWORD, Registry, push
from tests.registry import faults
from tests.registry.conftest import started, two_platforms
from tests.registry.faults import Proxy
from tests.registry.servers import Handler, Server

DIGEST = two_platforms().index_digest
Make = Callable[..., Registries]


class Authority:
    """A CA of nobody's, and files with what it makes."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.folder = folder
        self.file = str(folder / "ca.pem")
        self.ca.cert_pem.write_to_path(self.file)

    def issued(self, *names: str, **options: Any) -> tuple[str, str]:
        """Files of a certificate and its key."""
        made = self.ca.issue_cert(*names, **options)
        paths = (str(self.folder / f"{names[0]}.cert"), str(self.folder / f"{names[0]}.key"))
        for path, pems in zip(paths, (made.cert_chain_pems, [made.private_key_pem]), strict=True):
            Path(path).write_bytes(b"".join(pem.bytes() for pem in pems))
        return paths

    def context(self, *names: str, **options: Any) -> ssl.SSLContext:
        """What a server with such a certificate uses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issued(*names, **options))
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA of these tests."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def secure(authority: Authority) -> Iterator[Registry]:
    """The real registry with TLS."""
    made = Registry(tls=authority.issued("127.0.0.1", "registry.tests"))
    started(made)
    try:
        trust = ssl.create_default_context(cafile=authority.file)
        push(made.url, "lego/one", "1.0", two_platforms(), context=trust)
        yield made
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folders of engines are elsewhere."""
    monkeypatch.setattr(tls, "FOLDERS", (str(tmp_path / "docker"), str(tmp_path / "podman")))
    return tmp_path


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """``registry.tests`` is this machine, which only its address book knows."""
    genuine = socket.getaddrinfo

    def find(host: str, *args: Any, **options: Any) -> Any:
        return genuine("127.0.0.1" if host == "registry.tests" else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", find)


def port(host: str) -> str:
    """The port of a host."""
    return host.rpartition(":")[2]


def refused(client: Registries, host: str) -> RegistryError:
    """How asking for an image fails."""
    with pytest.raises(RegistryError) as failed:
        client.image(f"{host}/lego/one", "1.0")
    assert f"`{host}/lego/one" in failed.value.message
    return failed.value


def test_an_unknown_authority_is_refused(secure: Registry, client: Make, waits: list[float]) -> None:
    """At once, with the host and with what to do."""
    failed = refused(client(), secure.host)

    assert (failed.kind, waits) == ("unreachable", [])
    assert f"the certificate of {secure.host} is not trusted: unable to get local issuer" in failed.message
    assert (
        failed.help == f"give `--ca FILE`, or put its CA into `/etc/containers/certs.d/{secure.host}/ca.crt`"
    )


def test_a_file_is_trusted(secure: Registry, authority: Authority, client: Make) -> None:
    """``--ca FILE``."""
    assert client(ca_file=authority.file).image(f"{secure.host}/lego/one", "1.0").digest == DIGEST


def test_openssl_looks_at_the_environment(
    secure: Registry, authority: Authority, client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``SSL_CERT_FILE`` replaces the store of the system."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.file)

    assert client().image(f"{secure.host}/lego/one", "1.0").digest == DIGEST


@pytest.mark.parametrize("folder", ["docker", "podman"])
def test_folders_of_engines_are_read(
    folder: str, secure: Registry, authority: Authority, client: Make, folders: Path
) -> None:
    """``certs.d/HOST:PORT/*.crt``, of this host and no other."""
    here = folders / folder / secure.host
    here.mkdir(parents=True)
    (here / "README").write_text("not a certificate")
    (here / "any.crt").write_bytes(Path(authority.file).read_bytes())
    assert client().image(f"{secure.host}/lego/one", "1.0").digest == DIGEST

    here.rename(here.with_name("127.0.0.1:1"))
    assert refused(client(), secure.host).kind == "unreachable"


def test_a_registry_that_wants_to_know_us(
    registry: Registry, authority: Authority, client: Make, folders: Path
) -> None:
    """``*.cert`` and ``*.key`` of the folder are presented; without them there is no answer."""
    context = authority.context("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    with Proxy(registry.host, context) as front:
        failed = refused(client(ca_file=authority.file, attempts=2), front.host)
        here = folders / "docker" / front.host
        here.mkdir(parents=True)
        certificate, key = authority.issued("ada.tests")
        (here / "ada.cert").write_bytes(Path(certificate).read_bytes())
        broken = refused(client(ca_file=authority.file), front.host)
        (here / "ada.key").write_bytes(Path(key).read_bytes())
        found = client(ca_file=authority.file).image(f"{front.host}/lego/one", "1.0")

    assert found.digest == DIGEST
    assert (failed.kind, broken.kind) == ("unreachable", "unreachable")
    # With TLS 1.3 the server refuses after our side is done; whether the alert is read before the end is a race.
    assert re.search("certificate required|breaks off its answer", failed.message)
    assert "ada.key` are no client certificate: no such file" in broken.message


@pytest.mark.parametrize(
    "content", [None, "", "nonsense", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"]
)
def test_a_file_of_nothing(content: str | None, secure: Registry, client: Make, tmp_path: Path) -> None:
    """A CA file that is none is named."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    failed = refused(client(ca_file=str(file)), secure.host)

    assert failed.kind == "unreachable"
    assert f"`{file}` is no file of CA certificates" in failed.message


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (("other.example",), {}, "mismatch"),
        (("127.0.0.1",), {"not_after": datetime(2020, 1, 1, tzinfo=UTC)}, "expired"),
    ],
)
def test_other_certificates_are_refused(
    names: tuple[str, ...], options: dict[str, Any], words: str, authority: Authority, client: Make
) -> None:
    """Of another host, or of another time, though the CA is trusted."""
    with Proxy("", authority.context(*names, **options)) as front:
        failed = refused(client(ca_file=authority.file), front.host)

    assert failed.kind == "unreachable"
    assert words in failed.message
    assert front.requests == []


def test_a_named_host_needs_no_authority(secure: Registry, client: Make) -> None:
    """``--insecure-registry``: TLS with a certificate of nobody's is still TLS; for other hosts nothing changes."""
    asking = client(insecure=[secure.host])

    assert asking.image(f"{secure.host}/lego/one", "1.0").digest == DIGEST
    assert refused(client(insecure=["127.0.0.1:1", "127.0.0.1"]), secure.host).kind == "unreachable"


@pytest.mark.usefixtures("names")
def test_http_is_for_named_hosts(registry: Registry, client: Make, waits: list[float]) -> None:
    """Another machine than this one is spoken to without TLS only when it is named."""
    host = f"registry.tests:{port(registry.host)}"
    failed = refused(client(), host)

    assert (failed.kind, waits) == ("unreachable", [])
    assert failed.help == f"if it has no https, give `--insecure-registry {host}`"
    assert client(insecure=[host.upper()]).image(f"{host}/lego/one", "1.0").digest == DIGEST


@pytest.mark.parametrize("name", ["docker.io", "index.docker.io", "Registry-1.Docker.io"])
def test_docker_hub_is_named_as_in_references(name: str) -> None:
    """Its API is another host than its images are called by, and that is the host which is asked."""
    asking = Transport(insecure=[name])

    assert asking.is_plain("registry-1.docker.io")
    assert asking._pools._trust.context("registry-1.docker.io").verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(("connect", "timeout"), [(0.2, 5.0), (5.0, 0.2)])
def test_a_silent_handshake_is_not_waited_for(
    connect: float, timeout: float, client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connecting has a limit of its own, and ``--timeout`` when that is less; the message has the one that counted."""
    monkeypatch.setattr(transport, "CONNECT", connect)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        failed = refused(client(timeout=timeout, attempts=1), f"127.0.0.1:{silent.getsockname()[1]}")

    assert failed.message.endswith("is silent for 0.2 seconds (tried once)")
    assert time.monotonic() - began < 3


def test_connecting_is_not_waited_for(client: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that drops what it is sent."""

    def drop(*_: Any, **__: Any) -> Any:
        raise TimeoutError

    monkeypatch.setattr("urllib3.util.connection.create_connection", drop)
    failed = refused(client(timeout=3, attempts=1), "127.0.0.1:1")

    assert failed.message.endswith("accepts no connection within 3 seconds (tried once)")


@pytest.mark.usefixtures("names")
def test_nothing_is_sent_before_tls(client: Make, tmp_path: Path) -> None:
    """A host that is not named and has no TLS never gets a request, so that no password is in one."""
    with Proxy("") as front:
        host = f"registry.tests:{port(front.host)}"
        (tmp_path / "auth.json").write_text(
            f'{{"auths": {{"{host}": {{"username": "a", "password": "b"}}}}}}'
        )
        found = Credentials.from_environment({"REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")})
        refused(client(credentials=found), host)

    assert front.requests == []


def test_redirects_keep_tls(registry: Registry, authority: Authority, client: Make) -> None:
    """From https to http is a step down that nobody may make us take."""
    with Proxy(registry.host, authority.context("127.0.0.1")) as front:
        front.fault("blobs/", faults.redirect(f"http://{registry.host}{{path}}"))
        failed = refused(client(ca_file=authority.file), front.host)

    assert failed.kind == "wrong"
    assert f"redirects from https to http, at `{registry.host}`" in failed.message


def test_a_log_in_keeps_tls(registry: Registry, authority: Authority, client: Make) -> None:
    """A registry with TLS cannot send us to log in without; one that was named may."""
    with Proxy("") as tokens, Proxy(registry.host, authority.context("127.0.0.1")) as front:
        tokens.fault("/token", faults.status(200, b'{"token": "x"}'))
        challenge = faults.status(401, WWW_Authenticate=f'Bearer realm="{tokens.url}/token"')
        front.fault("manifests/1.0$", challenge, times=1)
        failed = refused(client(ca_file=authority.file), front.host)
        asked = len(tokens.requests)
        front.fault("manifests/1.0$", challenge, times=1)
        found = client(insecure=[front.host]).image(f"{front.host}/lego/one", "1.0")

    assert (failed.kind, asked) == ("wrong", 0)
    assert f"sends us to log in at `{tokens.url}/token`, no https URL" in failed.message
    assert found.digest == DIGEST
    assert len(tokens.requests) == 1


class Tunnel(Handler):
    """A proxy of the kind that companies have: CONNECT, and whole URLs."""

    server: Any

    def do_CONNECT(self) -> None:  # noqa: N802 - http.server calls it so
        """Join two sockets."""
        self.server.seen.append((self.path, self.headers.get("Proxy-Authorization")))
        with socket.create_connection(self.server.target) as there:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            both = {self.connection: there, there: self.connection}
            with contextlib.suppress(OSError):
                while True:
                    for ready in select.select(list(both), [], [], 10)[0]:
                        if not (data := ready.recv(65536)):
                            return
                        both[ready].sendall(data)
        self.close_connection = True

    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        """Say that there is none."""
        self.server.seen.append((self.path, self.headers.get("Proxy-Authorization")))
        self.reply(404, {}, b"")


@pytest.fixture
def tunnel(secure: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The proxy that the environment names."""
    with Server(Tunnel) as made:
        made.seen, made.target = [], ("127.0.0.1", int(port(secure.host)))
        for name in ("https_proxy", "http_proxy"):
            monkeypatch.setenv(name, f"http://ada:hunter2@{made.host}")
        yield made


def test_a_proxy_of_the_environment_is_used(
    tunnel: Any, authority: Authority, client: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS goes through it to the registry, whose certificate is checked; ``no_proxy`` is obeyed."""
    host = "registry.tests:443"
    assert client(ca_file=authority.file).image(f"{host}/lego/one", "1.0").digest == DIGEST
    assert {path for path, _ in tunnel.seen} == {host}
    assert all(re.match("Basic ", sent) for _, sent in tunnel.seen)
    assert "is not trusted" in refused(client(), host).message

    tunnel.seen.clear()
    monkeypatch.setenv("no_proxy", "example.org,.tests")
    assert "cannot be resolved" in refused(client(), host).message
    assert tunnel.seen == []


def test_a_proxy_is_not_for_this_machine(tunnel: Any, registry: Registry, client: Make) -> None:
    """Loopback addresses are asked directly."""
    assert client().image(f"{registry.host}/lego/one", "1.0").digest == DIGEST
    assert tunnel.seen == []


def test_a_proxy_without_tls(tunnel: Any, registry: Registry, client: Make) -> None:
    """A named host without TLS is asked for by its whole URL, once it turned out to have none."""
    tunnel.target = ("127.0.0.1", int(port(registry.host)))
    assert refused(client(insecure=["registry.tests:80"]), "registry.tests:80").kind == "missing"
    assert tunnel.seen[0][0] == "registry.tests:80"
    assert tunnel.seen[1][0] == "http://registry.tests:80/v2/lego/one/manifests/1.0"


@pytest.mark.parametrize(
    "proxy", ["http://ada:hunter2@127.0.0.1:1", "socks5://ada:hunter2@x", "http://[ada:hunter2@x"]
)
def test_proxies_that_are_none(proxy: str, client: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, or of a kind that we cannot use; its password is not printed."""
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(RegistryError) as failed:
        client(attempts=2).image("registry.tests/a/b", "1")

    assert failed.value.kind == "unreachable"
    assert "proxy" in failed.value.message
    assert "`registry.tests/a/b`" in failed.value.message
    assert not re.search(f"hunter2|{PASSWORD}", f"{failed.value!r}")
