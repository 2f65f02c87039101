"""``lego-compile outdated SPEC…``: what the catalog and the registries have that is newer than what is pinned."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lego_compile.asking import ask_all, tell
from lego_compile.cli import FINDINGS, OK, complain, say
from lego_compile.commands.common import finish, judged, plural, specs_among
from lego_compile.commands.network import Via, asking, progress, registries
from lego_compile.diagnostic.model import CompileFailed, Path, Report
from lego_compile.diagnostic.view import view
from lego_compile.lookup import RELOCK, WORDS, find_entry, uses
from lego_compile.registry.model import RegistryError
from lego_compile.source.read import read_text
from lego_compile.spec.load import Inputs, Sources, load
from lego_compile.tags import newer_tags

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding

_HEAD = ("centre", "image", "pinned", "in the catalog", "in the registry", "note")


class _Pinned(NamedTuple):
    """One pin of a centre."""

    center: str
    kind: str
    use: str
    pin: Any
    releases: Sequence[str]
    tags: Sequence[str]
    where: str
    origin: Path
    report: Report


def list_outdated(chosen: argparse.Namespace) -> int:
    """Print a table of what is not the newest; with ``--check`` such a thing is exit code 1."""
    via = asking(chosen)
    if isinstance(via, str):
        return complain(via)
    pins: list[_Pinned] = []
    loaded: list[tuple[Report, Sources]] = []
    for spec in specs_among(chosen.specs):
        report, sources = Report(), Sources()
        loaded.append((report, sources))
        try:
            inputs = load(spec, read_text, sources, report)
        except CompileFailed:
            continue
        pins += _pinned(inputs, via, report)
    questions = [("tags", each.where, "") for each in pins]
    questions += [("digest", each.where, each.pin.tag) for each in pins]
    answers = _answers(questions, chosen) if questions else {}
    found = [(each, row) for each in pins if (row := _row(each, answers))]
    rows = [row for _each, row in found]
    if chosen.output_format == "full":
        for line in _table(rows):
            say(line, chosen)
    else:  # a table is for people: programs get findings, as from every command
        for each, row in found:
            each.report.add("LC332", _sentence(each, row), each.origin)
    findings: list[Finding] = []
    for report, sources in loaded:
        findings += [view(each, sources.trees, sources.texts) for each in report]
    unusable = any(each.code in ("LC101", "LC102") for report, _ in loaded for each in report)
    summary = f"{plural(len(rows), 'image')} of {len(pins)} could be newer" if pins else ""
    code = finish(judged(findings, strict=chosen.strict), chosen, summary, unusable=unusable)
    return FINDINGS if code == OK and rows and (chosen.check or chosen.strict) else code


def _pinned(inputs: Inputs, via: Via, report: Report) -> list[_Pinned]:
    """The pins that a centre uses, each once; uses without one are in the report."""
    center, catalog, lock, _options = inputs
    ask_at = via.at(center.mirrors)
    found: dict[tuple[str, str], _Pinned] = {}
    for kind in ("systems", "bricks"):
        for use, origin in uses(center, kind):
            entry = find_entry(kind, use, origin, catalog, report)
            pin = getattr(lock, kind).get(use)
            if entry is None or (kind, use) in found:
                continue
            if pin is None:
                report.add("LC303", f"{WORDS[kind]} {use!r} is not in the lock", origin, help=RELOCK)
                continue
            releases = [*entry.releases]
            tags = [info.tag or release for release, info in entry.releases.items()]
            where = ask_at(pin.repository)
            found[kind, use] = _Pinned(center.center, kind, use, pin, releases, tags, where, origin, report)
    return [*found.values()]


def _answers(
    questions: Sequence[tuple[str, str, str]], chosen: argparse.Namespace
) -> Mapping[tuple[str, str, str], Any]:
    with registries(chosen) as asked, progress(len({*questions}), asked, chosen) as answered:

        def one(question: tuple[str, str, str]) -> tuple[str, ...] | str:
            what, repository, tag = question
            return asked.client.tags(repository) if what == "tags" else asked.client.digest(repository, tag)

        return ask_all(questions, one, answered)


def _row(each: _Pinned, answers: Mapping[tuple[str, str, str], Any]) -> tuple[str, ...] | None:
    """One line of the table; None when the pin is the newest that there is, or the registry does not say."""
    notes = []
    published, now = answers["tags", each.where, ""], answers["digest", each.where, each.pin.tag]
    what = f"{WORDS[each.kind]} {each.use!r}"
    for answer in (published, now):
        if isinstance(answer, RegistryError):
            tell(answer, what, each.origin, each.report)
            break
    if isinstance(now, str) and now != each.pin.digest:
        notes.append(f"tag {each.pin.tag} was moved to {now[:19]}")
    after: Sequence[str]
    if each.pin.release in each.releases:
        index = each.releases.index(each.pin.release)
        after = each.releases[index + 1 :]
        if each.tags[index] != each.pin.tag:
            notes.append(f"its tag is {each.tags[index]} in the catalog now")
    else:
        after = each.releases
        notes.append("the catalog no longer lists this release")
    newest = each.tags[-1]
    unlisted = () if isinstance(published, RegistryError) else newer_tags(newest, published)
    if not after and not unlisted and not notes:
        return None
    if after and "@" in each.use:
        notes.append("the centre names this release")
    listed, there = after[-1] if after else "", unlisted[-1] if unlisted else ""
    return each.center, each.use, each.pin.release, listed, there, ", ".join(notes)


def _sentence(each: _Pinned, row: tuple[str, ...]) -> str:
    """A row of the table in words."""
    _center, _use, pinned, listed, there, note = row
    newer = [f"{listed} is in the catalog"] if listed else []
    newer += [f"{there} is in the registry"] if there else []
    newer += [note] if note else []
    return f"{WORDS[each.kind]} {each.use!r} is pinned at {pinned}: {', '.join(newer)}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    whole = [_HEAD, *rows]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in whole
    ]
