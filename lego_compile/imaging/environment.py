"""What the solver is asked: ``environment.yaml`` and ``virtual-packages.yaml``, both as conda-lock reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lego_compile.imaging.packages import SUBDIRS, part

if TYPE_CHECKING:
    from lego_compile.spec.catalog import Brick, CatalogSpec, System


_LINUX = {"__unix": "0", "__linux": "5.10"}
"""As conda-lock assumes. A blank is between a version and a build (conda/conda-lock:conda_lock/virtual_package.py)."""


def environment(
    name: str, entry: Brick | System, packages: list[str], catalog: CatalogSpec
) -> dict[str, Any]:
    """``environment.yaml``, as conda-lock reads it (conda/conda-lock:conda_lock/src_parser/environment_yaml.py)."""
    assert entry.build is not None
    assert catalog.build is not None
    return {
        "name": name,
        "channels": [*(entry.build.channels or catalog.build.channels)],
        "platforms": [*dict.fromkeys(SUBDIRS[each] for each in entry.platforms)],
        "dependencies": packages,
    }


def brick_virtual(entry: Brick, catalog: CatalogSpec) -> dict[str, Any]:
    """``virtual-packages.yaml`` of a brick: the machine that it has to work on, which is none that it is built on."""
    assert entry.build is not None
    floor = entry.requires.system.get("glibc") or oldest_glibc(catalog)
    subdirs: dict[str, Any] = {}
    for platform in entry.platforms:
        packages = {**_LINUX}
        if floor:
            packages["__glibc"] = floor
        if entry.build.cuda:
            packages["__cuda"] = entry.build.cuda
        packages["__archspec"] = f"1 {entry.build.cpu.get(platform) or _cpu(platform)}"
        subdirs[SUBDIRS[platform]] = {"packages": packages}
    return {"subdirs": subdirs}


def system_virtual(entry: System) -> dict[str, Any]:
    """``virtual-packages.yaml`` of a system image: its own C library, that of its base."""
    glibc = {"__glibc": entry.provides["glibc"]} if "glibc" in entry.provides else {}
    return {
        "subdirs": {
            SUBDIRS[each]: {"packages": {**_LINUX, **glibc, "__archspec": f"1 {_cpu(each)}"}}
            for each in entry.platforms
        }
    }


def system_packages(entry: System) -> list[str]:
    """What a system image holds: what it provides, in that version, and what it names besides."""
    assert entry.build is not None
    provided = [part(key, version) for key, version in entry.provides.items()]
    return [*entry.build.packages, *(each for each in provided if each)]


def _cpu(platform: str) -> str:
    """The oldest processor of a platform, as archspec names it."""
    return "x86_64" if platform == "linux/amd64" else SUBDIRS[platform].removeprefix("linux-")


def oldest_glibc(catalog: CatalogSpec) -> str | None:
    """The lowest C library of the catalog's system images; a brick that states no other has to do with it."""
    versions = [each.provides["glibc"] for each in catalog.systems.values() if "glibc" in each.provides]
    return min(versions, key=lambda each: [int(n) for n in each.split("-")[0].split(".")], default=None)
