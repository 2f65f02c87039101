"""What contradicts itself in how users log in and reach the hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.diagnostic.model import Label, Path, Report

_HERE: Path = ("center", "targets", "z2jh")
_BLOCKS = {"oauth": "generic-oauth", "ldap": "ldap", "native": "native"}


def check_authenticator(asked: Mapping[str, Any], report: Report) -> None:
    """The authenticator has what its type needs, and nothing else (LC601, LC603)."""
    here, chosen = (*_HERE, "authenticator"), asked["type"]
    kind = Label((*here, "type"), "the authenticator")
    for block, needs_it in _BLOCKS.items():
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
                f"`type: {chosen}` needs `{block}`, {_WHAT[block][0]}",
                here,
                related=(kind,),
                help=f"add `{_WHAT[block][1]}`",
            )
    if chosen == "dummy":
        report.add(
            "LC603",
            "with `type: dummy` anybody can log in as anybody, with any password",
            (*here, "type"),
            help="use it on a closed network only; `type: generic-oauth` is for everything else",
        )
    oauth = asked["oauth"]
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


_WHAT = {
    "oauth": ("the login service", "oauth: {client_id: …, client_secret: {name: …}, authorize_url: …, …}"),
    "ldap": ("the directory", 'ldap: {server: …, users: ["uid={username},ou=…,dc=…"]}'),
    "native": ("the accounts", "native: {}"),
}


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
    if search and bool(search["user"]) != bool(search["password"]):
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


def check_entrance(options: Mapping[str, Any], report: Report) -> None:
    """The hub is reached in one way, and with TLS (LC601, LC603)."""
    gateway, balancer, ingress = options["gateway"], options["load_balancer"], options["ingress"]
    ways = [name for name in ("ingress", "gateway", "load_balancer") if any((options[name] or {}).values())]
    for other in ways[1:]:
        report.add(
            "LC601",
            f"`{ways[0]}` and `{other}` are two ways to the hub",
            (*_HERE, other),
            key=True,
            related=(Label((*_HERE, ways[0]), "the other one", key=True),),
            help="keep one of them",
        )
    if balancer:
        _check_balancer(balancer, (*_HERE, "load_balancer"), report)
        if balancer["tls"] == "none" and options["authenticator"]["oauth"]:
            report.add(
                "LC601",
                "with `tls: none` nobody answers at the https address that the login service sends users back to",
                (*_HERE, "load_balancer", "tls"),
                related=(Label((*_HERE, "authenticator", "oauth"), "the login service", key=True),),
                help="write `tls: letsencrypt`, `tls: secret` or `tls: offload`",
            )
    elif not gateway and not ingress["tls_secret"]:
        report.add(
            "LC603",
            "no certificate is named, so the Ingress speaks plain HTTP",
            (*_HERE, "ingress") if ingress["class"] else (*_HERE, "host"),
            help="add `ingress: {tls_secret: NAME}`, unless something before the Ingress ends TLS",
        )


def _check_balancer(balancer: Mapping[str, Any], here: Path, report: Report) -> None:
    for key, kind in (("email", "letsencrypt"), ("tls_secret", "secret")):
        if balancer[key] and balancer["tls"] != kind:
            report.add(
                "LC601",
                f"`{key}` is for `tls: {kind}`",
                (*here, key),
                key=True,
                related=(Label((*here, "tls"), "who ends TLS"),),
                help=f"delete `{key}`",
            )
        elif not balancer[key] and balancer["tls"] == kind:
            report.add("LC601", f"`tls: {kind}` needs `{key}`", (*here, "tls"), help=f"add `{key}: …`")
    if balancer["tls"] == "none":
        report.add(
            "LC603",
            "with `tls: none` passwords and notebooks cross the network in the clear",
            (*here, "tls"),
            help="write `tls: letsencrypt`, `tls: secret` or `tls: offload`",
        )


def check_gitops(options: Mapping[str, Any], report: Report) -> None:
    """What is drawn by the chart stays the same when something else than helm deploys it (LC601, LC603)."""
    here, gitops, asked = (*_HERE, "gitops"), options["gitops"], options["apply"]
    if gitops and not options["hub_secret"]:
        report.add(
            "LC603",
            "the keys of the hub are drawn by the chart and are in no repository: a cluster that is built again has "
            "others, which ends every login and makes stored tokens unreadable",
            here,
            help="make a Secret with them (sealed, or from your secret store), and name it: `hub_secret: NAME`",
        )
    if gitops == "argocd" and not asked:
        # argoproj/argo-cd renders with `helm template`, where the chart's `lookup` finds nothing.
        report.add(
            "LC603",
            "Argo CD renders the chart without looking at the cluster, so it draws three secrets anew each time, "
            "and restarts the hub",
            here,
            help="add `apply: {repository: https://…}` for an Application that keeps those that are there, or give "
            "the secrets in a second values file from your secret store; hub.existingSecret alone does not help",
        )
    if not asked:
        return
    if asked["chart"].count(".") < 2:
        report.add(
            "LC601",
            f"`apply` names the chart's version, and {asked['chart']!r} stands for whichever is the newest then",
            (*_HERE, "versions", "chart"),
            related=(Label((*_HERE, "apply"), "asked for here", key=True),),
            help="write the whole version, such as 4.4.0",
        )
    if gitops == "argocd" and not asked["repository"]:
        report.add(
            "LC601",
            "Argo CD needs the `repository` in which it finds the values",
            (*_HERE, "apply"),
            help="add `repository: https://…`",
        )
    for key, default in (("repository", None), ("folder", None), ("revision", "main")):
        if gitops != "argocd" and asked[key] != default:
            report.add(
                "LC601",
                f"`{key}` is for `gitops: argocd`",
                (*_HERE, "apply", key),
                key=True,
                help="delete it",
            )
