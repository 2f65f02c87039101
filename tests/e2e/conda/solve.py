#!/opt/mamba/bin/python
"""Stands in for conda-lock, which asks conda or mamba: solves what is asked for, and prints an explicit file.

usage: solve.py CHANNEL-URL YEAR-MONTH-DAY < QUESTION

The question is in JSON: ``specs``, and ``virtual`` packages with their version, or ``version=build``.
Packages that are younger than that day are not there yet: a lock of that day.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

import rattler  # type: ignore[import-not-found, unused-ignore]


async def _solved(channel: str, day: str, asked: dict[str, Any]) -> list[rattler.RepoDataRecord]:
    virtual = []
    for name, said in asked["virtual"].items():
        version, _, build = said.partition("=")
        parts = rattler.PackageName(name), rattler.Version(version), rattler.BuildString(build or "0")
        virtual.append(rattler.GenericVirtualPackage(*parts))
    newest = datetime.fromisoformat(day).replace(tzinfo=UTC)
    platforms = ["linux-64", "noarch"]
    found: list[rattler.RepoDataRecord] = await rattler.solve(
        [channel], asked["specs"], platforms=platforms, virtual_packages=virtual, exclude_newer=newest
    )
    return found


def main(channel: str, day: str) -> None:
    """Print the lock."""
    found = asyncio.run(_solved(channel, day, json.load(sys.stdin)))
    print("@EXPLICIT")
    for each in sorted(found, key=lambda each: each.url.rpartition("/")[2]):
        assert each.md5 is not None
        print(f"{each.url}#{each.md5.hex()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
