"""A registry, or the network, that does wrong: what is tried again, what is refused, and what is never sent."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from email.utils import formatdate

import pytest

from lego_compile.registry.client import Registries
from lego_compile.registry.model import RegistryError
from tests.images.registry import PASSWORD, Registry
from tests.registry import faults
from tests.registry.conftest import two_platforms
from tests.registry.faults import Proxy, status
from tests.registry.homes import Home

pytestmark = pytest.mark.slow

DIGEST = two_platforms().index_digest
Make = Callable[..., Registries]


def failure(proxy: Proxy, client: Registries, reference: str = "1.0") -> RegistryError:
    """How asking for the image fails."""
    with pytest.raises(RegistryError) as failed:
        client.image(f"{proxy.host}/lego/one", reference)
    assert f"{proxy.host}/lego/one" in failed.value.message
    assert failed.value.message.isprintable()
    return failed.value


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(code: int, proxy: Proxy, client: Make, waits: list[float]) -> None:
    """A server in trouble is asked again, later and later."""
    proxy.fault("manifests/1.0$", status(code), times=3)

    assert client().image(f"{proxy.host}/lego/one", "1.0").digest == DIGEST
    assert len(proxy.asked("manifests/1.0$")) == 4
    assert len(waits) == 3
    assert waits[0] < waits[1] < waits[2] < 4


@pytest.mark.parametrize("code", [429, 503])
def test_what_does_not_pass_is_given_up(code: int, proxy: Proxy, client: Make, waits: list[float]) -> None:
    """The message says what was answered and how often it was tried."""
    proxy.fault("manifests/", status(code, b'{"errors":[{"message":"no"}]}'))
    failed = failure(proxy, client(attempts=4))

    assert failed.kind == "unreachable"
    assert f"{proxy.host} answers {code}" in failed.message
    assert "(tried 4 times)" in failed.message
    assert len(proxy.requests) == 4
    assert len(waits) == 3
    assert ("log in" in (failed.help or "")) == (code == 429)


@pytest.mark.parametrize(
    ("header", "wait"), [("7", 7), ("60", 60), ("nonsense", 0.75), ("-5", 0.75), ("date", 20)]
)
def test_a_server_says_when_to_come_back(
    header: str, wait: float, proxy: Proxy, client: Make, waits: list[float]
) -> None:
    """``Retry-After`` is obeyed in both of its forms, up to a minute, and nonsense is ignored."""
    value = formatdate(time.time() + 20, usegmt=True) if header == "date" else header
    proxy.fault("manifests/1.0$", status(429, Retry_After=value), times=1)
    client().image(f"{proxy.host}/lego/one", "1.0")

    assert waits[0] == pytest.approx(wait, abs=2 if header == "date" else 0.4)


def test_a_server_that_asks_for_too_much_is_left(proxy: Proxy, client: Make, waits: list[float]) -> None:
    """More than a minute is not waited for, nor more than two minutes in all; the message has the server's wish."""
    proxy.fault("manifests/1.0$", status(429, Retry_After="100000"))
    failed = failure(proxy, client())
    assert (failed.kind, waits, len(proxy.requests)) == ("unreachable", [], 1)
    assert failed.message.endswith("Requests, and asks to wait 100000 seconds (tried once)")

    proxy.fault("manifests/1.0$", status(503, Retry_After="50"))
    failed = failure(proxy, client(attempts=50))
    assert waits == [50, 50]
    assert failed.message.endswith(", and asks to wait 50 seconds (tried 3 times)")


def test_an_index_without_one_of_its_images(proxy: Proxy, client: Make) -> None:
    """Where only one platform was mirrored, the other one is named, and the reference that was asked for."""
    arm = two_platforms().platforms["linux/arm64"][0]
    proxy.fault(f"manifests/{arm}", status(404))
    failed = failure(proxy, client())

    what = f"`{proxy.host}/lego/one:1.0` is incomplete: the registry lacks its image for linux/arm64"
    assert (failed.kind, failed.message) == ("missing", what)
    assert "skopeo copy --all docker://FROM docker://" in (failed.help or "")


