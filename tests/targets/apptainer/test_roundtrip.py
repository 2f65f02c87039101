"""What is written reads back, and nothing else does."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lego_compile.ir.model import Deployment
from lego_compile.schema import _tidy
from lego_compile.spec.view import filled
from lego_compile.targets.apptainer import TARGET, UNSAID, settle
from lego_compile.targets.apptainer.options import Options
from tests.strategies import example
from tests.targets.apptainer.samples import (
    compiled,
    everything,
    hub,
    oar,
    options,
    projected,
    projections,
    slurm,
    varieties,
)


@given(projections, varieties)
def test_every_deployment_reads_back(deployment: Deployment, chosen: dict[str, Any]) -> None:
    """For every deployment and all options, lifting the emitted files gives both back, without a complaint."""
    lifted = TARGET.lift(compiled(deployment, chosen))
    assert () == lifted.complaints
    assert deployment == lifted.deployment
    assert chosen == lifted.options


def test_the_samples_are_options_of_the_schema() -> None:
    """What these tests take for options has the keys of the schema, so no option is forgotten here."""
    schema = _tidy(Options.model_json_schema())
    said = {key: value for key, value in everything().items() if value is not None}
    blocks = {"slurm": {}, "oar": {}, "hub": {}, "ondemand": {"cluster": "dahu"}}
    full = filled({"root": "/opt/lego/grenoble", **blocks}, schema, schema)
    assert {"versions", "gates"} == full.keys() - everything().keys()
    for name, sample in (("slurm", slurm()), ("oar", oar()), ("hub", hub())):
        assert full[name].keys() == sample.keys()
    assert UNSAID == {name: full[name] for name in UNSAID}
    Options.model_validate_json(json.dumps(said))
    assert options() == settle(filled({"root": "/opt/lego/grenoble"}, schema, schema))


def test_commentary_reads_back_too() -> None:
    """Tags come back although they mean nothing, and profiles and bricks know where they were read."""
    lifted = TARGET.lift(compiled()).deployment
    assert lifted is not None
    expected = [
        brick.image.tag for profile in example().profiles for brick in (*profile.bricks, *profile.offers)
    ]
    assert expected == [
        brick.image.tag for profile in lifted.profiles for brick in (*profile.bricks, *profile.offers)
    ]
    assert ("composition.json", "profiles", 0, "offers", 1) == lifted.profiles[0].offers[1].origin


def test_every_option_has_a_place() -> None:
    """A difference in any option can be pointed at in the artifact."""
    lifted = TARGET.lift(compiled(chosen=everything()))
    below = {"slurm": slurm(), "hub": hub(), "ondemand": {"cluster": "", "url": ""}}
    expected = {(key,) for key in everything()} | {
        (block, key) for block, keys in below.items() for key in keys
    }
    assert expected - {("oar",)} == set(lifted.places)
    lifted = TARGET.lift(compiled(chosen=options(oar=oar(project="gaia", properties="gpu='YES'"))))
    assert {("oar", key) for key in oar()} <= set(lifted.places)


def test_same_bytes_twice() -> None:
    """The output depends on the input only."""
    assert compiled(projected(example())) == compiled(projected(example()))


def test_the_hub_is_configured_where_it_starts_sessions_only() -> None:
    """Without ``hub:``, a configuration of one would be read by nobody."""
    config = "jupyterhub/jupyterhub_config.py"
    without, with_hub = (compiled(chosen=options(slurm=slurm(), hub=each)) for each in (None, hub()))
    more = with_hub.keys() - without.keys()
    assert config in more
    assert {"jupyterhub", "bin"} == {path.partition("/")[0] for path in more}
    assert ["LC702"] == [each.code for each in TARGET.lift({**without, config: with_hub[config]}).complaints]
    del with_hub[config]
    assert ["LC703"] == [each.code for each in TARGET.lift(with_hub).complaints]


def test_the_scheduler_is_the_one_whose_block_is_there() -> None:
    """Who writes one of both does not have to write the other."""
    base = {**options(), "versions": {}, "gates": ()}
    assert options() == settle(base)
    for name, block in (("slurm", slurm()), ("oar", oar())):
        assert options(**{name: block}) == settle({**base, name: block})
        assert options(**{name: UNSAID[name]}) == settle({**base, "scheduler": name})


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
def test_wrong_types_anywhere_are_noticed(data: st.DataObject, value: Any) -> None:
    """Any other value in the place of any value is a complaint or a difference, and never an exception."""
    golden = compiled(chosen=everything())
    tree = json.loads(golden["composition.json"])
    node = tree
    while True:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        below = node[key]
        if not isinstance(below, dict | list) or not below or data.draw(st.booleans()):
            break
        node = below
    if json.dumps(value) == json.dumps(below):
        return
    node[key] = value
    lifted = TARGET.lift({**golden, "composition.json": json.dumps(tree).encode()})
    assert (
        lifted.complaints != () or lifted.deployment != projected(example()) or lifted.options != everything()
    )


def test_json_that_hides_something_is_refused() -> None:
    """A key that is there twice, text that is not UTF-8, a mark before it, and endless nesting are complaints."""
    golden = compiled()
    text = golden["composition.json"]
    for bad in (
        text.replace(b'"center"', b'"center": "x", "center"', 1),
        text.replace(b"Ocean", b"\xff", 1),
        b"\xef\xbb\xbf" + text,
        b"[" * 100_000,
        b'{"note":' * 30 + b"1" + b"}" * 30,
        b"1" * 10_000,
        b"[]",
        b"null",
    ):
        lifted = TARGET.lift({**golden, "composition.json": bad})
        assert {each.code for each in lifted.complaints} & {"LC702", "LC705"}, bad[:40]


def test_half_of_a_character_is_a_complaint() -> None:
    """Python reads it, and nobody can write it again."""
    files = compiled()
    for name in ("composition.json", "images.json"):
        damaged = files[name].replace(
            b"grenoble" if name == "composition.json" else b"/opt/conda", b"\\ud800", 1
        )
        assert damaged != files[name]
        assert "LC705" in [each.code for each in TARGET.lift({**files, name: damaged}).complaints]
