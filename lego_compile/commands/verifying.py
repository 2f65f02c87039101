"""``lego-compile verify DIR…``: prove from the files alone that the targets of a folder agree."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lego_compile.cli import complain, say
from lego_compile.commands.common import finish, judged, plain

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding
    from lego_compile.source.document import Node, Tree


class _Outcome(NamedTuple):
    """What is known of one folder.

    Attributes:
        findings: about the folder itself.
        targets: those that were read back; none when it cannot be judged at all.
        laid: findings about the overlays.
        adds: what the overlays set beside that; None when no target has overlays.
    """

    findings: list[Finding]
    targets: tuple[str, ...] = ()
    laid: Sequence[Finding] = ()
    adds: tuple[str, ...] | None = ()


def verify_folders(chosen: argparse.Namespace) -> int:
    """``lego-compile verify DIR… [--with FILE…]``: prove that the targets of a folder agree, and judge overlays."""
    overlays, laid = _overlays(chosen.overlays)
    findings: list[Finding] = []
    without: list[str] = []
    unusable = bool(laid)
    for folder in chosen.folders:
        root = os.path.normpath(folder)
        outcome = _verify(root, overlays)
        findings += outcome.findings
        laid += outcome.laid
        unusable = unusable or not outcome.targets
        if outcome.targets and not any(each.severity == "error" for each in outcome.findings):
            say(f"{root}: {_agreement(outcome.targets)}", chosen)
        if outcome.adds is None:
            without.append(root)
        elif overlays and (words := _summary(outcome)):
            say(f"{root} with {', '.join(chosen.overlays)}: {words}", chosen)
    strict = chosen.strict
    code = finish(
        [*judged(findings, strict=strict), *judged(laid, strict=strict)], chosen, "", unusable=unusable
    )
    for root in without:
        code = complain(f"--with is for Helm values, and {root!r} has none: it has no z2jh")
    return code


def _overlays(names: Sequence[str]) -> tuple[list[tuple[str, Tree]], list[Finding]]:
    """Each overlay with a name for its document, in order, or why one of them cannot be read, and then none."""
    if not names:
        return [], []
    from lego_compile.diagnostic.model import Report
    from lego_compile.diagnostic.view import view
    from lego_compile.source.read import read_text
    from lego_compile.spec.load import Sources, load_tree

    overlays: list[tuple[str, Tree]] = []
    findings: list[Finding] = []
    for name in names:
        sources, report = Sources(), Report()
        tree = load_tree(name, read_text, sources, report)
        # Words such as `yes` are one thing to the reader of overlays, which is Helm; a key that is one is no text.
        clear = set(_places(tree.node)) if tree is not None and len(report) else set()
        found = [each for each in report if each.code != "LC109" or each.primary[2:] not in clear]
        findings += [
            view(each._replace(help=_without_extends(each.help)), sources.trees, sources.texts)
            for each in found
        ]
        if tree is None or found:
            continue
        if isinstance(tree.data, dict):
            overlays.append((f"--with {name}", tree))
        else:
            findings.append(plain("LC201", "values for Helm are a mapping, and this is something else", name))
    return ([], findings) if findings else (overlays, [])


def _places(node: Node) -> Iterator[tuple[int, int, int, int]]:
    """Line, column, end line and end column of every scalar that is no key."""
    if node.items is None:
        span = node.source.span(node.start, node.end)
        yield span.line, span.column, span.end_line, span.end_column
        return
    for item in node.items.values() if isinstance(node.items, dict) else node.items:
        yield from _places(item)


def _without_extends(words: str | None) -> str | None:
    return words.replace(", or use `extends:`", "") if words else None


def _verify(root: str, overlays: Sequence[tuple[str, Tree]]) -> _Outcome:
    from lego_compile.diagnostic.model import Report
    from lego_compile.diagnostic.view import view
    from lego_compile.emit.manifest import (
        DAMAGED,
        MANIFEST,
        OutputError,
        edited,
        foreign,
        is_damaged,
        permissions,
        read,
    )
    from lego_compile.verify import COMPOSITION, verify_folder, verify_overlays

    if not os.path.isfile(os.path.join(root, MANIFEST)):
        missing = f"has no {MANIFEST}, so lego-compile did not write it"
        words = missing if os.path.isdir(root) else "is no folder"
        return _Outcome(
            [plain("LC703", f"{root!r} {words}", root, help_="name a folder such as out/grenoble")]
        )
    if is_damaged(root):
        return _Outcome([plain("LC705", f"{MANIFEST!r} {DAMAGED}", os.path.join(root, MANIFEST))])
    try:
        files, changed, others, modes = read(root), edited(root), foreign(root), permissions(root)
    except OutputError as error:
        return _Outcome([plain("LC705", f"{error.path!r} {error.reason}", error.path)])
    report = Report()
    trees: dict[str, Tree] = {}
    targets = verify_folder(root, files, others, trees, report)
    again = "compile the centre again"
    if COMPOSITION in changed:
        words = f"{COMPOSITION!r} was edited by hand, so it proves nothing"
        report.add("LC704", words, ("file", f"{root}/{COMPOSITION}"), help=again)
    for path, mode in modes.items():
        program = files.get(path, b"").startswith(b"#!")
        if not mode & 0o004 or (program and not mode & 0o001):
            words = f"{path!r} has mode {mode:04o}, so others cannot {'run' if mode & 0o004 else 'read'} it"
            report.add("LC701", words, ("file", f"{root}/{path}"), help=again)
        if mode & 0o6002:
            what = "everybody can change it" if mode & 0o002 else "it runs as its owner or group"
            words = f"{path!r} has mode {mode:04o}, so {what}"
            report.add("LC701", words, ("file", f"{root}/{path}"), help=again)
    findings = [view(each, trees) for each in report]
    laid = Report()
    adds = verify_overlays(root, files, overlays, trees, laid) if overlays else ()
    return _Outcome(findings, targets or ("nothing",), [view(each, trees) for each in laid], adds)


def _agreement(targets: Sequence[str]) -> str:
    if len(targets) == 1:
        return f"{targets[0]} expresses the composition that went in"
    return f"{', '.join(targets[:-1])} and {targets[-1]} express the same composition"


def _summary(outcome: _Outcome) -> str:
    """What overlays do that is no finding; nothing when there is nothing to say, or nothing was proven before."""
    same = "" if outcome.findings or outcome.laid else "says the same"
    adds = f"adds {', '.join(outcome.adds)}" if outcome.adds else ""
    return ", and ".join(words for words in (same, adds) if words)
