"""What contradicts itself in the options, and what Kubernetes has no way to say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.features import Need
from lego_compile.ir.model import Composition, DataMount, Deployment

_HERE: Path = ("center", "targets", "z2jh")
_PATH = r"(/[A-Za-z0-9_][A-Za-z0-9._+-]*)+"
_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_SOURCE = re.compile(
    rf"{_PATH}|pvc:(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*|nfs:[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:{_PATH}"
)
_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def needs(wanted: Iterable[Need], options: Mapping[str, Any]) -> Iterator[Need]:
    """What the deployment needs here: with ``mounts: csi`` the driver stands in for image volumes, told once."""
    told: set[str] = set()
    for need in wanted:
        if options["mounts"] == "csi" and need.feature in ("image-mount", "image-subpath"):
            if need.feature not in told:
                told.add(need.feature)
                yield Need(f"{need.feature}-csi", need.origin, need.what)
        else:
            yield need


def check(deployment: Deployment, options: Mapping[str, Any], report: Report) -> None:
    """Report options that contradict each other, and what Kubernetes cannot do (LC601-LC603).

    Args:
        deployment: projected for this target.
        options: see ``options.py``, without versions and gates.
        report: receives the findings.
    """
    _check_authenticator(options["authenticator"], report)
    _check_options(options, report)
    _check_groups(deployment, options["authenticator"]["oauth"], report)
    for profile in deployment.profiles:
        _check_profile(profile, options["session"], report)
    for data in dict.fromkeys(each for profile in deployment.profiles for each in profile.data):
        _check_data(data, report)


def _check_authenticator(authenticator: Mapping[str, Any], report: Report) -> None:
    here, oauth = (*_HERE, "authenticator"), authenticator["oauth"]
    kind = Label((*here, "type"), "the authenticator")
    if authenticator["type"] == "dummy":
        report.add(
            "LC603",
            "with `type: dummy` anybody can log in as anybody, with any password",
            (*here, "type"),
            help="use it on a closed network only; `type: generic-oauth` is for everything else",
        )
        if oauth:
            report.add(
                "LC601",
                "`oauth` is for `type: generic-oauth`",
                (*here, "oauth"),
                key=True,
                related=(kind,),
                help="delete `oauth`, or change the type",
            )
    elif not oauth:
        report.add(
            "LC601",
            "`type: generic-oauth` needs `oauth`, the login service",
            here,
            related=(kind,),
            help="add `oauth: {client_id: …, client_secret: {name: …}, authorize_url: …, …}`",
        )
    if authenticator["allowed_groups"] and not (oauth and oauth["groups_claim"]):
        report.add(
            "LC601",
            "`allowed_groups` needs `groups_claim`, which says what groups a user is in",
            (*here, "allowed_groups"),
            key=True,
            help="add `groups_claim` below `oauth`, or list people under `allowed_users`",
        )


def _check_options(options: Mapping[str, Any], report: Report) -> None:
    if options["mounts"] == "csi" and len(options["pull_secrets"]) > 1:
        report.add(
            "LC601",
            "with `mounts: csi` the driver reads one Secret, and there are more",
            (*_HERE, "pull_secrets", 1),
            related=(Label((*_HERE, "mounts"), "the driver is chosen here"),),
            help="put the credentials of all registries into one Secret",
        )
    session = options["session"]
    if options["placeholders"] and not session["reserve_cpu"] and not session["reserve_memory"]:
        report.add(
            "LC601",
            "placeholders hold the room that a session reserves, and sessions reserve nothing",
            (*_HERE, "placeholders"),
            key=True,
            help="say what a session reserves: `session: {reserve_cpu: 0.5, reserve_memory: 2G}`",
        )
    if options["cull"]["max_age"] and not options["cull"]["timeout"]:
        report.add(
            "LC601",
            "`max_age` needs a `timeout`: without one the culler takes ten minutes",
            (*_HERE, "cull", "max_age"),
            key=True,
            help="set `timeout` to the same number of seconds",
        )
    if not options["ingress"]["tls_secret"]:
        report.add(
            "LC603",
            "no certificate is named, so the Ingress speaks plain HTTP",
            (*_HERE, "ingress") if options["ingress"]["class"] else _HERE,
            help="add `ingress: {tls_secret: NAME}`, unless something before the Ingress ends TLS",
        )
    if options["gitops"] == "argocd":
        # argoproj/argo-cd renders with `helm template`, where the chart's `lookup` finds nothing.
        report.add(
            "LC603",
            "Argo CD renders the chart without looking at the cluster, so it draws three secrets anew each time, "
            "and restarts the hub",
            (*_HERE, "gitops"),
            help="give hub.config.ConfigurableHTTPProxy.auth_token, hub.config.JupyterHub.cookie_secret and "
            "hub.config.CryptKeeper.keys in a second values file from your secret store; "
            "hub.existingSecret alone does not help",
        )


def _check_groups(deployment: Deployment, oauth: Mapping[str, Any] | None, report: Report) -> None:
    listed = {name for name, users in deployment.groups if users}
    for profile in deployment.profiles:
        if profile.groups and not (oauth and oauth["groups_claim"]) and listed.isdisjoint(profile.groups):
            report.add(
                "LC603",
                f"nobody can choose profile {profile.slug!r} until an administrator fills its groups by hand",
                (*profile.origin, "groups"),
                help="list `users` under `groups:`, or name the `groups_claim` of the login service",
            )


def _check_profile(profile: Composition, session: Mapping[str, Any], report: Report) -> None:
    system, limits = profile.system, profile.limits
    if not system.uid:
        report.add(
            "LC602",
            f"the system image of profile {profile.slug!r} runs as {'root' if system.uid == 0 else 'a named user'}, "
            "and Kubernetes is told to refuse root",
            system.origin,
            help="use an image with a numeric user other than 0",
        )
    reserve = session["reserve_memory"]
    for key, asked, most in (
        ("reserve_cpu", round(session["reserve_cpu"] * 1000) if session["reserve_cpu"] else 0, limits.cpu),
        ("reserve_memory", int(reserve[:-1]) * _UNITS[reserve[-1]] if reserve else 0, limits.memory),
    ):
        if most is not None and asked > most:
            report.add(
                "LC601",
                f"`{key}` is more than the limit of profile {profile.slug!r}, so Kubernetes refuses its sessions",
                (*_HERE, "session", key),
                related=(Label((*profile.origin, "resources"), "the limit"),),
                help="set aside less, or raise the limit",
            )
    for brick in profile.offers:
        if brick.name == "profile":
            report.add(
                "LC602",
                "a brick called 'profile' cannot be offered: KubeSpawner keeps the user's profile under that name",
                brick.origin,
                help="mount it always, with `bricks:`, or rename it in the catalog",
            )


def _check_data(data: DataMount, report: Report) -> None:
    here = (*data.origin[:4], "source")
    if not _SOURCE.fullmatch(data.source):
        report.add(
            "LC602",
            f"Kubernetes cannot mount {data.source!r}, the source of data {data.name!r}",
            here,
            help="an absolute path of every node (/data/era5), pvc:CLAIM or nfs:SERVER:/EXPORT; "
            "`source: {z2jh: …}` says another one for this target",
        )
    elif not data.source.startswith("pvc:"):
        # kubernetes/website:content/en/docs/concepts/security/pod-security-standards.md
        nfs = data.source.startswith("nfs:")
        what = "an NFS export" if nfs else "a directory of the nodes"
        report.add(
            "LC603",
            f"{data.source!r} is {what}, which Pod Security {'restricted' if nfs else 'baseline'} refuses",
            here,
            help="make it a claim, and write `source: {z2jh: 'pvc:CLAIM'}`",
        )
