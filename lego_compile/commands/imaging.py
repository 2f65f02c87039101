"""``lego-compile images CATALOG``: write the repository that builds a catalog's images, or compare it."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from lego_compile.cli import say
from lego_compile.commands.common import finish, judged, plain, plural
from lego_compile.commands.compiling import STATES
from lego_compile.diagnostic.model import CompileFailed, Report
from lego_compile.diagnostic.view import view
from lego_compile.emit.manifest import DAMAGED, MANIFEST, OutputError, is_damaged
from lego_compile.emit.tree import Change, plan, write
from lego_compile.imaging.check import check
from lego_compile.imaging.lower import lower
from lego_compile.source.read import read_text
from lego_compile.spec.load import Sources, load_catalog, shortest

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding
    from lego_compile.emit.tree import FileTree


def write_images(chosen: argparse.Namespace) -> int:
    """Compile the build blocks of one catalog, then write or compare."""
    file = shortest(chosen.catalog)
    report, sources = Report(), Sources()
    files: FileTree = {}
    root = chosen.out
    try:
        catalog = load_catalog(file, read_text, sources, report)
        check(catalog, report)
        report.stop_if_errors(strict=chosen.strict)
        files, root = lower(catalog), os.path.join(chosen.out, catalog.catalog)
    except CompileFailed:
        pass
    findings = [view(each, sources.trees, sources.texts) for each in report]
    unusable = any(each.code in ("LC101", "LC102") for each in report)
    summary = ""
    if files:
        try:
            changes = plan(root, files) if chosen.check else write(root, files)
            findings += _compared(root, changes, file, chosen) if chosen.check else _left(root, changes)
            summary = _summary(root, changes, chosen)
        except OutputError as error:
            findings.append(plain("LC806" if error.in_the_way else "LC805", str(error), error.path))
            unusable = True
    return finish(judged(findings, strict=chosen.strict), chosen, summary, unusable=unusable)


def _compared(root: str, changes: list[Change], file: str, chosen: argparse.Namespace) -> list[Finding]:
    if is_damaged(root):
        return [plain("LC806", f"{MANIFEST!r} {DAMAGED}", os.path.join(root, MANIFEST))]
    out = "" if chosen.out == "images" else f"--out {chosen.out} "
    found = []
    for each in changes:
        if each.state != "same":
            code, words = STATES[each.state]
            help_ = f"run `lego-compile images {out}{file}` and commit the result"
            help_ = "move it away" if each.state == "foreign" else help_
            found.append(plain(code, f"{each.path!r} {words}", os.path.join(root, each.path), help_=help_))
    return found


def _left(root: str, changes: list[Change]) -> list[Finding]:
    return [
        plain("LC804", f"{each.path!r} is left over and was edited by hand, so it was not removed",
              os.path.join(root, each.path), help_="remove it, or move what you need elsewhere")
        for each in changes if each.state == "stale-edited"
    ]  # fmt: skip


def _summary(root: str, changes: list[Change], chosen: argparse.Namespace) -> str:
    ours = sum(each.state == "same" for each in changes)
    if chosen.check:
        return f"{plural(ours, 'file')} of {root} current, {len(changes) - ours} not"
    removed = [each.path for each in changes if each.state == "stale"]
    written = [each.path for each in changes if each.state not in ("same", "stale", "stale-edited")]
    for word, paths in (("wrote", written), ("removed", removed)):
        for path in paths:
            say(f"{word} {os.path.join(root, path)}", chosen)
    rest = f", {len(removed)} removed" if removed else ""
    return f"{root}: {plural(len(written), 'file')} written, {ours} already current{rest}"
