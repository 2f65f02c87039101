"""What each command does, between the arguments (``cli.py``) and the passes (``pipeline.py``)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lego_compile.cli import FINDINGS, OK, USAGE, print_findings, say
from lego_compile.targets import TARGETS

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding
    from lego_compile.emit.tree import Change
    from lego_compile.pipeline import Outcome
    from lego_compile.source.document import Tree

_STATES = {
    "new": ("LC802", "is missing"),
    "missing": ("LC802", "is missing"),
    "changed": ("LC801", "is not what the specification compiles to"),
    "mode": ("LC801", "has another mode than it should (executable or not)"),
    "edited": ("LC803", "was edited by hand"),
    "stale": ("LC804", "is left over from an earlier compile"),
    "stale-edited": ("LC804", "is left over from an earlier compile, and was edited by hand"),
    "foreign": ("LC806", "is in the way, and not ours"),
}
_PARALLEL_FROM = 24
"""Centres from which a second process pays for its start."""


def compile_specs(chosen: argparse.Namespace) -> int:
    """``lego-compile SPEC…``: compile, prove, then write or compare. Centres do not wait for each other."""
    unknown = [name for name in chosen.target if name not in TARGETS]
    if unknown:
        print(f"lego-compile: no target {unknown[0]!r}; there are {', '.join(TARGETS)}", file=sys.stderr)
        return USAGE
    chosen.specs = specs = _specs(chosen.specs)
    findings: list[Finding] = []
    outcomes: list[Outcome] = []
    for outcome in _progress(_compiled(specs, chosen), len(specs), chosen):
        outcomes.append(outcome)
        findings += outcome.findings
    findings += _collisions(outcomes)
    failed = [each for each in outcomes if each.failed]
    ready = [each for each in outcomes if not each.failed and each.spec not in _colliding(outcomes)]
    if chosen.target:
        ready = [each for each in ready if _has_target(each, chosen.target)]
        if not ready and not failed:
            print(f"lego-compile: no centre here has the target {chosen.target[0]!r}", file=sys.stderr)
            return USAGE
    counts = {"written": 0, "removed": 0, "current": 0}
    unusable = any(each.unreadable for each in failed)
    for outcome in ready:
        found, stop = _settle(outcome, chosen, counts)
        findings += found
        unusable = unusable or stop
    findings = _judged(findings, strict=chosen.strict)
    print_findings(findings, chosen)
    say(_summary(outcomes, findings, counts, chosen), chosen)
    if unusable:
        return USAGE
    return FINDINGS if any(each.severity == "error" for each in findings) else OK


def _judged(findings: list[Finding], *, strict: bool) -> list[Finding]:
    """Findings in order; with ``strict`` every one is an error, in all formats."""
    if not findings:
        return findings
    from dataclasses import replace

    from lego_compile.diagnostic.view import order

    return [replace(each, severity="error") if strict else each for each in order(findings)]


def _has_target(outcome: Outcome, targets: Sequence[str]) -> bool:
    return any(path.startswith(f"{target}/") for path in outcome.files for target in targets)


def _specs(names: Sequence[str]) -> list[str]:
    """The specs among the arguments, each once: a shell's ``centers/*.yaml`` names the locks beside them too."""
    from lego_compile.spec.load import shortest

    once: dict[str, str] = {}
    for name in map(shortest, names):
        once.setdefault(os.path.realpath(name), name)
    specs = [name for name in once.values() if not name.endswith((".lock.yaml", ".lock.yml"))]
    return specs or [*once.values()]


