"""Legality on every target; the messages are drawn in ``tests/cases``."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from lego_compile.diagnostic.model import Report
from lego_compile.ir.check import check, inside
from lego_compile.ir.model import BrickMount, Composition, DataMount, Deployment, ImageRef, Kernel
from tests.strategies import deployments, example

IMAGE = ImageRef("registry.example.org/lego/brick", "sha256:" + "0" * 64)


def brick(prefix: str, index: int, kernels: tuple[str, ...] = ()) -> BrickMount:
    """A brick at a prefix, the ``index``-th of its profile."""
    return BrickMount(
        name=f"brick-{index}",
        title="A brick",
        image=IMAGE,
        prefix=prefix,
        subpath="/",
        kernels=tuple(Kernel("python3", "K", "python", name) for name in kernels),
        origin=("center", "profiles", "p", "bricks", index),
        declared=("catalog", "bricks", f"brick-{index}"),
    )


def profile(*bricks: BrickMount, data: tuple[str, ...] = ()) -> Composition:
    """A profile with bricks, and data mounted at paths; the environment directories are those of the example."""
    mounts = tuple(
        DataMount(f"d{number}", path, False, origin=("center", "storage", "data", number, "mount"))
        for number, path in enumerate(data)
    )
    return replace(example().profiles[0], bricks=bricks, offers=(), data=mounts)


def codes(*profiles: Composition) -> list[str]:
    """Codes of what is wrong with a deployment of some profiles."""
    report = Report()
    check(Deployment("c", "C", profiles), report)
    return [found.code for found in report]


@settings(max_examples=15)
@given(deployments())
def test_a_legal_deployment_is_left_alone(deployment: Deployment) -> None:
    """Bricks beside each other in their directories, data elsewhere: nothing is said."""
    assert [] == codes(*deployment.profiles)


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        (["/opt/bricks/a", "/opt/bricks/b"], []),
        (["/opt/bricks/a", "/opt/bricks/ab"], []),
        (["/opt/bricks/a", "/opt/bricks/a"], ["LC401"]),
        (["/opt/bricks/a", "/opt/bricks/a/b"], ["LC402", "LC405"]),
        (["/opt/bricks/a/b", "/opt/bricks/a"], ["LC402", "LC405"]),
        (["/opt/bricks"], ["LC403"]),
        (["/opt"], ["LC403"]),
        (["/opt/conda"], ["LC403"]),
        (["/opt/conda/bin"], ["LC403"]),
        (["/opt/conda/envs"], ["LC403"]),
        (["/opt/conda/envs/a"], ["LC405"]),
        (["/usr"], ["LC403"]),
        (["/usr/local"], ["LC403"]),
        (["/etc/conda"], ["LC403"]),
        (["/tmp/a"], ["LC403"]),
        (["/home/jovyan"], ["LC404", "LC405"]),
        (["/home/jovyan/a"], ["LC404", "LC405"]),
        (["/home"], ["LC404", "LC405"]),
        (["/opt/other/a"], ["LC405"]),
        (["/opt/bricks/deep/a"], ["LC405"]),
        (["/opt/bricks/x", "/srv/conda/envs/x"], []),
        (["/opt/bricks/x", "/opt/other/x"], ["LC405", "LC406"]),
    ],
)
def test_where_bricks_may_be(prefixes: list[str], expected: list[str]) -> None:
    """One prefix, nesting, a system path, the home, a folder that conda does not list, one name twice."""
    assert expected == codes(profile(*(brick(prefix, index) for index, prefix in enumerate(prefixes))))


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/data/a", "/data/ab"], []),
        (["/var/data/a"], []),
        (["/data", "/data/a"], ["LC404"]),
        (["/data/a", "/data/a"], ["LC404"]),
        (["/opt/bricks/a"], ["LC404"]),
        (["/opt/bricks/a/data"], ["LC404"]),
        (["/opt"], ["LC404", "LC403"]),
        (["/opt/conda/envs"], ["LC403"]),
        (["/etc/data"], ["LC403"]),
        (["/var"], ["LC403"]),
        (["/var/lib/data"], ["LC403"]),
        (["/home"], ["LC404"]),
        (["/home/jovyan/data"], ["LC404"]),
    ],
)
def test_where_data_may_be(paths: list[str], expected: list[str]) -> None:
    """Data hides nothing of the system, and overlaps neither the home, nor a brick, nor other data."""
    assert expected == codes(profile(brick("/opt/bricks/a", 0), data=tuple(paths)))


def test_kernels_of_one_name() -> None:
    """Two kernels that nb_conda_kernels would call the same are refused, in two bricks as in one."""
    first = brick("/opt/bricks/a+b", 0, ("conda-env-a_b-py",))
    second = brick("/opt/bricks/a_b", 1, ("conda-env-a_b-py",))
    twice = brick("/opt/bricks/a", 0, ("conda-env-a-py", "conda-env-a-py"))

    assert ["LC406"] == codes(profile(first, second))
    assert ["LC406"] == codes(profile(twice))
    assert [] == codes(profile(first), profile(second))


def test_profiles_do_not_disturb_each_other() -> None:
    """What cannot be mounted together may be mounted apart."""
    assert [] == codes(profile(brick("/opt/bricks/a", 0)), profile(brick("/opt/bricks/a", 0)))


@pytest.mark.parametrize(
    ("path", "parent", "expected"),
    [
        ("/a", "/a", True),
        ("/a/b", "/a", True),
        ("/ab", "/a", False),
        ("/a", "/a/b", False),
        ("/a", "/", True),
    ],
)
def test_inside(path: str, parent: str, expected: bool) -> None:
    """A path lies inside another by whole components."""
    assert expected is inside(path, parent)