@pytest.mark.parametrize("code", [400, 405, 410, 418, 501])
def test_other_refusals_are_final(code: int, proxy: Proxy, client: Make, waits: list[float]) -> None:
    """What means nothing for a registry is not asked twice; its words are quoted, made harmless."""
    text = b'{"errors":[{"message":"\\u001b[31mgo\\naway' + b"y" * 1000 + b'"}]}'
    proxy.fault("manifests/", status(code, text))
    failed = failure(proxy, client())

    assert failed.kind == "wrong"
    assert f"answers {code} ( [31mgo away" in failed.message.replace("([", "( [")
    assert len(failed.message) < 400
    assert (len(proxy.requests), waits) == (1, [])


@pytest.mark.parametrize("code", [401, 403])
def test_denied_is_denied(code: int, proxy: Proxy, client: Make, waits: list[float]) -> None:
    """Without credentials there is nothing to try; the help says how to log in."""
    proxy.fault("manifests/", status(code, WWW_Authenticate='Basic realm="x"'))
    failed = failure(proxy, client())

    assert failed.kind == "denied"
    assert f"docker login {proxy.host}" in (failed.help or "")
    assert (len(proxy.requests), waits) == (1, [])


def test_a_missing_tag_has_neighbours(proxy: Proxy, client: Make) -> None:
    """The real registry's 404 is ``missing``, and near tags are named; digests have no neighbours."""
    asking = client()
    failed = failure(proxy, asking, "1.0.2")
    gone = failure(proxy, asking, "sha256:" + "0" * 64)
    with pytest.raises(RegistryError) as head:
        asking.digest(f"{proxy.host}/lego/one", "1.0.2")
    with pytest.raises(RegistryError) as unknown:
        asking.image(f"{proxy.host}/lego/none", "1.0")
    with pytest.raises(RegistryError) as listed:
        asking.tags(f"{proxy.host}/lego/none")

    assert {each.kind for each in (failed, gone, head.value, unknown.value, listed.value)} == {"missing"}
    assert failed.help == head.value.help == "did you mean `1.0.1` or `1.0`?"
    assert "manifest unknown" in failed.message
    assert gone.help == "it may have been deleted in the registry, or not be mirrored"
    assert "name of the repository" in (unknown.value.help or "")


CUTS = [
    faults.truncated(0),
    faults.truncated(100),
    faults.truncated_chunks(100),
    faults.slam,
]


@pytest.mark.parametrize("cut", CUTS, ids=["length-0", "length", "chunks", "slam"])
@pytest.mark.parametrize("what", ["manifests/1.0$", "manifests/sha256", "blobs/"])
def test_a_broken_answer_is_asked_for_again(
    cut: faults.Deed, what: str, proxy: Proxy, client: Make, waits: list[float]
) -> None:
    """A body that ends early is never read as one that ends, wherever it happens."""
    proxy.fault(what, cut, times=2)
    assert client().image(f"{proxy.host}/lego/one", "1.0").digest == DIGEST
    assert len(waits) == 2

    proxy.fault(what, cut)
    failed = failure(proxy, client(attempts=2))
    assert failed.kind == "unreachable"
    assert failed.message.endswith(f"{proxy.host} breaks off its answer (tried 2 times)")


def test_chunks_are_no_fault(proxy: Proxy, client: Make) -> None:
    """A body in chunks is a body."""
    proxy.fault("v2/", faults.chunked)
    assert client().image(f"{proxy.host}/lego/one", "1.0").digest == DIGEST


def test_silence_ends(proxy: Proxy, client: Make) -> None:
    """A server that says nothing is given up after the timeout."""
    proxy.fault("manifests/", faults.hang)
    began = time.monotonic()
    failed = failure(proxy, client(timeout=0.2, attempts=2))

    assert time.monotonic() - began < 10
    assert (failed.kind, "is silent for 0.2 seconds (tried 2 times)" in failed.message) == (
        "unreachable",
        True,
    )


@pytest.mark.parametrize("headers", [True, False])
def test_a_drip_ends(headers: bool, proxy: Proxy, client: Make) -> None:
    """A byte now and then, of the headers or of the body, does not keep us for ever."""
    proxy.fault("manifests/", faults.drip(0.05, headers))
    began = time.monotonic()
    failed = failure(proxy, client(timeout=1.0, attempts=1))

    assert time.monotonic() - began < 20  # the whole answer takes longer
    assert failed.kind == "unreachable"
    assert "does not finish its answer within 4 seconds (tried once)" in failed.message


