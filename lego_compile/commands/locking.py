"""``lego-compile lock SPEC…``: pin what centres use, by digest, with the facts that the images state."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lego_compile.asking import ask_all, tell
from lego_compile.cli import complain, say
from lego_compile.commands.common import finish, judged, plain, plural, specs_among
from lego_compile.commands.network import Via, asking, progress, registries
from lego_compile.diagnostic.model import CompileFailed, Label, Report
from lego_compile.diagnostic.view import view
from lego_compile.emit.file import replace_file
from lego_compile.emit.manifest import OutputError
from lego_compile.locking import KINDS, Pins, Policy, Question, Want, changes, lock_text, pinned, plan
from lego_compile.mirrors import Mirrors
from lego_compile.registry.model import RegistryError
from lego_compile.resolve import resolve
from lego_compile.source.read import LARGEST, read_text
from lego_compile.spec.conform import nearest
from lego_compile.spec.load import Sources, Unlocked, load_lock, load_unlocked

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding
    from lego_compile.registry.model import Image

ABOUT_IMAGES = frozenset(
    {"LC207", "LC301", "LC302", "LC303", "LC304", "LC315", "LC316", "LC407", "LC408", "LC409"}
)
"""What ``lock`` tells of a centre: whether names and images agree. The rest is for a compile to tell."""


class Draft:
    """One centre on its way to a lock.

    Attributes:
        spec: file name of its specification.
        strict: whether warnings are errors.
        report: what was found.
        sources: what the findings point into.
        inputs: the centre and its catalog; None when they cannot be used.
        old: the pins that are there.
        text: the lock that is there; None when there is none.
        name: what the lock calls itself.
        wants: what has to be pinned.
    """

    def __init__(self, spec: str, *, strict: bool) -> None:
        self.spec, self.strict = spec, strict
        self.report, self.sources = Report(), Sources()
        self.inputs: Unlocked | None = None
        self.old: Pins = {}
        self.text: str | None = None
        self.name = ""
        self.wants: list[Want] = []

    @property
    def failed(self) -> bool:
        """Whether nothing can be written for it."""
        return self.inputs is None or self.report.has_errors(strict=self.strict)

    def findings(self) -> list[Finding]:
        """What there is to tell."""
        return [view(each, self.sources.trees, self.sources.texts) for each in self.report]


def lock_specs(chosen: argparse.Namespace) -> int:
    """Write the lock of every centre, or say how it would change (``--locked``, ``--check``)."""
    via = asking(chosen)
    if isinstance(via, str):
        return complain(via)
    if chosen.offline and (chosen.upgrade or chosen.upgrade_package or chosen.refresh or chosen.check):
        return complain("--offline asks nobody: --locked compares a lock without asking")
    policy = Policy(chosen.upgrade, frozenset(chosen.upgrade_package), again=chosen.check or chosen.refresh)
    drafts = [Draft(spec, strict=chosen.strict) for spec in specs_among(chosen.specs)]
    for each in drafts:
        _draft(each, policy, via, prune=chosen.prune)
    names = {want.use.partition("@")[0] for each in drafts for want in each.wants}
    unknown = sorted(policy.packages - names)
    if unknown:
        guess = nearest(unknown[0].partition("@")[0], names)
        hint = f"; did you mean {guess!r}?" if guess else ", so there is nothing to upgrade"
        code = complain(f"no centre here uses {unknown[0]!r}{hint}")
        if all(each.inputs is not None for each in drafts):  # else one that cannot be read may use it
            return code
    groups: dict[str, list[Draft]] = {}
    for each in drafts:
        if each.inputs is not None:
            groups.setdefault(os.path.realpath(each.inputs.lock_file), []).append(each)
    for group in groups.values():
        _check_group(group)
    answers = _answers([each for each in drafts if not each.failed], chosen)
    counts = {"written": 0, "current": 0, "asked": len(answers)}
    findings: list[Finding] = []
    unusable = False
    for group in groups.values():
        found, stop = _settle(group, answers, chosen, counts)
        findings += found
        unusable = unusable or stop
    for each in drafts:
        findings += each.findings()
        unusable = unusable or any(found.code in ("LC101", "LC102", "LC805") for found in each.report)
    failed = sum(any(each.failed for each in group) for group in groups.values())
    failed += sum(each.inputs is None for each in drafts)
    findings = judged(findings, strict=chosen.strict)
    return finish(findings, chosen, _summary(counts, failed, chosen), unusable=unusable)


def _draft(draft: Draft, policy: Policy, via: Via, *, prune: bool) -> None:
    """Read a centre, its catalog and the lock that is there, and see what has to be pinned."""
    try:
        inputs = load_unlocked(draft.spec, read_text, draft.sources, draft.report)
        draft.name = _lock_name(inputs)
        _check_place(inputs, draft)
        if os.path.lexists(inputs.lock_file):
            _read_lock(inputs.lock_file, draft)
            data = draft.sources.trees["lock"].data
            draft.text = draft.sources.texts[inputs.lock_file]
            draft.old = {kind: data.get(kind) or {} for kind in KINDS}
            if inputs.center.lock:
                draft.name = data["lock"]
        ask_at = via.at(inputs.center.mirrors)
        draft.wants = plan(inputs.center, inputs.catalog, draft.old, policy, ask_at, draft.report)
        if draft.text is not None and not inputs.center.lock and not prune:
            _check_heir(draft, inputs, draft.sources.trees["lock"].data["lock"])
        draft.inputs = inputs
    except CompileFailed:
        pass


def _check_place(inputs: Unlocked, draft: Draft) -> None:
    """The folder of the lock is there, and the lock is not another centre's own: said before anybody is asked."""
    file, where = inputs.lock_file, ("center", "lock")
    folder = os.path.dirname(os.path.realpath(file))
    if not os.path.isdir(folder) and not os.path.islink(file):  # of a link to nothing, reading tells
        message = f"{file!r} cannot be written: its folder is not there"
        draft.report.add("LC805", message, where, help=f"mkdir -p {os.path.dirname(file)}")
    owner = _owner(file) if inputs.center.lock else None
    if owner is not None and not os.path.samefile(owner, draft.spec):
        draft.report.add(
            "LC304",
            f"{file!r} is the own lock of {owner!r}",
            where,
            help="share a lock that no centre has by its name, such as `lock: all-centres.lock.yaml` in both",
        )


