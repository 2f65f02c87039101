"""What was compiled reads back as what went in, whatever that was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given

from lego_compile.ir.diff import differences
from lego_compile.ir.model import Deployment
from lego_compile.targets.z2jh import TARGET
from tests.strategies import example
from tests.targets.z2jh.samples import compiled, full_options, options, projected, projections, varieties


def assert_round_trip(deployment: Deployment, chosen: dict[str, Any]) -> None:
    """Reading the files back gives the deployment and the options, without a complaint."""
    lifted = TARGET.lift(compiled(deployment, chosen))

    assert lifted.complaints == ()
    assert [each.message for each in differences(deployment, lifted.deployment)] == []
    assert deployment == lifted.deployment
    assert chosen == lifted.options


@given(projections, varieties)
def test_every_deployment_reads_back(deployment: Deployment, chosen: dict[str, Any]) -> None:
    """lift ∘ emit ∘ lower is the identity on deployments and options."""
    if chosen["home"][
        "claim"
    ]:  # homes in one claim have no size of their own; a centre that says one is refused
        deployment = replace(deployment, home_size=None)
    assert_round_trip(deployment, chosen)


@pytest.mark.parametrize("chosen", [options(), full_options(), full_options(mounts="csi")])
def test_the_example_reads_back(chosen: dict[str, Any]) -> None:
    """The rich example survives with few options, with all, and with the CSI driver."""
    assert_round_trip(projected(example()), chosen)


@pytest.mark.parametrize("prepull", ["chart", "daemonset"])
def test_one_brick_of_two_repositories_reads_back(prepull: str) -> None:
    """The same image under two names, each of which is fetched."""
    deployment = projected(example())
    first, *rest = deployment.profiles
    brick = first.bricks[0]
    elsewhere = replace(brick, image=replace(brick.image, repository="registry.example.org/elsewhere"))
    last = replace(rest[-1], slug="last", bricks=(elsewhere,), default=False)
    assert_round_trip(replace(deployment, profiles=(first, *rest, last)), options(prepull=prepull))


@pytest.mark.parametrize(
    "source", ["/data/era5", "pvc:era5", "nfs:nas.example.org:/export/era5", "/data/{odd}"]
)
def test_every_kind_of_data_reads_back(source: str) -> None:
    """Host paths, claims and exports come back, read-only and writable; braces are no templates."""
    deployment = projected(example())
    profiles = tuple(
        replace(profile, data=tuple(replace(data, source=source) for data in profile.data))
        for profile in deployment.profiles
    )
    assert_round_trip(replace(deployment, profiles=profiles), options())


@pytest.mark.parametrize(
    "word", ["a$(HOME)b", "$$", "$", "$$(HOME)", "{user}", "}}{{", "$(", "é ∞ $ {}", "--x=$$$"]
)
def test_odd_words_of_a_command_read_back(word: str) -> None:
    """Nothing in a command is expanded on its way to the container."""
    deployment = projected(example())
    profiles = tuple(
        replace(profile, command=(*profile.command, word)) if profile.slug == "field" else profile
        for profile in deployment.profiles
    )
    assert_round_trip(replace(deployment, profiles=profiles), options())


@pytest.mark.parametrize("title", ["<b>", "&amp;", "{{ user }}", "{% raw %}", "a</span>, b", "<br><small>x"])
def test_hostile_titles_read_back(title: str) -> None:
    """A title is text: the page shows it as it was written, wherever it stands."""
    deployment = projected(example())
    profiles = tuple(
        replace(
            profile,
            title=title,
            description=title,
            bricks=tuple(replace(brick, title=title) for brick in profile.bricks),
            offers=tuple(replace(brick, title=title) for brick in profile.offers),
        )
        for profile in deployment.profiles
    )
    assert_round_trip(replace(deployment, profiles=profiles), options())
    values = yaml.safe_load(compiled(replace(deployment, profiles=profiles))["values.yaml"])
    assert not set("<{") & set(values["singleuser"]["profileList"][0]["display_name"])


def test_data_and_variables_of_one_profile_read_back() -> None:
    """What only one profile has is written there, and what all have is written once."""
    deployment = projected(example())
    first, second, third = deployment.profiles
    other = replace(first.data[0], source="pvc:other")
    lone = replace(third, data=(), environment=(*third.environment, ("ZED", "1")))
    mixed = replace(deployment, profiles=(first, replace(second, data=(other,)), lone))

    assert_round_trip(mixed, options())
    assert_round_trip(replace(deployment, profiles=(first,)), options())


def test_another_system_per_profile_reads_back() -> None:
    """User, group, home and image may differ between profiles."""
    deployment = projected(example())
    first, second, third = deployment.profiles
    system = replace(second.system, uid=2000, gid=None, home="/home/{odd}")
    assert_round_trip(replace(deployment, profiles=(first, replace(second, system=system), third)), options())


def test_files_begin_with_what_they_are() -> None:
    """The first line of each file says where to make changes."""
    for data in compiled().values():
        first = data.decode().splitlines()[0]
        assert first == "# Compiled by lego-compile from the centre specification: edit that, not this file."


def test_the_same_input_gives_the_same_bytes() -> None:
    """Two compiles of one deployment agree byte for byte."""
    assert compiled(chosen=full_options()) == compiled(chosen=full_options())
