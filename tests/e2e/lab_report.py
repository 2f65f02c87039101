"""What a running Lab says of itself, in the same words on every platform.

Asked over REST, and of cells that run in each of its kernels: what is mounted, which files are there, which Python and
packages, which variables.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.e2e.built import PREFIXES
from tests.e2e.visitor import Lab

_CELL = """\
import hashlib, importlib.metadata, json, os, platform, sys

def content(top):
    "What is in a directory: name: number and digest of all files below it, their paths and whether they may be run."
    found = {}
    below = os.path.join(top, "etc")
    names = sorted({*os.listdir(top), *(f"etc/{each}" for each in os.listdir(below))} - {"etc"})
    for name in names:
        lines = []
        for folder, folders, files in [*os.walk(os.path.join(top, name)), (top, [], [name])]:
            for path in (os.path.join(folder, each) for each in (*files, *folders)):
                if os.path.islink(path):
                    said = "link " + os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as file:
                        said = hashlib.file_digest(file, "sha256").hexdigest()
                    said += " program" if os.stat(path).st_mode & 0o100 else ""
                else:
                    continue
                lines.append(f"{os.path.relpath(path, top)}\\0{said}\\n")
        found[name] = [len(lines), hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()]
    return found

def mounts():
    "Path: options of the mount and of its file system (proc_pid_mountinfo(5))."
    found = {}
    with open("/proc/self/mountinfo") as file:
        for line in file:
            mount, _, system = line.partition(" - ")
            path, options = mount.split()[4:6]
            kind, _, more = system.split()[:3]
            found[path] = [kind, sorted({*options.split(","), *more.split(",")} & {"ro", "nosuid", "nodev", "noexec"})]
    return found

print(json.dumps({
    "prefix": sys.prefix, "python": platform.python_version(), "content": {top: content(top) for top in TOPS},
    "packages": sorted(f"{each.name} {each.version}" for each in importlib.metadata.distributions()),
    "environment": dict(os.environ), "mounts": mounts(), "user": [os.getuid(), os.getgid()],
    "home": os.path.expanduser("~"),
}))
"""


@dataclass(frozen=True)
class Report:
    """One Lab.

    Attributes:
        kernelspecs: name of a kernel → what Jupyter says of it.
        kernels: name of a kernel of a brick → what a cell in it saw (the keys of ``_CELL``).
        system: what is in the system image's own environment, as ``content`` of a kernel.
        server: versions of the server.
    """

    kernelspecs: dict[str, dict[str, Any]]
    kernels: dict[str, dict[str, Any]]
    system: dict[str, Any]
    server: str


def report(lab: Lab, names: dict[str, str], system: str) -> Report:
    """Ask a Lab.

    Args:
        lab: which runs.
        names: brick → name of its kernel.
        system: prefix of the environment in the system image.
    """
    kernels: dict[str, dict[str, Any]] = {}
    for brick, name in names.items():
        tops = [PREFIXES[brick], *([system] if not kernels else [])]
        kernels[name] = json.loads(lab.cell(name, _CELL.replace("TOPS", json.dumps(tops))))
    first = next(iter(kernels.values()))
    answer = lab.ask("GET", "")
    return Report(_known(lab.kernelspecs()), kernels, first["content"].pop(system), answer.json()["version"])


def _known(specs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The directory of a session has a name by chance, among what is temporary on that platform."""
    known = json.loads(re.sub(r'"[^"]*/lego-kernels-\w+/', '"…/', json.dumps(specs)))
    return dict(known)
