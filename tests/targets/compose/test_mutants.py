"""Every damage to the golden files is noticed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lego_compile.emit import yaml
from lego_compile.targets.compose import TARGET
from lego_compile.targets.compose.digest import CONFIG_LABEL, config_digest
from tests.strategies import example
from tests.targets.compose.samples import compiled, oauth_options, projected

CHOSEN = oauth_options(groups_claim="groups")
DEPLOYMENT = projected(example())
GOLDEN = compiled(DEPLOYMENT, CHOSEN)
TREES = {
    "composition.json": json.loads(GOLDEN["composition.json"]),
    "compose.yaml": {**TARGET.lower(DEPLOYMENT, CHOSEN)["compose.yaml"]},
}
WRITERS: dict[str, Callable[[Any], str]] = {"composition.json": json.dumps, "compose.yaml": yaml.dump}


def noticed(files: dict[str, bytes]) -> bool:
    """Whether reading the files back gives something else than went in."""
    lifted = TARGET.lift(files)
    return bool(lifted.complaints) or lifted.deployment != DEPLOYMENT or lifted.options != CHOSEN


def with_tree(file: str, tree: Any) -> dict[str, bytes]:
    """The golden files with another tree in one of them, and labels that agree with it, as a forger would."""
    files = {**GOLDEN, file: WRITERS[file](tree).encode()}
    compose = copy.deepcopy(tree if file == "compose.yaml" else TREES["compose.yaml"])
    for service, names in (("edge", ["Caddyfile"]), ("hub", ["composition.json", "jupyterhub_config.py"])):
        node: Any = compose
        for key in ("services", service, "labels"):
            node = node.get(key) if isinstance(node, dict) else None
        if node == {}:
            node[CONFIG_LABEL] = config_digest({name: files[name] for name in names})
    return {**files, "compose.yaml": yaml.dump(compose).encode()}


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place below the top of a tree."""
    for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield (*at, key)
        yield from places(node[key], (*at, key))


def damaged(tree: Any, at: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    """A copy of a tree, changed at a place."""
    tree = copy.deepcopy(tree)
    node = tree
    for key in at[:-1]:
        node = node[key]
    change(node, at[-1])
    return tree


def _other(node: Any, key: Any) -> None:
    value = node[key]
    if isinstance(value, bool):
        node[key] = not value
    elif isinstance(value, int):
        node[key] = value + 1
    elif isinstance(value, str):
        node[key] = value + "x"
    elif value is None:
        node[key] = "x"
    elif isinstance(value, list):
        node[key] = [*value, "x"]
    else:
        node[key] = {**value, "x": "x"}


def _drop(node: Any, key: Any) -> None:
    del node[key]


def _null(node: Any, key: Any) -> None:
    node[key] = [] if node[key] is None else None


@pytest.mark.parametrize("change", [_other, _drop, _null], ids=["other", "drop", "null"])
@pytest.mark.parametrize("file", TREES)
def test_every_node_matters(file: str, change: Callable[[Any, Any], None]) -> None:
    """To change, drop or empty any node of either file is noticed, even when the labels agree with it."""
    tree = TREES[file]
    survivors = [
        at
        for at in places(tree)
        if at[-1] != "labels" and not noticed(with_tree(file, damaged(tree, at, change)))
    ]
    assert survivors == []


def test_the_undamaged_is_silent() -> None:
    """Without damage nothing is noticed, so the tests of this file can fail."""
    assert not noticed(GOLDEN)
    assert not noticed(with_tree("composition.json", TREES["composition.json"]))


def _in_composition(change: Callable[[Any], None]) -> dict[str, bytes]:
    tree = copy.deepcopy(TREES["composition.json"])
    change(tree["profiles"][0])
    return with_tree("composition.json", tree)


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


DAMAGES: dict[str, dict[str, bytes]] = {
    "a mount dropped": _in_composition(lambda profile: profile["bricks"].pop()),
    "paths swapped": _in_composition(_swap),
    "another release first": _in_composition(_other_first),
    "keys of releases swapped": _in_composition(_swap_keys),
    "releases without keys": _in_composition(_no_choice),
    "no retired keys": _in_composition(lambda profile: profile.pop("retired")),
    "a key retired for another brick": _in_composition(
        lambda profile: profile["retired"].update(notebook=profile["retired"].pop("ml"))
    ),
    "a fixed brick offered": _in_composition(_offer_fixed),
    "a writable directory": _in_composition(lambda profile: profile["data"][0].update(writable=True)),
    "another directory of the host": _in_composition(
        lambda profile: profile["data"].append({"name": "x", "path": "/x", "source": "/", "writable": True})
    ),
    "an injected variable": _in_composition(lambda profile: profile["environment"].update(PYTHONPATH="/x")),
    "a lost argument": _in_composition(lambda profile: profile["command"].pop()),
    "a container of root": _in_composition(lambda profile: profile.update(uid=0)),
    "two files of one key": {
        **GOLDEN, "composition.json": GOLDEN["composition.json"].replace(b"{", b'{"host": "evil.example.org",', 1)
    },
    "a changed file that its label does not know": {
        **GOLDEN, "composition.json": GOLDEN["composition.json"].replace(b"  ", b" ")
    },
    "a volume of the hub": {
        **GOLDEN, "compose.yaml": GOLDEN["compose.yaml"].replace(
            b"        source: hub-data\n", b"        source: hub-data\n        read_only: true\n")
    },
    "an open port": {
        **GOLDEN, "compose.yaml": GOLDEN["compose.yaml"].replace(b'"443"', b'"8443"', 1)
    },
    "an expanded variable": {
        **GOLDEN, "compose.yaml": GOLDEN["compose.yaml"].replace(b"vre.grenoble.example.org", b"${HOST}", 1)
    },
    "the guard weakened": {
        **GOLDEN, "jupyterhub_config.py": GOLDEN["jupyterhub_config.py"].replace(b"exit 78", b":")
    },
    "containers kept": {
        **GOLDEN, "jupyterhub_config.py": GOLDEN["jupyterhub_config.py"].replace(b"remove = True", b"remove = False")
    },
    "another Caddyfile": {**GOLDEN, "Caddyfile": GOLDEN["Caddyfile"] + b"\n"},
    "a file more": {**GOLDEN, "compose.override.yaml": b"services: {}\n"},
    **{f"no {name}": {path: data for path, data in GOLDEN.items() if path != name} for name in GOLDEN},
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_known_damages(name: str) -> None:
    """What people, merges and attackers do to such files is noticed."""
    assert DAMAGES[name] != GOLDEN
    assert noticed(DAMAGES[name])


def test_a_weakened_guard_is_no_guard() -> None:
    """When the fixed file is changed, no brick counts as guarded any more."""
    lifted = TARGET.lift(DAMAGES["the guard weakened"])
    assert lifted.deployment is not None
    assert {False} == {brick.guarded for profile in lifted.deployment.profiles for brick in profile.bricks}
