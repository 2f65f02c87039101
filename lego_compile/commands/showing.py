"""``lego-compile show SPEC…``: what each profile is made of, and how much it pulls."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lego_compile.cli import say
from lego_compile.commands.common import finish, judged, specs_among
from lego_compile.diagnostic.model import CompileFailed, Report
from lego_compile.diagnostic.view import view
from lego_compile.mirrors import Mirrors
from lego_compile.resolve import resolve
from lego_compile.sizes import Part, check_budget, human, parts, total
from lego_compile.source.read import read_text
from lego_compile.spec.load import Inputs, Sources, load

if TYPE_CHECKING:
    from lego_compile.diagnostic.view import Finding
    from lego_compile.ir.model import Composition, Deployment


def show_specs(chosen: argparse.Namespace) -> int:
    """Print every centre that can be resolved; findings of the others."""
    findings: list[Finding] = []
    unusable = False
    for number, spec in enumerate(specs_among(chosen.specs)):
        report, sources = Report(), Sources()
        try:
            inputs = load(spec, read_text, sources, report)
            mirrors = Mirrors(inputs.center.mirrors)
            deployment = resolve(inputs.center, inputs.catalog, inputs.lock, mirrors, inputs.options, report)
            check_budget(inputs.center, inputs.lock, report)
            if deployment is not None:
                say("\n".join(([""] if number else []) + [*_lines(deployment, inputs)]), chosen)
        except CompileFailed:
            pass
        findings += [view(each, sources.trees, sources.texts) for each in report]
        unusable = unusable or any(each.code in ("LC101", "LC102") for each in report)
    return finish(judged(findings, strict=chosen.strict), chosen, "", unusable=unusable)


def _lines(deployment: Deployment, inputs: Inputs) -> Iterator[str]:
    center, lock = inputs.center, inputs.lock
    yield f"{center.center}: {center.title}, for {', '.join(inputs.options)}"
    for platform in center.platforms:
        rows: list[tuple[str, ...]] = []
        heads: dict[int, str] = {}
        everything = []
        for composition in deployment.profiles:
            images = parts(center, center.profiles[composition.slug], lock, platform)
            everything += images
            fixed = [each for each in images if not each.offered]
            more = f", {_sum(images)} with every offer" if len(fixed) < len(images) else ""
            default = ", the default" if composition.default else ""
            heads[len(rows)] = (
                f"  {composition.slug}: {composition.title}{default}; pulls {_sum(fixed)}{more}"
            )
            prefixes = _prefixes(composition)
            for each in images:
                word = "system" if each.kind == "systems" else "offer" if each.offered else "brick"
                place = "" if each.kind == "systems" else prefixes.get(each.use.partition("@")[0], "")
                pinned = (each.pin.release, human(each.size)) if each.pin else ("not locked", "?")
                rows.append((word, each.use, *pinned, place))
        budget = f", of {center.budget.center} allowed" if center.budget.center else ""
        yield f"  {platform}: {_sum(everything)} for all profiles, shared layers counted once{budget}"
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
        for index, row in enumerate(rows):
            if index in heads:
                yield heads[index]
            yield (
                "    "
                + "  ".join(
                    cell.rjust(width) if number == 3 else cell.ljust(width)
                    for number, (cell, width) in enumerate(zip(row, widths, strict=True))
                ).rstrip()
            )


def _sum(images: list[Part]) -> str:
    """What all of these pull; a lower bound where the lock does not know."""
    return ("" if all(each.pin for each in images) else "at least ") + human(total(images))


def _prefixes(composition: Composition) -> dict[str, str]:
    """Brick → where it is mounted, and what its kernels are called in notebooks."""
    mounts = (*composition.bricks, *composition.offers)
    return {
        mount.name: f"{mount.prefix}  {', '.join(kernel.name for kernel in mount.kernels)}"
        for mount in mounts
    }
