"""Who may log in, and how the hub is reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.targets.assets import asset
from lego_compile.targets.z2jh.lower_text import pair

_LDAP_TLS = {"starttls": "before_bind", "ldaps": "on_connect", "none": "insecure"}
_LDAP_CA = "/etc/lego/ldap"


def authenticator(options: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of ``hub.config``."""
    asked = options["authenticator"]
    oauth, ldap, native = asked["oauth"], asked["ldap"], asked["native"]
    groups = asked["allowed_groups"] or (ldap and ldap["allowed_groups"])
    sections: dict[str, Any] = {
        # The chart lets administrators into everybody's server; JupyterHub itself, and so Compose, does not.
        "JupyterHub": {"admin_access": False, "authenticator_class": asked["type"]},
        "Authenticator": {
            "admin_users": list(asked["admin_users"]),
            "allow_all": not (asked["allowed_users"] or groups),
            # Else whoever was once allowed stays so (jupyterhub/jupyterhub:jupyterhub/auth.py@5.5.0).
            "allow_existing_users": False,
            "allowed_users": list(asked["allowed_users"]),
        },
    }
    if oauth:
        sections["GenericOAuthenticator"] = _oauth(oauth, asked["allowed_groups"], options["host"])
    if ldap:
        sections["LDAPAuthenticator"] = _ldap(ldap, asked)
    if native:
        sections["NativeAuthenticator"] = {
            "open_signup": native["open_signup"],
            "check_common_password": True,
            "minimum_password_length": native["minimum_password_length"],
            "allowed_failed_logins": native["failed_logins"],
            "seconds_before_next_try": 600,  # 0 in truth: its 600 is a tag of the trait (…nativeauthenticator.py@1.3.0)
        }
    return sections


def _oauth(oauth: Mapping[str, Any], groups: list[str], host: str) -> dict[str, Any]:
    claim = oauth["groups_claim"]
    return {
        "client_id": oauth["client_id"],
        "oauth_callback_url": f"https://{host}/hub/oauth_callback",
        "authorize_url": oauth["authorize_url"],
        "token_url": oauth["token_url"],
        "userdata_url": oauth["userdata_url"],
        "login_service": oauth["login_service"],
        "username_claim": oauth["username_claim"],
        "scope": list(oauth["scope"]),
        **({"manage_groups": True, "auth_state_groups_key": f"oauth_user.{claim}"} if claim else {}),
        **pair("allowed_groups", list(groups)),
    }


