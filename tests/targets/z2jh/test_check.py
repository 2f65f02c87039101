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
from tests.targets.z2jh.samples import (
    OAUTH,
    SEARCH,
    apply,
    authenticator,
    full_options,
    ldap,
    options,
    placement,
    projected,
)

PLAIN = {"ingress": options()["ingress"]}
NATIVE = {"open_signup": False, "minimum_password_length": 12, "failed_logins": 5}
GATEWAY = {"name": "public", "namespace": None, "section": None, "annotations": {}}
QUIET = {"ingress": {"class": "traefik", "tls_secret": "jupyter-tls", "annotations": {}}}


def balancer(**changes: Any) -> dict[str, Any]:
    """Options of a load balancer."""
    return {"email": None, "tls_secret": None, "annotations": {}, "sources": [], **changes}


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
    assert found(chosen=full_options()) == []
    assert found(chosen=full_options(gitops="flux", apply=apply())) == []


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
    assert found(empty, full_options(gitops=None, apply=None)) == []


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
        ({"kubernetes": "1.35", "chart": "4.2.0", "containerd": "2.2"}, (), ["LC501"]),
        ({"kubernetes": "1.35", "chart": "3.3.8", "containerd": "2.2"}, (), ["LC501"]),
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
    """The table knows every feature, and those of this target's own; every row says where that is written."""
    table = capability.table("z2jh")
    own = {f"image-{what}-{way}" for what in ("mount", "subpath") for way in ("csi", "copy", "directory")}
    own |= {"volumes-map", "volumes-list", "gateway", "gateway-section"}
    assert set(table.rows) == {*FEATURES, *own}
    assert all(row.source for rows in table.rows.values() for row in rows)
    assert all(row.needs for rows in table.rows.values() for row in rows if row.support != "native")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"authenticator": authenticator(type="ldap")}, ("LC601", ("z2jh", "authenticator"))),
        ({"authenticator": authenticator(ldap=ldap())}, ("LC601", ("authenticator", "ldap"))),
        (
            {"authenticator": authenticator(type="ldap", ldap=ldap(users=[]))},
            ("LC601", ("authenticator", "ldap")),
        ),
        (
            {"authenticator": authenticator(type="ldap", ldap=ldap(search=SEARCH))},
            ("LC601", ("ldap", "search")),
        ),
        (
            {
                "authenticator": authenticator(
                    type="ldap", ldap=ldap(users=[], search={**SEARCH, "user": None})
                )
            },
            ("LC601", ("ldap", "search")),
        ),
        ({"authenticator": authenticator(type="ldap", ldap=ldap(tls="none"))}, ("LC603", ("ldap", "tls"))),
        (
            {
                "authenticator": authenticator(
                    type="ldap", ldap=ldap(tls="none", ca={"name": "x", "key": "y"})
                )
            },
            ("LC601", ("ldap", "ca")),
        ),
        (
            {"authenticator": authenticator(type="native", native=NATIVE, allowed_users=["ada"])},
            ("LC603", ("authenticator", "allowed_users")),
        ),
        (
            {"authenticator": authenticator(type="ldap", ldap=ldap(), allowed_groups=["a"])},
            ("LC601", ("authenticator", "allowed_groups")),
        ),
        (
            {"authenticator": authenticator(type="native", native=NATIVE, admin_users=["ada"])},
            ("LC603", ("authenticator", "admin_users")),
        ),
        (
            {"authenticator": authenticator(type="native", native={**NATIVE, "open_signup": True})},
            ("LC603", ("native", "open_signup")),
        ),
        ({"gateway": GATEWAY}, ("LC601", ("z2jh", "gateway"))),
        ({"load_balancer": balancer(tls="offload")}, ("LC601", ("z2jh", "load_balancer"))),
        ({**PLAIN, "load_balancer": balancer(tls="letsencrypt")}, ("LC601", ("load_balancer", "tls"))),
        (
            {**PLAIN, "load_balancer": balancer(tls="secret", tls_secret="x", email="a@b.c")},
            ("LC601", ("load_balancer", "email")),
        ),
        ({**PLAIN, "load_balancer": balancer(tls="none")}, ("LC603", ("load_balancer", "tls"))),
        ({"mounts": "hostPath", "prepull": "chart"}, ("LC601", ("z2jh", "mounts"))),
        ({"bricks_at": "/srv/bricks"}, ("LC601", ("z2jh", "bricks_at"))),
        ({"mounts": "hostPath", "bricks_at": "pvc:b", "prepull": "chart"}, ("LC601", ("z2jh", "bricks_at"))),
        ({"mounts": "nfs", "bricks_at": "/srv/b", "prepull": "chart"}, ("LC601", ("z2jh", "bricks_at"))),
        ({"mounts": "nfs", "bricks_at": "nfs:x", "prepull": "none"}, ("LC601", ("z2jh", "bricks_at"))),
        ({"mounts": "hostPath", "bricks_at": "/b", "prepull": "daemonset"}, ("LC601", ("z2jh", "prepull"))),
        ({"home": {"storage_class": "a", "claim": "b"}}, ("LC602", ("home", "size"))),
        ({"profiles": {"oceann": placement(reserve_cpu=1)}}, ("LC601", ("profiles", "oceann"))),
        ({"profiles": {"ocean": placement(reserve_memory="9G")}}, ("LC601", ("ocean", "reserve_memory"))),
        (
            {"profiles": {"ocean": placement(gpu_resource="nvidia.com/mig")}},
            ("LC601", ("ocean", "gpu_resource")),
        ),
        (
            {"profiles": {"deep": placement(gpu_resource="nvidia.com/gpu")}},
            ("LC601", ("deep", "gpu_resource")),
        ),
        ({"profiles": {"deep": placement(gpu_resource="amd.com/mig")}}, ("LC601", ("deep", "gpu_resource"))),
        ({"gitops": "flux"}, ("LC603", ("z2jh", "gitops"))),
        ({"apply": apply(folder="x")}, ("LC601", ("apply", "folder"))),
        ({"gitops": "argocd", "hub_secret": "x", "apply": apply()}, ("LC601", ("z2jh", "apply"))),
    ],
)
def test_more_options_that_contradict(changes: dict[str, Any], expected: tuple[str, tuple[Any, ...]]) -> None:
    """Each contradiction is found, at the option to change."""
    assert expected in found(chosen=options(**{**QUIET, **changes}))


