"""Translation validation: lift what was emitted, and compare it with what went in.

Used three times with the same code: before anything is written, on the files of an output folder, and on those files
with hand-written ones laid over them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lego_compile.diagnostic.model import Label, Report
from lego_compile.ir.diff import Difference, differences
from lego_compile.ir.model import Deployment, Path
from lego_compile.ir.project import project
from lego_compile.mirrors import Mirrors
from lego_compile.targets import TARGETS, Options, Target, load
from lego_compile.targets.reading import Complaint

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
    place = _Places(root, files, trees)
    for complaint, expected_at, _ in _disagreements(target, deployment, options, files, mirrors or {}):
        related = (Label(expected_at, "asked for here"),) if expected_at[:1] == ("center",) else ()
        at = place(complaint.place) if complaint.place else ("file", root)
        report.add(complaint.code, complaint.message, at, related=related)


def _disagreements(
    target: Target,
    deployment: Deployment,
    options: Options,
    files: Mapping[str, bytes],
    mirrors: Mapping[str, str],
) -> Iterator[tuple[Complaint, Path, bool]]:
    """What files do not say, the place in the specification that asked for it, and whether nothing is taken away.

    An option that differs, and what is there without having been asked for, take nothing away.
    """
    expected = project(deployment, target.name, own_home=target.own_home, limits_home=target.limits_home)
    lifted = target.lift(files)
    if lifted.deployment is not None:
        rules = Mirrors(mirrors)
        asked, found = dict(options), dict(lifted.options)
        silent = expected != lifted.deployment or asked != found
        for each in differences(expected, lifted.deployment):
            silent = False
            message = each.message + _unmirrored(each, rules)
            yield Complaint("LC701", message, each.found_at), each.expected_at, each.expected is None
        for each in differences(asked, found):
            silent = False
            message = f"option {each.message}{_unmirrored(each, rules)}"
            yield Complaint("LC701", message, _option_place(lifted.places, each.where)), (), True
        for complaint in _misstated(expected, lifted.deployment) if lifted.stated else ():
            yield complaint, (), False
        if silent:
            words = f"{target.title} reads back differently, in a way that has no words yet"
            yield Complaint("LC701", words, ()), (), False
    elif not lifted.complaints:
        yield Complaint("LC705", f"nothing could be read back from {target.name}", ()), (), False
    for complaint in lifted.complaints:
        yield complaint, (), False


def _misstated(expected: Deployment, found: Deployment) -> Iterator[Complaint]:
    """What a target says otherwise than the images do of themselves; it is not part of ``==``."""
    for asked, there in zip(expected.profiles, found.profiles, strict=False):
        system = there.system
        if asked.system == system and asked.system.conda != system.conda:
            words = f"conda of system image {system.image.labelled!r} is at {asked.system.conda!r}"
            yield Complaint("LC701", f"{words} and not at {system.conda!r}", system.origin)
        pairs = (
            *zip(asked.bricks, there.bricks, strict=False),
            *zip(asked.offers, there.offers, strict=False),
        )
        for wanted, brick in pairs:
            said, due = (
                [(kernel.directory, kernel.title, kernel.language) for kernel in each.kernels]
                for each in (brick, wanted)
            )
            if wanted == brick and said != due:
                words = f"the kernels of brick {brick.called!r} are not those of its image"
                yield Complaint("LC701", words, brick.origin)


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
    went_in = _went_in(root, files, report)
    if went_in is None:
        return ()
    known = tuple(went_in.options)
    for target in known:
        below = _below(target, files)
        options, name = went_in.options[target], f"{root}/{target}"
        verify_target(load(target), went_in.deployment, options, below, name, trees, report, went_in.mirrors)
    for path, data_ in foreign.items():
        name, _, below_name = path.partition("/")
        reason = load(name).obeys(below_name, data_) if name in known else None
        if reason:
            code = "LC710" if load(name).invites(below_name) else "LC702"
            report.add(code, f"{path!r} is not ours, and {reason}", ("file", f"{root}/{path}"))
    for path in files:
        if "/" in path and path.split("/")[0] not in known:
            report.add("LC702", f"no target of this centre has {path!r}", ("file", f"{root}/{path}"))
    return known


def verify_overlays(
    root: str,
    files: Mapping[str, bytes],
    overlays: Sequence[tuple[str, Tree]],
    trees: dict[str, Tree],
    report: Report,
) -> tuple[str, ...] | None:
    """Report what hand-written files do that are laid over the files of a target (LC706-LC709).

    Args:
        root: the output folder of a centre, for names of files in messages.
        files: path below it → bytes, of every file that lego-compile owns there.
        overlays: file name and document, in the order in which the platform reads them.
        trees: receives what a finding points into.
        report: receives the findings; what is wrong with the folder itself is none of them.

    Returns:
        What the overlays set beside that; None when no target of the folder has overlays.
    """
    went_in = _went_in(root, files, Report())
    if went_in is None:
        return ()
    adds: tuple[str, ...] | None = None
    for name, options in went_in.options.items():
        target = load(name)
        if target.overlay is None:
            continue
        below, found = _below(name, files), Report()
        judge = partial(_judged, target, went_in, options)
        adds = (adds or ()) + target.overlay(below, overlays, judge, found)
        place = _Places(f"{root}/{name}", below, trees)
        for each in found:
            related = tuple(label._replace(where=place(label.where)) for label in each.related)
            report.diagnostics.append(each._replace(related=related))
    trees.update(overlays)
    return adds


def _judged(
    target: Target, went_in: _WentIn, options: Options, files: Mapping[str, bytes]
) -> Iterator[tuple[Complaint, bool]]:
    """What files with hand-written ones laid over them do not say, and whether nothing is taken away."""
    for each, _, mild in _disagreements(target, went_in.deployment, options, files, went_in.mirrors):
        yield replace(each, message=each.message.replace("the artifact", "the merged values")), mild


class _WentIn(NamedTuple):
    """``composition.json``: what went in, and the options of every target that the centre has."""

    deployment: Deployment
    options: Mapping[str, Options]
    mirrors: Mapping[str, str]


def _went_in(root: str, files: Mapping[str, bytes], report: Report) -> _WentIn | None:
    import json

    from lego_compile.ir.plain import NotADeployment, from_plain

    name = f"{root}/{COMPOSITION}"
    if COMPOSITION not in files:
        report.add("LC703", f"{name!r} is missing", ("file", root), help="compile the centre again")
        return None
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
        return None
    return _WentIn(deployment, {target: options[target] for target in known}, mirrors)


def _below(target: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of one target, by the path below its folder."""
    start = f"{target}/"
    return {path.removeprefix(start): data for path, data in files.items() if path.startswith(start)}


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
