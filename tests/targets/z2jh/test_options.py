"""The grammar of the options: what a centre may write below ``targets: {z2jh: …}``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from lego_compile.targets.z2jh import TARGET
from lego_compile.targets.z2jh.options import Options
from tests.targets.z2jh.samples import full_options, options, placement

LEAST: dict[str, Any] = {"host": "jupyter.grenoble.example.org", "authenticator": {"type": "dummy"}}


def read(document: dict[str, Any]) -> dict[str, Any]:
    """The options as they reach ``lower``: plain data with defaults, without versions and gates."""
    filled = json.loads(Options.model_validate_json(json.dumps(document)).model_dump_json(by_alias=True))
    return TARGET.settle(filled)


def test_defaults() -> None:
    """Host and authenticator are enough; the rest is as the samples of these tests say."""
    assert read(LEAST) == options()


def test_all_of_them() -> None:
    """The options that the other tests use are ones that a centre can write."""
    versions = {"kubernetes": "1.35", "cri-o": "1.35", "chart": "4.4.0"}
    document = {**full_options(), "versions": versions, "gates": ["ImageVolume"]}
    document["apply"] = {key: value for key, value in document["apply"].items() if key != "chart"}
    assert read(document) == full_options()


def test_what_a_profile_says_again_is_not_its_own() -> None:
    """A reservation that every session has, in other words even, and a profile that says nothing."""
    session = {"reserve_cpu": 0.5, "reserve_memory": "2G"}
    profiles = {"a": {"reserve_cpu": 0.5, "reserve_memory": "4G"}, "b": session, "c": {}}
    found = read({**LEAST, "session": session, "profiles": profiles})["profiles"]
    assert found == {"a": placement(reserve_memory="4G")}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("host",), "localhost"),
        (("host",), "https://jupyter.example.org"),
        (("mounts",), "hostpath"),
        (("bricks_at",), "/srv/{bricks}"),
        (("volumes",), "dict"),
        (("profiles",), {"deep": {"node_selector": {"a": 1}}}),
        (("profiles",), {"Deep": {}}),
        (("session", "networks"), ["10.0.0.0"]),
        (("session", "networks"), ["10.0.0.0/33"]),
        (("session", "tolerations"), [{"value": "x"}]),
        (("load_balancer",), {}),
        (("gateway",), {"name": "Public"}),
        (("apply",), {"folder": "/out"}),
        (("apply",), {"folder": "a/../b"}),
        (("authenticator", "ldap"), {"server": "ldap.example.org", "users": ["uid=ada,dc=org"]}),
        (("authenticator", "ldap"), {"server": "ldap.example.org", "users": ["uid={user},dc=org"]}),
        (("pull_secrets",), ["Registry"]),
        (("images", "pause"), "registry.k8s.io/pause"),
        (("images", "pause"), "registry.k8s.io/pause:3 10"),
        (("authenticator", "type"), "pam"),
        (("authenticator", "password"), "x"),
        (("authenticator", "oauth", "client_secret"), "hunter2"),
        (("authenticator", "oauth", "authorize_url"), "sso.example.org"),
        (("session", "node_selector"), {"a b": "c"}),
        (("session", "node_selector"), {"a": True}),
        (("session", "reserve_memory"), "2Gi"),
        (("cull", "timeout"), -1),
        (("placeholders",), 1.5),
        (("gitops",), "jenkins"),
        (("gates",), ["UserNamespacesSupport"]),
        (("versions",), {"kubernetes": 1.35}),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_refused(path: tuple[str, ...], value: Any) -> None:
    """Values that a platform would read as something else are refused, and so are unknown keys."""
    document = json.loads(json.dumps(full_options()))
    node = document
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    with pytest.raises(ValidationError):
        read(document)
