"""Translation validation: lift what was emitted, and compare it with what went in.

Used twice with the same code: before anything is written, and on the files of an output folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lego_compile.diagnostic.model import Label, Report
from lego_compile.ir.diff import Difference, differences
from lego_compile.ir.model import Deployment, Path
from lego_compile.ir.project import project
from lego_compile.mirrors import Mirrors
from lego_compile.targets import TARGETS, Options, Target, load

if TYPE_CHECKING:
    from lego_compile.source.document import Tree

COMPOSITION = "composition.json"
"""What went in, at the top of a centre's output folder: the side that every target is compared with."""


def composition_tree(
    deployment: Deployment, options: Mapping[str, Options], mirrors: Mapping[str, str]
) -> dict[str, Any]:
    """The contents of ``composition.json``; every reference in it is already behind the mirrors."""
    from lego_compile.ir.plain import to_plain

    plain = {name: dict(each) for name, each in options.items()}
    return {**to_plain(deployment), "options": plain, "mirrors": dict(mirrors)}


def verify_target(
    target: Target,
    deployment: Deployment,
    options: Options,
    files: Mapping[str, bytes],
    root: str,
    trees: dict[str, Tree],
    report: Report,
    mirrors: Mapping[str, str] | None = None,
) -> None:
    """Report every way in which a target's files do not say what the deployment says (LC701-LC705).

    Args:
        target: the platform.
        deployment: what went in; not projected.
        options: the target's options that went in.
        files: path below the target's folder → bytes.
        root: the target's folder, for names of files in messages.
        trees: receives the artifacts that a finding points into.
        report: receives the findings.
        mirrors: the centre's rules, for an image that is called by the name it has without them.
    """
    expected = project(deployment, target.name, own_home=target.own_home, limits_home=target.limits_home)
    lifted = target.lift(files)
    place = _Places(root, files, trees)
    for complaint in lifted.complaints:
        report.add(complaint.code, complaint.message, place(complaint.place))
    if lifted.deployment is None:
        if not lifted.complaints:
            report.add("LC705", f"nothing could be read back from {root}", ("file", root))
        return
    rules = Mirrors(mirrors or {})
    found: list[tuple[str, Path, Path]] = [
        (each.message + _unmirrored(each, rules), each.found_at, each.expected_at)
        for each in differences(expected, lifted.deployment)
    ]
    for each in differences(dict(options), dict(lifted.options)):
        message = f"option {each.message}{_unmirrored(each, rules)}"
        found.append((message, _option_place(lifted.places, each.where), ()))
    if not found and (expected != lifted.deployment or dict(options) != dict(lifted.options)):
        found.append((f"{target.title} reads back differently, in a way that has no words yet", (), ()))
    for message, found_at, expected_at in found:
        related = (Label(expected_at, "asked for here"),) if expected_at[:1] == ("center",) else ()
        report.add("LC701", message, place(found_at) if found_at else ("file", root), related=related)


def _unmirrored(difference: Difference, mirrors: Mirrors) -> str:
    """Words for an image that has the name it is published under, where the name of its mirror should be."""
    found, expected = difference.found, difference.expected
    if not isinstance(found, str) or not isinstance(expected, str):
        return ""
    if mirrors.reference(found, ()) != expected:
        return ""
    return ": the image is the same, and is pulled past the centre's mirror"


def verify_folder(
    root: str,
    files: Mapping[str, bytes],
    foreign: Mapping[str, bytes],
    trees: dict[str, Tree],
    report: Report,
) -> tuple[str, ...]:
    """Prove from the files alone that every target of an output folder says what ``composition.json`` says.

    Args:
        root: the output folder of a centre, for names of files in messages.
        files: path below it → bytes, of every file that lego-compile owns there.
        foreign: the same of files that others put beside them.
        trees: receives the artifacts that a finding points into.
        report: receives the findings.

    Returns:
        Names of the targets that were read back.
    """
    import json

    from lego_compile.ir.plain import NotADeployment, from_plain

    name = f"{root}/{COMPOSITION}"
    if COMPOSITION not in files:
        report.add("LC703", f"{name!r} is missing", ("file", root), help="compile the centre again")
        return ()
    try:
        data = json.loads(files[COMPOSITION])
        deployment = from_plain(data)
        options, mirrors = data["options"], data["mirrors"]
        known = [target for target in TARGETS if target in options]
        if not isinstance(options, dict) or any(not isinstance(options[target], dict) for target in known):
            raise NotADeployment("`options` is no mapping of mappings")
        if not isinstance(mirrors, dict) or not all(isinstance(each, str) for each in mirrors.values()):
            raise NotADeployment("`mirrors` is no mapping of registries")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        report.add("LC705", f"{name!r} is not a composition that lego-compile wrote: {error}", ("file", name))
        return ()
    for target in known:
        below = {
            path.removeprefix(f"{target}/"): bytes_
            for path, bytes_ in files.items()
            if path.startswith(f"{target}/")
        }
        name = f"{root}/{target}"
        verify_target(load(target), deployment, options[target], below, name, trees, report, mirrors)
    for path, data_ in foreign.items():
        name, _, below_name = path.partition("/")
        reason = load(name).obeys(below_name, data_) if name in known else None
        if reason:
            report.add("LC702", f"{path!r} is not ours, and {reason}", ("file", f"{root}/{path}"))
    for path in files:
        if "/" in path and path.split("/")[0] not in known:
            report.add("LC702", f"no target of this centre has {path!r}", ("file", f"{root}/{path}"))
    return tuple(known)


def _option_place(places: Mapping[Path, Path], where: str) -> Path:
    """The place of an option's words; of the nearest option above it that has one."""
    steps = tuple(step.strip("'") for step in where.split(" → "))
    while steps:
        for path, place in places.items():
            if tuple(str(step) for step in path) == steps:
                return place
        steps = steps[:-1]
    return ()


class _Places:
    """Places in artifacts as places in documents; an artifact is parsed when the first finding points into it."""

    def __init__(self, root: str, files: Mapping[str, bytes], trees: dict[str, Tree]) -> None:
        self.root, self.files, self.trees = root, files, trees

    def __call__(self, place: Path) -> Path:
        if not place:
            return ("file", self.root)
        name = f"{self.root}/{place[0]}"
        if name not in self.trees:
            tree = _parsed(name, self.files.get(str(place[0])))
            if tree is None:
                return ("file", name)
            self.trees[name] = tree
        return (name, *place[1:])


def _parsed(name: str, data: bytes | None) -> Tree | None:
    from lego_compile.source.document import parse

    if data is None or not name.endswith((".yaml", ".yml", ".json")):
        return None
    return parse(name, data.decode("utf-8", "replace"))[0]
