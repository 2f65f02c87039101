"""What an HPC site asks of its cluster, and what Apptainer has no way to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.check import SYSTEM_PATHS, inside
from lego_compile.ir.features import Need
from lego_compile.ir.model import Composition, DataMount, Deployment
from lego_compile.targets import Options
from lego_compile.targets.apptainer.check_jobs import HERE, check_jobs
from lego_compile.targets.apptainer.files import FOLDERS

MANY_BRICKS = 30  # about 27 ms and one squashfuse process each
OURS = ("/run/lego", "/usr/local/etc/ipython")
"""Where lego-launch mounts the session's own files."""

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
# What the runtime does not pass on as it is: wishes about paths (apptainer/apptainer:internal/pkg/util/env/clean.go),
# its shell's own variables (internal/pkg/util/env/env.go, ReadOnlyVars), and what its script changes
# (internal/pkg/runtime/engine/apptainer/process_linux.go, internal/pkg/util/fs/files/action_scripts.go).
# An empty value does arrive: that script exports ours after the image's `${FOO:-default}`, and unsets only what is
# empty and was in the runtime's own environment, which has none of ours.
_SPECIAL = (
    "APPEND_PATH", "PREPEND_PATH", "PATH", "APPEND_LD_LIBRARY_PATH", "PREPEND_LD_LIBRARY_PATH", "LD_LIBRARY_PATH",
    "EUID", "GID", "HOME", "IFS", "OPTIND", "PWD", "UID", "PROMPT_COMMAND",
    "PPID", "SHLVL", "_", "OLDPWD", "SHELLOPTS", "BASHOPTS", "BASHPID", "BASH_VERSINFO", "LINENO", "RANDOM", "SECONDS",
    "HISTCMD", "POSIXLY_CORRECT", "OPTERR", "PS1", "PS2",
)  # fmt: skip
_OF_JOB = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
_PREFIXES = ("APPTAINER_", "APPTAINERENV_", "SINGULARITY_", "SINGULARITYENV_", "SING_USER_DEFINED_")


def needs(asked: Iterable[Need], options: Options) -> Iterator[Need]:
    """What a deployment needs here: who checks groups, sets limits and shows bricks depends on the options."""
    runtime, scheduler, hub = options["runtime"], options["scheduler"], options["hub"]
    yield Need(f"runtime-{runtime}", (*HERE, "runtime"), f"`runtime: {runtime}`")
    yield Need(f"bricks-as-{options['format']}", (*HERE, "format"), f"`format: {options['format']}`")
    if options["authfile"] is not None:
        yield Need("authfile", (*HERE, "authfile"), "`authfile`")
    for need in asked:
        feature = need.feature
        if feature == "groups" and hub is None:
            feature = "groups-without-hub"
        elif feature in ("offered-bricks", "offered-releases") and hub and hub["spawner"] != "batchspawner":
            feature = "offered-bricks-without-form"
        elif scheduler is None and feature in ("cpu-limit", "memory-limit", "gpu"):
            feature = "limits-without-scheduler"
        elif feature == "memory-limit" and scheduler == "oar":
            feature = "memory-limit-oar"
        yield need._replace(feature=feature)


def check(deployment: Deployment, options: Options, report: Report) -> None:
    """Report options that contradict the spec or surprise, and what cannot be expressed (LC408, LC601-LC603)."""
    check_jobs(deployment, options, report)
    _check_places(options, report)
    for index, bind in enumerate(options["site_binds"]):
        _check_bind(bind, (*HERE, "site_binds", index), deployment, report)
    seen: set[str] = set()
    for profile in deployment.profiles:
        _check_profile(profile, report)
        for data in profile.data:
            if data.name not in seen:
                seen.add(data.name)
                _check_data(data, report)


def _check_places(options: Options, report: Report) -> None:
    """The installed folder is made equal to what is compiled: nothing else may be in it but a store of its own."""
    root, store = options["root"], options["store"]
    top = store[len(root) + 1 :].partition("/")[0] if inside(store, root) else ""
    if inside(root, store) or top in FOLDERS:
        what = "holds" if inside(root, store) else "lies among"
        report.add("LC601", f"the store {store!r} {what} the installed files, which `rsync --delete` keeps in order",
                   (*HERE, "store"), related=(Label((*HERE, "root"), "where they are installed"),),
                   help=f"write `store: {root}/store`, or a directory elsewhere")  # fmt: skip
    for key in ("authfile", "executable"):
        if options[key] is not None and inside(options[key], root):
            report.add("LC601", f"`{key}` is in the folder of the installed files, where it would be deleted",
                       (*HERE, key), related=(Label((*HERE, "root"), "where they are installed"),),
                       help="keep it elsewhere")  # fmt: skip


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
    for name, _ in profile.environment:
        words = ""
        if name in OF_LAUNCHER:
            words = f"variable `{name}` is set by lego-launch, and sessions depend on its value"
        elif name in _SPECIAL or name.startswith(_PREFIXES):
            words = f"variable `{name}` means something to Apptainer and does not arrive as it is"
        if words:
            report.add("LC602", words, (*profile.origin, "environment", name), key=True, help="remove it")
        elif name in _OF_JOB or name.startswith(("SLURM_", "OAR_")):
            words = f"variable `{name}` is the scheduler's for each job, and every session gets this value instead"
            report.add("LC603", words, (*profile.origin, "environment", name), key=True, help="remove it")


def _check_data(data: DataMount, report: Report) -> None:
    if not _SOURCE.fullmatch(data.source):
        report.add("LC602", f"Apptainer cannot mount {data.source!r}, the source of data {data.name!r}",
                   (*data.origin[:-1], "source", "apptainer"),
                   help="an absolute path on the compute nodes (/data/era5) of letters without accents, digits and "
                   ". _ + -, each part beginning with a letter, a digit or _; `source: {apptainer: …}` says another "
                   "one for this target")  # fmt: skip
