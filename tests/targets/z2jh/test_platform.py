"""What is read back from edited values is what the platform would make of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from lego_compile.emit import yaml as emit_yaml
from lego_compile.ir.model import Composition
from lego_compile.targets import Lifted
from lego_compile.targets.z2jh import TARGET
from lego_compile.targets.z2jh.lift_text import (
    byte_count,
    expanded,
    formatted,
    page_text,
    quantity,
    reference,
)
from tests.strategies import example
from tests.targets.z2jh.samples import compiled, options, projected

DEPLOYMENT = projected(example())
GOLDEN = compiled(DEPLOYMENT)
HOME = "volume-{user_server}"


def edited(change: Callable[[Any], object]) -> Lifted:
    """What is read back after somebody edited the values."""
    tree = yaml.safe_load(GOLDEN["values.yaml"])
    change(tree)
    return TARGET.lift({**GOLDEN, "values.yaml": emit_yaml.dump(tree).encode()})


def first(lifted: Lifted) -> Composition:
    """The first profile that was read back."""
    assert lifted.deployment is not None
    return lifted.deployment.profiles[0]


def override(tree: Any) -> Any:
    """What the first profile changes of the chart's own keys."""
    return tree["singleuser"]["profileList"][0]["kubespawner_override"]


def test_a_list_loses_the_home() -> None:
    """Lists replace: the user's home and the data of all profiles are gone, and that is said."""

    def change(tree: Any) -> None:
        for trait in ("volumes", "volume_mounts"):
            override(tree)[trait] = list(override(tree)[trait].values())

    lifted = edited(change)
    assert first(lifted).system.home == ""
    assert first(lifted).data == ()
    assert {brick.name for brick in first(lifted).bricks} == {"climate", "ocean"}
    assert any("home is not mounted" in each.message for each in lifted.complaints)
    assert {each.place[:4] for each in lifted.complaints if "home" in each.message} == {
        ("values.yaml", "singleuser", "profileList", 0)
    }


def test_null_takes_away_what_was_inherited() -> None:
    """A null in a profile deletes the chart's entry, and only that."""

    def change(tree: Any) -> None:
        for trait in ("volumes", "volume_mounts"):
            override(tree)[trait]["data-era5"] = None

    lifted = edited(change)
    assert lifted.complaints == ()
    assert [data.name for data in first(lifted).data] == ["scratch"]
    assert lifted.deployment is not None
    assert [data.name for data in lifted.deployment.profiles[1].data] == ["era5", "scratch"]


def test_maps_merge_below_the_top() -> None:
    """One key of an inherited mount can be changed without the others."""
    lifted = edited(lambda tree: override(tree)["volume_mounts"].update({HOME: {"mountPath": "/home/other"}}))
    assert lifted.complaints == ()
    assert first(lifted).system.home == "/home/other"


def test_a_volume_of_the_chart_counts_for_every_profile() -> None:
    """What stands in the chart's own keys is in every session."""

    def change(tree: Any) -> None:
        storage = tree["singleuser"]["storage"]
        storage["extraVolumes"]["data-x"] = {"name": "data-x", "persistentVolumeClaim": {"claimName": "x"}}
        storage["extraVolumeMounts"]["data-x"] = {"name": "data-x", "mountPath": "/x"}

    lifted = edited(change)
    assert lifted.complaints == ()
    assert lifted.deployment is not None
    assert [[data.source for data in each.data][-1] for each in lifted.deployment.profiles] == ["pvc:x"] * 3


def test_memory_that_jupyterhub_refuses() -> None:
    """``8Gi`` passes the chart's schema and ends every spawn; here it is no limit, and that is said."""
    lifted = edited(lambda tree: override(tree).update(mem_limit="8Gi"))
    assert first(lifted).limits.memory is None
    assert [each.place[-1] for each in lifted.complaints] == ["mem_limit"]


def test_a_key_that_is_missing_is_the_default_of_the_chart() -> None:
    """Without a key the chart's default counts, and with null none does."""

    def user(lifted: Lifted) -> int | None:
        assert lifted.complaints == ()
        return first(lifted).system.uid

    assert user(edited(lambda tree: tree["singleuser"].pop("uid"))) == 1000
    assert user(edited(lambda tree: tree["singleuser"].update(uid=None))) is None


def test_the_place_of_a_digest_does_not_matter() -> None:
    """The chart joins name and tag with a colon, wherever that cuts the reference."""
    image = DEPLOYMENT.profiles[0].system.image
    name, _, tag = image.pinned.rpartition(":")
    lifted = edited(lambda tree: tree["singleuser"]["image"].update(name=name, tag=tag))
    assert (lifted.complaints, lifted.deployment) == ((), DEPLOYMENT)