def _ldap(ldap: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """jupyterhub/ldapauthenticator:ldapauthenticator/ldapauthenticator.py@2.0.2."""
    search = ldap["search"]
    section = {
        "server_address": ldap["server"],
        **pair("server_port", ldap["port"]),
        "tls_strategy": _LDAP_TLS[ldap["tls"]],
        **pair("tls_kwargs", _ldap_tls(ldap)),
        # Its own takes neither capitals nor addresses, and a line break in the end.
        "valid_username_regex": r"^[A-Za-z0-9][A-Za-z0-9._@-]*\Z",
        **pair("bind_dn_template", list(ldap["users"])),
        **pair("allowed_groups", list(ldap["allowed_groups"])),
    }
    if search:
        section |= {
            "lookup_dn": True,
            "user_search_base": search["base"],
            "user_attribute": search["attribute"],
            "lookup_dn_user_dn_attribute": search["attribute"],  # without it every search is a TypeError
            **pair("lookup_dn_search_user", search["user"]),
        }
    if ldap["allowed_groups"] and not asked["allowed_users"]:
        # JupyterHub adds administrators to a list of users only when there is one, and this class knows no others.
        section |= pair("allowed_users", list(asked["admin_users"]))
    return section


def _ldap_tls(ldap: Mapping[str, Any]) -> dict[str, Any]:
    """cannatag/ldap3:ldap3/core/tls.py@2.9.1, which checks no certificate unless it is told to (ssl.CERT_REQUIRED)."""
    if ldap["tls"] == "none":
        return {}
    return {"validate": 2, **({"ca_certs_file": f"{_LDAP_CA}/ca.crt"} if ldap["ca"] else {})}


def volumes(options: Mapping[str, Any]) -> dict[str, Any]:
    """Files of the hub (``hub.extraVolumes``, ``hub.extraVolumeMounts``)."""
    ldap = options["authenticator"]["ldap"]
    if not (ldap and ldap["ca"]):
        return {}
    source = {"name": ldap["ca"]["name"], "items": [{"key": ldap["ca"]["key"], "path": "ca.crt"}]}
    return {
        "extraVolumes": [{"name": "lego-ldap-ca", "configMap": source}],
        "extraVolumeMounts": [{"name": "lego-ldap-ca", "mountPath": _LDAP_CA, "readOnly": True}],
    }


def secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of the hub that come from Secrets of the cluster (``hub.extraEnv``)."""
    asked = options["authenticator"]
    named = {}
    if asked[
        "oauth"
    ]:  # read by jupyterhub/oauthenticator:oauthenticator/oauth2.py@17.4.0 (_client_secret_default)
        named["OAUTH_CLIENT_SECRET"] = asked["oauth"]["client_secret"]
    if asked["ldap"] and asked["ldap"]["search"] and asked["ldap"]["search"]["password"]:
        named["LDAP_SEARCH_PASSWORD"] = asked["ldap"]["search"]["password"]
    return {name: {"valueFrom": {"secretKeyRef": dict(key)}} for name, key in named.items()}


def snippets(options: Mapping[str, Any]) -> dict[str, str]:
    """Fixed pieces: LDAPAuthenticator takes its password from no variable, NativeAuthenticator hides its pages."""
    wanted = {
        "lego-ldap": ("lego_ldap.py", "LDAP_SEARCH_PASSWORD" in secrets(options)),
        "lego-native": ("lego_native.py", options["authenticator"]["native"]),
    }
    return {name: asset("z2jh", file).decode() for name, (file, is_wanted) in wanted.items() if is_wanted}


def entrance(options: Mapping[str, Any]) -> dict[str, Any]:
    """The keys ``proxy``, and ``ingress`` or ``httpRoute``."""
    host, gateway, balancer = options["host"], options["gateway"], options["load_balancer"]
    if balancer:
        return {"proxy": _load_balancer(balancer, host)}
    proxy = {"service": {"type": "ClusterIP"}, "https": {"enabled": False}}
    if gateway:
        parent = {
            "name": gateway["name"],
            **pair("namespace", gateway["namespace"]),
            **pair("sectionName", gateway["section"]),
        }
        route = {
            "enabled": True,
            **pair("annotations", dict(gateway["annotations"])),
            "hostnames": [host],
            "gateway": parent,
        }
        return {"proxy": proxy, "httpRoute": route}
    asked = options["ingress"]
    tls = [{"hosts": [host], "secretName": asked["tls_secret"]}] if asked["tls_secret"] else []
    ingress = {
        "enabled": True,
        **pair("ingressClassName", asked["class"]),
        **pair("annotations", dict(asked["annotations"])),
        "hosts": [host],
        **pair("tls", tls),
    }
    return {"proxy": proxy, "ingress": ingress}


def _load_balancer(asked: Mapping[str, Any], host: str) -> dict[str, Any]:
    kind = asked["tls"]
    https: dict[str, Any] = {"enabled": kind != "none"}
    if kind != "none":
        https |= {"type": kind, "hosts": [host]}
    if kind == "letsencrypt":
        https["letsencrypt"] = {"contactEmail": asked["email"]}
    if kind == "secret":
        https["secret"] = {"name": asked["tls_secret"]}
    service = {
        "type": "LoadBalancer",
        **pair("annotations", dict(asked["annotations"])),
        **pair("loadBalancerSourceRanges", list(asked["sources"])),
    }
    return {"service": service, "https": https}
