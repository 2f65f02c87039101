"""``lego-compile doctor SPEC…``: does this machine do what the spec says of it?

The programs of each platform are asked for their versions; on a cluster, lego-doctor looks at the rest, which is also
installed with the files of the target, for the nodes that have no lego-compile.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from lego_compile.cli import FINDINGS, OK, complain, say
from lego_compile.commands.common import finish, specs_among
from lego_compile.diagnostic.model import Report
from lego_compile.emit.tree import File
from lego_compile.pipeline import compile_center
from lego_compile.source.read import read_text
from lego_compile.spec.load import Sources, load
from lego_compile.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lego_compile.spec.load import Inputs

_NODES = (
    "kubectl",
    "get",
    "nodes",
    "--output",
    "jsonpath={.items[*].status.nodeInfo.containerRuntimeVersion}",
)
ASKED: Mapping[str, tuple[str, tuple[Sequence[str], ...]]] = {
    "kubernetes": (r"Server Version: v([0-9.]+)", (("kubectl", "version"),)),
    "containerd": (r"containerd://([0-9.]+)", (_NODES,)),
    "cri-o": (r"cri-o://([0-9.]+)", (_NODES,)),
    "engine": (r"\A([0-9.]+)", (("docker", "version", "--format", "{{.Server.Version}}"),)),
    "podman": (r"\A([0-9.]+)", (("podman", "version", "--format", "{{.Server.Version}}"),)),
    "compose": (
        r"\Av?([0-9.]+)",
        (("docker", "compose", "version", "--short"), ("docker-compose", "version", "--short")),
    ),
    "apptainer": (r"apptainer version ([0-9.]+)", (("apptainer", "--version"),)),
    "singularity": (r"singularity(?:-ce)? version ([0-9.]+)", (("singularity", "--version"),)),
}
"""Component of ``versions:`` → where the version stands in the answer, and what is run for it, the first that answers.
What Helm has deployed of the chart is not asked: it is what will be deployed that counts."""

_PATIENCE = 30  # seconds


class Line(NamedTuple):
    """What was found: ``ok``, ``warn`` or ``FAIL``, and in what words."""

    verdict: str
    words: str


def examine_specs(chosen: argparse.Namespace) -> int:
    """Look at this machine for every centre; returns the exit code."""
    unknown = [target for target in chosen.target if target not in TARGETS]
    if unknown:
        return complain(f"no target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    code = OK
    for spec in specs_among(chosen.specs):
        outcome = compile_center(spec, read_text, strict=chosen.strict)
        if outcome.failed:
            code = max(code, finish(outcome.findings, chosen, "", unusable=outcome.unreadable))
            continue
        inputs = load(spec, read_text, Sources(), Report())
        for line in _examined(inputs, outcome.files, chosen.target):
            say(f"{line.verdict:5} {line.words}" if line.verdict else line.words, chosen)
            if line.verdict == "FAIL" or (chosen.strict and line.verdict == "warn"):
                code = FINDINGS
    return code


def _examined(inputs: Inputs, files: Mapping[str, File], wanted: Sequence[str]) -> Iterator[Line]:
    center = inputs.center.center
    for target, options in inputs.options.items():
        if wanted and target not in wanted:
            continue
        yield Line("", f"{center}/{target}")
        for component, version in (options.get("versions") or {}).items():
            if version and component in ASKED:
                yield _version(component, version, options.get("executable"))
        if "containerd-store" in (options.get("gates") or ()):
            yield _store()
        if target == "apptainer":
            yield from _cluster(str(options["root"]), files)


def _version(component: str, declared: str, executable: str | None) -> Line:
    """Whether a component has at least the version that the spec says; of several nodes, the oldest counts."""
    pattern, commands = ASKED[component]
    if executable is not None:
        commands = tuple((executable, *words[1:]) for words in commands)
    answer = next(filter(None, map(_answer, commands)), "")
    versions = sorted(re.findall(pattern, answer), key=_numbers)
    if not versions:
        return Line("warn", f"{component}: `{' '.join(commands[0][:2])}` says no version here")
    found, needed = _numbers(versions[0]), _numbers(declared.split("-")[0])
    if found < needed:
        return Line("FAIL", f"{component} is {versions[0]}, and the spec says {declared}")
    if found[: len(needed)] != needed:
        return Line("ok", f"{component} is {versions[0]}; the spec could say so, and says {declared}")
    return Line("ok", f"{component} {versions[0]}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]+", version)))


def _store() -> Line:
    """The gate of Docker Engine that cannot be told from its version."""
    status = _answer(("docker", "info", "--format", "{{.DriverStatus}}"))
    if not status:
        return Line("warn", "containerd-store: `docker info` says nothing here")
    if "io.containerd.snapshotter.v1" in status:
        return Line("ok", "containerd-store is on")
    return Line("FAIL", "containerd-store is off, and the spec says that it is on")


def _cluster(root: str, files: Mapping[str, File]) -> Iterator[Line]:
    """What lego-doctor says: the installed one, if what is installed is what would be compiled."""
    ours = {
        path.removeprefix("apptainer/"): file for path, file in files.items() if path.startswith("apptainer/")
    }
    current = all(_content(os.path.join(root, path)) == file.data for path, file in ours.items())
    with tempfile.TemporaryDirectory(prefix="lego-doctor-") as folder:
        place, more = root, []
        if not current:
            yield Line("warn", f"these files are not what is installed in {root}: no session is started")
            place, more = folder, ["--no-start"]
            for path in ("composition.json", "images.json", "OPERATE.md", "bin/lego-doctor"):
                _put(os.path.join(folder, path), ours[path].data)
        words = [sys.executable, "-I", os.path.join(place, "bin", "lego-doctor"), *more]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    for line in done.stdout.splitlines():
        verdict, _, rest = line.partition(" ")
        known = verdict in ("ok", "warn", "FAIL")
        yield Line(verdict, rest.strip()) if known else Line("", line)
    yield Line("", "what an administrator allows:")
    note = (
        ours["OPERATE.md"].data.decode().partition("## What an administrator allows")[2].partition("\n## ")[0]
    )
    yield from (Line("", f"  {line}") for line in note.splitlines() if line.startswith("- "))


def _answer(words: Sequence[str]) -> str:
    """What a program prints; empty when it is not there, fails, or takes too long."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _put(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
