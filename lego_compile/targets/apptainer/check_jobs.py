"""What the spec says of jobs and of the hub that starts them, and what contradicts it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.model import Composition, Deployment, SystemImage
from lego_compile.targets import Options

HERE: Path = ("center", "targets", "apptainer")
SCHEDULERS = {"slurm": "Slurm", "oar": "OAR"}

FOR_HUB = ("batchspawner", "jupyterhub")
"""What a system image needs for sessions that a hub starts as jobs (jupyterhub/batchspawner:README.md)."""

_URL = re.compile(r"(https?)://([^:/]*)(?::([0-9]+))?(?:/.*)?")
_OF_PROXY = (8000, 8001)
"""For users, and for the hub (jupyterhub/jupyterhub:jupyterhub/{app,proxy}.py, ``bind_url`` and ``api_url``)."""

_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|0\.0\.0\.0")


def check_jobs(deployment: Deployment, options: Options, report: Report) -> None:
    """Report what is wrong with the scheduler, its block and the hub (LC408, LC601, LC603)."""
    scheduler = options["scheduler"]
    for other in SCHEDULERS:
        if options[other] is not None and other != scheduler:
            said = "scheduler" if options[scheduler] is None else scheduler
            report.add("LC601", f"the jobs of a centre are of {SCHEDULERS[scheduler]} or of {SCHEDULERS[other]}",
                       (*HERE, other), key=True, related=(Label((*HERE, said), "the other one", key=True),),
                       help=f"keep one block, and write `scheduler: {other}` or leave it out")  # fmt: skip
            return
    if scheduler is None:
        for block, what in (
            ("hub", "a hub starts sessions as jobs"),
            ("ondemand", "Open OnDemand submits jobs"),
        ):
            if options[block] is not None:
                report.add("LC601", f"{what}, and nothing says of which scheduler", (*HERE, block), key=True,
                           help="add `scheduler: slurm` or `scheduler: oar`")  # fmt: skip
        return
    if options["ondemand"] is not None and scheduler != "slurm":
        # OSC/ood_core:lib/ood_core/job/adapters has many, and none for OAR
        report.add("LC601", f"Open OnDemand cannot submit jobs of {SCHEDULERS[scheduler]}", (*HERE, "ondemand"),
                   key=True, help="remove `ondemand:`")  # fmt: skip
    elif options["ondemand"] is not None and options["ondemand"]["url"] is None:
        report.add("LC603", "sessions take requests from the web pages of every site", (*HERE, "ondemand"), key=True,
                   help="add `url:`, where users reach Open OnDemand")  # fmt: skip
    _check_exceptions(deployment, scheduler, options[scheduler], report)
    for profile in deployment.profiles:
        _check_cores(profile, scheduler, report)
    if options["hub"] is not None:
        _check_page(deployment, options, report)
        _check_hub(options["hub"], report)
        _check_groups(deployment, report)
        told: set[Path] = set()
        for system in (profile.system for profile in deployment.profiles):
            if system.origin not in told:  # profiles may share the entry
                told.add(system.origin)
                _check_system(system, report)


def _check_exceptions(
    deployment: Deployment, scheduler: str, block: Mapping[str, Any], report: Report
) -> None:
    known = [profile.slug for profile in deployment.profiles]
    for slug in block["profiles"]:
        if slug not in known:
            report.add("LC601", f"there is no profile {slug!r} to make an exception for",
                       (*HERE, scheduler, "profiles", slug), key=True,
                       related=(Label(("center", "profiles"), "the profiles", key=True),),
                       help="the profiles are " + ", ".join(map(repr, known)))  # fmt: skip
    for words, here in (
        (block, (*HERE, scheduler)),
        *((each, (*HERE, scheduler, "profiles", slug)) for slug, each in block["profiles"].items()),
    ):
        _check_time(words["time"], scheduler, (*here, "time"), report)
        if scheduler == "oar":
            _check_properties(words["properties"], (*here, "properties"), report)


def _check_time(time: str | None, scheduler: str, here: Path, report: Report) -> None:
    """Zero is no limit to Slurm (SchedMD/slurm:doc/man/man1/sbatch.1), which is not what it looks like.

    A job of OAR is asked to end a minute before its time is over.
    """
    if time is None:
        return
    words = ""
    if scheduler == "slurm" and not time.strip("0:-"):
        words = f"a session of {time!r} has no time limit at all: zero means so to Slurm"
    elif scheduler == "oar":
        hours, minutes, seconds = map(int, time.split(":"))
        if hours * 3600 + minutes * 60 + seconds < 120:
            words = f"a session of {time!r} is asked to end when it starts"
    if words:
        report.add("LC601", words, here, help='write how long a session may last, such as "08:00:00"')


def _check_properties(text: str | None, here: Path, report: Report) -> None:
    """OAR puts it between parentheses, into a query (oar-team/oar:sources/core/qfunctions/oarsub)."""
    if text is None:
        return
    outside = text.split("'")[::2]
    depth = lowest = 0
    for sign in "".join(outside):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        lowest = min(lowest, depth)
    if text.count("'") % 2 or depth or lowest < 0 or any("--" in part for part in outside):
        words = f"{text!r} opens a quote or a parenthesis that it does not close, closes another one, or has a comment"
        report.add(
            "LC601", words, here, help="write a condition such as `cluster='dahu' and (gpu > 0 or core > 9)`"
        )


def _check_cores(profile: Composition, scheduler: str, report: Report) -> None:
    limits, here = profile.limits, (*profile.origin, "resources", "cpu")
    if limits.cpu is None:
        return
    if scheduler == "oar" and limits.gpus:
        words = (
            f"OAR gives the cores that belong to a GPU: those of profile {profile.slug!r} are not asked for"
        )
        report.add("LC603", words, here)
    elif limits.cpu % 1000:
        cores = -(-limits.cpu // 1000)
        words = (
            f"{SCHEDULERS[scheduler]} allots whole cores: profile {profile.slug!r} gets {cores} instead of "
        )
        report.add("LC603", words + str(limits.cpu / 1000), here)


def _check_groups(deployment: Deployment, report: Report) -> None:
    """Who is in a group that lists nobody is for the authenticator to say; JupyterHub's default one, PAM, does not."""
    listed = {name for name, users in deployment.groups if users}
    for profile in deployment.profiles:
        unknown = [name for name in profile.groups if name not in listed]
        if unknown:
            words = f"nobody is in group {unknown[0]!r} unless the authenticator of the hub puts people there"
            report.add("LC603", words, (*profile.origin, "groups"),
                       help="list `users:` of the group, or use an authenticator that manages groups, which PAM "
                       "does not")  # fmt: skip
            return


