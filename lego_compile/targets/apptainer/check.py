"""What an HPC site asks of its cluster, and what Apptainer or Slurm has no way to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.check import inside
from lego_compile.ir.features import Need
from lego_compile.ir.model import Composition, DataMount, Deployment, SystemImage
from lego_compile.targets import Options

HERE: Path = ("center", "targets", "apptainer")
MANY_BRICKS = 30  # about 27 ms and one squashfuse process each
OURS = ("/run/lego", "/usr/local/etc/ipython")
"""Where lego-launch mounts the session's own files."""

FOR_HUB = ("batchspawner", "jupyterhub")
"""What a system image needs for sessions that a hub starts by Slurm (jupyterhub/batchspawner:README.md)."""

_SOURCE = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._+-]*)+")
_LOOPBACK = re.compile(r"https?://(localhost|127\.[0-9.]+|0\.0\.0\.0)([:/]|$)")
_SPECIAL = ("APPEND_PATH", "PREPEND_PATH", "PATH", "HOME")
"""Variables that the runtime does not take as they are (apptainer/apptainer:internal/pkg/util/env/clean.go)."""


def needs(asked: Iterable[Need], options: Options) -> Iterator[Need]:
    """What a deployment needs here: without Slurm, nobody enforces limits, and nobody checks groups."""
    runtime = options["runtime"]
    yield Need(f"runtime-{runtime}", (*HERE, "runtime"), f"`runtime: {runtime}`")
    if options["authfile"] is not None:
        yield Need("authfile", (*HERE, "authfile"), "`authfile`")
    for need in asked:
        if options["slurm"] is None and need.feature == "groups":
            yield Need("groups-without-slurm", need.origin, need.what)
        elif options["slurm"] is None and need.feature in ("cpu-limit", "memory-limit", "gpu"):
            yield Need("limits-without-slurm", need.origin, need.what)
        else:
            yield need


def check(deployment: Deployment, options: Options, report: Report) -> None:
    """Report options that contradict the spec or surprise, and what cannot be expressed (LC408, LC601-LC603)."""
    _check_slurm(deployment, options, report)
    for index, bind in enumerate(options["site_binds"]):
        _check_bind(bind, (*HERE, "site_binds", index), deployment, report)
    seen: set[str] = set()
    told: set[Path] = set()
    for profile in deployment.profiles:
        _check_profile(profile, report)
        if options["slurm"] is not None:
            _check_cores(profile, report)
            if profile.system.origin not in told:  # profiles may share the entry
                told.add(profile.system.origin)
                _check_system(profile.system, report)
        for data in profile.data:
            if data.name not in seen:
                seen.add(data.name)
                _check_data(data, report)


def _check_slurm(deployment: Deployment, options: Options, report: Report) -> None:
    slurm = options["slurm"]
    if slurm is None:
        return
    known = [profile.slug for profile in deployment.profiles]
    for slug in slurm["profiles"]:
        if slug not in known:
            report.add("LC601", f"there is no profile {slug!r} to make an exception for",
                       (*HERE, "slurm", "profiles", slug), key=True,
                       related=(Label(("center", "profiles"), "the profiles", key=True),),
                       help="the profiles are " + ", ".join(map(repr, known)))  # fmt: skip
    url = slurm["hub_url"]
    if url is None:
        report.add("LC603", "without `hub_url` the hub listens on 127.0.0.1, and no job reaches it",
                   (*HERE, "slurm"), key=True,
                   help="add `hub_url: http://HOST:8081`, by a name that compute nodes resolve")  # fmt: skip
    elif _LOOPBACK.match(url):
        report.add("LC603", f"{url!r} is another machine on every compute node", (*HERE, "slurm", "hub_url"),
                   help="write the hub's name in the network of the compute nodes")  # fmt: skip


def _check_bind(bind: str, here: Path, deployment: Deployment, report: Report) -> None:
    """A bound directory hides what is below it, and the runtime cannot make mount points in it."""
    for own in OURS:
        if inside(own, bind) or inside(bind, own):
            report.add("LC602", f"the site's bind {bind!r} leaves no room for {own!r}, which every session needs",
                       here, help="bind the directories below it that sessions need, one by one")  # fmt: skip
    told: set[str] = set()
    for profile in deployment.profiles:
        for mount in (*profile.bricks, *profile.offers):
            if mount.prefix not in told and (inside(mount.prefix, bind) or inside(bind, mount.prefix)):
                told.add(mount.prefix)
                words = f"brick {mount.name!r} cannot be mounted at {mount.prefix!r}: the site binds {bind!r}"
                report.add("LC602", words, mount.origin, related=(Label(here, "the site's bind"),),
                           help="bind the directories below it that sessions need, one by one")  # fmt: skip


def _check_profile(profile: Composition, report: Report) -> None:
    count = len(profile.bricks) + len(profile.offers)
    if count > MANY_BRICKS:
        report.add("LC603", f"profile {profile.slug!r} may mount {count} bricks, each with a process of its own",
                   (*profile.origin, "bricks"), key=True,
                   help="count on a second more for every 30; two profiles with fewer start faster")  # fmt: skip
    for name, _value in profile.environment:
        if name in _SPECIAL:
            report.add("LC602", f"variable `{name}` means something to Apptainer and does not arrive as it is",
                       (*profile.origin, "environment", name), key=True, help="remove it")  # fmt: skip


def _check_cores(profile: Composition, report: Report) -> None:
    cpu = profile.limits.cpu
    if cpu is not None and cpu % 1000:
        words = f"Slurm allots whole cores: profile {profile.slug!r} gets {-(-cpu // 1000)} instead of {cpu / 1000}"
        report.add("LC603", words, (*profile.origin, "resources", "cpu"))


def _check_system(system: SystemImage, report: Report) -> None:
    """A job reports to the hub by batchspawner's own program, and serves by JupyterHub's, both in the image."""
    have = {name for name, _version in system.provides}
    for package in FOR_HUB:
        if have and package not in have:
            words = f"system image {str(system.declared[-1])!r} does not say that it provides {package!r}"
            report.add("LC408", f"{words}, which sessions on Slurm need", system.origin,
                       related=(Label((*system.declared, "provides"), "what it provides", key=True),),
                       help=f"use a system image with {package}, or add its version to `provides`")  # fmt: skip


def _check_data(data: DataMount, report: Report) -> None:
    if not _SOURCE.fullmatch(data.source):
        report.add("LC602", f"Apptainer cannot mount {data.source!r}, the source of data {data.name!r}",
                   (*data.origin[:-1], "source", "apptainer"),
                   help="an absolute path on the compute nodes (/data/era5); `source: {apptainer: …}` says another "
                   "one for this target")  # fmt: skip
