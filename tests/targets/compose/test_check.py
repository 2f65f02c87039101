"""What is said about options that contradict each other, and about what Docker cannot do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lego_compile.diagnostic.model import Report
from lego_compile.ir.features import FEATURES, needs
from lego_compile.ir.model import Composition, Deployment, Limits
from lego_compile.targets import capability
from lego_compile.targets.compose import TARGET
from tests.strategies import example
from tests.targets.compose.samples import OAUTH, authenticator, oauth_options, options, projected


def found(
    deployment: Deployment | None = None, chosen: dict[str, Any] | None = None
) -> list[tuple[str, tuple[Any, ...]]]:
    """Codes with the last steps of their places; the warning about the dummy is left out."""
    report = Report()
    TARGET.check(deployment or groups_listed(), chosen or options(), report)
    return [(each.code, each.primary[-2:]) for each in report if "anybody can log in" not in each.message]


def groups_listed() -> Deployment:
    """The example with members for all of its groups."""
    return replace(projected(example()), groups=(("m1", ("ada",)), ("staff", ("ada", "grace"))))


def first(**changes: Any) -> Deployment:
    """The same with another first profile."""
    deployment = groups_listed()
    profile = replace(deployment.profiles[0], origin=("center", "profiles", "ocean"), **changes)
    return replace(deployment, profiles=(profile, *deployment.profiles[1:]))


def test_nothing_is_said_of_what_is_right() -> None:
    """The example is fine, with either authenticator."""
    assert found() == []
    claimed = replace(groups_listed(), groups=())
    assert found(claimed, oauth_options(groups_claim="groups")) == []


def test_the_dummy_is_pointed_out() -> None:
    """A hub that anybody can enter is a warning."""
    report = Report()
    TARGET.check(groups_listed(), options(), report)
    assert [(each.code, each.primary[-2:]) for each in report] == [("LC603", ("authenticator", "type"))]


def _tls(mode: str, email: str | None) -> dict[str, Any]:
    return options(tls={"mode": mode, "email": email})


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (_tls("acme", None), [("LC601", ("compose", "tls"))]),
        (_tls("files", "a@example.org"), [("LC601", ("tls", "email"))]),
        (options(authenticator=authenticator(oauth=OAUTH)), [("LC601", ("authenticator", "oauth"))]),
        (
            options(authenticator=authenticator(type="generic-oauth")),
            [("LC601", ("compose", "authenticator"))],
        ),
        (
            options(authenticator=authenticator(allowed_groups=["staff"])),
            [("LC601", ("authenticator", "allowed_groups"))],
        ),
        (oauth_options(groups_claim="groups"), [("LC601", ("oauth", "groups_claim"))] * 2),
    ],
    ids=["no e-mail", "useless e-mail", "useless service", "no service", "no claim", "groups twice"],
)
def test_conflicts(chosen: dict[str, Any], expected: list[tuple[str, tuple[Any, ...]]]) -> None:
    """Options that contradict each other are errors at the place of one of them."""
    assert expected == found(chosen=chosen)


@pytest.mark.parametrize(
    ("limits", "place"),
    [
        (Limits(cpu=9), "cpu"),
        (Limits(memory=6 * 1024**2 - 1024), "memory"),
        (Limits(gpus=1, gpu_vendor="amd"), "gpu"),
    ],
    ids=["cpu", "memory", "gpu"],
)
def test_limits_that_docker_refuses(limits: Limits, place: str) -> None:
    """What the engine would refuse at every start is refused here."""
    assert [("LC602", ("resources", place))] == found(first(limits=limits))


@pytest.mark.parametrize(
    ("source", "fine"),
    [
        ("/data/era5", True),
        ("nfs:nas.example.org:/export/era5", True),
        ("pvc:era5", False),
        ("data", False),
        ("/", False),
        ("/data/../etc", False),
        ("nfs:nas.example.org", False),
        ("nfs:nas,rw:/export", False),
        ("/{username}", False),
        ("/run", False),
        ("/run/user/1000", False),
        ("/var", False),
        ("/var/run/docker.sock", False),
        ("/etc/ssl", False),
        ("/runs/2026", True),
        ("/var/data", True),
    ],
)
def test_sources_of_data(source: str, fine: bool) -> None:
    """Paths and exports can be mounted; everything else is named, with where to say something else."""
    data = (
        replace(
            groups_listed().profiles[0].data[0],
            source=source,
            origin=("center", "storage", "data", 0, "mount"),
        ),
    )
    assert ([] if fine else [("LC602", ("source", "compose"))]) == found(first(data=data))


def test_the_socket_is_no_data() -> None:
    """Wherever it is, and whatever it lies in."""
    data = (replace(groups_listed().profiles[0].data[0], source="/srv", origin=("data", 0, "mount")),)
    assert found(first(data=data)) == []
    chosen = options(socket="/srv/docker/docker.sock")
    assert [("LC602", ("source", "compose"))] == found(first(data=data), chosen)


def test_oauth_in_the_clear() -> None:
    """A login service without TLS is a warning, at its address."""
    claimed = replace(groups_listed(), groups=())
    chosen = oauth_options(groups_claim="groups", token_url="http://sso.example.org/token")
    assert [("LC603", ("oauth", "token_url"))] == found(claimed, chosen)


def test_groups_without_members() -> None:
    """A profile that nobody can choose yet is a warning."""
    nobody = first(groups=("guests",))
    assert found(nobody) == [("LC603", ("ocean", "groups"))]


def judged(
    features: set[str],
    gates: tuple[str, ...] = (),
    *,
    mounts: str = "image",
    runs: str = "docker",
    **versions: str,
) -> dict[str, list[str]]:
    """Codes about features at versions of the engine and of Compose, by feature."""
    found: dict[str, list[str]] = {}
    for need in TARGET.needs(needs(projected(example())), options(mounts=mounts, engine=runs)):
        if need.feature in features:
            report = Report()
            capability.check("compose", [need], {"compose": "2.40.3", **versions}, gates, report)
            found.setdefault(need.feature, sorted({each.code for each in report}))
    return found


STORE = ("containerd-store",)


@pytest.mark.parametrize(
    ("engine", "plain", "subpath", "stated"),
    [
        ("27.5.1", ["LC501"], ["LC501"], ["LC501"]),
        ("28.5.2", ["LC503"], ["LC503"], ["LC503"]),
        ("29.0.0", ["LC501"], ["LC501"], ["LC501"]),
        ("29.1.3", ["LC501"], ["LC501"], ["LC501"]),
        ("29.1.4", ["LC503"], ["LC503"], []),
        ("29.7", ["LC503"], ["LC503"], []),
    ],
)
def test_versions_of_the_engine(engine: str, plain: list[str], subpath: list[str], stated: list[str]) -> None:
    """Image mounts are experimental in 28, broken from 29.0.0 to 29.1.3, and since then depend on the image store.

    A mount of a part of an image stays a risk in rootless mode, which nobody states.
    """
    both = {"image-mount", "image-subpath"}
    assert {"image-mount": plain, "image-subpath": subpath} == judged(both, engine=engine)
    assert {"image-mount": stated, "image-subpath": subpath} == judged(both, STORE, engine=engine)


@pytest.mark.parametrize("mounts", ["baked", "volume"])
def test_older_engines_have_another_way(mounts: str) -> None:
    """What Debian 13 and 12 have can run bricks that are not mounted as images; each is asked about once."""
    features = {"image-mount", "image-subpath", f"image-mount-{mounts}"}
    assert {f"image-mount-{mounts}": []} == judged(features, mounts=mounts, engine="26.1.5", compose="2.26.1")
    assert {f"image-mount-{mounts}": ["LC501"]} == judged(features, mounts=mounts, engine="19.3")


def test_podman_says_so() -> None:
    """Podman has to be named as the engine, and what its Docker API passes over in silence is refused."""
    engine = {"engine-docker", "engine-podman"}
    assert {"engine-docker": ["LC501"]} == judged(engine, podman="5.8.6")
    assert {"engine-podman": ["LC501"]} == judged(engine, engine="29.7", runs="podman")
    asked = {"image-mount", "image-subpath", "image-mount-baked", "gpu", "lab", "lab-subpath"}
    found = judged(asked, podman="5.8.6", runs="podman")
    assert {"image-mount": ["LC503"], "image-subpath": ["LC501"], "gpu": ["LC501"]} == found
    assert judged(asked, mounts="baked", podman="5.8.6", runs="podman")["image-mount-baked"] == []
    assert judged(asked, podman="5.3", runs="podman")["image-mount"] == ["LC501"]


def test_podman_mounts_no_export() -> None:
    """An export would be an empty volume, without a word."""
    data = (
        replace(
            groups_listed().profiles[0].data[0],
            source="nfs:nas.example.org:/export",
            origin=("data", 0, "mount"),
        ),
    )
    assert found(first(data=data)) == []
    assert [("LC602", ("source", "compose"))] == found(first(data=data), options(engine="podman"))


@pytest.mark.parametrize(
    ("compose", "codes"),
    [("2.20", ["LC503"]), ("2.34", ["LC503"]), ("2.35", []), ("5.3.1", []), ("5.4", ["LC503"]), ("5.5", [])],
)
def test_versions_of_compose_for_the_lab(compose: str, codes: list[str]) -> None:
    """There Compose mounts the images itself: it fetches them since 2.35, and 5.4 does not find them."""
    assert {"lab-subpath": codes} == judged({"lab", "lab-subpath"}, engine="29.7", compose=compose)
    assert {} == judged({"lab", "lab-subpath"}, mounts="volume", engine="29.7", compose=compose)


def test_versions_of_compose_for_a_lab_with_copies() -> None:
    """Two versions refuse to extend a service that waits for the copies."""
    for version, said in (("2.24.5", []), ("2.24.7", ["LC503"]), ("2.25", [])):
        found = judged({"lab-copied"}, mounts="volume", engine="29.7", compose=version)
        assert {"lab-copied": said} == found


def test_what_a_fallback_cannot_do() -> None:
    """An image per profile has no place for a choice; a copy takes a shell in the brick. Both are errors, once each."""
    deployment = groups_listed()
    offering = [
        ("LC602", (*profile.origin[-1:], "offer")) for profile in deployment.profiles if profile.offers
    ]
    assert offering == found(deployment, options(mounts="baked"))
    bricks = {brick.called for profile in deployment.profiles for brick in (*profile.bricks, *profile.offers)}
    assert len(bricks) == len(found(deployment, options(mounts="volume")))

    def with_shells(profile: Composition) -> Composition:
        bricks, offers = (
            tuple(replace(brick, shell=True) for brick in each) for each in (profile.bricks, profile.offers)
        )
        return replace(profile, bricks=bricks, offers=offers)

    shells = replace(deployment, profiles=tuple(map(with_shells, deployment.profiles)))
    assert found(shells, options(mounts="volume")) == []


def test_every_feature_has_rows() -> None:
    """The table answers for every feature, with a source and with words where words are shown."""
    rows = capability.table("compose").rows
    own = {
        "image-mount-baked", "image-mount-volume", "lab", "lab-subpath", "lab-copied", "engine-docker", "engine-podman",
    }  # fmt: skip
    assert {*FEATURES, *own} == set(rows)
    assert [
        row
        for listed in rows.values()
        for row in listed
        if not row.source or (row.support != "native" and not row.needs)
    ] == []