def test_every_new_option_alone_is_fine() -> None:
    """Nothing is said of what is right."""
    one = replace(sound(), home_size=None)
    for changes in (
        {"authenticator": authenticator(type="ldap", ldap=ldap())},
        {"authenticator": authenticator(type="ldap", ldap=ldap(users=[], search=SEARCH))},
        {"authenticator": authenticator(type="native", native=NATIVE)},
        {**PLAIN, "gateway": GATEWAY},
        {**PLAIN, "load_balancer": balancer(tls="letsencrypt", email="ops@example.org")},
        {"mounts": "nfs", "bricks_at": "pvc:bricks", "prepull": "chart"},
        {"home": {"storage_class": None, "claim": "homes"}},
        {"apply": apply()},
        {"gitops": "flux", "hub_secret": "x", "apply": apply()},
    ):
        assert found(one, options(**{**QUIET, **changes})) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"mounts": "hostPath", "bricks_at": "/srv/bricks", "prepull": "chart"},
            ("LC603", ("z2jh", "bricks_at")),
        ),
        ({"mounts": "nfs", "bricks_at": "nfs:nas:/b", "prepull": "none"}, ("LC603", ("z2jh", "bricks_at"))),
        ({"session": {**options()["session"], "networks": ["0.0.0.0/0"]}}, ("LC601", ("networks", 0))),
        (
            {"session": {**options()["session"], "networks": ["10.0.0.0/8", "999.1.1.1/8"]}},
            ("LC204", ("networks", 1)),
        ),
        ({**PLAIN, "load_balancer": balancer(tls="offload", sources=["::1/129"])}, ("LC204", ("sources", 0))),
        ({"apply": apply(chart="4.4")}, ("LC601", ("versions", "chart"))),
    ],
)
def test_what_is_said_of_places(changes: dict[str, Any], expected: tuple[str, tuple[Any, ...]]) -> None:
    """Directories that Pod Security refuses, networks that are none or open too much, a version that is a range."""
    assert found(chosen=options(**{**QUIET, **changes})) == [expected]


def test_a_label_of_nodes_that_a_profile_gives_another_value() -> None:
    """Images are fetched on the nodes of every session, so a profile selects among those."""
    session = {**options()["session"], "node_selector": {"a": "b"}}
    for value in ("b", "c"):
        chosen = options(
            **{**QUIET, "session": session, "profiles": {"deep": placement(node_selector={"a": value})}}
        )
        assert found(chosen=chosen) == [("LC601", ("node_selector", "a"))]


@pytest.mark.parametrize("changes", [{"mounts": "copy", "prepull": "chart"}, {"prepull": "chart"}])
def test_a_shell_in_every_brick(changes: dict[str, Any]) -> None:
    """What runs a shell in bricks is refused for those that do not say that they have one, and once for each."""
    chosen = options(**{**QUIET, **changes})
    bricks = {brick.name for each in sound().profiles for brick in (*each.bricks, *each.offers)}
    assert [code for code, _ in found(chosen=chosen)] == ["LC602"] * len(bricks)

    deployment = sound()
    profiles = tuple(
        replace(
            each,
            bricks=tuple(replace(brick, shell=True) for brick in each.bricks),
            offers=tuple(replace(brick, shell=True) for brick in each.offers),
        )
        for each in deployment.profiles
    )
    assert found(replace(deployment, profiles=profiles), chosen) == []


def test_lists_hold_one_composition() -> None:
    """For old charts there is one profile that offers nothing."""
    chosen = options(**{**QUIET, "volumes": "list"})
    assert ("LC602", ("ocean", "offer")) in found(first(), chosen)
    one = replace(first(offers=()), profiles=first(offers=()).profiles[:1])
    assert found(one, chosen) == []
    assert ("LC601", ("z2jh", "mounts")) in found(one, {**chosen, "mounts": "copy", "prepull": "none"})


def test_users_that_share_a_home() -> None:
    """Profiles whose system images run as different users share the files of a home."""
    system = replace(sound().profiles[0].system, uid=2000, origin=("center", "system"))
    assert found(first(system=system))[0][0] == "LC603"


def test_values_that_fit_into_no_secret() -> None:
    """The chart puts its values into a Secret; one that would not fit is refused before Kubernetes does it."""
    brick = sound().profiles[0].offers[0]
    many = tuple(
        replace(brick, name=f"b{number:04}", prefix=f"/opt/bricks/b{number:04}") for number in range(1500)
    )
    assert found(first(offers=many)) == [("LC602", ("center", "profiles"))]
    assert found(first(offers=many[:300])) == []
