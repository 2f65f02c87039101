"""What an HPC site asks of its cluster, and what Apptainer or Slurm has no way to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.check import SYSTEM_PATHS, inside
from lego_compile.ir.features import Need
from lego_compile.ir.model import Composition, DataMount, Deployment, SystemImage
from lego_compile.targets import Options

HERE: Path = ("center", "targets", "apptainer")
MANY_BRICKS = 30  # about 27 ms and one squashfuse process each
OURS = ("/run/lego", "/usr/local/etc/ipython")
"""Where lego-launch mounts the session's own files."""

FOR_HUB = ("batchspawner", "jupyterhub")
"""What a system image needs for sessions that a hub starts by Slurm (jupyterhub/batchspawner:README.md)."""

OF_HOST = ("/dev", "/proc", "/sys", "/tmp")  # noqa: S108
"""Where a session has what the host has anyway (apptainer/apptainer-admindocs:configfiles.rst, `mount …`)."""

OF_SYSTEM = (
    *(path for path in SYSTEM_PATHS if path not in OF_HOST),
    "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local", "/usr/sbin", "/usr/share",
)  # fmt: skip
"""What a site's bind must not hide. Below them it may: /etc/slurm and /run/munge are what sites bind."""

OF_LAUNCHER = (
    "JUPYTER_CONFIG_PATH", "JUPYTER_PREFER_ENV_PATH", "JUPYTER_RUNTIME_DIR", "LANG", "XDG_RUNTIME_DIR",
)  # fmt: skip
"""Variables that lego-launch itself sets in every session."""

_SOURCE = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._+-]*)+")
_URL = re.compile(r"(https?)://([^:/]*)(?::([0-9]+))?(?:/.*)?")
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|0\.0\.0\.0")

# What the runtime does not pass on as it is: wishes about paths (apptainer/apptainer:internal/pkg/util/env/clean.go),
# its shell's own variables (internal/pkg/util/env/env.go, ReadOnlyVars), and what its script changes
# (internal/pkg/runtime/engine/apptainer/process_linux.go, internal/pkg/util/fs/files/action_scripts.go).
# An empty value does arrive: that script exports ours after the image's `${FOO:-default}`, and unsets only what is
# empty and was in the runtime's own environment, which has none of ours.
_SPECIAL = (
    "APPEND_PATH", "PREPEND_PATH", "PATH", "APPEND_LD_LIBRARY_PATH", "PREPEND_LD_LIBRARY_PATH", "LD_LIBRARY_PATH",
    "EUID", "GID", "HOME", "IFS", "OPTIND", "PWD", "UID", "PROMPT_COMMAND",
)  # fmt: skip
_PREFIXES = ("APPTAINER_", "APPTAINERENV_", "SINGULARITY_", "SINGULARITYENV_", "SING_USER_DEFINED_")


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
    _check_time(slurm["time"], (*HERE, "slurm", "time"), report)
    for slug, exceptions in slurm["profiles"].items():
        _check_time(exceptions["time"], (*HERE, "slurm", "profiles", slug, "time"), report)
    _check_hub(slurm["hub_url"], report)


def _check_time(time: str | None, here: Path, report: Report) -> None:
    """Zero is no limit to Slurm (SchedMD/slurm:doc/man/man1/sbatch.1), which is not what it looks like."""
    if time is not None and not time.strip("0:-"):
        report.add("LC601", f"a session of {time!r} has no time limit at all: zero means so to Slurm", here,
                   help='write how long a session may last, such as "08:00:00"')  # fmt: skip


def _check_hub(url: str | None, report: Report) -> None:
    """JupyterHub binds the port of the address, and answers there in plain HTTP."""
    if url is None:
        report.add("LC603", "without `hub_url` the hub listens on 127.0.0.1, and no job reaches it",
                   (*HERE, "slurm"), key=True,
                   help="add `hub_url: http://HOST:8081`, by a name that compute nodes resolve")  # fmt: skip
        return
    match = _URL.fullmatch(url)
    scheme, host, port = match.groups() if match else ("", "", None)
    here = (*HERE, "slurm", "hub_url")
    if scheme != "http" or port is None or not 1 <= int(port) <= 65535:
        if scheme != "http":
            words = f"jobs would speak TLS to {url!r}, where the hub answers in plain HTTP"
        elif port is None:
            words = f"{url!r} does not say on which port the hub listens"
        else:
            words = f"{port!r} of {url!r} is no port: they go from 1 to 65535"
        report.add(
            "LC601", words, here, help=f"write `hub_url: http://{host or 'HOST'}:8081`, with the hub's port"
        )
    elif _LOOPBACK.fullmatch(host):
        report.add("LC603", f"{url!r} is another machine on every compute node", here,
                   help="write the hub's name in the network of the compute nodes")  # fmt: skip


def _check_bind(bind: str, here: Path, deployment: Deployment, report: Report) -> None:
    """A bound directory hides what is below it, and the runtime cannot make mount points in it.

    The site's binds come before ours, which hide them in turn (apptainer/apptainer:internal/pkg/util/fs/mount).
    """
    hidden = _hidden_by(bind, deployment)
    if hidden:
        report.add(
            "LC602",
            f"the site's bind {bind!r} hides {hidden} of the system image",
            here,
            help="bind the directories below it that sessions need, one by one, where the image has nothing",
        )
        return
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
        for data in profile.data:
            if data.source == data.path or data.path in told:  # the host's own path: nothing is hidden
                continue
            if inside(data.path, bind) or inside(bind, data.path):
                told.add(data.path)
                words = f"data {data.name!r} at {data.path!r} and the site's bind {bind!r} are in each other's way"
                report.add(
                    "LC602",
                    words,
                    here,
                    related=(Label(data.origin, "the data"),),
                    help="mount the data somewhere else, or at the path that it has on the compute nodes",
                )


def _hidden_by(bind: str, deployment: Deployment) -> str:
    """What a site's bind would hide of a system image, in words; empty when it hides nothing that sessions need."""
    for place in OF_SYSTEM:
        if inside(place, bind):
            return f"{place!r}"
    for system in (profile.system for profile in deployment.profiles):
        if inside(system.conda, bind):
            return f"the conda installation {system.conda!r}"
        if inside(bind, system.conda):
            return f"a part of the conda installation {system.conda!r}"
        for directory in system.environments:
            if inside(directory, bind):
                return f"the environment directory {directory!r}"
    return ""


def _check_profile(profile: Composition, report: Report) -> None:
    count = len(profile.bricks) + len(profile.offered)  # the releases of one brick are alternatives
    if count > MANY_BRICKS:
        report.add("LC603", f"profile {profile.slug!r} may mount {count} bricks, each with a process of its own",
                   (*profile.origin, "bricks"), key=True,
                   help="count on a second more for every 30; two profiles with fewer start faster")  # fmt: skip
    for name, value in profile.environment:
        words = ""
        if name in OF_LAUNCHER:
            words = f"variable `{name}` is set by lego-launch, and sessions depend on its value"
        elif name in _SPECIAL or name.startswith(_PREFIXES) or (name == "PS1" and not value):
            words = f"variable `{name}` means something to Apptainer and does not arrive as it is"
        if words:
            report.add("LC602", words, (*profile.origin, "environment", name), key=True, help="remove it")


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
                   help="an absolute path on the compute nodes (/data/era5) of letters without accents, digits and "
                   ". _ + -, each part beginning with a letter, a digit or _; `source: {apptainer: …}` says another "
                   "one for this target")  # fmt: skip
