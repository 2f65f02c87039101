"""What is said about options that contradict each other, and about what Kubernetes cannot do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lego_compile.diagnostic.model import Report
from lego_compile.ir.features import FEATURES, needs
from lego_compile.ir.model import DataMount, Deployment, Limits
from lego_compile.targets import capability
from lego_compile.targets.z2jh import TARGET
from tests.strategies import example
from tests.targets.z2jh.samples import OAUTH, authenticator, full_options, options, projected

QUIET = {"ingress": {"class": "traefik", "tls_secret": "jupyter-tls", "annotations": {}}}


def sound() -> Deployment:
    """The example with claims for data, and members for all groups."""
    deployment = projected(example())
    profiles = tuple(
        replace(each, data=tuple(replace(data, source=f"pvc:{data.name}") for data in each.data))
        for each in deployment.profiles
    )
    return replace(deployment, profiles=profiles, groups=(("m1", ("ada",)), ("staff", ("ada", "grace"))))


def first(**changes: Any) -> Deployment:
    """The same with another first profile."""
    deployment = sound()
    profile = replace(deployment.profiles[0], origin=("center", "profiles", "ocean"), **changes)
    return replace(deployment, profiles=(profile, *deployment.profiles[1:]))


def found(
    deployment: Deployment | None = None, chosen: dict[str, Any] | None = None
) -> list[tuple[str, tuple[Any, ...]]]:
    """Codes with the last steps of their places; the warning about the dummy is left out."""
    report = Report()
    TARGET.check(deployment or sound(), chosen or options(**QUIET), report)
    return [(each.code, each.primary[-2:]) for each in report if "anybody can log in" not in each.message]


def test_nothing_is_said_of_what_is_right() -> None:
    """The example is fine, with either authenticator."""
    assert found() == []
    assert found(chosen=full_options(gitops="flux")) == []


def test_the_dummy_is_pointed_out() -> None:
    """A hub that anybody can enter is a warning."""
    report = Report()
    TARGET.check(sound(), options(**QUIET), report)
    assert [(each.code, each.primary[-2:]) for each in report] == [("LC603", ("authenticator", "type"))]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"authenticator": authenticator(type="generic-oauth")}, ("LC601", ("z2jh", "authenticator"))),
        ({"authenticator": authenticator(oauth=OAUTH)}, ("LC601", ("authenticator", "oauth"))),
        (
            {"authenticator": authenticator(type="generic-oauth", oauth=OAUTH, allowed_groups=["a"])},
            ("LC601", ("authenticator", "allowed_groups")),
        ),
        ({"mounts": "csi", "pull_secrets": ["a", "b"]}, ("LC601", ("pull_secrets", 1))),
        ({"cull": {"timeout": 0, "max_age": 60}}, ("LC601", ("cull", "max_age"))),
        (
            {"ingress": {"class": "traefik", "tls_secret": None, "annotations": {}}},
            ("LC603", ("z2jh", "ingress")),
        ),
        ({"gitops": "argocd"}, ("LC603", ("z2jh", "gitops"))),
        (
            {"session": {**options()["session"], "reserve_memory": "16G"}},
            ("LC601", ("session", "reserve_memory")),
        ),
        ({"session": {**options()["session"], "reserve_cpu": 4.5}}, ("LC601", ("session", "reserve_cpu"))),
    ],
)
def test_options_that_contradict(changes: dict[str, Any], expected: tuple[str, tuple[Any, ...]]) -> None:
    """Each contradiction is found once for each thing that it breaks, at the option to change."""
    assert set(found(chosen=options(**{**QUIET, **changes}))) == {expected}


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("pvc:era5", None),
        ("pvc:my.claim-2", None),
        ("/data/era5", "LC603"),
        ("nfs:nas.example.org:/export/era5", "LC603"),
        ("data/era5", "LC602"),
        ("/", "LC602"),
        ("/data/../etc", "LC602"),
        ("pvc:Era5", "LC602"),
        ("pvc:", "LC602"),
        ("pvc:a..b", "LC602"),
        ("nfs:nas:export", "LC602"),
        ("nfs::/export", "LC602"),
        ("//nas/share", "LC602"),
        ("s3://bucket/x", "LC602"),
        ("", "LC602"),
    ],
)
def test_sources_of_data(source: str, code: str | None) -> None:
    """Claims are fine; paths and exports carry a warning about Pod Security; anything else is refused."""
    data = DataMount("era5", "/data/era5", False, source, origin=("center", "storage", "data", 0, "mount"))
    expected = [] if code is None else [(code, (0, "source"))]
    assert found(first(data=(data,))) == expected


def test_root_is_refused() -> None:
    """A system image that runs as root, or as nobody knows whom, cannot start."""
    system = replace(sound().profiles[0].system, uid=0, origin=("center", "system"))
    assert found(first(system=system)) == [("LC602", ("center", "system"))]
    assert found(first(system=replace(system, uid=None))) == [("LC602", ("center", "system"))]


def test_a_name_that_kubespawner_keeps_for_itself() -> None:
    """A brick called 'profile' may be mounted, and cannot be offered."""
    brick = replace(sound().profiles[0].offers[0], name="profile", origin=("center", "x"))
    assert found(first(offers=(brick,))) == [("LC602", ("center", "x"))]
    assert found(first(bricks=(brick,), offers=())) == []


def test_groups_that_nobody_fills() -> None:
    """A profile for a group without members is a warning, unless the login service knows them."""
    empty = replace(first(groups=("guests",)), groups=(("staff", ("ada",)),))
    assert found(empty) == [("LC603", ("ocean", "groups"))]
    assert found(empty, full_options(gitops=None)) == []


def test_small_limits_without_a_reserve() -> None:
    """The chart's default of 1G set aside is not kept, so a limit below it is fine."""
    assert found(first(limits=Limits(cpu=100, memory=256 * 1024**2))) == []


