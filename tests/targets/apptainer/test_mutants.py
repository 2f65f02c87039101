"""Every damage to the golden files is noticed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from lego_compile.diagnostic.model import Report
from lego_compile.targets.apptainer import TARGET
from lego_compile.verify import verify_target
from tests.strategies import example
from tests.targets.apptainer.samples import compiled, everything, projected
from tests.targets.damages import CHANGES, places
from tests.thorough import first_fast

DEPLOYMENT = projected(example())
GOLDEN = compiled(DEPLOYMENT, everything())
TREE = json.loads(GOLDEN["composition.json"])
DATA = ("composition.json", "images.json")


def noticed(files: dict[str, bytes]) -> bool:
    """Whether reading the files back gives something else than went in."""
    report = Report()
    verify_target(TARGET, DEPLOYMENT, everything(), files, "out/grenoble/apptainer", {}, report)
    return bool(report.diagnostics)


def with_tree(tree: Any) -> dict[str, bytes]:
    """The golden files with another composition."""
    return {**GOLDEN, "composition.json": json.dumps(tree).encode()}


@pytest.mark.parametrize("file", DATA)
@pytest.mark.parametrize("change", first_fast(CHANGES.values()), ids=CHANGES)
def test_every_node_matters(change: Callable[[Any, Any], None], file: str) -> None:
    """To change, drop or empty any node of the data is noticed."""
    survivors = []
    golden = json.loads(GOLDEN[file])
    for at in places(golden):
        tree = copy.deepcopy(golden)
        node = tree
        for key in at[:-1]:
            node = node[key]
        change(node, at[-1])
        if not noticed({**GOLDEN, file: json.dumps(tree).encode()}):
            survivors.append(at)
    assert [] == survivors


def test_the_undamaged_is_silent() -> None:
    """Without damage nothing is noticed, so the tests of this file can fail."""
    assert not noticed(GOLDEN)
    assert not noticed(with_tree(TREE))


def _with(change: Callable[[Any], None]) -> dict[str, bytes]:
    tree = copy.deepcopy(TREE)
    change(tree["profiles"][0])
    return with_tree(tree)


def _swap(profile: Any) -> None:
    first, second = profile["bricks"]
    first["prefix"], second["prefix"] = second["prefix"], first["prefix"]


def _offer_fixed(profile: Any) -> None:
    profile["offers"].append(profile["bricks"].pop())


def _other_first(profile: Any) -> None:
    profile["offers"][:2] = reversed(profile["offers"][:2])


def _swap_keys(profile: Any) -> None:
    first, second = profile["offers"][:2]
    first["choice"], second["choice"] = second["choice"], first["choice"]


def _no_choice(profile: Any) -> None:
    for release in profile["offers"]:
        release.pop("choice", None)
        release.pop("release", None)


def _weaker(path: str, old: bytes, new: bytes) -> dict[str, bytes]:
    assert old in GOLDEN[path]
    return {**GOLDEN, path: GOLDEN[path].replace(old, new, 1)}


DAMAGES = {
    "a mount dropped": _with(lambda profile: profile["bricks"].pop()),
    "paths swapped": _with(_swap),
    "another release first": _with(_other_first),
    "keys of releases swapped": _with(_swap_keys),
    "releases without keys": _with(_no_choice),
    "no retired keys": _with(lambda profile: profile.pop("retired")),
    "a key retired for another brick": _with(
        lambda profile: profile["retired"].update(notebook=profile["retired"].pop("ml"))
    ),
    "a fixed brick offered": _with(_offer_fixed),
    "another digest": _with(lambda profile: profile["bricks"][0].update(image=profile["bricks"][1]["image"])),
    "no digest": _with(
        lambda profile: profile["system"].update(image="registry.example.org/lego/lab:2026.10")
    ),
    "a writable directory": _with(lambda profile: profile["data"][0].update(writable=True)),
    "another directory": _with(
        lambda profile: profile["data"].append({"name": "x", "path": "/x", "source": "/", "writable": True})
    ),
    "an injected variable": _with(lambda profile: profile["environment"].update(PYTHONPATH="/x")),
    "a changed path": _with(lambda profile: profile["environment"].update(PREPEND_PATH="/x")),
    "a lost argument": _with(lambda profile: profile["command"].pop()),
    "no guard": _weaker("bin/lego-launch", b"exit 78", b"true"),
    "a caller's variables": _weaker("bin/lego-launch", b'"--cleanenv", ', b""),
    "evaluated variables": _weaker("bin/lego-launch", b'"--no-eval", ', b""),
    "writable bricks": _weaker("bin/lego-launch", b'inside + ["ro"]', b"inside"),
    "lost home": _weaker("bin/lego-launch", b'"--pwd", "/"]', b'"--pwd", "/", "--no-home"]'),
    "unchecked options": _weaker("jupyterhub/jobs.py", b"**_variables", b"**variables"),
    "any attribute of the spawner": _weaker("jupyterhub/report.py", b"(REPORT, PortHandler),", b""),
    "another note": _weaker("OPERATE.md", b"/opt/lego", b"/opt/evil"),
    "no note": {path: data for path, data in GOLDEN.items() if path != "OPERATE.md"},
    "no images": {path: data for path, data in GOLDEN.items() if path != "images.json"},
    "databases on the network": _weaker("jupyter/ipython_config.json", b"/run/lego", b"/home"),
    "a foreign file": {**GOLDEN, "bin/lego-launch.orig": b""},
    "no launcher": {path: data for path, data in GOLDEN.items() if path != "bin/lego-launch"},
    "no composition": {path: data for path, data in GOLDEN.items() if path != "composition.json"},
    "a profile twice": with_tree({**TREE, "profiles": [*TREE["profiles"], TREE["profiles"][0]]}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_noticed(damage: str) -> None:
    """What a wrong edit or a bad merge does to the files is never taken for what was compiled."""
    assert noticed(DAMAGES[damage])


def test_another_launcher_guards_nothing() -> None:
    """The guard is in the launcher; with any other one no brick counts as guarded."""
    lifted = TARGET.lift(DAMAGES["no guard"]).deployment
    assert lifted is not None
    assert {False} == {brick.guarded for profile in lifted.profiles for brick in profile.bricks}
