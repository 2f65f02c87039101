"""An engine of the root folder as its machine's operator sees it: its client, Compose, a folder with compiled files."""

from __future__ import annotations

import json
import resource
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, ClassVar

from tests.e2e.root import Root

_RUNC = """\
#!/bin/sh
# runc, for a machine on which nobody may have more files open than {limit}, root neither: asks for no more.
last=
for word in "$@"; do
  case $last in
    --bundle) spec=$word/config.json ;;
    --process) spec=$word ;;
    *) spec= ;;
  esac
  [ -z "$spec" ] || sed -Ei 's/("type":"RLIMIT_NOFILE","hard":)[0-9]+(,"soft":)[0-9]+/\\1{limit}\\2{limit}/' "$spec"
  last=$word
done
exec runc "$@"
"""
_WANTED = 65536
"""Files that compiled services and sessions may have open; a service of systemd may have more, a sandbox may not."""

PATIENCE = 180.0
"""Seconds; being patient costs a test nothing, and the machine may have other work."""


class Engine(ABC):
    """The engine and its clients.

    Args:
        root: where it is; entered with a network of its own.

    Attributes:
        client: the engine's own command.
        compose: the command that is Docker Compose there.
        declared: options of a centre that runs on it, as lines of YAML.
    """

    client: ClassVar[str]
    compose: ClassVar[tuple[str, ...]]
    declared: ClassVar[str]

    def __init__(self, root: Root) -> None:
        self.root = root
        root.run("ip", "link", "set", "lo", "up")

    @abstractmethod
    def versions(self) -> str:
        """Of engine, Compose and what runs containers."""

    def run(self, *words: str, check: bool = True, timeout: float = 300) -> CompletedProcess[str]:
        """Run a command of the engine's."""
        return self.root.run(self.client, *words, check=check, timeout=timeout)

    def inspect(self, what: str) -> dict[str, Any]:
        """What the engine knows of a container, an image or a volume."""
        (found,) = json.loads(self.run("inspect", what).stdout)
        return dict(found)

    def names(self, *filters: str) -> list[str]:
        """Names of the containers that run and that every filter lets through."""
        words = [word for each in filters for word in ("--filter", each)]
        return sorted(self.run("ps", "--format", "{{.Names}}", *words).stdout.split())

    def modest_runc(self) -> str:
        """Path of a runc that asks for no more open files than anybody may have here; empty where all may be had."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if limit >= _WANTED:
            return ""
        program = self.root.write("/run/lego-runc", _RUNC.format(limit=limit))
        self.root.run("chmod", "755", program)
        return program


class Project:
    """A folder with compiled files on that machine, where an operator types commands.

    Args:
        engine: of the machine.
        folder: where it is on that machine.
    """

    def __init__(self, engine: Engine, folder: str) -> None:
        self._engine = engine
        self.folder = folder

    def bring(self, out: Path) -> None:
        """Copy compiled files there."""
        for path in sorted(each for each in out.rglob("*") if each.is_file()):
            there = f"{self.folder}/{path.relative_to(out)}"
            self._engine.root.run("mkdir", "-p", there.rpartition("/")[0])
            self._engine.root.write(there, path.read_text())

    def sh(self, line: str, *, check: bool = True, timeout: float = 900) -> CompletedProcess[str]:
        """A line that the operator types in that folder."""
        words = ("bash", "-c", f'cd "$1" && {{ {line}\n}}', "bash", self.folder)
        return self._engine.root.run(*words, check=check, timeout=timeout)

    def compose(self, *words: str, check: bool = True, timeout: float = 900) -> CompletedProcess[str]:
        """Run a command of Docker Compose's there."""
        command = ("bash", "-c", 'cd "$1" && shift && exec "$@"', "bash", self.folder, *self._engine.compose)
        return self._engine.root.run(*command, *words, check=check, timeout=timeout)

    def states(self) -> dict[str, str]:
        """Service → how it is, of every service that has a container."""
        lines = self.compose(
            "ps", "--all", "--format", "{{.Service}} {{.State}} {{.Health}}"
        ).stdout.splitlines()
        return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


def wait(
    done: Callable[[], bool], complaint: str, more: Callable[[], str] = str, patience: float = PATIENCE
) -> None:
    """Wait until something is done.

    Raises:
        AssertionError: it took too long; with the complaint.
    """
    end = time.monotonic() + patience
    while not done():
        assert time.monotonic() < end, f"{complaint}\n{more()}"
        time.sleep(0.2)
