"""Whether Labs on three platforms are the same composition: what has to be equal, and which differences there must be.

``docs/same-composition.md`` is written from here; nothing here needs a platform.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.lab_report import Report

PLATFORMS = ("z2jh", "compose", "apptainer")
TITLES = {"z2jh": "z2jh", "compose": "Compose", "apptainer": "Apptainer"}

Facts = Mapping[tuple[str, str], object]
"""Kind and name → value. Kinds are those of ``Difference`` and ``kernel``, ``prefix``, ``Python``, ``packages``."""


@dataclass(frozen=True)
class Difference:
    """Something that is not the same everywhere, and why.

    Args:
        kind: ``variable``, ``mount``, ``files`` or ``user``.
        names: a regular expression for all of a name; of files for what comes after the prefix of a brick.
        shown: the names for people.
        where: platforms that alone have it; empty where that varies, or all have it with values of their own.
        why: the reason.
    """

    kind: str
    names: str
    shown: str
    where: tuple[str, ...]
    why: str


DIFFERENCES = (
    Difference(
        "user", "numbers", "user and group", (),
        "The user of the system image; on a cluster everybody is who they are there, since files are theirs.",
    ),
    Difference(
        "variable", "HOME|PWD", "`HOME`, `PWD`", (),
        "The home is at the place that the system image has for it; on a cluster it is the user's own, at its place.",
    ),
    Difference(
        "variable", "LOGNAME|USER", "`LOGNAME`, `USER`", ("apptainer",),
        "Of the account on the cluster; containers have no log-in.",
    ),
    Difference(
        "variable", "JPY_PARENT_PID|JUPYTER_PATH", "`JPY_PARENT_PID`, `JUPYTER_PATH`", (),
        "Numbers and directories of one session.",
    ),
    Difference(
        "variable", "JUPYTERHUB_(?!DEFAULT_URL|ROOT_DIR).*|JPY_API_TOKEN|CPU_LIMIT|MEM_LIMIT|JUPYTER_IMAGE_SPEC",
        "`JUPYTERHUB_…`, `JPY_API_TOKEN`, `CPU_LIMIT`, `MEM_LIMIT`, `JUPYTER_IMAGE_SPEC`", ("z2jh", "compose"),
        "What a hub says to its sessions. This session on a cluster was started by `lego-launch`, without a hub.",
    ),
    Difference(
        "variable", "JUPYTERHUB_DEFAULT_URL|JUPYTER_IMAGE", "`JUPYTERHUB_DEFAULT_URL`, `JUPYTER_IMAGE`", ("z2jh",),
        "More words of KubeSpawner: the page that is the default anyhow, and the image once more.",
    ),
    Difference(
        "variable", "JUPYTERHUB_ROOT_DIR", "`JUPYTERHUB_ROOT_DIR`", ("compose",),
        "A word of DockerSpawner for where the Lab begins, which is the home everywhere.",
    ),
    Difference(
        "variable", "JUPYTER_TOKEN", "`JUPYTER_TOKEN`", ("apptainer",),
        "Who opens a Lab without a hub brings it.",
    ),
    Difference(
        "variable", "LEGO_BRICK_.*", "`LEGO_BRICK_…`", ("z2jh",),
        "For the guard, which is a hook in the container of the session; elsewhere it has run before.",
    ),
    Difference(
        "variable", "HOSTNAME", "`HOSTNAME`", ("z2jh", "compose"),
        "Of the container; Apptainer's has that of the node and does not say it.",
    ),
    Difference(
        "variable", "container", "`container`", ("z2jh",),
        "Podman, which stands in for the kubelet, says so of itself.",
    ),
    Difference(
        "variable", "(APPTAINER|SINGULARITY)_.*|LD_LIBRARY_PATH|OLDPWD|PROMPT_COMMAND",
        "`APPTAINER_…`, `SINGULARITY_…`, `LD_LIBRARY_PATH`, `OLDPWD`, `PROMPT_COMMAND`", ("apptainer",),
        "Set by Apptainer in every container; its directory of libraries is empty without `--nv`.",
    ),
    Difference(
        "variable", "JUPYTER_(CONFIG_PATH|PREFER_ENV_PATH|RUNTIME_DIR)|TMPDIR|XDG_RUNTIME_DIR",
        "`JUPYTER_CONFIG_PATH`, `JUPYTER_PREFER_ENV_PATH`, `JUPYTER_RUNTIME_DIR`, `TMPDIR`, `XDG_RUNTIME_DIR`",
        ("apptainer",),
        "The home may be on a network file system there: what a session writes for itself is on the node.",
    ),
    Difference(
        "mount", "/|/(proc|sys|dev)(/.*)?", "`/`, `/proc`, `/sys`, `/dev`", (),
        "What each runtime gives a container of the kernel; its own layer may be written where it is thrown away.",
    ),
    Difference(
        "mount", "/etc/(group|hostname|hosts|localtime|passwd|resolv\\.conf)",
        "`/etc/hosts`, `/etc/passwd` and others", (),
        "Names of users and machines, as each runtime tells them.",
    ),
    Difference(
        "mount", "/run(/\\.containerenv)?", "`/run`", ("z2jh",),
        "Of Podman, which stands in for the kubelet.",
    ),
    Difference(
        "mount", "/tmp|/var/tmp", "`/tmp`, `/var/tmp`", ("z2jh", "apptainer"),
        "In memory or on the node; with Docker they are part of the container's own layer.",
    ),
    Difference(
        "mount", "/usr/sbin/docker-init", "`/usr/sbin/docker-init`", ("compose",),
        "The first process of a container, which Docker brings.",
    ),
    Difference(
        "mount", "/run/lego(/etc)?|/usr/local/etc/ipython/ipython_config\\.json",
        "`/run/lego`, `ipython_config.json`", ("apptainer",),
        "The directory of the session on the node, and what tells IPython to keep its history there.",
    ),
    Difference(
        "files", "\\.(exec|run|shell|singularity\\.d|test)|environment|singularity|dev|home|proc|root|sys|tmp|var"
        "|etc/(hosts|resolv\\.conf)",
        "`.singularity.d`, `environment`, empty `dev`, `proc`, `sys` and others at a prefix", ("apptainer",),
        "What Apptainer puts into every image that it makes, where an environment is the root of its image. No file "
        "of the environment is another.",
    ),
)  # fmt: skip
"""All that may differ. Each is there, on just these platforms, or the test says that it is not."""


def facts(report: Report, bricks: Mapping[str, str]) -> dict[tuple[str, str], object]:
    """What a Lab is, in a form in which Labs can be compared.

    Args:
        report: of the Lab.
        bricks: brick → name of its kernel.
    """
    found: dict[tuple[str, str], object] = {}
    for name, spec in report.kernelspecs.items():
        found["kernel", name] = spec
    for name, count in report.system.items():
        found["system", name] = count
    seen = {brick: report.kernels[name] for brick, name in bricks.items()}
    for brick, said in seen.items():
        found["prefix", brick] = said["prefix"]
        found["Python", brick] = said["python"]
        found["packages", brick] = said["packages"]
        ((prefix, content),) = said["content"].items()
        for name, count in content.items():
            found["files", f"{prefix}/{name}"] = count
    for name in sorted({name for said in seen.values() for name in said["environment"]}):
        found["variable", name] = {brick: said["environment"].get(name) for brick, said in seen.items()}
    first = next(iter(seen.values()))
    found["user", "numbers"] = first["user"]
    for path, (_, options) in first["mounts"].items():
        where = "the home" if path == first["home"] else path
        found["mount", where] = [each for each in ("ro", "noexec") if each in options]
    return found


def differing(labs: Mapping[str, Facts]) -> dict[tuple[str, str], dict[str, object]]:
    """What is not the same: kind and name → platform → value, of the platforms that have it."""
    found = {}
    for key in sorted({key for each in labs.values() for key in each}):
        values = {platform: each[key] for platform, each in labs.items() if key in each}
        if len(values) < len(labs) or len({json.dumps(each) for each in values.values()}) > 1:
            found[key] = values
    return found


def explanation(kind: str, name: str, platforms: set[str], prefixes: Mapping[str, str]) -> Difference | None:
    """The difference that there must be; None for one that there must not be."""
    if kind == "files":
        name = next(
            name.removeprefix(f"{each}/") for each in prefixes.values() if name.startswith(f"{each}/")
        )
    for each in DIFFERENCES:
        if each.kind == kind and re.fullmatch(each.names, name) and set(each.where or platforms) == platforms:
            return each
    return None


def explained() -> str:
    """The differences, as a table of Markdown."""
    lines = ["| What | Where | Why |", "|---|---|---|"]
    for each in DIFFERENCES:
        kind = (
            "" if each.kind == "user" else f"{each.kind.removesuffix('s')}s " if each.kind != "files" else ""
        )
        where = ", ".join(TITLES[platform] for platform in each.where) or "each its own"
        lines.append(f"| {kind}{each.shown} | {where} | {each.why} |")
    return "\n".join(lines) + "\n"


_PAGE = """\
# The same composition on three platforms

