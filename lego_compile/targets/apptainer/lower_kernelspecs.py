"""Kernelspecs for a Jupyter that runs outside of the sessions: one for each kernel of each brick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.targets.apptainer.files_around import kernelspec


def kernelspecs(data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The kernelspecs by path: each starts a session with that brick, and its kernel in it."""
    return {
        kernelspec(profile["slug"], brick["name"], brick.get("choice", ""), kernel["directory"]): {
            "argv": [
                f"{data['root']}/bin/lego-launch",
                *("-c", profile["slug"]),
                *asked,
                *("--kernel", f"{brick['name']}/{kernel['directory']}", "{connection_file}"),
            ],
            "display_name": _title(profile, brick, kernel),
            "language": kernel["language"],
            # a signal would reach the launcher: the kernel is told over its control channel
            "interrupt_mode": "message",
        }
        for profile in data["profiles"]
        for asked, brick in _bricks(profile)
        for kernel in brick["kernels"]
    }


def _bricks(profile: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Each brick, with the words that add it to the session."""
    yield from (((), brick) for brick in profile["bricks"])
    for brick in profile["offers"]:
        key = f"@{brick['choice']}" if "choice" in brick else ""
        yield ("-b", brick["name"] + key), brick


def _title(profile: Mapping[str, Any], brick: Mapping[str, Any], kernel: Mapping[str, Any]) -> str:
    """What Jupyter shows: notebooks of several profiles, and kernels of its own, are in one list."""
    release = f" {brick['release']}" if "release" in brick else ""
    return f"{kernel['title']}{release} ({profile['title']})"