def test_nobody_there(client: Make, waits: list[float]) -> None:
    """A port that nobody listens on is tried again; a name that nobody has only once more."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(
        RegistryError, match=rf"`{host}/a/b`: {host} refuses connections \(tried 3 times\)"
    ) as no:
        client(attempts=3).image(f"{host}/a/b", "1")
    assert (no.value.kind, len(waits)) == ("unreachable", 2)

    waits.clear()
    with pytest.raises(RegistryError, match=r"no\.invalid is a name that cannot be resolved \(tried 2") as no:
        client().image("no.invalid/a/b", "1")
    assert (no.value.kind, len(waits)) == ("unreachable", 1)


def flipped(content: bytes) -> bytes:
    """One bit of the last digest in a document, or of its last text."""
    at = content.rfind(b'"', 0, content.rfind(b'"')) + 1
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("reference", ["1.0", DIGEST])
@pytest.mark.parametrize("what", ["manifests/sha256", "blobs/"])
def test_altered_bytes_are_not_believed(
    reference: str, what: str, proxy: Proxy, client: Make, waits: list[float]
) -> None:
    """One other bit, in anything that has a digest, is the end; it is not tried until it fits."""
    proxy.fault(what, faults.body(flipped))
    failed = failure(proxy, client(), reference)

    assert failed.kind == "wrong"
    assert "is not what its digest says" in failed.message
    assert waits == []


def test_the_registry_contradicts_itself(proxy: Proxy, client: Make) -> None:
    """Docker-Content-Digest is no proof, but a contradiction is one."""
    proxy.fault("manifests/1.0$", faults.header("Docker-Content-Digest", "sha256:" + "0" * 64))
    assert failure(proxy, client()).kind == "wrong"

    proxy.fault(f"manifests/{DIGEST}", faults.header("Docker-Content-Digest", "sha256:" + "0" * 64))
    with pytest.raises(RegistryError, match="says that it is") as failed:
        client().digest(f"{proxy.host}/lego/one", DIGEST)
    assert failed.value.kind == "wrong"


@pytest.mark.parametrize(
    ("said", "kind"), [("sha512:" + "0" * 128, "unusable"), ("sha256:0", "wrong"), ("rubbish", "unusable")]
)
def test_a_digest_that_is_none(said: str, kind: str, proxy: Proxy, client: Make) -> None:
    """What HEAD says is handed on only when it is a digest that we use."""
    proxy.fault("manifests/", faults.header("Docker-Content-Digest", said))
    with pytest.raises(RegistryError) as failed:
        client().digest(f"{proxy.host}/lego/one", "1.0")
    assert failed.value.kind == kind


@pytest.mark.parametrize("what", ["manifests/1.0$", "blobs/", "tags/"])
def test_huge_bodies_are_not_read(what: str, proxy: Proxy, client: Make) -> None:
    """Reading stops at the limit, long before the end."""
    arrived: list[int] = []
    proxy.fault(what, faults.body(lambda _: b" " * (32 * 1024 * 1024)))
    asking = client(received=arrived.append)
    with pytest.raises(RegistryError, match="too large") as failed:
        asking.tags(f"{proxy.host}/lego/one") if "tags" in what else asking.image(
            f"{proxy.host}/lego/one", "1.0"
        )

    assert failed.value.kind == "wrong"
    assert sum(arrived) < 9 * 1024 * 1024


def test_compression_is_not_undone(proxy: Proxy, client: Make) -> None:
    """Nobody was asked to compress, so that what comes compressed is just other bytes."""
    proxy.fault("manifests/sha256", faults.header("Content-Encoding", "gzip"))
    assert client().image(f"{proxy.host}/lego/one", "1.0").digest == DIGEST
    assert proxy.requests[0].headers["Accept-Encoding"] == "identity"
    assert proxy.requests[0].headers["User-Agent"] == "lego-compile"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_credentials_stay_with_their_host(
    code: int, locked: Registry, registry: Registry, client: Make, home: Home
) -> None:
    """Storage elsewhere is asked for blobs without the password that opened the registry."""
    with Proxy(locked.host) as front, Proxy(registry.host) as storage:
        front.fault("blobs/", faults.redirect(storage.url + "{path}?signature=s3cr3t", code))
        asking = client(credentials=home.of_ada(front.host))
        assert asking.image(f"{front.host}/lego/one", "1.0").digest == DIGEST

    assert any("Authorization" in each.headers for each in front.requests)
    assert len(storage.requests) == 2
    assert not any("Authorization" in each.headers for each in storage.requests)


def test_credentials_follow_on_their_own_host(locked: Registry, client: Make, home: Home) -> None:
    """A redirect within the registry keeps the log-in; ``localhost`` is another host than its address."""
    with Proxy(locked.host) as front:
        front.fault("manifests/moved", faults.redirect("/v2/lego/one/manifests/1.0"))
        front.fault(
            "manifests/away",
            faults.redirect(f"http://localhost:{front.server_address[1]}/v2/lego/one/manifests/1.0"),
        )
        asking = client(credentials=home.of_ada(front.host))
        assert asking.image(f"{front.host}/lego/one", "moved").digest == DIGEST
        failed = failure(front, asking, "away")

    assert failed.kind == "denied"
    assert "Authorization" not in front.requests[-1].headers


def test_a_challenge_from_elsewhere_is_not_answered(
    proxy: Proxy, registry: Registry, client: Make, home: Home
) -> None:
    """The host that we are sent to cannot ask for the password of the one that sent us."""
    with Proxy(registry.host) as thief:
        thief.fault("", status(401, WWW_Authenticate='Basic realm="give"'))
        proxy.fault("manifests/", faults.redirect(thief.url + "{path}"))
        failed = failure(proxy, client(credentials=home.of_ada(proxy.host)))

    assert failed.kind == "denied"
    assert f"{thief.host}, to which its registry sends us" in failed.message
    assert not any("Authorization" in each.headers for each in thief.requests + proxy.requests)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("file:///etc/passwd", "`file:///etc/passwd`, which is no https URL"),
        ("ftp://127.0.0.1/x", "no https URL"),
        ("https:///x", "no https URL"),
        ("", "no https URL"),
        ("http://[x/", "no https URL"),
        ("http://ada:hunter2@127.0.0.1/", "no https URL"),
        ("http://127.0.0.1:99999/", "no https URL"),
        ("gopher://x/?token=s3cr3t", "`gopher://x/`, which is no https URL"),
        ("{path}", "in a circle"),
        ("{path}0", "more than 5 times"),
    ],
)
def test_bad_redirects_are_refused(location: str, words: str, proxy: Proxy, client: Make) -> None:
    """To other schemes, to nowhere, round and round: ``wrong``, at once."""
    proxy.fault("manifests/", faults.redirect(location))
    failed = failure(proxy, client())

    assert failed.kind == "wrong"
    assert words in failed.message
    assert not re.search("hunter2|s3cr3t", str(failed))
    assert len(proxy.requests) <= 6


def test_a_redirect_without_a_place(proxy: Proxy, client: Make) -> None:
    """302 without Location, and 304 to a question without conditions."""
    proxy.fault("manifests/a", status(302))
    proxy.fault("manifests/b", status(304))

    assert failure(proxy, client(), "a").kind == "wrong"
    assert failure(proxy, client(), "b").kind == "wrong"


def test_what_names_nothing_is_not_asked_for(client: Make) -> None:
    """Names that no registry can have are refused before anybody is asked."""
    asking = client()
    for repository in (
        "ubuntu",
        "a.b",
        "a.b/",
        "a.b/X",
        "a.b/../x",
        "a.b:0/x",
        "a.b:99999/x",
        "a b.c/x",
        "ü.de/x",
    ):
        with pytest.raises(RegistryError) as failed:
            asking.image(repository, "1")
        assert (failed.value.kind, failed.value.help) == ("missing", "write HOST[:PORT]/PATH")
    for reference, kind in (("", "missing"), ("a/b", "missing"), ("x?y", "missing"), ("sha256:0", "missing"),
                            ("sha512:" + "0" * 128, "unusable")):  # fmt: skip
        with pytest.raises(RegistryError) as failed:
            asking.digest("a.b/c", reference)
        assert failed.value.kind == kind
    assert PASSWORD not in str(failed.value)
