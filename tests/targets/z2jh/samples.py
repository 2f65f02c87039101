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
        "bricks_at": None,
        "volumes": "map",
        "pull_secrets": [],
        "prepull": "daemonset",
        "spawn_page": "checkboxes",
        "images": {"pause": "registry.k8s.io/pause:3.10.1"},
        "authenticator": authenticator(),
        "home": {"storage_class": None, "claim": None},
        "ingress": {"class": None, "tls_secret": None, "annotations": {}},
        "gateway": None,
        "load_balancer": None,
        "cull": {"timeout": 3600, "max_age": 0},
        "session": {
            "start_timeout": 900,
            "reserve_cpu": None,
            "reserve_memory": None,
            "node_selector": {},
            "tolerations": [],
            "private_network": False,
            "networks": [],
            "shared_memory": None,
        },
        "profiles": {},
        "hub": {"storage_class": None, "storage_size": None, "node_selector": {}},
        "user_scheduler": True,
        "placeholders": 0,
        "hub_secret": None,
        "gitops": None,
        "apply": None,
    }
    return {**base, **changes}


def authenticator(**changes: Any) -> dict[str, Any]:
    """Options of the authenticator."""
    base = {
        "type": "dummy", "oauth": None, "ldap": None, "native": None, "allowed_users": [], "allowed_groups": [],
        "admin_users": [],
    }  # fmt: skip
    return {**base, **changes}


def ldap(**changes: Any) -> dict[str, Any]:
    """Options of a directory that says where users are."""
    base = {
        "server": "ldap.example.org", "port": None, "tls": "starttls", "ca": None,
        "users": ["uid={username},ou=people,dc=example,dc=org"], "search": None, "allowed_groups": [],
    }  # fmt: skip
    return {**base, **changes}


SEARCH: dict[str, Any] = {
    "base": "ou=people,dc=example,dc=org",
    "attribute": "uid",
    "user": "cn=hub,dc=example,dc=org",
    "password": {"name": "hub-ldap", "key": "password"},
}


def placement(**changes: Any) -> dict[str, Any]:
    """Where a profile runs: nothing of its own."""
    base = {
        "node_selector": {}, "tolerations": [], "reserve_cpu": None, "reserve_memory": None, "gpu_resource": None,
    }  # fmt: skip
    return {**base, **changes}


def apply(**changes: Any) -> dict[str, Any]:
    """How the output comes into the cluster, with the chart that the centre declares."""
    base = {
        "namespace": "jupyterhub", "release": "hub", "repository": None, "revision": "main", "folder": None,
        "chart": "4.4.0",
    }  # fmt: skip
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
        "home": {"storage_class": "ceph-rbd", "claim": None},
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
            "tolerations": [{"key": "lego.example.org/users", "value": None, "effect": "NoSchedule"}],
            "private_network": False,
            "networks": ["10.20.0.0/16", "10.30.1.0/24"],
            "shared_memory": "1G",
        },
        "profiles": {
            "deep": placement(
                node_selector={"lego.example.org/gpu": "true"},
                tolerations=[{"key": "nvidia.com/gpu", "value": "present", "effect": None}],
                reserve_cpu=2,
                reserve_memory="8G",
                gpu_resource="nvidia.com/mig-1g.10gb",
            )
        },
        "hub": {
            "storage_class": "ceph-rbd",
            "storage_size": "2G",
            "node_selector": {"lego.example.org/core": "true"},
        },
        "user_scheduler": False,
        "placeholders": 2,
        "hub_secret": "jupyterhub-hub",
        "gitops": "argocd",
        "apply": apply(repository="https://git.example.org/gaia/centers.git"),
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
    dns = st.sampled_from(["ou=people,dc=example,dc=org", "cn=Équipe #1,o=x+y"])
    directory = st.fixed_dictionaries(
        {
            "server": st.just("ldap.example.org"),
            "port": st.sampled_from([None, 389, 3269]),
            "tls": st.just("starttls"),
            "ca": st.sampled_from([None, {"name": "directory-ca", "key": "ca.crt"}]),
            "users": st.lists(st.just("uid={username},dc=example"), max_size=1),
            "search": st.one_of(
                st.none(), st.just(SEARCH), st.just({**SEARCH, "user": None, "password": None})
            ),
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
        _login("dummy", users),
        _login("generic-oauth", users, oauth=oauth, allowed_groups=users),
        _login("ldap", users, ldap=directory),
        _login("ldap", users, ldap=directory.map(lambda each: {**each, "tls": "ldaps"})),
        _login("ldap", users, ldap=directory.map(lambda each: {**each, "tls": "none", "ca": None})),
        _login("native", users, native=native),
    )
    labels = st.dictionaries(names, st.sampled_from(["true", "no", "1", ""]), max_size=2)
    tolerations = st.lists(
        st.fixed_dictionaries(
            {
                "key": names,
                "value": st.sampled_from([None, "true", ""]),
                "effect": st.sampled_from([None, "NoSchedule", "NoExecute"]),
            }
        ),
        max_size=2,
        unique_by=lambda each: each["key"],
    )
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
            "tolerations": tolerations,
            "private_network": st.booleans(),
            "networks": st.lists(st.sampled_from(["10.0.0.0/8", "fd00::/8"]), max_size=2, unique=True),
            "shared_memory": st.sampled_from([None, "512M", "2G"]),
        }
    )
    annotations = st.dictionaries(names, words, max_size=2)
    rest = st.fixed_dictionaries(
        {
            "host": st.sampled_from(["jupyter.example.org", "a.b.example.org"]),
            "volumes": st.just("map"),
            "pull_secrets": st.lists(names, max_size=2, unique=True),
            "spawn_page": st.sampled_from(["checkboxes", "selects"]),
            "images": st.sampled_from(
                ["registry.k8s.io/pause:3.10.1", f"registry.example.org:5000/a/pause@sha256:{'9' * 64}"]
            ).map(lambda image: {"pause": image}),
            "authenticator": login,
            "cull": cull,
            "session": session,
            "user_scheduler": st.booleans(),
            "placeholders": st.integers(0, 9),
            "hub_secret": maybe,
            "profiles": st.just({}),
            "hub": st.fixed_dictionaries(
                {
                    "storage_class": maybe,
                    "storage_size": st.sampled_from([None, "2G"]),
                    "node_selector": labels,
                }
            ),
        }
    )
    return st.builds(
        lambda *parts: {key: value for part in parts for key, value in part.items()},
        rest, _homes(maybe), _mounts(), _entrances(maybe, annotations), _deploying(),
    )  # fmt: skip