def _check_page(deployment: Deployment, options: Options, report: Report) -> None:
    """jupyterhub_moss asks Slurm what partitions there are, and its form is made of them."""
    scheduler, block, here = options["scheduler"], options[options["scheduler"]], (*HERE, "hub", "spawner")
    if options["hub"]["spawner"] != "moss":
        return
    if scheduler != "slurm":
        report.add("LC601", f"jupyterhub_moss knows Slurm only, and the jobs are of {SCHEDULERS[scheduler]}", here,
                   help="write `spawner: batchspawner`")  # fmt: skip
        return
    nowhere = [
        profile.slug
        for profile in deployment.profiles
        if not (block["partition"] or block["profiles"].get(profile.slug, {}).get("partition"))
    ]
    if nowhere:
        report.add("LC601", "the form of jupyterhub_moss is one of partitions, and nothing says that of profile "
                   + ", ".join(map(repr, nowhere)), here,
                   related=(Label((*HERE, scheduler), "the jobs", key=True),),
                   help=f"add `partition:` below `{scheduler}:`")  # fmt: skip


def _check_hub(hub: Mapping[str, Any], report: Report) -> None:
    """JupyterHub binds the port of the address, and answers there in plain HTTP."""
    url, here = hub["url"], (*HERE, "hub", "url")
    if url is None:
        report.add("LC603", "without `url` the hub listens on 127.0.0.1, and no job reaches it",
                   (*HERE, "hub"), key=True,
                   help="add `url: http://HOST:8081`, by a name that compute nodes resolve")  # fmt: skip
        return
    match = _URL.fullmatch(url)
    scheme, host, port = match.groups() if match else ("", "", None)
    if scheme != "http" or port is None or not 1 <= int(port) <= 65535:
        if scheme != "http":
            words = f"jobs would speak TLS to {url!r}, where the hub answers in plain HTTP"
        elif port is None:
            words = f"{url!r} does not say on which port the hub listens"
        else:
            words = f"{port!r} of {url!r} is no port: they go from 1 to 65535"
        report.add(
            "LC601", words, here, help=f"write `url: http://{host or 'HOST'}:8081`, with the hub's port"
        )
    elif int(port) in _OF_PROXY:
        report.add("LC601", f"the hub's proxy listens on port {port}, and so the hub cannot", here,
                   help=f"write `url: http://{host}:8081`, or another port")  # fmt: skip
    elif int(port) < 1024:
        report.add("LC603", f"only root may listen on port {port}", here,
                   help=f"write `url: http://{host}:8081`, or another port above 1023")  # fmt: skip
    elif _LOOPBACK.fullmatch(host):
        report.add("LC603", f"{url!r} is another machine on every compute node", here,
                   help="write the hub's name in the network of the compute nodes")  # fmt: skip


def _check_system(system: SystemImage, report: Report) -> None:
    """A job reports to the hub by batchspawner's own program, and serves by JupyterHub's, both in the image."""
    have = {name for name, _version in system.provides}
    for package in FOR_HUB:
        if have and package not in have:
            words = f"system image {str(system.declared[-1])!r} does not say that it provides {package!r}"
            report.add("LC408", f"{words}, which sessions that a hub starts as jobs need", system.origin,
                       related=(Label((*system.declared, "provides"), "what it provides", key=True),),
                       help=f"use a system image with {package}, or add its version to `provides`")  # fmt: skip
