"""What contradicts itself in how users reach the hub, and in what deploys it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lego_compile.diagnostic.model import Label, Path, Report

_HERE: Path = ("center", "targets", "z2jh")


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
