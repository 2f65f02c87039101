"""What the tests of this target compile: options in every variety, and files as they would lie on disk."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from lego_compile.ir.model import Deployment
from lego_compile.ir.project import project
from lego_compile.targets.z2jh import TARGET
from tests.strategies import deployments, example

OAUTH: dict[str, Any] = {
    "client_id": "jupyterhub",
    "client_secret": {"name": "jupyterhub-oauth", "key": "client-secret"},
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
        "host": "jupyter.grenoble.example.org",
        "mounts": "image",
        "pull_secrets": [],
        "prepull": "daemonset",
        "images": {"pause": "registry.k8s.io/pause:3.10.1"},
        "authenticator": authenticator(),
        "home": {"storage_class": None},
        "ingress": {"class": None, "tls_secret": None, "annotations": {}},
        "cull": {"timeout": 3600, "max_age": 0},
        "session": {
            "start_timeout": 900,
            "reserve_cpu": None,
            "reserve_memory": None,
            "node_selector": {},
            "private_network": False,
        },
        "user_scheduler": True,
        "placeholders": 0,
        "hub_secret": None,
        "gitops": None,
    }
    return {**base, **changes}


def authenticator(**changes: Any) -> dict[str, Any]:
    """Options of the authenticator."""
    base = {"type": "dummy", "oauth": None, "allowed_users": [], "allowed_groups": [], "admin_users": []}
    return {**base, **changes}


def full_options(**changes: Any) -> dict[str, Any]:
    """Options of a centre that uses all of them."""
    base: dict[str, Any] = {
        "pull_secrets": ["lego-registry"],
        "images": {"pause": f"registry.example.org:5000/pause:3.10@sha256:{'9' * 64}"},
        "authenticator": authenticator(
            type="generic-oauth",
            oauth={**OAUTH, "groups_claim": "realm.roles"},
            allowed_users=["ada"],
            allowed_groups=["staff"],
            admin_users=["grace"],
        ),
        "home": {"storage_class": "ceph-rbd"},
        "ingress": {
            "class": "traefik",
            "tls_secret": "jupyter-tls",
            "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
        },
        "cull": {"timeout": 7200, "max_age": 172800},
        "session": {
            "start_timeout": 600,
            "reserve_cpu": 0.5,
            "reserve_memory": "2G",
            "node_selector": {"lego.example.org/bricks": "true"},
            "private_network": True,
        },
        "user_scheduler": False,
        "placeholders": 2,
        "hub_secret": "jupyterhub-hub",
        "gitops": "argocd",
    }
    return options(**{**base, **changes})


def projected(deployment: Deployment) -> Deployment:
    """The deployment as this target sees it."""
    return project(deployment, "z2jh", own_home=TARGET.own_home, limits_home=TARGET.limits_home)


def compiled(deployment: Deployment | None = None, chosen: dict[str, Any] | None = None) -> dict[str, bytes]:
    """Path → bytes of a projected deployment, the rich example when none is given."""
    trees = TARGET.lower(deployment or projected(example()), chosen or options())
    return {path: file.data for path, file in TARGET.emit(trees).items()}


def _varieties() -> st.SearchStrategy[dict[str, Any]]:
    words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20)
    users = st.lists(st.from_regex(r"[a-z0-9][a-z0-9._@-]{0,8}", fullmatch=True), max_size=2)
    names = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,4})?", fullmatch=True)
    maybe = st.one_of(st.none(), names)
    oauth = st.fixed_dictionaries(
        {
            **{key: st.just(OAUTH[key]) for key in ("authorize_url", "token_url", "userdata_url")},
            "client_id": st.from_regex(r"[!-~]{1,12}", fullmatch=True),
            "client_secret": st.fixed_dictionaries({"name": names, "key": names}),
            "login_service": words,
            "username_claim": st.sampled_from(["email", "preferred_username"]),
            "scope": st.lists(st.sampled_from(["openid", "profile"]), min_size=1, max_size=2),
            "groups_claim": st.sampled_from([None, "groups", "realm.roles"]),
        }
    )
    lists = {"allowed_users": users, "admin_users": users}
    login = st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("dummy"), "oauth": st.none(), "allowed_groups": st.just([]), **lists}
        ),
        st.fixed_dictionaries(
            {"type": st.just("generic-oauth"), "oauth": oauth, "allowed_groups": users, **lists}
        ),
    )
    labels = st.dictionaries(names, st.sampled_from(["true", "no", "1", ""]), max_size=2)
    cull = st.one_of(
        st.just({"timeout": 0, "max_age": 0}),
        st.fixed_dictionaries({"timeout": st.integers(1, 10**6), "max_age": st.integers(0, 10**6)}),
    )
    session = st.fixed_dictionaries(
        {
            "start_timeout": st.integers(60, 7200),
            "reserve_cpu": st.sampled_from([None, 0.5, 2, 1.25]),
            "reserve_memory": st.sampled_from([None, "512M", "2G"]),
            "node_selector": labels,
            "private_network": st.booleans(),
        }
    )
    return st.fixed_dictionaries(
        {
            "host": st.sampled_from(["jupyter.example.org", "a.b.example.org"]),
            "mounts": st.sampled_from(["image", "csi"]),
            "pull_secrets": st.lists(names, max_size=2, unique=True),
            "prepull": st.sampled_from(["daemonset", "none"]),
            "images": st.sampled_from(
                ["registry.k8s.io/pause:3.10.1", f"registry.example.org:5000/a/pause@sha256:{'9' * 64}"]
            ).map(lambda image: {"pause": image}),
            "authenticator": login,
            "home": st.fixed_dictionaries({"storage_class": maybe}),
            "ingress": st.fixed_dictionaries(
                {
                    "class": maybe,
                    "tls_secret": maybe,
                    "annotations": st.dictionaries(names, words, max_size=2),
                }
            ),
            "cull": cull,
            "session": session,
            "user_scheduler": st.booleans(),
            "placeholders": st.integers(0, 9),
            "hub_secret": maybe,
            "gitops": st.sampled_from([None, "argocd", "flux"]),
        }
    )


varieties = _varieties()
"""Options of every kind; none of them contradicts itself so that it could not be lifted."""

projections = deployments().map(projected)
"""Deployments as this target sees them."""
