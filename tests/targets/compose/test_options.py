"""The grammar of the options: what a centre may write below ``targets: {compose: …}``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from lego_compile.targets.compose import TARGET
from lego_compile.targets.compose.options import Options
from tests.targets.compose.samples import IMAGES, options

LEAST: dict[str, Any] = {
    "host": "vre.grenoble.example.org",
    "images": IMAGES,
    "authenticator": {"type": "dummy", "admin_users": ["ada"]},
}


def read(document: dict[str, Any]) -> dict[str, Any]:
    """The options as they reach ``lower``: plain data with defaults, without versions and gates."""
    filled = json.loads(Options.model_validate_json(json.dumps(document)).model_dump_json())
    return TARGET.settle(filled)


def test_defaults() -> None:
    """Host, images and authenticator are enough; the rest is as the samples of these tests say."""
    acme = options(tls={"mode": "acme", "email": None})
    assert acme == read(LEAST)
    assert options() == read({**LEAST, "tls": {"mode": "internal"}})


@pytest.mark.parametrize(
    "reference",
    [
        "registry.example.org/lego/hub:6.1.1",
        f"hub@sha256:{'3' * 64}",
        f"registry.example.org/lego/hub:6.1.1@sha256:{'3' * 63}",
        f"registry.example.org/lego/hub:$TAG@sha256:{'3' * 64}",
        f"registry.example.org/Lego/hub@sha256:{'3' * 64}",
    ],
)
def test_images_are_pinned(reference: str) -> None:
    """An image without registry or digest, or with anything that Compose expands, is refused."""
    with pytest.raises(ValidationError):
        read({**LEAST, "images": {**IMAGES, "hub": reference}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("host",), "localhost"),
        (("tls", "email"), "a@example.org} evil {"),
        (("socket",), "/var/run/docker.sock:/x"),
        (("session", "shm"), "1GB"),
        (("session", "processes"), 1),
        (("cull", "timeout"), -1),
        (("authenticator", "type"), "pam"),
        (("authenticator", "admin_users"), ["Ada"]),
        (("authenticator", "password"), "x"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_refused(path: tuple[str, ...], value: Any) -> None:
    """Values that a platform would read as something else are refused, and so are unknown keys."""
    document = json.loads(json.dumps({**options(), "versions": {}}))
    node = document
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    with pytest.raises(ValidationError):
        read(document)


def test_the_socket_is_that_of_the_engine() -> None:
    """Unsaid, it is where each engine has it."""
    assert read({**LEAST, "engine": "podman"})["socket"] == "/run/podman/podman.sock"
    assert read({**LEAST, "engine": "podman", "socket": "/run/x.sock"})["socket"] == "/run/x.sock"
