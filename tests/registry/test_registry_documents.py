"""Documents that no honest registry stores, and those that are rare: what is read, and what is refused as what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from lego_compile.registry import documents
from lego_compile.registry.client import Registries
from lego_compile.registry.model import RegistryError
from lego_compile.spec.load import schema_of
from tests.images.oci import CONFIG, DOCKER_MANIFEST, INDEX, MANIFEST, digest
from tests.registry.faults import Proxy, status


def manifest(**changes: Any) -> bytes:
    """A manifest of the configuration ``{}``."""
    settings = {"mediaType": CONFIG, "digest": digest(b"{}"), "size": 2}
    return json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": settings, "layers": [], **changes}
    ).encode()


def index(*entries: Any, **changes: Any) -> bytes:
    """An index."""
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, **changes}).encode()


def entry(content: bytes, kind: str = MANIFEST, **more: Any) -> dict[str, Any]:
    """A descriptor of some bytes."""
    return {"mediaType": kind, "digest": digest(content), "size": len(content), **more}


LINUX = {"os": "linux", "architecture": "amd64"}


def settings(**changes: Any) -> bytes:
    """A configuration."""
    return json.dumps({**LINUX, "config": {"Labels": {"a": "b"}}, "rootfs": {}, **changes}).encode()


def serve(proxy: Proxy, top: bytes, *others: bytes, kind: str = INDEX) -> str:
    """Documents that no registry accepts, served as they are; the repository to ask for."""
    for content in (top, *others):
        proxy.fault(
            re.escape(digest(content)),
            status(200, content, Content_Type=json.loads(content).get("mediaType", "application/json")),
        )
    proxy.fault("manifests/odd", status(200, top, Content_Type=kind))
    return f"{proxy.host}/lego/odd"


def one(config: bytes, **changes: Any) -> tuple[bytes, bytes]:
    """A manifest and its configuration."""
    return manifest(config=entry(config, CONFIG), **changes), config


def test_an_index_in_an_index_is_followed_once(proxy: Proxy, client: Callable[..., Registries]) -> None:
    """One level is read; another one is refused as unusable."""
    inner, config = one(settings())
    middle = index(entry(inner, platform=LINUX))
    top = index(entry(middle, INDEX))
    repository = serve(proxy, top, middle, inner, config)
    assert list(client().image(repository, "odd").platforms) == ["linux/amd64"]

    proxy.fault("manifests/deeper", status(200, index(entry(top, INDEX)), Content_Type=INDEX))
    with pytest.raises(RegistryError, match="index in an index in an index") as failed:
        client().image(repository, "deeper")
    assert failed.value.kind == "unusable"


def test_the_first_of_equal_platforms_counts(proxy: Proxy, client: Callable[..., Registries]) -> None:
    """Engines take the first one, spelled differently or not; the other is not even asked for."""
    first, config = one(settings())
    second = manifest(config=entry(config, CONFIG), annotations={"second": "yes"})
    spelled = {"os": "linux", "architecture": "x86_64", "variant": "v1"}
    silent = manifest(config=entry(config, CONFIG), annotations={"third": "yes"})
    top = index(entry(first, platform=LINUX), entry(second, platform=spelled), entry(silent))
    repository = serve(proxy, top, first, second, silent, config)

    assert client().image(repository, "odd").platforms["linux/amd64"].digest == digest(first)
    assert not proxy.asked(digest(second))


def test_platforms_that_no_lock_can_name_are_left_out(
    proxy: Proxy, client: Callable[..., Registries]
) -> None:
    """Images for odd machines are no mistake, and are not asked for; those beside them are as good as ever."""
    first, config = one(settings())
    odd = [
        ("linux", "arm64+v8.1", ""),
        ("linux", "mips_64", ""),
        ("linux", "a" * 40, ""),
        ("linux", "arm", "sixth"),
    ]
    others = [entry(b"", platform={"os": a, "architecture": b, "variant": c}) for a, b, c in odd]
    silent, setting = one(settings(architecture="s390x+z14"))
    top = index(*others, entry(silent), entry(first, platform=LINUX))
    repository = serve(proxy, top, first, config, silent, setting)

    assert list(client().image(repository, "odd").platforms) == ["linux/amd64"]
    assert not proxy.asked(digest(b""))


def test_what_is_read_can_be_locked() -> None:
    """The lock's grammar of platforms is the one of this room, which may not import it."""
    grammar = schema_of("lock")["$defs"]["BrickPin"]["properties"]["platforms"]["propertyNames"]
    assert documents._LOCKABLE.pattern == grammar["pattern"].strip("^$")
    assert documents.is_lockable("linux/" + "a" * 34) is (grammar["maxLength"] == 40)
    assert not documents.is_lockable("linux/" + "a" * 35)