def _login(
    kind: str, users: st.SearchStrategy[Any], **blocks: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    nothing = {"oauth": st.none(), "ldap": st.none(), "native": st.none(), "allowed_groups": st.just([])}
    return st.fixed_dictionaries(
        {"type": st.just(kind), **nothing, "allowed_users": users, "admin_users": users, **blocks}
    )


def _homes(maybe: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.fixed_dictionaries({"storage_class": maybe, "claim": st.none()}),
        st.just({"storage_class": None, "claim": "homes"}),
    ).map(lambda home: {"home": home})


def _mounts() -> st.SearchStrategy[Any]:
    kinds = [("image", None), ("csi", None), ("copy", None), ("hostPath", "/srv/bricks")]
    kinds += [("nfs", "nfs:nas.example.org:/bricks"), ("nfs", "pvc:bricks")]
    return st.sampled_from(kinds).flatmap(
        lambda kind: st.fixed_dictionaries(
            {
                "mounts": st.just(kind[0]),
                "bricks_at": st.just(kind[1]),
                "prepull": st.sampled_from(
                    ["daemonset", "chart", "none"] if kind[0] in ("image", "csi") else ["chart", "none"]
                ),
            }
        )
    )


def _entrances(maybe: st.SearchStrategy[Any], annotations: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    ingress = st.fixed_dictionaries({"class": maybe, "tls_secret": maybe, "annotations": annotations})
    gateway = st.fixed_dictionaries(
        {"name": st.just("public"), "namespace": maybe, "section": maybe, "annotations": annotations}
    )
    balancer = st.builds(
        lambda tls, notes, sources: {
            "tls": tls,
            "email": "ops@example.org" if tls == "letsencrypt" else None,
            "tls_secret": "hub-tls" if tls == "secret" else None,
            "annotations": notes,
            "sources": sources,
        },
        st.sampled_from(["letsencrypt", "secret", "offload", "none"]),
        annotations,
        st.lists(st.just("192.0.2.0/24"), max_size=1),
    )
    none = {"ingress": options()["ingress"], "gateway": None, "load_balancer": None}
    return st.one_of(
        ingress.map(lambda each: {**none, "ingress": each}),
        gateway.map(lambda each: {**none, "gateway": each}),
        balancer.map(lambda each: {**none, "load_balancer": each}),
    )


def _deploying() -> st.SearchStrategy[Any]:
    git = "https://git.example.org/c.git"
    ways = [(None, None), (None, apply()), ("argocd", None), ("flux", None), ("flux", apply(release="x"))]
    ways += [
        ("argocd", apply(repository=git)),
        ("argocd", apply(repository=git, folder="a/b", revision="v1")),
    ]
    return st.sampled_from(ways).map(lambda way: {"gitops": way[0], "apply": way[1]})


varieties = _varieties()
"""Options of every kind; none of them contradicts itself so that it could not be lifted."""

projections = deployments().map(projected)
"""Deployments as this target sees them."""