def test_without_a_default_the_first_profile_is_it() -> None:
    """KubeSpawner preselects the first profile when none says that it is the default."""
    lifted = edited(lambda tree: tree["singleuser"]["profileList"].reverse())
    assert [profile.default for profile in (lifted.deployment or DEPLOYMENT).profiles] == [False, False, True]

    def change(tree: Any) -> None:
        tree["singleuser"]["profileList"][0].pop("default")
        tree["singleuser"]["profileList"].reverse()

    assert [profile.default for profile in (edited(change).deployment or DEPLOYMENT).profiles] == [
        True,
        False,
        False,
    ]


def test_without_the_snippet_profiles_are_for_everybody() -> None:
    """KubeSpawner alone does not know groups."""
    lifted = edited(lambda tree: tree["hub"].pop("extraConfig"))
    assert [profile.groups for profile in (lifted.deployment or DEPLOYMENT).profiles] == [()] * 3
    assert [each.code for each in lifted.complaints] == ["LC704"]


def test_a_size_in_powers_of_thousand() -> None:
    """Kubernetes reads ``20G`` and ``20Gi`` differently."""
    lifted = edited(lambda tree: tree["singleuser"]["storage"].update(capacity="20G"))
    assert (lifted.deployment or DEPLOYMENT).home_size == 20 * 10**9


def test_places_are_where_it_was_written() -> None:
    """Bricks of a profile, of a choice, and data of the chart's keys: each origin is a path of the file."""
    lifted = TARGET.lift(GOLDEN)
    tree = yaml.safe_load(GOLDEN["values.yaml"])
    profile = first(lifted)
    origins = [
        profile.origin,
        profile.system.origin,
        *(each.origin for each in (*profile.bricks, *profile.offers, *profile.data)),
    ]
    for origin in origins:
        node = tree
        for step in origin[1:]:
            node = node[step]
    assert profile.bricks[0].origin == (
        *("values.yaml", "singleuser", "profileList", 0),
        *("kubespawner_override", "volumes", "brick-climate"),
    )
    assert profile.data[0].origin == ("values.yaml", "singleuser", "storage", "extraVolumes", "data-era5")
    assert "include" in profile.offers[0].origin


def test_options_have_places() -> None:
    """Every option that was set can be pointed at."""
    places = TARGET.lift(GOLDEN).places
    assert places[("host",)] == ("values.yaml", "ingress", "hosts")
    assert places[("session", "start_timeout")] == ("values.yaml", "singleuser", "startTimeout")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", "a"),
        ("{{a}}", "{a}"),
        ("{a}", None),
        ("{", None),
        ("a}", None),
        ("{{{a}}}", None),
        ("{{}}", "{}"),
    ],
)
def test_formatted(text: str, value: str | None) -> None:
    """Texts without fields come out as ``str.format`` makes them."""
    assert formatted(text) == value
    if value is not None:
        assert text.format() == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("$", "$"), ("$$", "$"), ("$a", "$a"), ("$(A)", None), ("$$(A)", "$(A)"), ("$(A", "$(A"), ("$$$(A)", None),
     ("a$$b$$", "a$b$"), ("^/opt$", "^/opt$")],
)  # fmt: skip
def test_expanded(text: str, value: str | None) -> None:
    """Dollars are as in the table of kubernetes/kubernetes:third_party/forked/golang/expansion/expand_test.go."""
    assert expanded(text) == value


@pytest.mark.parametrize(
    ("value", "size"),
    [("8G", 8 * 1024**3), ("1.5K", 1536), (7, 7), ("8Gi", None), ("8", None), ("G", None), (True, None), (None, None)],
)  # fmt: skip
def test_byte_count_is_that_of_jupyterhub(value: Any, size: int | None) -> None:
    """The sizes of JupyterHub's own trait."""
    assert byte_count(value) == size


@pytest.mark.parametrize(
    ("value", "size"),
    [("20Gi", 20 * 1024**3), ("1M", 10**6), ("5", 5), ("1.5Gi", None), (5, None), ("x", None)],
)
def test_quantity(value: Any, size: int | None) -> None:
    """Sizes of Kubernetes: powers of 1024 with an i, of 1000 without."""
    assert quantity(value) == size


def test_reference() -> None:
    """A reference needs a registry and a digest; the tag before a digest is commentary."""
    digest = f"sha256:{'a' * 64}"
    image = reference(f"harbor.example.org:5000/a/b:1@{digest}")
    assert image is not None
    assert (image.repository, image.tag, image.digest) == ("harbor.example.org:5000/a/b", "1", digest)
    assert reference("harbor.example.org/a:1") is None
    assert reference(f"a b/c@{digest}") is None


def test_page_text() -> None:
    """Entities are characters on the page; elements are not text."""
    assert page_text("a &lt;b&gt; &#123;&amp;amp;") == "a <b> {&amp;"
    assert page_text("<b>a</b>") is None


def test_a_copy_is_lifted_alike() -> None:
    """Reading changes nothing of what it reads."""
    before = copy.deepcopy(GOLDEN)
    assert TARGET.lift(GOLDEN) == TARGET.lift(before)
    assert TARGET.lift(GOLDEN).options == options()
