"""What is written reads back, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lego_compile.ir.model import Deployment
from lego_compile.targets.compose import TARGET
from tests.strategies import example
from tests.targets.compose.samples import MOUNTS, cases, compiled, mounted, oauth_options, options, projected


@given(cases)
def test_every_deployment_reads_back(case: tuple[Deployment, dict[str, Any]]) -> None:
    """For every deployment and all options, lifting the emitted files gives both back, without a complaint."""
    deployment, chosen = case
    lifted = TARGET.lift(compiled(deployment, chosen))
    assert lifted.complaints == ()
    assert deployment == lifted.deployment
    assert chosen == lifted.options


@pytest.mark.parametrize("mounts", MOUNTS)
def test_commentary_reads_back_too(mounts: str) -> None:
    """Tags come back although they mean nothing, and profiles and bricks know where they were read."""
    deployment, chosen = mounted(projected(example()), options(), mounts)
    lifted = TARGET.lift(compiled(deployment, chosen)).deployment
    assert lifted is not None
    expected, found = (
        [brick.image.tag for profile in each.profiles for brick in (*profile.bricks, *profile.offers)]
        for each in (deployment, lifted)
    )
    assert expected == found
    assert lifted.profiles[0].bricks[1].origin == ("composition.json", "profiles", 0, "bricks", 1)


@pytest.mark.parametrize("mounts", MOUNTS)
def test_two_bricks_of_one_image_read_back(mounts: str) -> None:
    """The same directory of the same image under two names, at two prefixes."""
    deployment, chosen = mounted(projected(example()), options(), mounts)
    first, *rest = deployment.profiles
    brick = first.bricks[0]
    twin = replace(brick, name=f"a-{brick.name}", prefix=f"{brick.prefix}-twin")
    both = replace(deployment, profiles=(replace(first, bricks=(twin, *first.bricks)), *rest))
    lifted = TARGET.lift(compiled(both, chosen))
    assert (lifted.complaints, lifted.deployment) == ((), both)


def test_every_option_has_a_place() -> None:
    """A difference in any option can be pointed at in an artifact."""
    for chosen in (options(), oauth_options(groups_claim="groups")):
        lifted = TARGET.lift(compiled(chosen=chosen))
        leaves = {
            (block, key) if isinstance(value, dict) else (block,)
            for block, value in chosen.items()
            for key in (value if isinstance(value, dict) else [""])
        }
        assert set() == leaves - lifted.places.keys()


def test_same_bytes_twice() -> None:
    """The output depends on the input only."""
    assert compiled(projected(example())) == compiled(projected(example()))


@given(st.dictionaries(st.sampled_from([*compiled(), "other.txt"]), st.binary(max_size=200)))
def test_any_bytes_are_complaints(files: dict[str, bytes]) -> None:
    """Lifting never raises, whatever lies on the disk, and complains about it."""
    assert TARGET.lift(files).complaints != ()


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data(), _values)
def test_wrong_types_anywhere_are_complaints(data: st.DataObject, value: Any) -> None:
    """Any other value in the place of any value is a complaint or a difference, and never an exception."""
    import json

    golden = compiled()
    tree = json.loads(golden["composition.json"])
    node = tree
    while True:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        below = node[key]
        if not isinstance(below, dict | list) or not below or data.draw(st.booleans()):
            break
        node = below
    if (value == below and type(value) is type(below)) or (value != value and below != below):
        return
    node[key] = value
    lifted = TARGET.lift({**golden, "composition.json": json.dumps(tree).encode()})
    assert lifted.complaints != () or lifted.deployment != projected(example())
