"""``lego-compile verify DIR…``: prove from the files alone that the targets of a folder agree."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lego_compile.cli import say
from lego_compile.commands.common import finish, judged, plain

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding
    from lego_compile.source.document import Tree


def verify_folders(chosen: argparse.Namespace) -> int:
    """``lego-compile verify DIR…``: prove from the files alone that the targets of a folder agree."""
    findings: list[Finding] = []
    unusable = False
    for folder in chosen.folders:
        root = os.path.normpath(folder)
        found, targets = _verify(root)
        findings += found
        unusable = unusable or not targets
        if targets and not found:
            say(f"{root}: {_agreement(targets)}", chosen)
    return finish(judged(findings, strict=chosen.strict), chosen, "", unusable=unusable)


def _verify(root: str) -> tuple[list[Finding], tuple[str, ...]]:
    """The findings about one folder, and its targets; no targets when it cannot be judged at all."""
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
    from lego_compile.verify import COMPOSITION, verify_folder

    if not os.path.isfile(os.path.join(root, MANIFEST)):
        missing = f"has no {MANIFEST}, so lego-compile did not write it"
        words = missing if os.path.isdir(root) else "is no folder"
        return [plain("LC703", f"{root!r} {words}", root, help_="name a folder such as out/grenoble")], ()
    if is_damaged(root):
        return [plain("LC705", f"{MANIFEST!r} {DAMAGED}", os.path.join(root, MANIFEST))], ()
    try:
        files, changed, others, modes = read(root), edited(root), foreign(root), permissions(root)
    except OutputError as error:
        return [plain("LC705", f"{error.path!r} {error.reason}", error.path)], ()
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
    return [view(each, trees) for each in report], targets or ("nothing",)


def _agreement(targets: Sequence[str]) -> str:
    if len(targets) == 1:
        return f"{targets[0]} expresses the composition that went in"
    return f"{', '.join(targets[:-1])} and {targets[-1]} express the same composition"
