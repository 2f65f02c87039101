"""Who may log in and how the hub is reached, as the chart and the authenticators read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lego_compile.ir.model import Path
from lego_compile.targets.assets import asset
from lego_compile.targets.reading import Reading
from lego_compile.targets.z2jh.lift_leaves import flag, number, some_texts, text, texts, words

At = Callable[..., tuple[str | int, ...]]
"""Notes where an option is said, and gives the path back."""

_CONFIG = ("hub", "config")
_CLASSES = {
    "generic-oauth": "GenericOAuthenticator", "ldap": "LDAPAuthenticator", "native": "NativeAuthenticator",
    "dummy": "",
}  # fmt: skip
_LDAP_TLS = {"before_bind": "starttls", "on_connect": "ldaps", "insecure": "none"}


def authenticator(values: Reading, host: str, at: At) -> dict[str, Any]:
    """The option of that name."""
    here = (*_CONFIG, "Authenticator")
    kind = values.text(*at(("authenticator", "type"), *_CONFIG, "JupyterHub", "authenticator_class"))
    if kind not in _CLASSES:
        values.complain(f"the authenticator {kind!r} is not set up here", *_CONFIG, "JupyterHub")
    values.expect(False, *_CONFIG, "JupyterHub", "admin_access")
    users = texts(values, *at(("authenticator", "allowed_users"), *here, "allowed_users"))
    admins = texts(values, *at(("authenticator", "admin_users"), *here, "admin_users"))
    oauth = ldap = native = None
    groups: list[str] = []
    for name, section in _CLASSES.items():
        if not section or values.has(*_CONFIG, section) == (name == kind):
            continue
        values.complain(
            f"`hub.config.{section}` is {'missing' if name == kind else 'for another authenticator'}",
            *_CONFIG, section,
        )  # fmt: skip
    if values.has(*_CONFIG, "GenericOAuthenticator"):
        section_at = (*_CONFIG, "GenericOAuthenticator", "allowed_groups")
        groups = some_texts(values, *at(("authenticator", "allowed_groups"), *section_at))
        oauth = _oauth(values, host, at)
    if values.has(*_CONFIG, "LDAPAuthenticator"):
        ldap = _ldap(values, at)
        # Its check_allowed knows users and groups, and no administrators; this goes before `Authenticator`.
        if admins and ldap["allowed_groups"] and not users:
            values.expect(admins, *_CONFIG, "LDAPAuthenticator", "allowed_users")
    if values.has(*_CONFIG, "NativeAuthenticator"):
        native = _native(values, at)
    values.expect(not (users or groups or (ldap and ldap["allowed_groups"])), *here, "allow_all")
    return {
        "type": kind, "oauth": oauth, "ldap": ldap, "native": native, "allowed_users": users,
        "allowed_groups": groups, "admin_users": admins,
    }  # fmt: skip


def _secret(values: Reading, at: At, option: Path, variable: str) -> dict[str, str]:
    """The Secret that a variable of the hub comes from (kubernetes/api:core/v1/types.go, ``SecretKeySelector``)."""
    place = ("hub", "extraEnv", variable, "valueFrom", "secretKeyRef")
    return {name: values.text(*at((*option, name), *place, name)) for name in ("name", "key")}


def _oauth(values: Reading, host: str, at: At) -> dict[str, Any]:
    """jupyterhub/oauthenticator:oauthenticator/{oauth2,generic}.py@17.4.0."""
    section, place = (*_CONFIG, "GenericOAuthenticator"), ("authenticator", "oauth")
    values.expect(f"https://{host}/hub/oauth_callback", *section, "oauth_callback_url")
    claim = None
    if values.has(*section, "manage_groups") or values.has(*section, "auth_state_groups_key"):
        values.expect(True, *section, "manage_groups")
        key = values.text(*at((*place, "groups_claim"), *section, "auth_state_groups_key"))
        claim = key.removeprefix("oauth_user.")
        if claim == key:
            values.complain(f"{key!r} is no claim of a user", *section, "auth_state_groups_key")
    said = {
        name: values.text(*at((*place, name), *section, name))
        for name in (
            "client_id", "authorize_url", "token_url", "userdata_url", "login_service", "username_claim",
        )
    }  # fmt: skip
    return {
        **said,
        "client_secret": _secret(values, at, (*place, "client_secret"), "OAUTH_CLIENT_SECRET"),
        "scope": texts(values, *at((*place, "scope"), *section, "scope")),
        "groups_claim": claim,
    }


def _ldap(values: Reading, at: At) -> dict[str, Any]:
    """jupyterhub/ldapauthenticator:ldapauthenticator/ldapauthenticator.py@2.0.2."""
    section, place = (*_CONFIG, "LDAPAuthenticator"), ("authenticator", "ldap")
    tls = values.text(*at((*place, "tls"), *section, "tls_strategy"))
    if tls not in _LDAP_TLS:
        values.complain(f"{tls!r} is no way to speak to a directory", *section, "tls_strategy")
    port_at = at((*place, "port"), *section, "server_port")
    values.expect(r"^[A-Za-z0-9][A-Za-z0-9._@-]*\Z", *section, "valid_username_regex")
    search = ca = None
    if tls != "insecure":
        values.expect(2, *section, "tls_kwargs", "validate")  # ssl.CERT_REQUIRED
        if values.has(*section, "tls_kwargs", "ca_certs_file"):
            ca = _authority(values, at, (*place, "ca"))
    snippet = ("hub", "extraConfig", "lego-ldap")
    if values.has(*section, "lookup_dn"):
        values.expect(True, *section, "lookup_dn")
        password = None
        if values.has(*snippet):
            values.expect(asset("z2jh", "lego_ldap.py").decode(), *snippet)
            password = _secret(values, at, (*place, "search", "password"), "LDAP_SEARCH_PASSWORD")
        attribute = values.text(*at((*place, "search", "attribute"), *section, "user_attribute"))
        values.expect(attribute, *section, "lookup_dn_user_dn_attribute")
        search = {
            "base": values.text(*at((*place, "search", "base"), *section, "user_search_base")),
            "attribute": attribute,
            "user": text(values, *at((*place, "search", "user"), *section, "lookup_dn_search_user")),
            "password": password,
        }
    return {
        "server": values.text(*at((*place, "server"), *section, "server_address")),
        "port": number(values, *port_at) if values.has(*port_at) else None,
        "tls": _LDAP_TLS.get(tls, tls),
        "ca": ca,
        "users": some_texts(values, *at((*place, "users"), *section, "bind_dn_template")),
        "search": search,
        "allowed_groups": some_texts(values, *at((*place, "allowed_groups"), *section, "allowed_groups")),
    }


def _authority(values: Reading, at: At, option: Path) -> dict[str, str]:
    """The ConfigMap whose file ldap3 reads (cannatag/ldap3:ldap3/core/tls.py@2.9.1)."""
    values.expect("/etc/lego/ldap/ca.crt", *_CONFIG, "LDAPAuthenticator", "tls_kwargs", "ca_certs_file")
    mount = {"name": "lego-ldap-ca", "mountPath": "/etc/lego/ldap", "readOnly": True}
    values.expect([mount], "hub", "extraVolumeMounts")
    volume = ("hub", "extraVolumes", 0)
    source = (*volume, "configMap")
    values.expect("lego-ldap-ca", *volume, "name")
    values.expect("ca.crt", *source, "items", 0, "path")
    return {
        "name": values.text(*at((*option, "name"), *source, "name")),
        "key": values.text(*at((*option, "key"), *source, "items", 0, "key")),
    }


def _native(values: Reading, at: At) -> dict[str, Any]:
    """jupyterhub/nativeauthenticator:nativeauthenticator/nativeauthenticator.py@1.3.0."""
    section, place = (*_CONFIG, "NativeAuthenticator"), ("authenticator", "native")
    values.expect(True, *section, "check_common_password")
    values.expect(600, *section, "seconds_before_next_try")
    values.expect(asset("z2jh", "lego_native.py").decode(), "hub", "extraConfig", "lego-native")
    length = at((*place, "minimum_password_length"), *section, "minimum_password_length")
    return {
        "open_signup": flag(values, *at((*place, "open_signup"), *section, "open_signup")),
        "minimum_password_length": number(values, *length),
        "failed_logins": number(values, *at((*place, "failed_logins"), *section, "allowed_failed_logins")),
    }


# ── the way in ────────────────────────────────────────────────────────────────────────────────────────


def entrance(values: Reading, at: At) -> dict[str, Any]:
    """The options ``host``, ``ingress``, ``gateway`` and ``load_balancer``; exactly one way leads to the proxy.

    jupyterhub/zero-to-jupyterhub-k8s:jupyterhub/templates/{ingress,httproute,proxy/service}.yaml@4.4.0.
    """
    ingress: dict[str, Any] = {"class": None, "tls_secret": None, "annotations": {}}
    found: dict[str, Any] = {"host": "", "ingress": ingress, "gateway": None, "load_balancer": None}
    ways = []
    if values.peek("proxy", "service", "type") == "LoadBalancer":
        ways.append("a load balancer")
        found |= _load_balancer(values, at)
    else:
        values.expect("ClusterIP", "proxy", "service", "type")
        values.expect(False, "proxy", "https", "enabled")
    for key, way, read in (("httpRoute", "a gateway", _gateway), ("ingress", "an Ingress", _ingress)):
        if values.has(key):
            values.expect(True, key, "enabled")
            ways.append(way)
            found |= read(values, at)
    if len(ways) != 1:
        values.complain(
            f"the hub is reached by {' and '.join(ways) or 'nothing'}, and should be in one way", "proxy"
        )
    return found


def _host(values: Reading, *path: str | int) -> str:
    hosts = texts(values, *path)
    if len(hosts) != 1:
        values.complain("one host is needed", *path)
    return hosts[0] if hosts else ""


def _ingress(values: Reading, at: At) -> dict[str, Any]:
    host, secret = _host(values, *at(("host",), "ingress", "hosts")), None
    if values.has("ingress", "tls"):
        values.expect([host], "ingress", "tls", 0, "hosts")
        secret = values.text(*at(("ingress", "tls_secret"), "ingress", "tls", 0, "secretName"))
    asked = {
        "class": text(values, *at(("ingress", "class"), "ingress", "ingressClassName")),
        "tls_secret": secret,
        "annotations": words(values, *at(("ingress", "annotations"), "ingress", "annotations")),
    }
    return {"host": host, "ingress": asked}


def _gateway(values: Reading, at: At) -> dict[str, Any]:
    parent, place = ("httpRoute", "gateway"), ("gateway",)
    asked = {
        "name": values.text(*at((*place, "name"), *parent, "name")),
        "namespace": text(values, *at((*place, "namespace"), *parent, "namespace")),
        "section": text(values, *at((*place, "section"), *parent, "sectionName")),
        "annotations": words(values, *at((*place, "annotations"), "httpRoute", "annotations")),
    }
    return {"host": _host(values, *at(("host",), "httpRoute", "hostnames")), "gateway": asked}


def _load_balancer(values: Reading, at: At) -> dict[str, Any]:
    service, https, place = ("proxy", "service"), ("proxy", "https"), ("load_balancer",)
    values.take(*service, "type")
    kind, host, email, secret = "none", "", None, None
    if flag(values, *https, "enabled"):
        kind = values.text(*at((*place, "tls"), *https, "type"))
        host = _host(values, *at(("host",), *https, "hosts"))
        if kind == "letsencrypt":
            email = values.text(*at((*place, "email"), *https, "letsencrypt", "contactEmail"))
        elif kind == "secret":
            secret = values.text(*at((*place, "tls_secret"), *https, "secret", "name"))
        elif kind != "offload":
            values.complain(f"{kind!r} is no way to end TLS that is set up here", *https, "type")
    else:
        host = values.text(*at(("host",), "custom", "lego", "host"))
    asked = {
        "tls": kind,
        "email": email,
        "tls_secret": secret,
        "annotations": words(values, *at((*place, "annotations"), *service, "annotations")),
        "sources": some_texts(values, *at((*place, "sources"), *service, "loadBalancerSourceRanges")),
    }
    return {"host": host, "load_balancer": asked}
