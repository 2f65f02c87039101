"""``lego-compile SPEC…``: compile, prove, then write or compare."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lego_compile.cli import HANDLERS, complain, say
from lego_compile.commands.common import finish, judged, plain, plural, specs_among
from lego_compile.targets import TARGETS

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding
    from lego_compile.emit.tree import Change
    from lego_compile.pipeline import Outcome

STATES = {
    "new": ("LC802", "is missing"),
    "missing": ("LC802", "is missing"),
    "changed": ("LC801", "is not what the specification compiles to"),
    "mode": ("LC801", "has another mode than it should (executable or not)"),
    "edited": ("LC803", "was edited by hand"),
    "stale": ("LC804", "is left over from an earlier compile"),
    "stale-edited": ("LC804", "is left over from an earlier compile, and was edited by hand"),
    "foreign": ("LC806", "is in the way, and not ours"),
}
_PR_SET_PDEATHSIG = 1
_PARALLEL_FROM = 24
"""Centres from which a second process pays for its start."""


def compile_specs(chosen: argparse.Namespace) -> int:
    """``lego-compile SPEC…``: compile, prove, then write or compare. Centres do not wait for each other."""
    unknown = [name for name in chosen.target if name not in TARGETS]
    if unknown:
        return complain(f"no target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    first = chosen.specs[0]
    if (guess := _command_meant(first)) is not None:
        return complain(f"there is no file and no command {first!r}; did you mean {guess!r}?")
    chosen.specs = specs = specs_among(chosen.specs)
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
            return complain(f"no centre here has the target {chosen.target[0]!r}")
    counts = {"written": 0, "removed": 0, "current": 0}
    unusable = any(each.unreadable for each in failed)
    for outcome in ready:
        found, stop = _settle(outcome, chosen, counts)
        findings += found
        unusable = unusable or stop
    findings = judged(findings, strict=chosen.strict)
    return finish(findings, chosen, _summary(outcomes, findings, counts, chosen), unusable=unusable)


def _command_meant(name: str) -> str | None:
    """The command that somebody mistyped; None when a spec may be meant."""
    if "." in name or "/" in name or os.path.lexists(name):
        return None
    from lego_compile.spec.conform import nearest

    return nearest(name, HANDLERS)


def _has_target(outcome: Outcome, targets: Sequence[str]) -> bool:
    return any(path.startswith(f"{target}/") for path in outcome.files for target in targets)


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
    with ProcessPoolExecutor(jobs, initializer=_begin_worker, initargs=(os.getpid(),)) as pool:
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


def _begin_worker(parent: int) -> None:
    """Be deaf to Ctrl-C, and end with the process that started this one, whatever ends it."""
    import multiprocessing
    import signal
    from contextlib import suppress
    from ctypes import CDLL

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(AttributeError):  # of Linux only (man 2 prctl)
        CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if multiprocessing.get_start_method() == "fork" and os.getppid() != parent:
        os._exit(1)  # it had ended already


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
                return [plain("LC806", f"{MANIFEST!r} {DAMAGED}", os.path.join(root, MANIFEST))], False
            return [
                _finding(root, each, outcome.spec, chosen) for each in changes if each.state != "same"
            ], False
        changes = write(root, outcome.files, only)
    except OutputError as error:
        code = "LC806" if error.in_the_way else "LC805"
        return [plain(code, str(error), error.path)], True
    _count(changes, root, counts, chosen)
    return [
        plain("LC804", f"{change.path!r} is left over and was edited by hand, so it was not removed",
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
        say(f"{root}: {plural(len(written), 'file')} written{rest}", chosen)


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
        plural(len(outcomes) - failed, "centre") + (" checked" if chosen.check else " compiled and proven")
    ]
    if failed:
        parts.append(f"{failed} failed")
    if not chosen.check:
        parts.append(f"{plural(counts['written'], 'file')} written, {counts['current']} already current")
        if counts["removed"]:
            parts.append(f"{counts['removed']} removed")
    if errors:
        parts.append(plural(errors, "error"))
    if warnings:
        parts.append(plural(warnings, "warning"))
    return ", ".join(parts)


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
                    plain(
                        "LC807",
                        f"{other!r} and {each.spec!r} are both the centre {each.center!r}",
                        each.spec,
                        help_="give each a name of its own",
                    )
                )
    return found


def _finding(root: str, change: Change, spec: str, chosen: argparse.Namespace) -> Finding:
    code, words = STATES[change.state]
    command = f"lego-compile {spec}" if chosen.out == "out" else f"lego-compile --out {chosen.out} {spec}"
    help_ = "move it away" if change.state == "foreign" else f"run `{command}` and commit the result"
    return plain(code, f"{change.path!r} {words}", os.path.join(root, change.path), help_=help_)
