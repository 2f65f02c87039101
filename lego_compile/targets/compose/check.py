"""What contradicts itself in the options, and what Docker has no way to say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.model import Composition, Deployment
from lego_compile.targets.compose.check_mounts import check_mounts
from lego_compile.targets.login import check_authenticator, check_groups

_HERE: Path = ("center", "targets", "compose")
_OAUTH = "oauth: {authorize_url: …, token_url: …, userdata_url: …}"
# compose-spec/compose-go:dotenv/parser.go: a quoted value may have several lines, and after it there may be another
# setting on its last one; a comment is a line.
_PASSED_OVER = re.compile(r"""^[ \t]*#.*$|(?<=[=:])[ \t]*(?:'[^']*'|"(?:\\.|[^"\\])*")""", re.MULTILINE)
_SETTING = re.compile(r"(?<![\w.])((?:COMPOSE|DOCKER|BUILDX|BUILDKIT)_\w+)\s*[=:]")
_LOWEST_CPU = (
    10  # moby/moby:daemon/daemon_unix.go, verifyPlatformContainerResources: a quota of 1 ms in 100 ms
)
_LOWEST_MEMORY = 6 * 1024**2  # the same: linuxMinMemory


def check(deployment: Deployment, options: Mapping[str, Any], report: Report) -> None:
    """Report options that contradict each other, and compositions that Docker cannot run (LC601-LC603)."""
    _check_tls(options["tls"], report)
    check_authenticator(options["authenticator"], (*_HERE, "authenticator"), _OAUTH, report)
    _check_claim(deployment, options["authenticator"], report)
    check_groups(deployment, options["authenticator"], report)
    check_mounts(deployment, options, report)
    _check_owner(deployment, report)
    for profile in deployment.profiles:
        _check_limits(profile, report)


def obeys(path: str, data: bytes) -> str | None:
    """Why Compose reads a file beside ours (compose-spec/compose-go:cli/options.go, DefaultFileNames and .env)."""
    if re.fullmatch(r"(docker-)?compose(\.override)?\.ya?ml", path):
        return "Compose reads it together with compose.yaml, or in its place"
    text = data.decode("utf-8-sig", "replace") if path == ".env" else ""
    if found := _SETTING.search(_PASSED_OVER.sub("", text)):
        return f"sets {found[1]}, which changes what Compose reads or where it runs"
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


def _check_claim(deployment: Deployment, authenticator: Mapping[str, Any], report: Report) -> None:
    """Groups come from one side only (jupyterhub/jupyterhub:jupyterhub/app.py, ``init_groups``)."""
    if not (authenticator["oauth"] and authenticator["oauth"]["groups_claim"]):
        return
    for name in sorted(name for name, users in deployment.groups if users):
        report.add(
            "LC601",
            f"the members of group {name!r} are listed, and the login service says who is in it too",
            (*_HERE, "authenticator", "oauth", "groups_claim"),
            key=True,
            related=(Label(("center", "groups", name, "users"), "listed here"),),
            help="delete `groups_claim` or the list: JupyterHub takes groups from one of them",
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
