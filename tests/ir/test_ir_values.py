"""Features, projection, differences and plain data of deployments."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings

from lego_compile.ir.diff import differences
from lego_compile.ir.features import FEATURES, needs
from lego_compile.ir.model import OWN_HOME, Deployment, Limits
from lego_compile.ir.plain import NotADeployment, from_plain, to_plain
from lego_compile.ir.project import project
from tests.spec.damage import MISSING, RETYPED, places, put
from tests.strategies import TARGETS, deployments, example


def changed(value: Any) -> Any:
    """Another value of the same type."""
    if value is None:
        return 1
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    assert isinstance(value, tuple)
    return value[1:] if value else (("X", "y"),)


def variants(value: Any) -> list[tuple[str, Any]]:
    """Every copy of a value of ``ir.model`` in which one semantic field is another, with the field's name."""
    found: list[tuple[str, Any]] = []
    for each in fields(value):
        now = getattr(value, each.name)
        if not each.compare:
            continue
        if is_dataclass(now):
            found += [
                (f"{each.name}.{name}", replace(value, **{each.name: new})) for name, new in variants(now)
            ]
        elif isinstance(now, tuple) and now and is_dataclass(now[0]):
            found += [
                (f"{each.name}.{name}", replace(value, **{each.name: (new, *now[1:])}))
                for name, new in variants(now[0])
            ]
            found.append((each.name, replace(value, **{each.name: now[1:]})))
            found.append((f"{each.name} reversed", replace(value, **{each.name: now[::-1]})))
        else:
            found.append((each.name, replace(value, **{each.name: changed(now)})))
    return [(name, new) for name, new in found if new != value]


def test_equal_deployments_do_not_differ() -> None:
    """Nothing is said about two sides that are the same, nor about commentary."""
    again = replace(example(), title="Another title")

    assert [] == list(differences(example(), again))


@pytest.mark.parametrize(("name", "other"), variants(example()))
def test_every_semantic_difference_is_told(name: str, other: Deployment) -> None:
    """A change of any compared field is told, in words that name the profile and both values."""
    found = list(differences(example(), other))

    assert found != [], name
    for each in found:
        assert "\n" not in each.message
        assert "artifact" in each.message
    assert list(differences(other, example())) != []


def test_differences_are_said_in_words() -> None:
    """The words for people, as a reader of ``verify`` sees them."""
    ocean, field, deep = example().profiles
    climate = ocean.bricks[0]
    one = replace(climate, image=replace(climate.image, digest="sha256:0"), guarded=False)
    other = replace(
        example(),
        profiles=(
            replace(ocean, bricks=(one,), limits=Limits(2000, None), environment=(("A", "b"),)),
            deep,
            field,
        ),
        home_size=None,
    )

    assert [
        "profile 'ocean' → brick 'climate' → image → digest is 'sha256:0' in the artifact and should be "
        f"'sha256:{'b' * 64}'",
        "profile 'ocean' → brick 'climate' → start-up guard is false in the artifact and should be true",
        "profile 'ocean' → brick 'ocean' is missing from the artifact",
        "profile 'ocean' → environment 'CONDA_ENVS_DIRS' is absent in the artifact and should be "
        "'/opt/bricks:/srv/conda/envs'",
        "profile 'ocean' → environment 'PYTHONNOUSERSITE' is absent in the artifact and should be '1'",
        "profile 'ocean' → environment 'A' is 'b' in the artifact and should be absent",
        "profile 'ocean' → limits → CPU limit (thousandths of a core) is 2000 in the artifact and should be 4000",
        "profile 'ocean' → limits → memory limit (bytes) is absent in the artifact and should be 8589934592",
        "profile → order is ['ocean', 'deep', 'field'] in the artifact and should be ['ocean', 'field', 'deep']",
        "size of the home (bytes) is absent in the artifact and should be 21474836480",
    ] == [each.message for each in differences(example(), other)]


def test_differences_of_plain_data_name_every_key() -> None:
    """Options are compared as they stand, each by the keys that lead to it."""
    expected = {"host": "a", "slurm": {"partition": "p", "profiles": {"m": {"time": "1"}}}, "gates": ["x"]}
    found = {"host": "a", "slurm": {"partition": "q", "profiles": {"m": {"time": "2"}}}, "gates": []}

    assert [
        "'slurm' → 'partition' is 'q' in the artifact and should be 'p'",
        "'slurm' → 'profiles' → 'm' → 'time' is '2' in the artifact and should be '1'",
        "'gates' is [] in the artifact and should be ['x']",
    ] == [each.message for each in differences(expected, found)]


def test_every_feature_is_needed_by_something() -> None:
    """The rich example needs each feature, and ``needs`` yields no other."""
    assert set(FEATURES) == {need.feature for need in needs(example())}


@settings(max_examples=15)
@given(deployments())
def test_a_need_is_told_once(deployment: Deployment) -> None:
    """No feature is asked for twice for one thing."""
    found = [(need.feature, need.what) for need in needs(deployment)]

    assert len(found) == len(set(found))
    assert {feature for feature, _ in found} <= set(FEATURES)


@settings(max_examples=15)
@given(deployments())
def test_projection_chooses_what_a_platform_can_say(deployment: Deployment) -> None:
    """Each data mount has the platform's own source; the home is the platform's where it brings one."""
    for target in TARGETS:
        own = project(deployment, target, own_home=True, limits_home=False)
        assert own == project(own, target, own_home=True, limits_home=False)
        assert own.home_size is None
        for profile in own.profiles:
            assert (OWN_HOME, None, None) == (profile.system.home, profile.system.uid, profile.system.gid)
            assert [dict(mount.sources)[target] for mount in profile.data] == [m.source for m in profile.data]
        kept = project(deployment, target, own_home=False, limits_home=True)
        assert deployment.home_size == kept.home_size
        assert [each.system for each in deployment.profiles] == [each.system for each in kept.profiles]


@settings(max_examples=15)
@given(deployments())
def test_plain_data_keeps_the_meaning(deployment: Deployment) -> None:
    """Through JSON and back, a deployment is the same, and so are its data sources, titles and tags."""
    again = from_plain(json.loads(json.dumps(to_plain(deployment))))

    assert deployment == again
    assert to_plain(deployment) == to_plain(again)


def test_spoilt_plain_data_is_refused_or_read() -> None:
    """Whatever stands in ``composition.json``, reading it gives a deployment or says that it is none."""
    data = to_plain(example())
    for place in places(data):
        for value in (MISSING, *RETYPED):
            try:
                again = from_plain(put(data, place, value))
            except NotADeployment:
                continue
            assert isinstance(again, Deployment), place
    for whole in (None, [], "text", 7):
        with pytest.raises(NotADeployment):
            from_plain(whole)
