"""What a registry stores is what is read from it, in every form, and what skopeo sees."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lego_compile.registry.client import Registries
from tests.images.oci import INDEX, Built, image, text
from tests.images.registry import Registry, push
from tests.registry.conftest import LABELS, two_platforms
from tests.registry.faults import Answer, Proxy, body, header

pytestmark = pytest.mark.slow

FORMS: dict[str, Callable[[], Built]] = {
    "oci": two_platforms,
    "docker": lambda: two_platforms(docker=True, compression="gzip"),
    "docker-plain": lambda: two_platforms(docker=True),
    "gzip": lambda: two_platforms(compression="gzip"),
    "zstd": lambda: two_platforms(compression="zstd"),
    "annotated": lambda: two_platforms(annotations={"a": "ü"}, manifest_annotations={"b": "c"}),
    "attested": lambda: two_platforms(attested=True),
    "single": lambda: image({"linux/amd64": {"a": text("a")}}, LABELS, {}, index=False),
    "single-docker": lambda: image(
        {"linux/arm64/v8": {"a": text("a")}}, LABELS, {}, index=False, docker=True, compression="gzip"
    ),
    "arms": lambda: image(
        {f"linux/{each}": {"a": text(each)} for each in ("arm/v6", "arm/v7", "arm64/v8", "386", "amd64/v3")},
        LABELS,
        {},
    ),
    "same-layers": lambda: image({"linux/amd64": [{"a": text("a")}, {}, {"a": text("a")}]}, {}, {}),
    "windows-too": lambda: image(
        {"windows/amd64": {"a": text("a")}, "linux/amd64": {"a": text("b")}}, {}, {}
    ),
}


@pytest.fixture(params=FORMS)
def pushed(request: pytest.FixtureRequest, registry: Registry) -> Iterator[tuple[str, str, Built]]:
    """An image of each form, in the registry."""
    built = FORMS[request.param]()
    push(registry.url, "lego/forms", request.param, built)
    return f"{registry.host}/lego/forms", request.param, built


def normal(platform: str) -> str:
    """As containerd writes a platform."""
    return platform.removesuffix("/v8") if platform.startswith("linux/arm64") else platform


def test_every_form_is_read_as_it_was_built(
    pushed: tuple[str, str, Built], client: Callable[..., Registries]
) -> None:
    """Digests, layers in order with sizes, labels and annotations are those that were pushed."""
    repository, tag, built = pushed
    found = client().image(repository, tag)
    expected = {normal(each): each for each in built.platforms if each.startswith("linux/")}

    assert found.digest == built.index_digest
    assert found.media_type == built.media_type
    assert list(found.platforms) == sorted(expected)
    assert found.annotations == ({"a": "ü"} if tag == "annotated" else {})
    for platform, one in found.platforms.items():
        assert one.digest == built.platforms[expected[platform]][0]
        assert one.layers == built.layers[expected[platform]]
        assert one.labels == built.labels
        assert one.annotations == ({"b": "c"} if tag == "annotated" else {})


def test_a_tag_and_its_digest_are_the_same_image(
    pushed: tuple[str, str, Built], client: Callable[..., Registries]
) -> None:
    """``digest`` says what ``image`` says, and a digest is a reference as good as a tag."""
    repository, tag, built = pushed
    asking = client()

    assert asking.digest(repository, tag) == built.index_digest
    assert asking.digest(repository, built.index_digest) == built.index_digest
    assert asking.image(repository, built.index_digest) == asking.image(repository, tag)


@pytest.mark.skipif(not shutil.which("skopeo"), reason="no skopeo on PATH: install Debian's package skopeo")
def test_skopeo_sees_the_same(pushed: tuple[str, str, Built], client: Callable[..., Registries]) -> None:
    """Judge: the digest of what skopeo gets, and the labels, layers and sizes that it reads, are ours."""
    repository, tag, _ = pushed
    found = client().image(repository, tag)
    raw = skopeo("--raw", f"{repository}:{tag}")

    assert "sha256:" + hashlib.sha256(raw).hexdigest() == found.digest
    for one in found.platforms.values():
        manifest = json.loads(skopeo("--raw", f"{repository}@{one.digest}"))
        assert [(layer["digest"], layer["size"]) for layer in manifest["layers"]] == list(one.layers)
        settings = json.loads(skopeo("--config", f"{repository}@{one.digest}"))
        assert (settings["config"].get("Labels") or {}) == one.labels


def skopeo(what: str, reference: str) -> bytes:
    """What ``skopeo inspect`` prints."""
    command = ["skopeo", "inspect", what, "--tls-verify=false", f"docker://{reference}"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_tags_are_all_of_them_in_order(registry: Registry, client: Callable[..., Registries]) -> None:
    """The tags that were pushed, sorted, in whatever order the registry has them."""
    built = image({"linux/amd64": {"a": text("a")}}, {}, {}, index=False)
    for number in range(5):
        push(registry.url, "lego/many", f"v{number}", built)

    assert client().tags(f"{registry.host}/lego/many") == ("v0", "v1", "v2", "v3", "v4")


def test_untyped_manifests_are_known_by_their_content(
    proxy: Proxy, client: Callable[..., Registries]
) -> None:
    """A proxy that loses Content-Type, or a manifest without ``mediaType``, is no reason to fail."""
    proxy.fault("manifests/", header("Content-Type", None))
    found = client().image(f"{proxy.host}/lego/one", "1.0")
    assert found.media_type == INDEX

    def untyped(content: bytes) -> bytes:
        document = json.loads(content)
        document.pop("mediaType")
        return json.dumps(document).encode()

    proxy.fault("manifests/1.0$", body(untyped))
    assert client().image(f"{proxy.host}/lego/one", "1.0").platforms == found.platforms


def test_two_hundred_images_at_once(
    registry: Registry, client: Callable[..., Registries], capsys: pytest.CaptureFixture[str]
) -> None:
    """Sixteen threads ask for 200 images in 50 repositories; a host never has more connections than it was promised."""
    images = [image({"linux/amd64": {"n": text("n")}}, {"n": str(number)}, {}) for number in range(200)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: push(registry.url, f"lego/n{n % 50}", f"v{n}", images[n]), range(200)))
    received: list[int] = []
    with Proxy(registry.host) as counting:
        asking = client(per_host=6, received=received.append, timeout=30)
        asking.digest(f"{counting.host}/lego/n0", "v0")  # finds out, once, that there is no TLS
        counting.most = 1
        began = time.perf_counter()
        with ThreadPoolExecutor(16) as pool:
            found = list(
                pool.map(lambda n: asking.image(f"{counting.host}/lego/n{n % 50}", f"v{n}"), range(200))
            )
        proxied = time.perf_counter() - began
        asking.close()
    began = time.perf_counter()
    asking = client()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: asking.image(f"{registry.host}/lego/n{n % 50}", f"v{n}"), range(200)))
    direct = time.perf_counter() - began
    with capsys.disabled():
        print(f"\n200 images, 600 requests, 16 threads: {direct:.2f} s; through the proxy {proxied:.2f} s")

    assert [each.digest for each in found] == [each.index_digest for each in images]
    assert len(counting.requests) == 601
    assert counting.most <= 6
    layers = {name for built in images for each in built.layers.values() for name, _ in each}
    asked = [blob for built in images for name, blob in built.blobs.items() if name not in layers]
    assert sum(received) == sum(len(blob) for blob in asked)


def test_a_kept_answer_is_an_answer(proxy: Proxy, client: Callable[..., Registries]) -> None:
    """A registry without Docker-Content-Digest is asked for the document, and that is digested."""
    proxy.fault("manifests/", header("Docker-Content-Digest", None))
    built = two_platforms()

    assert client().digest(f"{proxy.host}/lego/one", "1.0") == built.index_digest
    assert client().image(f"{proxy.host}/lego/one", "1.0").digest == built.index_digest
    assert [each.method for each in proxy.asked("manifests/1.0$")] == ["HEAD", "GET", "GET"]


def test_head_may_be_forbidden(proxy: Proxy, client: Callable[..., Registries]) -> None:
    """Some registries know no HEAD."""
    proxy.fault("^HEAD", lambda handler, answer: Answer(405, {}, b""))

    assert client().digest(f"{proxy.host}/lego/one", "1.0") == two_platforms().index_digest
