"""Blobs that are asked for in pieces: what arrives is what the digest says, or nothing is believed."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from lego_compile.registry import client as module
from lego_compile.registry.client import Registries
from lego_compile.registry.model import RegistryError
from tests.images.oci import Entry, image
from tests.images.registry import push
from tests.registry.faults import Deed, Proxy, body, header, status, truncated

MADE = image({"linux/amd64": {"a": Entry(random.Random(1).randbytes(50_000))}}, {}, {})
((DIGEST, SIZE),) = MADE.layers["linux/amd64"]
BLOB = f"GET .*/blobs/{DIGEST}"


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blobs of tests are small, so pieces are too."""
    monkeypatch.setattr(module, "PIECE", 16_384)
    monkeypatch.setattr(module, "LARGEST_WHOLE", 40_000)


def taken(client: Callable[..., Registries], proxy: Proxy, size: int = SIZE) -> bytes:
    """The blob, through the proxy."""
    push(proxy.upstream, "lego/pieces", "1", MADE)
    proxy.requests.clear()
    return b"".join(client().blob(f"{proxy.host}/lego/pieces", DIGEST, size))


def test_a_blob_comes_in_pieces(client: Callable[..., Registries], proxy: Proxy) -> None:
    """No request asks for more than a piece, and together they are the blob."""
    assert taken(client, proxy) == MADE.blobs[DIGEST]
    asked = [each.headers.get("Range") for each in proxy.asked(BLOB)]
    assert asked[:2] == ["bytes=0-16383", "bytes=16384-32767"]
    assert len(asked) == -(-SIZE // 16_384)


def test_a_piece_that_breaks_off_is_asked_for_again(
    client: Callable[..., Registries], proxy: Proxy, waits: list[float]
) -> None:
    """Only that piece, and not what was there already."""
    proxy.fault(BLOB, truncated(1000), times=1)

    assert taken(client, proxy) == MADE.blobs[DIGEST]
    assert [each.headers["Range"] for each in proxy.asked(BLOB)][:2] == ["bytes=0-16383"] * 2
    assert len(waits) == 1


@pytest.mark.parametrize(
    ("deed", "kind"),
    [
        (body(lambda data: data[:-1] + b"?"), "wrong"),
        (body(lambda data: data[:-1]), "wrong"),
        (body(lambda data: data + b"x"), "wrong"),
        (header("Content-Range", "bytes 1-2/3"), "wrong"),
        (status(200, b"x" * 10), "wrong"),
        (status(416), "wrong"),
        (status(404), "missing"),
        (status(403), "denied"),
    ],
    ids=[
        "other bytes",
        "too few",
        "too many",
        "another part",
        "another blob",
        "no part",
        "gone",
        "forbidden",
    ],
)
def test_what_is_wrong_is_refused(
    deed: Deed, kind: str, client: Callable[..., Registries], proxy: Proxy
) -> None:
    """Bytes, lengths and parts are compared with what was asked for."""
    push(proxy.upstream, "lego/pieces", "1", MADE)
    proxy.fault(BLOB, deed)

    with pytest.raises(RegistryError) as refused:
        b"".join(client().blob(f"{proxy.host}/lego/pieces", DIGEST, SIZE))
    assert refused.value.kind == kind


def test_a_registry_without_pieces_sends_a_small_blob_whole(
    client: Callable[..., Registries], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Range is a wish: a whole answer is taken when it is not too large, and refused when it is."""
    push(proxy.upstream, "lego/pieces", "1", MADE)
    proxy.fault(BLOB, status(200, MADE.blobs[DIGEST]))
    with pytest.raises(RegistryError, match="too large"):
        b"".join(client().blob(f"{proxy.host}/lego/pieces", DIGEST, SIZE))

    monkeypatch.setattr(module, "LARGEST_WHOLE", 100_000)

    assert b"".join(client().blob(f"{proxy.host}/lego/pieces", DIGEST, SIZE)) == MADE.blobs[DIGEST]


def test_an_empty_blob_is_one(client: Callable[..., Registries], proxy: Proxy) -> None:
    """A size that lies is found, at the latest with the digest."""
    with pytest.raises(RegistryError, match="digest"):
        taken(client, proxy, 0)
