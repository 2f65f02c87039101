"""``lego-compile lock`` and registries that misbehave or want to know who asks: what the command makes of it.

Every fault and every way to log in is in ``tests/registry``; here it is the code, the place, the old lock and the
secrets.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator

import pytest

from tests.command import Call
from tests.images.registry import PASSWORD, USER, NoRegistry, Registry, basic, push
from tests.lock.conftest import LAB, Place, codes, labelled, small
from tests.registry import faults
from tests.registry.faults import Deed, Proxy


@pytest.fixture
def proxy(place: Place) -> Iterator[Proxy]:
    """A proxy in front of the registry of the place."""
    with Proxy(place.registry.host) as made:
        yield made


FAULTS: dict[str, tuple[str, Callable[[], Deed], str]] = {
    # name: request, what is done to its answer, code
    "a byte altered": ("GET .*/manifests/sha256", lambda: faults.body(lambda data: data[:-1] + b" "), "LC324"),
    "a config altered": ("GET .*/blobs/", lambda: faults.body(lambda data: data[:-1] + b" "), "LC324"),
    "no JSON": ("GET .*/manifests/1", lambda: faults.body(lambda _: b"<html>"), "LC324"),
    "another digest stated": (
        "GET .*/manifests/1", lambda: faults.header("Docker-Content-Digest", "sha256:" + "0" * 64), "LC324",
    ),
    "cut short, for ever": ("GET .*/manifests/", lambda: faults.truncated(10), "LC321"),
    "always busy": ("GET .*/manifests/", lambda: faults.status(503), "LC321"),
    "too many requests": ("GET .*/manifests/", lambda: faults.status(429, Retry_After="0"), "LC321"),
    "refused": ("GET .*/manifests/", lambda: faults.status(403), "LC322"),
    "gone": ("GET .*/manifests/", lambda: faults.status(404), "LC323"),
    "to a file": ("GET .*/blobs/", lambda: faults.redirect("file:///etc/passwd"), "LC324"),
}  # fmt: skip


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_leaves_the_old_lock_whole(place: Place, lego: Call, proxy: Proxy, name: str) -> None:
    """The finding names the image and points at the centre; nothing is written, nothing is lost."""
    assert 0 == lego("lock", "c.yaml")[0]
    before = place.lock_bytes()
    pattern, deed, code = FAULTS[name]
    proxy.fault(pattern, deed())

    said = lego(
        "lock", "--upgrade", "--timeout", "2", "--via", f"{place.registry.host}={proxy.host}", "c.yaml"
    )
    assert 1 == said[0]
    assert {code} == {*codes(said[2])}, said[2]
    assert "brick 'ocean': " in said[2]
    assert "--> c.yaml:" in said[2]
    assert before == place.lock_bytes()


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "deed",
    [faults.status(500), faults.status(503), faults.status(429, Retry_After="0"), faults.truncated(10)],
)
def test_a_passing_fault_is_not_noticed(place: Place, lego: Call, proxy: Proxy, deed: Deed) -> None:
    """What is tried again and then works is no finding, and the lock is the one of a quiet day."""
    assert 0 == lego("lock", "c.yaml")[0]
    before = place.lock_bytes()
    (place.folder / "c.lock.yaml").unlink()
    proxy.fault("GET ", deed, 3)

    code, _, err = lego("lock", "--via", f"{place.registry.host}={proxy.host}", "c.yaml")
    assert (0, "") == (code, err)
    assert before == place.lock_bytes()


def test_an_artifact_is_no_image(place: Place, lego: Call, proxy: Proxy) -> None:
    """A chart or a signature under the name of a brick is refused by name."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.cncf.helm.config.v1+json",
            "digest": "sha256:" + "0" * 64,
            "size": 2,
        },
        "layers": [],
    }
    proxy.fault("GET .*ocean/manifests/1", faults.body(lambda _: json.dumps(manifest).encode()))
    proxy.fault("GET .*ocean/manifests/1", faults.header("Content-Type", str(manifest["mediaType"])))

    code, _, err = lego("lock", "--via", f"{place.registry.host}={proxy.host}", "c.yaml")
    assert (1, ["LC325"]) == (code, codes(err)), err


@pytest.fixture(scope="module")
def private() -> Iterator[Registry]:
    """A registry that wants a password, with the images of the place."""
    try:
        with Registry(htpasswd=True) as made:
            kinds = {
                "lab": ("system", LAB),
                "ocean": ("brick", Place.facts("ocean")),
                "geo": ("brick", Place.facts("geo")),
            }
            for name, (kind, facts) in kinds.items():
                push(
                    made.host,
                    f"p/{name}",
                    "1",
                    small(labelled(kind, facts), content=name),
                    authorization=basic(),
                )
            yield made
    except NoRegistry as missing:
        pytest.skip(str(missing))


def _log_in(place: Place, monkeypatch: pytest.MonkeyPatch, host: str, password: str) -> None:
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    place.write("auth.json", {"auths": {host: {"auth": auth}}})
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(place.folder / "auth.json"))


def test_credentials_are_used_and_never_shown(
    place: Place, lego: Call, private: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A private registry is locked with the user's own login; the secret is in no file and in no message."""
    via = f"{place.base}={private.host}/p"
    code, _, err = lego("lock", "--via", via, "c.yaml")
    assert (1, {"LC322"}) == (code, {*codes(err)})
    assert f"docker login {private.host}" in err

    _log_in(place, monkeypatch, private.host, "a wrong one")
    code, out, err = lego("lock", "--via", via, "c.yaml")
    assert (1, {"LC322"}) == (code, {*codes(err)})
    assert "a wrong one" not in out + err

    _log_in(place, monkeypatch, private.host, PASSWORD)
    code, out, err = lego("lock", "--via", via, "c.yaml")
    assert (0, "") == (code, err)
    secrets = [PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()]
    assert not [secret for secret in secrets if secret in out or secret in place.lock_bytes().decode()]


def test_credentials_that_cannot_be_read(
    place: Place, lego: Call, private: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken file is a finding of its own: asking as nobody would end in a refusal, or in another answer."""
    (place.folder / "auth.json").write_text("{")
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(place.folder / "auth.json"))

    code, _, err = lego("lock", "--via", f"{place.base}={private.host}/p", "c.yaml")
    assert (1, {"LC328"}) == (code, {*codes(err)})
    assert str(place.folder / "auth.json") in err
