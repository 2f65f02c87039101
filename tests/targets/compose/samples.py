"""What the tests of this target compile: options in every variety, and files as they would lie on disk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from lego_compile.ir.model import Deployment
from lego_compile.ir.project import project
from lego_compile.targets.compose import TARGET
from tests.strategies import deployments, example

IMAGES = {
    "hub": f"registry.example.org/lego/hub:6.1.1@sha256:{'3' * 64}",
    "proxy": f"quay.io/jupyterhub/configurable-http-proxy:5.3.0@sha256:{'2' * 64}",
    "edge": f"docker.io/library/caddy:2.10.2@sha256:{'1' * 64}",
    "docker_api": f"ghcr.io/tecnativa/docker-socket-proxy:v0.4.1@sha256:{'4' * 64}",
}

OAUTH: dict[str, Any] = {
    "authorize_url": "https://sso.example.org/auth",
    "token_url": "https://sso.example.org/token",
    "userdata_url": "https://sso.example.org/userinfo",
    "login_service": "Gaia Data",
    "username_claim": "preferred_username",
    "scope": ["openid", "profile"],
    "groups_claim": None,
}


def options(**changes: Any) -> dict[str, Any]:
    """Options of a centre with a dummy authenticator, as the schema fills them in."""
    base: dict[str, Any] = {
        "engine": "docker",
        "mounts": "image",
        "host": "vre.grenoble.example.org",
        "tls": {"mode": "internal", "email": None},
        "images": IMAGES,
        "authenticator": authenticator(),
        "cull": {"timeout": 7200, "max_age": 0},
        "session": {"shm": "1G", "processes": 4096, "start_timeout": 120},
        "socket": "/var/run/docker.sock",
    }
    return {**base, **changes}


def authenticator(**changes: Any) -> dict[str, Any]:
    """Options of the authenticator."""
    base = {
        "type": "dummy", "oauth": None, "ldap": None, "native": None, "allowed_users": [], "allowed_groups": [],
        "admin_users": ["ada"],
    }  # fmt: skip
    return {**base, **changes}


def ldap(**changes: Any) -> dict[str, Any]:
    """Options of a directory that says where users are."""
    base = {
        "server": "ldap.example.org", "port": None, "tls": "starttls", "ca": False,
        "users": ["uid={username},ou=people,dc=example,dc=org"], "search": None, "allowed_groups": [],
    }  # fmt: skip
    return {**base, **changes}


SEARCH: dict[str, Any] = {
    "base": "ou=people,dc=example,dc=org",
    "attribute": "uid",
    "user": "cn=hub,dc=example,dc=org",
}

NATIVE: dict[str, Any] = {"open_signup": False, "minimum_password_length": 12, "failed_logins": 3}


def oauth_options(**changes: Any) -> dict[str, Any]:
    """Options of a centre with a login service and a certificate of its own."""
    return options(
        tls={"mode": "files", "email": None},
        authenticator=authenticator(
            type="generic-oauth", oauth={**OAUTH, **changes}, allowed_users=["ada", "grace"]
        ),
        cull={"timeout": 0, "max_age": 86400},
    )


def projected(deployment: Deployment) -> Deployment:
    """The deployment as this target sees it."""
    return project(deployment, "compose", own_home=TARGET.own_home, limits_home=TARGET.limits_home)


def compiled(deployment: Deployment | None = None, chosen: dict[str, Any] | None = None) -> dict[str, bytes]:
    """Path → bytes of a projected deployment, the rich example when none is given."""
    trees = TARGET.lower(deployment or projected(example()), chosen or options())
    return {path: file.data for path, file in TARGET.emit(trees).items()}


def _varieties() -> st.SearchStrategy[dict[str, Any]]:
    words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20)
    users = st.lists(st.from_regex(r"[a-z0-9][a-z0-9._@-]{0,8}", fullmatch=True), max_size=2)
    oauth = st.fixed_dictionaries(
        {
            **{
                key: st.just(OAUTH[key])
                for key in ("authorize_url", "token_url", "userdata_url", "username_claim")
            },
            "login_service": words,
            "scope": st.lists(
                st.sampled_from(["openid", "profile", "offline_access"]), min_size=1, max_size=3
            ),
            "groups_claim": st.sampled_from([None, "groups", "realm.roles"]),
        }
    )
    dns = st.sampled_from(["ou=people,dc=example,dc=org", "cn=Équipe #1,o=x+y"])
    directory = st.fixed_dictionaries(
        {
            "server": st.just("ldap.example.org"),
            "port": st.sampled_from([None, 389, 3269]),
            "tls": st.sampled_from(["starttls", "ldaps"]),
            "ca": st.booleans(),
            "users": st.lists(st.just("uid={username},dc=example"), max_size=1),
            "search": st.sampled_from([None, SEARCH, {**SEARCH, "user": None}]),
            "allowed_groups": st.lists(dns, max_size=2, unique=True),
        }
    )
    native = st.fixed_dictionaries(
        {
            "open_signup": st.booleans(),
            "minimum_password_length": st.integers(8, 20),
            "failed_logins": st.integers(0, 9),
        }
    )
    login = st.one_of(
        st.just({"type": "dummy"}),
        st.fixed_dictionaries({"type": st.just("generic-oauth"), "oauth": oauth, "allowed_groups": users}),
        st.fixed_dictionaries({"type": st.just("ldap"), "ldap": directory}),
        st.fixed_dictionaries(
            {
                "type": st.just("ldap"),
                "ldap": directory.map(lambda each: {**each, "tls": "none", "ca": False}),
            }
        ),
        st.fixed_dictionaries({"type": st.just("native"), "native": native}),
    )
    lists = st.fixed_dictionaries({"allowed_users": users, "admin_users": users})
    tls = st.sampled_from(
        [
            {"mode": "internal", "email": None},
            {"mode": "files", "email": None},
            {"mode": "acme", "email": "hub-admin@example.org"},
        ]
    )
    seconds = st.integers(0, 10**7)
    return st.builds(
        lambda tls, login, lists, timeout, max_age, shm, processes, socket: options(
            tls=tls,
            authenticator=authenticator(**login, **lists),
            cull={"timeout": timeout, "max_age": max_age},
            session={"shm": shm, "processes": processes, "start_timeout": 10},
            socket=socket,
        ),
        tls, login, lists, seconds, seconds,
        st.sampled_from(["64M", "2G"]), st.integers(64, 9999),
        st.sampled_from(["/var/run/docker.sock", "/run/user/1000/docker.sock"]),
    )  # fmt: skip


varieties = _varieties()
"""Options of every kind; none of them contradicts itself so that it could not be lifted."""

projections = deployments().map(projected)
"""Deployments as this target sees them."""


def mounted(
    deployment: Deployment, chosen: dict[str, Any], mounts: str, engine: str = "docker"
) -> tuple[Deployment, dict[str, Any]]:
    """The same with another way to mount bricks; one that can offer none gets a deployment that does not."""
    if mounts == "baked":
        profiles = tuple(replace(profile, offers=(), retired=()) for profile in deployment.profiles)
        deployment = replace(deployment, profiles=profiles)
    return deployment, {**chosen, "mounts": mounts, "engine": engine}


MOUNTS = ("image", "baked", "volume")

cases = st.builds(
    mounted, projections, varieties, st.sampled_from(MOUNTS), st.sampled_from(["docker", "podman"])
)
"""Deployments, each with options that it can be lowered with."""