One specification (`tests/e2e/three.py`) was compiled for all three targets, and a user started the same profile with
the same choice on each. Three Labs then said what they are: over REST, and in a cell that ran in the kernel of each
brick. `tests/e2e/test_same_composition.py` compares all of it, and fails on every difference but those below. Images
were built by Buildah of what `lego-compile images` writes. Run as root, it writes this page again:

```console
$ LEGO_E2E=1 LEGO_SAME=docs/same-composition.md pytest -n0 tests/e2e/test_same_composition.py
```

Written on {date}, with `kernels: {kernels}`.

## What is the same

{same}
Digests are SHA-256 of all paths, contents and rights to be run below a directory.

## What differs, and must

{differs}"""


def page(
    labs: Mapping[str, Facts],
    started: Mapping[str, str],
    bricks: Mapping[str, str],
    prefixes: Mapping[str, str],
    date: str,
    kernels: str,
) -> str:
    """The page.

    Args:
        labs: platform → facts.
        started: platform → what started the Lab, with versions.
        bricks: brick → name of its kernel.
        prefixes: brick → where it is.
        date: of today.
        kernels: what ``kernels:`` of the centre says.
    """
    lines = [
        "| | " + " | ".join(TITLES[each] for each in PLATFORMS) + " |",
        "|---|" + "---|" * len(PLATFORMS),
    ]
    for name, cells in _rows(labs, started, bricks, prefixes):
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return _PAGE.format(date=date, kernels=kernels, same="\n".join(lines) + "\n", differs=explained())


def _rows(
    labs: Mapping[str, Facts],
    started: Mapping[str, str],
    bricks: Mapping[str, str],
    prefixes: Mapping[str, str],
) -> Iterator[tuple[str, list[str]]]:
    every = [labs[each] for each in PLATFORMS]
    yield "started by", [started[each] for each in PLATFORMS]
    yield "system image, `/opt/conda`", [_files(each, "system", "") for each in every]
    for brick, name in bricks.items():
        titles = [each["kernel", name] for each in every]
        yield f"**{brick}**: kernel", [f"`{name}`, {_title(each)}" for each in titles]
        prefix = prefixes[brick]
        yield "`sys.prefix`", [f"`{each['prefix', brick]}`" for each in every]
        yield "mounted", [_mounted(each["mount", prefix]) for each in every]
        yield (
            "Python, packages",
            [f"{each['Python', brick]}, {len(_list(each['packages', brick]))} packages" for each in every],
        )
        yield "files", [_files(each, "files", f"{prefix}/") for each in every]
    for path in ("/data/era5", "the home"):
        yield f"`{path}`" if path.startswith("/") else path, [_mounted(each["mount", path]) for each in every]
    count = sum(
        kind == "variable" and all(each.get((kind, name)) == value for each in every)
        for (kind, name), value in every[0].items()
    )
    yield "variables that are equal in every kernel", [str(count)] * len(every)


def _list(value: object) -> list[Any]:
    assert isinstance(value, list)
    return value


def _title(spec: object) -> str:
    assert isinstance(spec, dict)
    return f"“{spec['display_name']}”"


def _mounted(options: object) -> str:
    return "read-only" if "ro" in _list(options) else "writable"


def _files(lab: Facts, kind: str, below: str) -> str:
    """Number and digest of what is there, but for what may differ."""
    found = {
        name.removeprefix(below): _list(value)
        for (each, name), value in lab.items()
        if each == kind and name.startswith(below)
    }
    (added,) = (each for each in DIFFERENCES if each.kind == "files")
    kept = {name: value for name, value in found.items() if not re.fullmatch(added.names, name)}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
    return f"{sum(count for count, _ in kept.values())} files, `{digest[:12]}…`"
