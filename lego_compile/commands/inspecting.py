"""``lego-compile inspect WHAT…``: what bricks and system images are, read from their files."""

from __future__ import annotations

import argparse
import json
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from lego_compile.asking import tell
from lego_compile.cli import complain, say
from lego_compile.commands.common import exit_code, finish, judged, plural
from lego_compile.commands.network import registries
from lego_compile.diagnostic.model import Report
from lego_compile.diagnostic.render.json import encodable
from lego_compile.diagnostic.view import view
from lego_compile.emit.manifest import OutputError
from lego_compile.inspecting.inspection import Expected, Inspection, inspect
from lego_compile.inspecting.labels import FIXED
from lego_compile.inspecting.model import Image, Unreadable
from lego_compile.inspecting.relabel import relabel
from lego_compile.inspecting.shown import lines
from lego_compile.inspecting.sources import Layout, What, images, parse
from lego_compile.registry.model import RegistryError
from lego_compile.spec.load import schema_of

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding
    from lego_compile.registry.client import Registries

VERSION = 1
"""Version of the JSON document. New keys may come without a new version; a key never changes its meaning."""

_UNREAD = {"LC651", "LC321", "LC322", "LC323", "LC324", "LC325", "LC328", "LC329"}
"""Codes of what could not be read: files that are damaged, and what a registry did not give."""


def inspect_images(chosen: argparse.Namespace) -> int:
    """Read what was named, report faults, and write labels where that was asked; returns the exit code."""
    wrong = _misuse(chosen)
    if wrong:
        return complain(wrong)
    named: list[tuple[What, str]] = []
    for word in chosen.what:
        what = parse(word)
        if isinstance(what, str):
            return complain(what)
        if chosen.label and not isinstance(what, Layout):
            return complain(f"--label writes into an OCI layout, and {word!r} is none: name oci:DIR")
        named.append((what, word))
    expected = Expected(chosen.kind, chosen.name, chosen.prefix, labelling=chosen.label)
    findings: list[Finding] = []
    done: list[Inspection] = []
    unusable = False
    with ExitStack() as stack:
        clients: list[Registries] = []

        def client() -> Registries:
            if not clients:
                clients.append(stack.enter_context(registries(chosen)).client)
            return clients[0]

        for what, word in named:
            report = Report()
            seen = _inspect(what, word, client, expected, report)
            unusable |= any(each.code in _UNREAD for each in report)
            if chosen.label and isinstance(what, Layout):
                unusable |= _label(what, word, seen, report, chosen)
            done += [found for _, found in seen]
            findings += judged([view(each, {}) for each in report], strict=chosen.strict)
    if chosen.output_format == "json":
        return _as_json(done, findings, unusable)
    for each in done:
        for line in lines(each):
            say(line, chosen)
    errors = sum(each.severity == "error" for each in findings)
    words = [plural(errors, "error"), plural(len(findings) - errors, "warning")]
    return finish(findings, chosen, f"{plural(len(done), 'image')}: {', '.join(words)}", unusable=unusable)


def _misuse(chosen: argparse.Namespace) -> str:
    facts = schema_of("lock")["$defs"]["BrickFacts"]["properties"]
    for option, value, fact in (("--name", chosen.name, "name"), ("--prefix", chosen.prefix, "prefix")):
        grammar = next(each for each in facts[fact]["anyOf"] if "pattern" in each)
        if value is not None and not re.search(grammar["pattern"], value):
            return f"{option} is {value!r}; expected {grammar.get('$comment', 'an absolute path')}"
    if chosen.prefix is not None and chosen.kind == "system":
        return "--prefix is of a brick: leave it out, or --as system"
    return ""


def _inspect(
    what: What, word: str, client: Any, expected: Expected, report: Report
) -> list[tuple[Image, Inspection]]:
    """Everything that one argument names; what cannot be read is a finding."""
    seen: list[tuple[Image, Inspection]] = []
    try:
        for image in images(what, word, client):
            try:
                seen.append((image, inspect(image, expected, report)))
            except Unreadable as error:
                report.add("LC651", error.message, ("file", image.name), help=error.help)
    except Unreadable as error:
        report.add("LC651", error.message, ("file", word), help=error.help)
    except RegistryError as error:
        if isinstance(what, Layout):
            report.add("LC651", error.message, ("file", word), help=error.help)
        else:
            tell(error, "the image", ("file", word), report)
    return seen


def _label(
    what: Layout, word: str, seen: list[tuple[Image, Inspection]], report: Report, chosen: argparse.Namespace
) -> bool:
    """Write what the files state into the layout, unless something is wrong; whether that failed."""
    wanted = {image.manifest: _to_write(image, found) for image, found in seen}
    if report.has_errors(strict=chosen.strict):
        say(f"{word} is as it was: it has errors", chosen)
        return False
    try:
        changed = relabel(what.folder, what.tag, wanted.get)
    except Unreadable as error:
        report.add("LC651", error.message, ("file", word), help=error.help)
        return True
    except OutputError as error:
        report.add("LC805", str(error), ("file", error.path))
        return True
    say(
        f"{word}: " + (f"labels of {plural(changed, 'image')} written" if changed else "is as it was"), chosen
    )
    return False


def _to_write(image: Image, found: Inspection) -> dict[str, str]:
    have = image.labels or {}
    own = {key.rpartition(".")[2]: key for key in found.labels}
    return {
        key: value for fact, key in own.items() for value in [found.labels[key]]
        if not (fact in FIXED and key in have)
    }  # fmt: skip


def _as_json(done: list[Inspection], findings: list[Finding], unusable: bool) -> int:
    """Facts and findings in one document on standard output."""
    from dataclasses import asdict

    document = {
        "version": VERSION,
        "images": [each._asdict() for each in done],
        "findings": [asdict(each) for each in findings],
    }
    print(encodable(json.dumps(document, ensure_ascii=False, indent=2)))
    return exit_code(findings, unusable=unusable)