def test_an_index_may_leave_the_platform_to_the_configuration(
    proxy: Proxy, client: Callable[..., Registries]
) -> None:
    """OCI makes ``platform`` optional; artifacts and attestations beside images are no images."""
    inner, config = one(settings(architecture="aarch64", variant="v8"))
    signature = entry(b"x", MANIFEST, artifactType="application/vnd.dev.cosign", platform=LINUX)
    proof = entry(b"z", platform=LINUX, annotations={"vnd.docker.reference.type": "attestation-manifest"})
    top = index(entry(b"y", "application/x-unheard-of"), signature, proof, entry(inner))

    found = client().image(serve(proxy, top, inner, config), "odd")

    assert list(found.platforms) == ["linux/arm64"]
    assert found.platforms["linux/arm64"].labels == {"a": "b"}


def test_null_is_an_empty_map(proxy: Proxy, client: Callable[..., Registries]) -> None:
    """Go writes null for no labels."""
    top, config = one(settings(config={"Labels": None}), annotations=None)

    found = client().image(serve(proxy, top, config, kind=MANIFEST), "odd")

    assert found.platforms["linux/amd64"].labels == {}


SCHEMA1 = json.dumps({"schemaVersion": 1, "name": "lego/odd", "fsLayers": [], "signatures": []}).encode()
BAD: dict[str, tuple[str, str, tuple[bytes, ...], str]] = {
    "schema-1": (
        "unusable",
        "schema 1",
        (SCHEMA1,),
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    ),
    "helm": (
        "unusable",
        "artifact",
        (manifest(config=entry(b"{}", "application/vnd.cncf.helm.config.v1+json")),),
        MANIFEST,
    ),
    "unheard-of": ("unusable", "no image", (manifest(mediaType="x/y"),), "x/y"),
    "no-linux": (
        "unusable",
        "Linux",
        (index(entry(b"", platform={"os": "windows", "architecture": "amd64"})),),
        INDEX,
    ),
    "empty-index": ("unusable", "Linux", (index(),), INDEX),
    "windows": ("unusable", "Linux", one(settings(os="windows")), MANIFEST),
    "no-platform": ("unusable", "no platform", one(b"{}"), MANIFEST),
    "sha512": (
        "unusable",
        "sha512",
        (index({"mediaType": MANIFEST, "digest": "sha512:" + "0" * 128, "size": 1, "platform": LINUX}),),
        INDEX,
    ),
    "bad-digest": (
        "wrong",
        "malformed digest",
        (
            index(
                {
                    "mediaType": MANIFEST,
                    "digest": "sha256:" + "A" * 64,
                    "size": 1,
                }
            ),
        ),
        INDEX,
    ),
    "path-digest": (
        "wrong",
        "without type or digest",
        (index({"mediaType": MANIFEST, "digest": "sha256:../../x", "size": 1}),),
        INDEX,
    ),
    "negative-size": ("wrong", "size", (manifest(layers=[{**entry(b""), "size": -1}]),), MANIFEST),
    "huge-size": ("wrong", "size", (manifest(layers=[{**entry(b""), "size": 2**53 + 1}]),), MANIFEST),
    "huge-sum": ("wrong", "bytes", (manifest(layers=[{**entry(b""), "size": 2**52 + 1}] * 2),), MANIFEST),
    "many-layers": ("wrong", "1001 layers", (manifest(layers=[entry(b"")] * 1001),), MANIFEST),
    "half-label": (
        "wrong",
        "`a b`, which is no text",
        one(settings(config={"Labels": {"a b": "\ud800"}})),
        MANIFEST,
    ),
    "half-key": ("wrong", "which is no text", one(settings(config={"Labels": {"\udfff": "b"}})), MANIFEST),
    "half-note": ("wrong", "`n`, which is no text", (index(annotations={"n": "\ud800"}),), INDEX),
    "long-label": (
        "wrong",
        "`a` of 262145 bytes",
        one(settings(config={"Labels": {"a": "x" * (256 * 1024 + 1)}})),
        MANIFEST,
    ),
    "many-labels": (
        "wrong",
        "labels",
        one(settings(config={"Labels": {str(n): "" for n in range(10_001)}})),
        MANIFEST,
    ),
    "only-mips": (
        "unusable",
        "it has linux/mips_64, linux/s390x+z14",
        (
            index(
                *(
                    entry(b"", platform={"os": "linux", "architecture": each})
                    for each in ("s390x+z14", "mips_64")
                )
            ),
        ),
        INDEX,
    ),
    "mips": ("unusable", "it has linux/mips_64", one(settings(architecture="mips_64")), MANIFEST),
    "boolean-size": ("wrong", "size", (manifest(layers=[{**entry(b""), "size": True}]),), MANIFEST),
    "large-config": (
        "wrong",
        "too large",
        (manifest(config={**entry(b"", CONFIG), "size": 2**40}),),
        MANIFEST,
    ),
    "large-manifest": ("wrong", "too large", (index({**entry(b"", platform=LINUX), "size": 2**40}),), INDEX),
    "both": ("wrong", "at once", (index(layers=[]),), INDEX),
    "other-type": ("wrong", "was sent as", (index(),), MANIFEST),
    "labels": ("wrong", "labels", one(settings(config={"Labels": {"a": 1}})), MANIFEST),
    "labels-list": ("wrong", "labels", one(settings(config={"Labels": ["a"]})), MANIFEST),
    "config-list": ("wrong", "object", one(settings(config=[])), MANIFEST),
    "annotations": ("wrong", "annotations", (index(annotations={"a": None}),), INDEX),
    "platform": (
        "wrong",
        "platform",
        (index(entry(b"", platform={"os": "linux\n", "architecture": "x"})),),
        INDEX,
    ),
    "platform-text": ("wrong", "platform", (index(entry(b"", platform="linux")),), INDEX),
    "entries": ("wrong", "descriptors", (index("x"),), INDEX),
    "no-entries": ("wrong", "without manifests", (index(manifests={}),), INDEX),
    "layers": ("wrong", "descriptors", (manifest(layers=["x"]),), MANIFEST),
    "no-layers": ("wrong", "without configuration and layers", (manifest(layers=None),), MANIFEST),
    "no-version": ("wrong", "version", (manifest(schemaVersion=3),), MANIFEST),
    "crowd": (
        "wrong",
        "more than",
        (index(*(entry(b"", platform={"os": "linux", "architecture": f"a{n}"}) for n in range(500))),),
        INDEX,
    ),
    "mistaken-index": (
        "wrong",
        "mistaken",
        (index(entry(manifest(), DOCKER_MANIFEST, platform=LINUX)), manifest()),
        INDEX,
    ),
    "wrong-size": (
        "wrong",
        "bytes instead of",
        (index({**entry(manifest(), platform=LINUX), "size": 7}), manifest()),
        INDEX,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_image_is_refused(case: str, proxy: Proxy, client: Callable[..., Registries]) -> None:
    """Lies are ``wrong``, honest things of other kinds are ``unusable``; the message names the image."""
    kind, words, documents, media = BAD[case]
    repository = serve(proxy, *documents, kind=media)

    with pytest.raises(RegistryError) as failed:
        client().image(repository, "odd")

    assert (failed.value.kind, f"{repository}:odd" in failed.value.message) == (kind, True)
    assert words in failed.value.message
    assert "\n" not in failed.value.message
    assert not failed.value.message.endswith(".")


@pytest.mark.parametrize(
    "text",
    [b"", b"null", b"[]", b"{", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b'{"a":' + b"9" * 5000 + b"}", b"[" * 100_000,
     b'{"schemaVersion":2,"manifests":' + b"[" * 100_000 + b"]" * 100_000 + b"}"],
    ids=["empty", "null", "list", "cut", "twice", "nan", "bytes", "digits", "deep", "deep-inside"],
)  # fmt: skip
def test_what_is_no_json_is_refused(text: bytes, proxy: Proxy, client: Callable[..., Registries]) -> None:
    """Whatever the bytes are, the error is ours, for manifests and for configurations."""
    proxy.fault("manifests/odd", status(200, text, Content_Type=INDEX))
    top = manifest(config=entry(text, CONFIG))
    proxy.fault("manifests/fine", status(200, top, Content_Type=MANIFEST))
    proxy.fault("blobs/", status(200, text))
    for tag in ("odd", "fine"):
        with pytest.raises(RegistryError) as failed:
            client().image(f"{proxy.host}/lego/odd", tag)
        assert failed.value.kind == "wrong"