def _owner(file: str) -> str | None:
    """The centre beside a lock whose own lock it is: one that names no other."""
    stem, _, ending = file.rpartition(".lock.")
    spec = f"{stem}.{ending}"
    if not stem or not os.path.isfile(spec):
        return None
    try:
        return None if load_unlocked(spec, read_text, Sources(), Report()).center.lock else spec
    except CompileFailed:  # a base that centres extend, or something else
        return None


def _check_heir(draft: Draft, inputs: Unlocked, theirs: str) -> None:
    """A lock of another name may be that of a centre which was renamed; it is not, when it pins what others use."""
    asked = {(want.kind, want.use) for want in draft.wants}
    more = [use for kind in KINDS for use in draft.old[kind] if (kind, use) not in asked]
    if theirs != inputs.center.center and more:
        draft.report.add(
            "LC304",
            f"this is the lock of {theirs!r}, which pins {more[0]!r} that {inputs.center.center!r} does not use",
            ("lock", "lock"),
            related=(Label(("center", "center"), "the centre"),),
            help="if the centre was renamed, add `--prune`; if others use this lock, name a file with `lock:`",
        )


def _read_lock(file: str, draft: Draft) -> None:
    """Read the lock that is there; what is wrong with it is nothing that `lock` may throw away by itself."""
    before = len(draft.report)
    try:
        load_lock(file, read_text, draft.sources, draft.report)
    except CompileFailed:
        merged = "<<<<<<<" in draft.sources.texts.get(file, "")
        way = f"take {file} from one side of the merge" if merged else f"restore {file}"
        found = draft.report.diagnostics
        found[before:] = [
            each._replace(help=f"{way}, or remove it: then every image is resolved anew")
            for each in found[before:]
        ]
        raise


