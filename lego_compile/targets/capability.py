"""Whether a platform can do something is a row; this module only intersects rows with declared versions."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.features import Need

LEVELS = ("absent", "emulated", "gated", "native")
"""Support, worst first. A platform is as able as its least able component."""
_SHOWN = 3
"""Further places that a finding names; a centre may have hundreds of bricks."""


class Row(NamedTuple):
    """From one version on, this holds, until the next row of the same component.

    Attributes:
        component: key of ``versions:``; empty for what holds whatever the versions.
        since: first version; empty without a component.
        support: an entry of ``LEVELS``.
        gate: name of the switch that has to be on; empty when there is none. Unless the centre states that it is,
            what is gated is absent, and what is native may be.
        needs: what it takes, or what is lost, in words.
        source: where that is written.
    """

    component: str
    since: str
    support: str
    gate: str
    needs: str
    source: str


class Table(NamedTuple):
    """``capabilities.toml`` of a target.

    Attributes:
        slots: components that are alternatives to each other, by slot name; exactly one is declared.
        rows: by feature, in the order of the file.
    """

    slots: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, tuple[Row, ...]]


@cache
def table(target: str) -> Table:
    """The capability table of a target."""
    import tomllib

    with open(os.path.join(os.path.dirname(__file__), target, "capabilities.toml"), "rb") as file:
        data = tomllib.load(file)
    slots = {name: tuple(components) for name, components in data.pop("slots", {}).items()}
    rows = {
        feature: tuple(
            Row(
                row.get("component", ""),
                row.get("since", ""),
                row["support"],
                row.get("gate", ""),
                row.get("needs", ""),
                row["source"],
            )
            for row in listed
        )
        for feature, listed in data.items()
    }
    return Table(slots, rows)


def check(
    target: str, needs: Iterable[Need], versions: Mapping[str, str], gates: Iterable[str], report: Report
) -> None:
    """Report what a target cannot do at the declared versions (LC501-LC505).

    Args:
        target: name of the target.
        needs: features, each with the place that asks for it.
        versions: component → version, as declared; a component may be missing.
        gates: switches that the centre states to be on.
        report: receives the findings.
    """
    known = table(target)
    declared = {name: version for name, version in versions.items() if version}
    switched = frozenset(gates)
    here: Path = ("center", "targets", target)
    missing: set[str] = set()
    wanted: dict[str, list[Need]] = {}
    for need in needs:
        wanted.setdefault(need.feature, []).append(need)
    for feature, asking in wanted.items():
        for row in _holding(known, feature, declared, here, missing, report):
            if row.support != "native" or (row.gate and row.gate not in switched):
                _judge(target, asking, row, declared, switched, here, report)


def _holding(
    known: Table,
    feature: str,
    declared: Mapping[str, str],
    here: Path,
    missing: set[str],
    report: Report,
) -> Iterable[Row]:
    """For each component that a feature depends on: the row that holds at its declared version."""
    by_component: dict[str, list[Row]] = {}
    for row in known.rows[feature]:
        by_component.setdefault(row.component, []).append(row)
    slot_of = {name: slot for slot, names in known.slots.items() for name in names}
    done: set[str] = set()
    for component, rows in by_component.items():
        if not component:
            yield rows[-1]
            continue
        slot = slot_of.get(component, component)
        chosen = [name for name in known.slots.get(slot, (component,)) if name in declared]
        if slot in done:
            continue
        done.add(slot)
        if not chosen:
            if slot not in missing:
                missing.add(slot)
                names = " or ".join(f"`{name}`" for name in known.slots.get(slot, (component,)))
                report.add(
                    "LC502",
                    f"{here[-1]} needs the version of {names} to judge {feature!r}",
                    (*here, "versions"),
                    key=True,
                    help=f'add `{known.slots.get(slot, (component,))[0]}: "…"` below `versions:`',
                )
            continue
        if len(chosen) > 1 and f"{slot} twice" not in missing:
            missing.add(f"{slot} twice")
            report.add(
                "LC505",
                f"{' and '.join(f'`{name}`' for name in chosen)} are alternatives, and both are declared",
                (*here, "versions", chosen[1]),
                key=True,
                help="declare the one that runs sessions",
            )
        name = chosen[0]
        steps = by_component.get(name, [])
        version = parse(declared[name])
        holding = [row for row in steps if parse(row.since) <= version]
        if holding:
            yield holding[-1]
        else:
            first = steps[0] if steps else None
            words = f"{name} {first.since}" if first else f"something else than {name}"
            yield Row(name, "", "absent", "", words, first.source if first else rows[0].source)


def _judge(
    target: str,
    asking: list[Need],
    row: Row,
    declared: Mapping[str, str],
    switched: frozenset[str],
    here: Path,
    report: Report,
) -> None:
    """One finding for a feature, at the first place that asks for it, with some of the others."""
    first, others = asking[0], asking[1:]
    version = f"{row.component} {declared[row.component]}" if row.component else ""
    at = (*here, "versions", row.component) if row.component else here
    on = f"{target} with {version}" if version else target
    related = [Label(need.origin, f"and by {need.what}") for need in others[:_SHOWN]]
    related.append(Label(at, f"declared here for {target}" if version else "this target", key=not version))
    note = f"needed by {first.what}" + (f", and {len(others)} more" if others else "")
    source = f"source: {row.source}"
    if row.support == "absent" or (row.support == "gated" and row.gate and row.gate not in switched):
        turn_on = f"turn it on, and say so with `gates: [{row.gate}]`; " if row.gate else ""
        code, message = "LC501", f"{first.feature!r} is not available on {on}"
        help_ = f"it needs {row.needs}; {turn_on}{source}"
    elif row.support in ("gated", "native"):
        code, message = "LC503", f"{first.feature!r} on {on} depends on {row.needs or row.gate}"
        say_so = f"where it is so, say so with `gates: [{row.gate}]`; " if row.support == "native" else ""
        help_ = f"{say_so}{source}"
    else:
        code, message, help_ = "LC504", f"{first.feature!r} on {on} is emulated: {row.needs}", source
    report.add(code, message, first.origin, note=note, related=tuple(related), help=help_)


def parse(version: str) -> tuple[int, ...]:
    """The numeric beginning of a version, without trailing zeros: ``1.35.0-gke.1`` is ``(1, 35)``.

    A pre-release counts as its release: what a candidate of 1.35 cannot do, its table row does not know.
    """
    match = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in match.group().split(".")] if match else [0]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
