"""What contradicts itself in the options, and what Docker has no way to say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.model import Composition, Deployment

_HERE: Path = ("center", "targets", "compose")
_PATH = r"(/[A-Za-z0-9_][A-Za-z0-9._+-]*)+"
_SOURCE = re.compile(rf"{_PATH}|nfs:[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:{_PATH}")
_LOWEST_CPU = (
    10  # moby/moby:daemon/daemon_unix.go, verifyPlatformContainerResources: a quota of 1 ms in 100 ms
)
_LOWEST_MEMORY = 6 * 1024**2  # the same: linuxMinMemory


def check(deployment: Deployment, options: Mapping[str, Any], report: Report) -> None:
    """Report options that contradict each other, and compositions that Docker cannot run (LC601-LC603)."""
    _check_tls(options["tls"], report)
    _check_authenticator(deployment, options["authenticator"], report)
    _check_owner(deployment, report)
    for profile in deployment.profiles:
        _check_limits(profile, report)
        for data in profile.data:
            if not _SOURCE.fullmatch(data.source):
                report.add(
                    "LC602",
                    f"Docker cannot mount {data.source!r}, the source of data {data.name!r}",
                    (*data.origin[:-1], "source", "compose"),
                    help="an absolute path of the machine (/data/era5) or nfs:SERVER:/EXPORT; "
                    "`source: {compose: …}` says another one for this target",
                )


def obeys(path: str, data: bytes) -> str | None:
    """Why Compose reads a file beside ours (compose-spec/compose-go:cli/options.go, DefaultFileNames and .env)."""
    if re.fullmatch(r"(docker-)?compose(\.override)?\.ya?ml", path):
        return "Compose reads it together with compose.yaml, or in its place"
    if path == ".env":
        for line in data.decode("utf-8", "replace").splitlines():
            name = line.strip().removeprefix("export ").partition("=")[0].strip()
            if name.startswith(("COMPOSE_", "DOCKER_")):
                return f"sets {name}, which changes what Compose reads or where it runs"
    return None


def _check_owner(deployment: Deployment, report: Report) -> None:
    """A home is one volume for all profiles, and belongs to whoever the first image says (moby: populateVolumes)."""
    first, *rest = deployment.profiles
    for profile in rest:
        if (profile.system.uid, profile.system.gid) != (first.system.uid, first.system.gid):
            report.add(
                "LC602",
                f"sessions of {profile.slug!r} run as {profile.system.uid}:{profile.system.gid} and those of "
                f"{first.slug!r} as {first.system.uid}:{first.system.gid}, and they share the user's home",
                profile.system.origin,
                related=(
                    Label(first.system.origin, "the other system image"),
                    Label(profile.system.declared, "described here", key=True),
                ),
                help="use system images with one uid and gid in all profiles of this centre",
            )


def _check_tls(tls: Mapping[str, Any], report: Report) -> None:
    here = (*_HERE, "tls")
    if tls["mode"] == "acme" and not tls["email"]:
        report.add(
            "LC601",
            "the authority of `mode: acme` wants to know whom it can write to",
            here,
            help="add `tls: {email: …}`, or `mode: internal` for a test, or `mode: files` for your own certificate",
        )
    if tls["mode"] != "acme" and tls["email"]:
        report.add(
            "LC601",
            f"`email` is for `mode: acme`, and the mode is {tls['mode']!r}",
            (*here, "email"),
            key=True,
            related=(Label((*here, "mode"), "the mode"),),
            help="delete `email`",
        )


def _check_authenticator(deployment: Deployment, authenticator: Mapping[str, Any], report: Report) -> None:
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
                "LC601", "`oauth` is for `type: generic-oauth`", (*here, "oauth"), key=True, related=(kind,)
            )
    elif not oauth:
        report.add("LC601", "`type: generic-oauth` needs `oauth`, the login service", here, related=(kind,))
    claim = oauth and oauth["groups_claim"]
    if authenticator["allowed_groups"] and not claim:
        report.add(
            "LC601",
            "`allowed_groups` needs `groups_claim`, which says what groups a user is in",
            (*here, "allowed_groups"),
            key=True,
            help="add `groups_claim` below `oauth`, or list people under `allowed_users`",
        )
    listed = {name for name, users in deployment.groups if users}
    for name in sorted(listed) if claim else ():
        report.add(
            "LC601",
            f"the members of group {name!r} are listed, and the login service says who is in it too",
            (*here, "oauth", "groups_claim"),
            key=True,
            related=(Label(("center", "groups", name, "users"), "listed here"),),
            help="delete `groups_claim` or the list: JupyterHub takes groups from one of them",
        )
    _check_groups(deployment, listed, bool(claim), report)


def _check_groups(deployment: Deployment, listed: set[str], claimed: bool, report: Report) -> None:
    for profile in deployment.profiles:
        if profile.groups and not claimed and listed.isdisjoint(profile.groups):
            report.add(
                "LC603",
                f"nobody can choose profile {profile.slug!r} until an administrator fills its groups in the hub",
                (*profile.origin, "groups"),
                help="list `users` under `groups:`, or name the `groups_claim` of the login service",
            )


def _check_limits(profile: Composition, report: Report) -> None:
    limits, here = profile.limits, (*profile.origin, "resources")
    if limits.cpu is not None and limits.cpu < _LOWEST_CPU:
        report.add(
            "LC602",
            f"Docker gives no session less than 0.01 cores, and not {limits.cpu / 1000}",
            (*here, "cpu"),
        )
    if limits.memory is not None and limits.memory < _LOWEST_MEMORY:
        report.add("LC602", f"Docker gives no session less than 6M of memory, and not {limits.memory} bytes",
                   (*here, "memory"))  # fmt: skip
    if limits.gpus and limits.gpu_vendor != "nvidia":
        report.add(
            "LC602",
            f"Docker hands out GPUs of nvidia only, and not of {limits.gpu_vendor}",
            (*here, "gpu"),
            help="give the profile to the centre's other targets, in a centre spec of their own",
        )