def _lock_name(inputs: Unlocked) -> str:
    """What a new lock calls itself: the centre; or, where the spec names a file, `shared-FILE`, which no centre is."""
    if not inputs.center.lock:
        return inputs.center.center
    import re

    stem = os.path.basename(inputs.lock_file).partition(".")[0].lower()
    return ("shared-" + re.sub(r"[^a-z0-9]+", "-", stem).strip("-"))[:40].strip("-")


def _check_group(group: Sequence[Draft]) -> None:
    """Centres that share a lock mean the same by the same name."""
    first: dict[tuple[str, str], tuple[Draft, Want]] = {}
    for draft in group:
        for want in draft.wants:
            other, theirs = first.setdefault((want.kind, want.use), (draft, want))
            if theirs.source != want.source:
                draft.report.add(
                    "LC304",
                    f"{other.spec!r} shares this lock, and its catalog says something else of {want.use!r}",
                    want.origin,
                    help="give each centre a lock of its own, or the same catalog",
                )


def _answers(
    drafts: Sequence[Draft], chosen: argparse.Namespace
) -> dict[tuple[str, Question], Image | str | RegistryError]:
    """Ask what has to be asked; with ``--offline`` that is a finding."""
    questions: list[tuple[str, Question]] = []
    for draft in drafts:
        for want in draft.wants:
            if want.question and chosen.offline:
                known = want.use in draft.old.get(want.kind, {})
                why = "has another entry in the catalog now" if known else "is not pinned yet"
                message = f"{want.label} {why}, and its registry must not be asked"
                draft.report.add("LC329", message, want.origin, help="leave out `--offline`")
                continue
            questions += [("image", want.question)] if want.question else []
            questions += [("digest", want.moved)] if want.moved else []
    if not questions:
        return {}
    with registries(chosen) as asked, progress(len({*questions}), asked, chosen) as answered:

        def one(question: tuple[str, Question]) -> Image | str:
            what, (repository, reference) = question
            client = asked.client
            return (
                client.image(repository, reference)
                if what == "image"
                else client.digest(repository, reference)
            )

        return ask_all(questions, one, answered)


def _settle(
    group: Sequence[Draft],
    answers: Mapping[tuple[str, Question], Image | str | RegistryError],
    chosen: argparse.Namespace,
    counts: dict[str, int],
) -> tuple[list[Finding], bool]:
    """Write one lock, or compare it; the findings, and whether the file cannot be used."""
    pins: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for draft in group:
        for want in draft.wants:
            _pin(want, draft, pins, answers)
    first = group[0]
    assert first.inputs is not None
    file, old = first.inputs.lock_file, first.old
    shared = all(each.inputs and each.inputs.center.lock for each in group)
    if shared and not chosen.prune:  # other centres may use what these do not
        pins = {kind: {**old.get(kind, {}), **pins[kind]} for kind in KINDS}
    if any(each.failed for each in group):
        return [], False
    text = lock_text(first.name, pins)
    for draft in group:
        _check_lock(draft, text, file)
    if any(each.failed for each in group):
        return [], False
    before = None if first.text is None else first.text.replace("\r\n", "\n")  # as git may check it out
    if text == before:
        counts["current"] += 1
        return [], False
    lines = [*map(str, changes(old, pins))] or ["it is written in another way, or under another name"]
    if chosen.locked or chosen.check:
        help_ = f"run `{_command(group, chosen)}` and commit the result"
        return [plain("LC317", f"this lock would change: {line}", file, help_=help_) for line in lines], False
    now = read_text(file)[0] if os.path.lexists(file) else None
    if now != first.text:
        words = f"{file!r} was changed by somebody else while registries were asked"
        return [plain("LC805", words, file, help_="run it again")], True
    try:
        replace_file(file, text)
    except OutputError as error:
        return [plain("LC805", str(error), error.path)], True
    counts["written"] += 1
    for line in lines:
        say(line, chosen)
    say(f"wrote {file}", chosen)
    return [], False


