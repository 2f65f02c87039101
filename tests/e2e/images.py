"""Small images that really run: programs of Debian, in the layout of a system image and of bricks.

The bricks are conda environments as far as conda, nb_conda_kernels and Jupyter look at their files. JupyterLab is not
in the system image yet: ``jupyterhub-singleuser`` is a stand-in that says how it was started, and waits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.e2e.root import Root
from tests.images.contents import environment
from tests.images.oci import Built, Entry, directory, image, script, text
from tests.labelled import labels

PLATFORM = "linux/amd64"

OURS = "registry.example.org/lego"
"""Where our images are published; the centre has a mirror of it on this machine."""

PANGEO = "quay.io/pangeo/pangeo-notebook"
"""Somebody else's image, which states nothing and whose environment lies below a directory."""

PAUSE = (f"{OURS}/pause", "1")
"""Repository and tag of what waits in the pods that fetch the bricks."""

HOME = "/home/jovyan"

NOTEBOOK = "/srv/conda/envs/notebook"

BUSYBOX = "/bin/busybox"
"""All that the pause image has: ``cat`` and others, but no shell by that name."""

PREFIXES = {"ocean": "/opt/bricks/ocean", "hydro": "/opt/bricks/hydro", "pangeo": NOTEBOOK}

_PROGRAMS = (
    "/bin/sh", "/usr/bin/cat", "/usr/bin/env", "/usr/bin/id", "/usr/bin/ls", "/usr/bin/sleep", "/usr/bin/stat",
    "/usr/bin/touch",
)  # fmt: skip
_LAB = {
    "name": "lab", "home": HOME, "user": "1000:100", "conda": "/opt/conda",
    "environments": ["/opt/bricks", "/srv/conda/envs"],
    "provides": {"jupyterhub": "6.1.1", "conda": "26.7.1", "nb_conda_kernels": "2.5.2"},
}  # fmt: skip
_STAND_IN = """\
#!/bin/sh
# Stands in for JupyterLab: says how it was started, and ends when it is asked to, like the real one.
trap 'exit 0' TERM INT
printf 'argument %s\\n' "$0" "$@"
env
echo waiting
sleep infinity &
wait
"""
LAST_LINE = "waiting"
SHELL = {
    f"bin/{name}": script(f'#!/bin/busybox sh\nexec /bin/busybox {name} "$@"\n')
    for name in ("sh", "chmod", "cp", "mv", "rm")
}
"""A shell with the programs that a copy takes, for an image that has a BusyBox."""


def published(root: Root, *, shells: bool = False) -> dict[tuple[str, str], Built]:
    """Repository and tag → image, for every image that the centre may use.

    Args:
        root: whose programs they get.
        shells: bricks have a shell with a few programs, and say so; they need none to be mounted.
    """
    busybox = root.read("/usr/bin/busybox")
    linked = programs(root, "/usr/bin/uname")["usr/bin/uname"]
    images = {(f"{OURS}/lab", "2026.10"): _lab(root), PAUSE: _pause(busybox)}
    for name in ("ocean", "hydro"):
        facts = {"name": name, "prefix": PREFIXES[name], "kernels": [("python3", f"The {name}", "python")]}
        tree = {**brick(name, PREFIXES[name], busybox, linked), **(SHELL if shells else {})}
        facts |= {"shell": "/bin/sh"} if shells else {}
        images[f"{OURS}/brick-{name}", "2026.10"] = image({PLATFORM: tree}, labels(facts, title=name), {})
    below = {
        f"{NOTEBOOK}/{path}".lstrip("/"): entry
        for path, entry in brick("pangeo", NOTEBOOK, busybox, linked).items()
    }
    around = {"srv/conda/conda-meta/history": text(""), "etc/hostname": text("pangeo\n")}
    around |= {"bin/busybox": Entry(busybox, 0o755), **SHELL} if shells else {}
    images[PANGEO, "2026.01.30"] = image({PLATFORM: {**below, **around}}, {}, {"User": "jovyan"})
    return images


def brick(name: str, prefix: str, busybox: bytes, linked: Entry) -> Mapping[str, Entry]:
    """An environment, by path below its prefix, with programs of three kinds that really run.

    One needs nothing (``bin/busybox``), one needs the C library of the system image as conda's do (``bin/uname``), and
    one has the prefix written into it, as conda does to scripts (``bin/tool``).
    """
    kernels: list[Mapping[str, str]] = [{"title": f"The {name}"}]
    return {
        **environment(name, "2026.10", prefix, kernels, PLATFORM),
        "bin/busybox": Entry(busybox, 0o755),
        "bin/uname": linked,
        "bin/tool": script(f"#!{prefix}/bin/busybox sh\necho brick {name}\n"),
    }


def programs(root: Root, *wanted: str) -> dict[str, Entry]:
    """Programs of the root folder with the libraries that they load, by path in an image.

    There are no symbolic links in the result: every file is where programs and the loader ask for it.
    """
    paths = {*wanted, *re.findall(r"(/\S+) \(0x", root.run("ldd", *wanted).stdout)}
    return {path.lstrip("/"): Entry(root.read(path), 0o755) for path in sorted(paths)}


def _lab(root: Root) -> Built:
    accounts = {
        "etc/passwd": text("root:x:0:0:root:/root:/bin/sh\njovyan:x:1000:100::/home/jovyan:/bin/sh\n"),
        "etc/group": text("root:x:0:\nusers:x:100:\n"),
        # A new volume gets the owner of the directory that it covers.
        HOME.lstrip("/"): directory(0o755, 1000, 100),
        "tmp": directory(0o1777),
    }
    lab = {
        "opt/conda/conda-meta/history": text(""),
        "opt/conda/bin/jupyterhub-singleuser": script(_STAND_IN),
        **accounts,
        "opt/bricks": directory(),
        "srv/conda/envs": directory(),
    }
    settings = {
        "User": "1000:100",
        "WorkingDir": HOME,
        "Env": ["PATH=/opt/conda/bin:/usr/bin:/bin", f"HOME={HOME}"],
        "Cmd": ["jupyterhub-singleuser"],
    }
    said = labels(_LAB, "system", title="JupyterLab")
    return image({PLATFORM: [programs(root, *_PROGRAMS), lab]}, said, settings)


def _pause(busybox: bytes) -> Built:
    """A program that waits, and nothing beside it, as the pause image of Kubernetes."""
    files = {BUSYBOX.lstrip("/"): Entry(busybox, 0o755)}
    return image({PLATFORM: files}, {}, {"Entrypoint": [BUSYBOX, "sleep", "infinity"]})