def _compiled(specs: Sequence[str], chosen: argparse.Namespace) -> Iterator[Outcome]:
    """Outcomes in the order of the specs, whatever the number of processes."""
    from functools import partial

    from lego_compile.pipeline import compile_center
    from lego_compile.source.read import read_text

    jobs = min(chosen.jobs or (os.cpu_count() or 1 if len(specs) >= _PARALLEL_FROM else 1), len(specs))
    one = partial(compile_center, read=read_text, strict=chosen.strict)
    if jobs <= 1:
        yield from map(one, specs)
        return
    import signal
    from concurrent.futures import ProcessPoolExecutor

    # Ctrl-C goes to every process of a terminal. A worker that dies of it in the wrong moment keeps a lock for
    # ever, so workers are started deaf to it, and stay so; this process hears it, and lets them finish a chunk.
    with ProcessPoolExecutor(
        jobs, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    ) as pool:
        heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            outcomes = pool.map(one, specs, chunksize=max(1, min(8, len(specs) // (jobs * 8))))
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
            yield from outcomes
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)


def _progress(outcomes: Iterator[Outcome], total: int, chosen: argparse.Namespace) -> Iterator[Outcome]:
    """Draw a bar while a fleet compiles, on a terminal only."""
    if total < 4 or chosen.quiet or not sys.stderr.isatty():
        yield from outcomes
        return
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True, no_color=chosen.color == "never")
    yield from track(outcomes, "compiling", total=total, console=console, transient=True)


def _settle(
    outcome: Outcome, chosen: argparse.Namespace, counts: dict[str, int]
) -> tuple[list[Finding], bool]:
    """Write one centre, or compare it with the disk; the findings, and whether the folder cannot be used."""
    from lego_compile.emit.manifest import DAMAGED, MANIFEST, OutputError, is_damaged
    from lego_compile.emit.tree import plan, write

    root = os.path.join(chosen.out, outcome.center)
    only = tuple(f"{name}/" for name in chosen.target) if chosen.target else None
    try:
        if chosen.check:
            changes = plan(root, outcome.files, only)
            if is_damaged(root):
                return [_plain("LC806", f"{MANIFEST!r} {DAMAGED}", os.path.join(root, MANIFEST))], False
            return [
                _finding(root, each, outcome.spec, chosen) for each in changes if each.state != "same"
            ], False
        changes = write(root, outcome.files, only)
    except OutputError as error:
        code = "LC806" if error.in_the_way else "LC805"
        return [_plain(code, str(error), error.path)], True
    _count(changes, root, counts, chosen)
    return [
        _plain("LC804", f"{change.path!r} is left over and was edited by hand, so it was not removed",
               os.path.join(root, change.path), help_="remove it, or move what you need elsewhere")
        for change in changes if change.state == "stale-edited"
    ], False  # fmt: skip


def _count(changes: Sequence[Change], root: str, counts: dict[str, int], chosen: argparse.Namespace) -> None:
    """Add up what was done, and say it: each file of one centre, a line for each centre of a fleet."""
    written = [each.path for each in changes if each.state not in ("same", "stale", "stale-edited")]
    removed = [each.path for each in changes if each.state == "stale"]
    counts["current"] += sum(each.state == "same" for each in changes)
    counts["written"] += len(written)
    counts["removed"] += len(removed)
    if len(chosen.specs) == 1:
        for path in written:
            say(f"wrote {os.path.join(root, path)}", chosen)
        for path in removed:
            say(f"removed {os.path.join(root, path)}", chosen)
    elif written or removed:
        rest = f", {len(removed)} removed" if removed else ""
        say(f"{root}: {_plural(len(written), 'file')} written{rest}", chosen)


def _summary(
    outcomes: Sequence[Outcome],
    findings: Sequence[Finding],
    counts: dict[str, int],
    chosen: argparse.Namespace,
) -> str:
    failed = sum(each.failed for each in outcomes)
    errors = sum(each.severity == "error" for each in findings)
    warnings = len(findings) - errors
    parts = [
        _plural(len(outcomes) - failed, "centre") + (" checked" if chosen.check else " compiled and proven")
    ]
    if failed:
        parts.append(f"{failed} failed")
    if not chosen.check:
        parts.append(f"{_plural(counts['written'], 'file')} written, {counts['current']} already current")
        if counts["removed"]:
            parts.append(f"{counts['removed']} removed")
    if errors:
        parts.append(_plural(errors, "error"))
    if warnings:
        parts.append(_plural(warnings, "warning"))
    return ", ".join(parts)


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")


def _colliding(outcomes: Sequence[Outcome]) -> set[str]:
    """Specs whose centre name another spec has too; neither is written."""
    by_center: dict[str, list[str]] = {}
    for each in outcomes:
        if each.center:
            by_center.setdefault(each.center, []).append(each.spec)
    return {spec for specs in by_center.values() if len(specs) > 1 for spec in specs}


def _collisions(outcomes: Sequence[Outcome]) -> list[Finding]:
    colliding = _colliding(outcomes)
    first: dict[str, str] = {}
    found = []
    for each in outcomes:
        if each.spec in colliding:
            other = first.setdefault(each.center, each.spec)
            if other != each.spec:
                found.append(
                    _plain(
                        "LC807",
                        f"{other!r} and {each.spec!r} are both the centre {each.center!r}",
                        each.spec,
                        help_="give each a name of its own",
                    )
                )
    return found


def _finding(root: str, change: Change, spec: str, chosen: argparse.Namespace) -> Finding:
    code, words = _STATES[change.state]
    command = f"lego-compile {spec}" if chosen.out == "out" else f"lego-compile --out {chosen.out} {spec}"
    help_ = "move it away" if change.state == "foreign" else f"run `{command}` and commit the result"
    return _plain(code, f"{change.path!r} {words}", os.path.join(root, change.path), help_=help_)


def _plain(code: str, message: str, file: str, *, help_: str | None = None) -> Finding:
    from lego_compile.diagnostic.model import Diagnostic
    from lego_compile.diagnostic.view import view

    return view(Diagnostic(code, message, ("file", file), help=help_), {})


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
    findings = _judged(findings, strict=chosen.strict)
    print_findings(findings, chosen)
    if unusable:
        return USAGE
    return FINDINGS if any(each.severity == "error" for each in findings) else OK


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
        return [_plain("LC703", f"{root!r} {words}", root, help_="name a folder such as out/grenoble")], ()
    if is_damaged(root):
        return [_plain("LC705", f"{MANIFEST!r} {DAMAGED}", os.path.join(root, MANIFEST))], ()
    try:
        files, changed, others, modes = read(root), edited(root), foreign(root), permissions(root)
    except OutputError as error:
        return [_plain("LC705", f"{error.path!r} {error.reason}", error.path)], ()
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


def explain(chosen: argparse.Namespace) -> int:
    """``lego-compile explain CODE``: the catalogue entry; the list of codes without one."""
    from lego_compile.diagnostic import codes

    if chosen.code is None:
        for code in codes.CATALOGUE.values():
            print(f"{code.id}  {code.severity:7}  {code.title}")
        return OK
    name = chosen.code.upper()
    if name not in codes.CATALOGUE:
        from lego_compile.spec.conform import nearest

        guess = nearest(name, [*codes.CATALOGUE])
        hint = f"did you mean {guess}?" if guess else "`lego-compile explain` lists them"
        print(f"lego-compile: there is no code {chosen.code!r}; {hint}", file=sys.stderr)
        return USAGE
    print(codes.explain(name).rstrip("\n"))
    return OK


def write_schemas(chosen: argparse.Namespace) -> int:
    """``lego-compile schema``: write the JSON Schemas, or say which are not current."""
    from lego_compile.schema import schemas

    stale = {}
    for name, text in schemas().items():
        path = os.path.join(chosen.out, name)
        try:
            with open(path, "rb") as file:
                current = file.read() == text.encode()
        except OSError:
            current = False
        if not current:
            stale[path] = text
    for path, text in stale.items():
        if chosen.check:
            print(f"not current: {path}")
            continue
        try:
            os.makedirs(chosen.out, exist_ok=True)
            with open(path, "wb") as file:
                file.write(text.encode())
        except OSError as error:
            print(
                f"lego-compile: {path!r} cannot be written: {(error.strerror or '').lower()}", file=sys.stderr
            )
            return USAGE
        print(f"wrote {path}")
    return FINDINGS if stale and chosen.check else OK
