"""Who may log in, as ``login.py`` reads it in ``composition.json``; a part of ``lift``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.targets.compose.lift_leaves import leaf, null, optional, texts
from lego_compile.targets.reading import Reading

_AT = "authenticator"
_BLOCKS = {"generic-oauth": "oauth", "ldap": "ldap", "native": "native", "dummy": ""}
"""Type → the block that ``login.py`` reads then; it passes over the others."""


def authenticator(reading: Reading) -> dict[str, Any]:
    """The option of that name."""
    kind = reading.text(_AT, "type")
    if kind not in _BLOCKS:
        reading.complain(f"{kind!r} is no authenticator that the hub is set up for", _AT, "type")
    blocks: dict[str, Any] = {}
    for block, read in (("oauth", _oauth), ("ldap", _ldap), ("native", _native)):
        blocks[block] = None if null(reading, _AT, block) else read(reading, _AT, block)
        if (blocks[block] is not None) != (block == _BLOCKS.get(kind)):
            wanted = "has to be there" if blocks[block] is None else "is for another authenticator"
            reading.complain(f"`{block}` {wanted}", _AT, block)
    lists = ("allowed_users", "allowed_groups", "admin_users")
    return {"type": kind, **blocks, **{name: texts(reading, _AT, name) for name in lists}}


def _oauth(reading: Reading, *at: str) -> dict[str, Any]:
    names = ("authorize_url", "token_url", "userdata_url", "login_service", "username_claim")
    return {
        **{name: reading.text(*at, name) for name in names},
        "scope": texts(reading, *at, "scope"),
        "groups_claim": optional(reading, str, "", *at, "groups_claim"),
    }


def _ldap(reading: Reading, *at: str) -> dict[str, Any]:
    search = None
    if not null(reading, *at, "search"):
        search = {
            "base": reading.text(*at, "search", "base"),
            "attribute": reading.text(*at, "search", "attribute"),
            "user": optional(reading, str, "", *at, "search", "user"),
        }
    tls = reading.text(*at, "tls")
    if tls not in ("starttls", "ldaps", "none"):
        reading.complain(f"{tls!r} is no way to speak to a directory", *at, "tls")
    return {
        "server": reading.text(*at, "server"),
        "port": optional(reading, int, 0, *at, "port"),
        "tls": tls,
        "ca": leaf(reading, bool, False, *at, "ca"),
        "users": texts(reading, *at, "users"),
        "search": search,
        "allowed_groups": texts(reading, *at, "allowed_groups"),
    }


def _native(reading: Reading, *at: str) -> dict[str, Any]:
    return {
        "open_signup": leaf(reading, bool, False, *at, "open_signup"),
        "minimum_password_length": leaf(reading, int, 0, *at, "minimum_password_length"),
        "failed_logins": leaf(reading, int, 0, *at, "failed_logins"),
    }


def login_secrets(asked: Mapping[str, Any]) -> set[str]:
    """Files below ``secrets/`` without which ``login.py`` does not let the hub start.

    Args:
        asked: the option ``authenticator``.
    """
    ldap: Mapping[str, Any] = asked["ldap"] or {}
    with_account = bool(ldap.get("search") and ldap["search"]["user"])
    read = {
        "oauth_client_secret": bool(asked["oauth"]),
        "ldap_ca": bool(ldap) and ldap["tls"] != "none" and ldap["ca"],
        "ldap_password": with_account,
    }
    return {name for name, is_read in read.items() if is_read}