def _command(group: Sequence[Draft], chosen: argparse.Namespace) -> str:
    """The command that makes the change which was found."""
    import shlex

    words = ["lego-compile", "lock"]
    words += [word for word, on in (("--refresh", chosen.check or chosen.refresh), ("--upgrade", chosen.upgrade),
                                    ("--prune", chosen.prune)) if on]  # fmt: skip
    repeated = (
        ("--upgrade-package", chosen.upgrade_package),
        ("--via", chosen.via),
        ("--insecure-registry", chosen.insecure_registry),
        ("--ca", [chosen.ca] if chosen.ca else []),
    )
    for option, values in repeated:
        words += [word for value in values for word in (option, value)]
    return shlex.join([*words, *(each.spec for each in group)])


def _pin(
    want: Want,
    draft: Draft,
    pins: dict[str, dict[str, Any]],
    answers: Mapping[tuple[str, Question], Image | str | RegistryError],
) -> None:
    """Add the pin of one image, or the reason why there is none."""
    answer = answers.get(("image", want.question)) if want.question else None
    if isinstance(answer, RegistryError):
        at_home = want.question is not None and want.question.repository == want.repository
        if answer.kind == "missing" and want.pin is not None and at_home:
            name = want.use.partition("@")[0]
            way = f"to pin what there is now: lego-compile lock --upgrade-package {name} {draft.spec}"
            help_ = f"{answer.help}; {way}" if answer.help else way
            answer = RegistryError(answer.kind, answer.message, help_)
        tell(answer, want.label, want.origin, draft.report)
        return
    if answer is None and want.question is not None:
        return  # told already: `--offline`, or another mistake of this centre
    assert not isinstance(answer, str)
    pins[want.kind][want.use] = pinned(want, answer, draft.report)
    now = answers.get(("digest", want.moved)) if want.moved else None
    if isinstance(now, str) and want.pin and now != want.pin["digest"]:
        message = f"tag {want.tag!r} of {want.repository} is {now[:19]} now, and {want.pin['digest'][:19]} is pinned"
        name = want.use.partition("@")[0]
        help_ = f"ask who moved it; `lock --upgrade-package {name}` takes the newest release as it is now"
        draft.report.add("LC330", message, ("lock", want.kind, want.use, "tag"), help=help_)


def _check_lock(draft: Draft, text: str, file: str) -> None:
    """The new lock can be read, and agrees with the catalog and the centre; findings point into it.

    What is written has to pass what a compile will ask of it, whatever a registry said.
    """
    assert draft.inputs is not None
    center, catalog, _file = draft.inputs
    found = Report()
    before = draft.sources.trees.get("lock")
    size = len(text.encode())
    if size > LARGEST:
        words = f"this lock would have {size} bytes, and {LARGEST} are the most that is read"
        draft.report.add("LC325", words, ("center", "center"), help="look for images with very many layers")
        return
    try:
        lock = load_lock(f"{file} (as it would be)", lambda _name: (text, []), draft.sources, found)
        resolve(center, catalog, lock, Mirrors(center.mirrors), (), found)
        told = [each for each in found if each.code in ABOUT_IMAGES]
    except CompileFailed:
        told = [*found]
    draft.report.diagnostics += told
    if before is not None and not told:
        draft.sources.trees["lock"] = before


def _summary(counts: Mapping[str, int], failed: int, chosen: argparse.Namespace) -> str:
    parts = [f"{counts['current']} current"]
    if not (chosen.locked or chosen.check):
        parts.insert(0, f"{plural(counts['written'], 'lock')} written")
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join([*parts, plural(counts["asked"], "question") + " asked"])