@pytest.mark.parametrize(
    ("versions", "gates", "expected"),
    [
        ({"kubernetes": "1.35", "chart": "4.4.0", "containerd": "2.2"}, (), []),
        ({"kubernetes": "1.36.1", "chart": "4.3.0", "cri-o": "1.33"}, (), []),
        ({"kubernetes": "1.34", "chart": "4.4.0", "containerd": "2.2"}, ("ImageVolume",), ["LC503", "LC503"]),
        ({"kubernetes": "1.34", "chart": "4.4.0", "containerd": "2.2"}, (), ["LC501", "LC501"]),
        ({"kubernetes": "1.32", "chart": "4.4.0", "containerd": "2.2"}, ("ImageVolume",), ["LC501", "LC503"]),
        ({"kubernetes": "1.30", "chart": "4.4.0", "containerd": "2.2"}, ("ImageVolume",), ["LC501", "LC501"]),
        ({"kubernetes": "1.35", "chart": "4.4.0", "containerd": "2.1.5"}, (), ["LC501"]),
        ({"kubernetes": "1.35", "chart": "4.4.0", "containerd": "1.7.28"}, (), ["LC501", "LC501"]),
        ({"kubernetes": "1.35", "chart": "4.4.0", "cri-o": "1.32"}, (), ["LC501"]),
        ({"kubernetes": "1.35", "chart": "4.2.0", "containerd": "2.2"}, (), ["LC501"] * 4),
        ({"kubernetes": "1.35", "chart": "4.4.0"}, (), ["LC502"]),
    ],
)
def test_versions(versions: dict[str, str], gates: tuple[str, ...], expected: list[str]) -> None:
    """Mounts and their subpaths need a chart, a Kubernetes and a runtime that know them."""
    report = Report()
    capability.check("z2jh", TARGET.needs(needs(sound()), options()), versions, gates, report)
    assert sorted(each.code for each in report) == expected


def test_the_driver_stands_in_for_image_volumes() -> None:
    """With ``mounts: csi`` an old Kubernetes will do, whatever the runtime, and the price is told once."""
    report = Report()
    wanted = TARGET.needs(needs(sound()), options(mounts="csi"))
    capability.check("z2jh", wanted, {"kubernetes": "1.30", "chart": "4.4.0"}, (), report)
    assert [each.code for each in report] == ["LC504"]


def test_every_feature_has_rows() -> None:
    """The table knows every feature, and the two of this target's own; every row says where that is written."""
    table = capability.table("z2jh")
    assert set(table.rows) == {*FEATURES, "image-mount-csi", "image-subpath-csi"}
    assert all(row.source for rows in table.rows.values() for row in rows)
    assert all(row.needs for rows in table.rows.values() for row in rows if row.support != "native")
