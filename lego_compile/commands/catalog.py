"""``lego-compile catalog add REFERENCE…`` and ``catalog check``: the catalog, and what the registries have."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lego_compile.asking import ask_all, tell
from lego_compile.cataloguing.adding import Line, put
from lego_compile.cataloguing.comparing import Listed, compare, listed, unlisted
from lego_compile.cataloguing.outcome import check_secrets, stale_names
from lego_compile.cataloguing.page import Page
from lego_compile.cataloguing.stated import Reference, stated
from lego_compile.cli import complain, say
from lego_compile.commands.common import finish, judged, plain, plural
from lego_compile.commands.network import Via, progress, registries
from lego_compile.diagnostic.model import CompileFailed, Path, Report
from lego_compile.diagnostic.view import view
from lego_compile.emit.file import mark_of, replace_file
from lego_compile.emit.manifest import OutputError
from lego_compile.locking import Question
from lego_compile.registry.model import RegistryError
from lego_compile.source.document import parse
from lego_compile.source.read import read_text
from lego_compile.spec.conform import conform
from lego_compile.spec.load import Sources, load_catalog, schema_of, shortest

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding
    from lego_compile.registry.model import Image

FOLDER = "catalog"


def tend_catalog(chosen: argparse.Namespace) -> int:
    """Add images to the catalog, or compare all of it with the registries."""
    via = Via.parse(chosen.via)
    if isinstance(via, str):
        return complain(via)
    if via.mirror:
        return complain("a catalog has no mirrors: write `--via PREFIX=PREFIX`, or leave out `--via mirror`")
    wrong = _misuse(chosen)
    if wrong:
        return complain(wrong)
    file, wrong = (shortest(chosen.catalog), "") if chosen.catalog else _only_catalog()
    if wrong:
        return complain(wrong)
    if chosen.action == "add" and file.endswith(".json"):
        return complain(f"{file} is JSON: write the catalog as YAML, which people edit too")
    if chosen.action == "check":
        return _check(file, via, chosen)
    references: list[Reference] = []
    for word in chosen.references:
        reference = Reference.parse(word)
        if isinstance(reference, str):
            return complain(reference)
        references.append(reference)
    return _add(file, [*dict.fromkeys(references)], via, chosen)


def _misuse(chosen: argparse.Namespace) -> str:
    """What is wrong with the arguments, in words; empty for nothing."""
    if chosen.action == "add" and not chosen.references:
        return "name an image to add, such as registry.example.org/lego/brick-ocean:2026.10"
    if chosen.action == "check" and chosen.references:
        return f"`catalog check` compares the whole catalog: leave out {chosen.references[0]!r}"
    if chosen.action == "check" and chosen.name is not None:
        return "`--name` is for `catalog add`: leave it out"
    if chosen.name is not None:
        grammar = schema_of("catalog")["properties"]["bricks"]["propertyNames"]
        if not re.search(grammar["pattern"], chosen.name) or len(chosen.name) > grammar["maxLength"]:
            return f"--name is {chosen.name!r}; expected {grammar['$comment']}"
    return ""


def _only_catalog() -> tuple[str, str]:
    """The only catalog in the usual folder, or what to type."""
    try:
        there = sorted(os.listdir(FOLDER))
    except OSError:
        there = []
    found = [each for each in there if each.endswith((".yaml", ".yml")) and not each.startswith(".")]
    if len(found) == 1:
        return os.path.join(FOLDER, found[0]), ""
    if not found:
        return "", f"there is no YAML file in {FOLDER}/: name the catalog with `--catalog FILE`"
    have = ", ".join(found)
    return "", f"{FOLDER}/ has {have}: name one, such as `--catalog {os.path.join(FOLDER, found[0])}`"


def _add(file: str, references: Sequence[Reference], via: Via, chosen: argparse.Namespace) -> int:
    """Ask for every image, and write the catalog when all of them can be added."""
    report, sources = Report(), Sources()
    fresh = not os.path.lexists(file) and bool(chosen.catalog)
    try:
        text = _fresh(file) if fresh else _text(file, sources, report)
    except CompileFailed:
        return _end(report, sources, chosen, "")
    ask_at = via.at({})
    questions = {each: Question(ask_at(each.repository), each.tag) for each in references}
    answers = _images([*questions.values()], chosen)
    said = []
    for reference, question in questions.items():
        answer = answers[question]
        if isinstance(answer, RegistryError):
            tell(answer, f"the image {reference}", ("file", file), report)
            continue
        found = stated(reference, answer, chosen.name, ("file", file), report)
        said += [found] if found else []
    page, lines = Page(text), list[Line]()
    for each in sorted(said, key=lambda one: one.kind != "systems" or not fresh):
        lines += put(each, page, report)
    if report.has_errors(strict=chosen.strict):
        return _end(report, sources, chosen, f"{file} is as it was")
    check_secrets(page.text, file, report)
    if report.has_errors(strict=chosen.strict):
        return _end(report, sources, chosen, f"{file} is as it was")
    wrong = _complaints(page.text)
    if wrong and fresh and not page.data.get("systems"):
        return complain(f"there is no catalog {file}; a new one needs a system image too: name both")
    assert not wrong, wrong
    if not fresh and read_text(file)[0] != text:
        return complain(f"{file} was changed while registries were asked: run the command again")
    if page.text == text:
        return _end(report, sources, chosen, "\n".join([*map(str, lines), f"{file} is as it was"]))
    try:
        replace_file(file, mark_of(file) + page.text)
    except OutputError as error:
        findings = [*_findings(report, sources), plain("LC805", str(error), error.path)]
        return finish(judged(findings, strict=chosen.strict), chosen, "", unusable=True)
    for line in lines:
        say(str(line), chosen)
    known = Page(text).data
    newer = sorted({each.name for each in lines if each.newest and each.name in known.get(each.kind, {})})
    if newer:
        packages = " ".join(f"-P {name}" for name in newer)
        say(f"centres that are locked take it with: lego-compile lock {packages} SPEC...", chosen)
    stale = [] if fresh else stale_names(text, page.text)
    if stale:
        names = ", ".join(stale)
        say(f"centres that use {names} have to be locked again: lego-compile lock SPEC...", chosen)
    return _end(report, sources, chosen, f"wrote {file}")


def _text(file: str, sources: Sources, report: Report) -> str:
    """The text of a catalog that has no mistakes.

    Raises:
        CompileFailed: it has some, or cannot be read.
    """
    load_catalog(file, read_text, sources, report)
    report.stop_if_errors()
    return sources.texts[file]


def _fresh(file: str) -> str:
    """A catalog of nothing, called like its file."""
    stem = re.sub(r"[^a-z0-9]+", "-", os.path.basename(file).partition(".")[0].lower()).strip("-")
    return f"lego: 1\ncatalog: {stem[:40].strip('-') or 'catalog'}\n"


def _complaints(text: str) -> list[str]:
    """What is wrong with a catalog."""
    tree, problems = parse("catalog.yaml", text)
    assert tree is not None, problems
    report = Report()
    conform(tree, schema_of("catalog"), "catalog", report)
    return [each.message for each in report]


def _check(file: str, via: Via, chosen: argparse.Namespace) -> int:
    """Compare every release of the catalog with its image."""
    report, sources = Report(), Sources()
    try:
        catalog = load_catalog(file, read_text, sources, report)
    except CompileFailed:
        return _end(report, sources, chosen, "")
    every = listed(catalog, via.at({}))
    answers, tags = _everything(every, chosen)
    tree = compare(every, answers, f"{file} (as the images state it)", report)
    if tree is not None:
        sources.trees["lock"] = tree
    for line in unlisted(every, tags, answers):
        say(line, chosen)
    return _end(report, sources, chosen, _summary(every, answers, tags, report))


def _summary(every: Sequence[Listed], answers: Any, tags: Any, report: Report) -> str:
    silent = [each for each in every if isinstance(answers[each.question], RegistryError)]
    doubted: set[Path] = {each.primary for each in report}
    differ = [each for each in every if each not in silent and each.origin in doubted]
    parts = [f"{plural(len(every) - len(silent), 'image')} compared", f"{len(differ)} differ"]
    parts += [f"{len(silent)} not read"] if silent else []
    untold = sum(isinstance(each, RegistryError) for each in tags.values())
    parts += [f"the tags of {untold} of {plural(len(tags), 'repository')} not listed"] if untold else []
    return ", ".join(parts).replace("repositorys", "repositories")


def _images(
    questions: Sequence[Question], chosen: argparse.Namespace
) -> dict[Question, Image | RegistryError]:
    with registries(chosen) as asked, progress(len({*questions}), asked, chosen) as answered:
        return ask_all(questions, lambda question: asked.client.image(*question), answered)


def _everything(
    every: Sequence[Listed], chosen: argparse.Namespace
) -> tuple[dict[Question, Image | RegistryError], dict[str, tuple[str, ...] | RegistryError]]:
    """The images of all releases, and the tags of all repositories."""
    questions = [each.question for each in every]
    repositories = [Question(each.repository, "") for each in questions]
    with (
        registries(chosen) as asked,
        progress(len({*questions, *repositories}), asked, chosen) as answered,
    ):

        def one(question: Question) -> Image | tuple[str, ...]:
            client, (repository, tag) = asked.client, question
            return client.image(repository, tag) if tag else client.tags(repository)

        found: dict[Question, Any] = ask_all([*questions, *repositories], one, answered)
    return (
        {each: found[each] for each in questions},
        {each.repository: found[each] for each in repositories},
    )


def _findings(report: Report, sources: Sources) -> list[Finding]:
    return [view(each, sources.trees, sources.texts) for each in report]


def _end(report: Report, sources: Sources, chosen: argparse.Namespace, summary: str) -> int:
    unusable = any(each.code in ("LC101", "LC102") for each in report)
    findings = judged(_findings(report, sources), strict=chosen.strict)
    return finish(findings, chosen, summary, unusable=unusable)
