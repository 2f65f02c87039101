"""What contradicts itself in who may log in: checks of the targets with a JupyterHub of their own (LC601, LC603)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.model import Deployment

_BLOCKS = {
    "oauth": ("generic-oauth", "the login service"),
    "ldap": ("ldap", "the directory"),
    "native": ("native", "the accounts"),
}
"""Block → the type that it is for, and what it describes."""


def check_authenticator(asked: Mapping[str, Any], here: Path, oauth_example: str, report: Report) -> None:
    """The authenticator has what its type needs, and nothing else.

    Args:
        asked: the option ``authenticator``.
        here: its place.
        oauth_example: how the target spells ``oauth``, for a help.
        report: receives the findings.
    """
    chosen = asked["type"]
    kind = Label((*here, "type"), "the authenticator")
    examples = {
        "oauth": oauth_example,
        "ldap": 'ldap: {server: …, users: ["uid={username},ou=…,dc=…"]}',
        "native": "native: {}",
    }
    for block, (needs_it, what) in _BLOCKS.items():
        if asked[block] and chosen != needs_it:
            report.add(
                "LC601",
                f"`{block}` is for `type: {needs_it}`",
                (*here, block),
                key=True,
                related=(kind,),
                help=f"delete `{block}`, or change the type",
            )
        elif not asked[block] and chosen == needs_it:
            report.add(
                "LC601",
                f"`type: {chosen}` needs `{block}`, {what}",
                here,
                related=(kind,),
                help=f"add `{examples[block]}`",
            )
    if chosen == "dummy":
        report.add(
            "LC603",
            "with `type: dummy` anybody can log in as anybody, with any password",
            (*here, "type"),
            help="use it on a closed network only; `type: generic-oauth` is for everything else",
        )
    oauth = asked["oauth"]
    for key in ("authorize_url", "token_url", "userdata_url"):
        if oauth and oauth[key].startswith("http:"):
            report.add(
                "LC603",
                "with `http:`, secrets and passwords cross the network in the clear",
                (*here, "oauth", key),
                help="write `https:`",
            )
    if asked["allowed_groups"] and not (oauth and oauth["groups_claim"]):
        report.add(
            "LC601",
            "`allowed_groups` needs `groups_claim`, which says what groups a user is in",
            (*here, "allowed_groups"),
            key=True,
            help="name groups of a directory below `ldap`"
            if chosen == "ldap"
            else "add `groups_claim` below `oauth`, or list people under `allowed_users`",
        )
    if chosen == "ldap" and asked["ldap"]:
        _check_ldap(asked["ldap"], (*here, "ldap"), report)
    if chosen == "native" and asked["native"]:
        _check_native(asked, here, report)


def _check_ldap(ldap: Mapping[str, Any], here: Path, report: Report) -> None:
    search = ldap["search"]
    if bool(ldap["users"]) == bool(search):
        report.add(
            "LC601",
            "`users` says where users are, and `search` how they are found: one of them is needed"
            + (", and not both" if search else ""),
            (*here, "search") if search else here,
            key=bool(search),
            help="delete one of them" if search else 'add `users: ["uid={username},ou=people,dc=…"]`',
        )
    # Where a target does not ask for the password's Secret, the password is at a place of its own.
    if search and bool(search["user"]) != bool(search.get("password", search["user"])):
        report.add(
            "LC601",
            "`user` and `password` belong together: who asks the directory, and the Secret with the password",
            (*here, "search"),
            help="say both, or neither to ask anonymously",
        )
    if ldap["tls"] == "none" and ldap["ca"]:
        report.add(
            "LC601", "with `tls: none` there is no certificate", (*here, "ca"), key=True, help="delete `ca`"
        )
    if ldap["tls"] == "none":
        report.add(
            "LC603",
            "with `tls: none` passwords cross the network in the clear",
            (*here, "tls"),
            help="write `tls: starttls`, or `tls: ldaps`",
        )


def _check_native(asked: Mapping[str, Any], here: Path, report: Report) -> None:
    if asked["native"]["open_signup"] and not asked["allowed_users"]:
        report.add(
            "LC603",
            "with `open_signup` anybody who finds the page has an account",
            (*here, "native", "open_signup"),
            help="list `allowed_users`, or let an administrator approve accounts",
        )
    if asked["allowed_users"]:
        report.add(
            "LC603",
            "whoever signs up first under a name that is listed is in at once",
            (*here, "allowed_users"),
            key=True,
            help="let them sign up before the address is known",
        )
    if asked["admin_users"]:
        report.add(
            "LC603",
            "whoever signs up first under the name of an administrator is one",
            (*here, "admin_users"),
            key=True,
            help="let the administrators sign up before the address is known",
        )


def check_groups(deployment: Deployment, asked: Mapping[str, Any], report: Report) -> None:
    """Somebody can choose each profile.

    Args:
        deployment: projected for the target.
        asked: the option ``authenticator``.
        report: receives the findings.
    """
    claimed = asked["oauth"] and asked["oauth"]["groups_claim"]
    listed = {name for name, users in deployment.groups if users}
    for profile in deployment.profiles:
        if profile.groups and not claimed and listed.isdisjoint(profile.groups):
            report.add(
                "LC603",
                f"nobody can choose profile {profile.slug!r} until an administrator fills its groups by hand",
                (*profile.origin, "groups"),
                help="list `users` under `groups:`, or name the `groups_claim` of the login service",
            )
