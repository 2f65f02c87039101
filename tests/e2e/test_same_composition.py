"""One specification on three platforms: three Labs that run are the same, but for differences that have a name.

``LEGO_SAME=FILE`` writes the page that ``docs/same-composition.md`` is.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
import requests

from tests.e2e.built import BACK_END, ONLY, PREFIXES, TITLES
from tests.e2e.centre import EVERYTHING
from tests.e2e.conftest import Three, opened
from tests.e2e.docker import Docker
from tests.e2e.hpc_centre import Installed
from tests.e2e.lab_report import Report, report
from tests.e2e.machine import Machine
from tests.e2e.pod_hub import PodHub, PodUser
from tests.e2e.sameness import DIFFERENCES, PLATFORMS, Facts, differing, explanation, facts, page
from tests.e2e.test_apptainer_lab import Started
from tests.e2e.three import NAME
from tests.e2e.unpacked import LAB

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

USER = "alice"


@pytest.fixture(scope="module")
def z2jh(pod_hub: PodHub, three: Three) -> Report:
    """Of the Lab in a pod that KubeSpawner made."""
    user = PodUser(pod_hub, USER)
    user.start(**EVERYTHING)
    try:
        return report(user.lab, three.centre.kernels("ocean"), LAB)
    finally:
        user.stop()
        user.close()


@pytest.fixture(scope="module")
def compose(three: Three) -> Report:
    """Of the Lab in a container that DockerSpawner made."""
    with three.centre.running(), three.centre.visits() as visit:
        user = visit(USER)
        user.choose("ocean", ["hydro", "pangeo"])
        user.ready()
        try:
            return report(user.lab, three.centre.kernels("ocean"), LAB)
        finally:
            user.stop()


@pytest.fixture(scope="module")
def apptainer(three: Three, machine: Machine) -> Report:
    """Of the Lab that the launcher started for an ordinary user."""
    site = Installed(machine, three.centre.out.parents[2], NAME)
    with opened(machine.root.namespace, three.port) as shelf:
        with machine.network():
            three.put(shelf)
        site.install()
        site.materialize()
    started = Started(site, USER, "-b", "hydro,pangeo")
    try:
        with machine.network(), requests.Session() as session:
            return report(started.lab(session), three.centre.kernels("ocean"), LAB)
    finally:
        started.stop()


@pytest.fixture(scope="module")
def bricks(three: Three) -> dict[str, str]:
    """Brick → the name of its kernel that was predicted."""
    return three.centre.kernels("ocean")


@pytest.fixture(scope="module")
def labs(compose: Report, z2jh: Report, apptainer: Report, bricks: dict[str, str]) -> Mapping[str, Facts]:
    """Platform → what its Lab is."""
    reports = {"z2jh": z2jh, "compose": compose, "apptainer": apptainer}
    return {each: facts(reports[each], bricks) for each in PLATFORMS}


def test_every_lab_is_the_whole_composition(labs: Mapping[str, Facts], bricks: dict[str, str]) -> None:
    """What is compared below is not nothing: every brick's kernel ran at its prefix, with its packages, read-only."""
    for each in labs.values():
        for brick, name in bricks.items():
            assert each["prefix", brick] == PREFIXES[brick]
            spec = each["kernel", name]
            assert isinstance(spec, dict)
            assert spec["display_name"] == TITLES[brick]
            packages = each["packages", brick]
            assert isinstance(packages, list)
            assert ONLY[brick] in {package.split()[0] for package in packages}
            assert each["mount", PREFIXES[brick]] == ["ro"]
        assert each["mount", "/data/era5"] == ["ro"]
        assert each["mount", "the home"] == []


def test_they_are_the_same(labs: Mapping[str, Facts]) -> None:
    """Mounts, kernelspecs, prefixes, Pythons, packages, every file and every variable, but for named differences."""
    left = {
        f"{kind} {name}": values
        for (kind, name), values in differing(labs).items()
        if explanation(kind, name, set(values), PREFIXES) is None
    }
    assert not left, json.dumps(left, indent=1)


def test_every_named_difference_is_there(labs: Mapping[str, Facts]) -> None:
    """Nothing is excused that is the same."""
    found = {explanation(*key, set(values), PREFIXES) for key, values in differing(labs).items()}
    assert [each.shown for each in DIFFERENCES if each not in found] == []


def test_the_page_can_be_written(
    labs: Mapping[str, Facts],
    bricks: dict[str, str],
    docker: Docker,
    pod_hub: PodHub,
    machine: Machine,
    three: Three,
) -> None:
    """Its columns are equal, and it is written where somebody asks for it."""
    podman = pod_hub.podman.run("--version").stdout.split()[-1]
    apptainer = machine.run("root", "apptainer", "version").stdout.strip()
    started = {
        "z2jh": f"JupyterHub {version('jupyterhub')}, KubeSpawner {version('jupyterhub-kubespawner')}, Podman {podman}",
        "compose": f"JupyterHub, DockerSpawner, {docker.versions()}",
        "apptainer": f"`lego-launch`, Apptainer {apptainer}",
    }
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    text = page(labs, started, bricks, PREFIXES, today, BACK_END)
    rows = [
        line.strip("| ").split(" | ")
        for line in text.partition("## What differs")[0].splitlines()
        if "|" in line
    ]
    for row in rows[3:]:
        assert len(set(row[-3:])) == 1, row
    assert three.centre.name == NAME
    if path := os.environ.get("LEGO_SAME"):
        Path(path).write_text(text, encoding="utf-8")
