"""The names in ``chart_keys.toml``: keys that the chart does not know, and values that decide over sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple

from lego_compile.ir.model import Path
from lego_compile.spec.conform import nearest
from lego_compile.targets.assets import facts


class Unknown(NamedTuple):
    """Something in a values file that the schema of the chart refuses.

    Attributes:
        where: the place.
        message: one line.
        help: what to type instead.
    """

    where: Path
    message: str
    help: str


@cache
def table() -> Mapping[str, Any]:
    """``chart_keys.toml``."""
    return facts("z2jh", "chart_keys.toml")


def known(place: Path) -> tuple[str, ...] | None:
    """The keys that a place of the values can have, patterns among them; None where every key is free."""
    listed = _at().get(len(place), {})
    for pattern, names in listed.items():
        if _fits(place, pattern):
            return names
    if place and place[-1] in table()["anywhere"] and known(place[:-1]) is not None:
        return tuple(table()["anywhere"][place[-1]])
    return None


def unknown(values: Any, place: Path = ()) -> Iterator[Unknown]:
    """Everything in a values file that the chart has no key for; what is below such a key is not looked at."""
    names = known(place)
    if isinstance(values, dict):
        for key, value in values.items():
            if names is not None and not any(fnmatchcase(key, name) for name in names):
                yield Unknown((*place, key), *_no_key(key, place, names))
            else:
                yield from unknown(value, (*place, key))
    elif names is not None and values is not None:
        yield Unknown(place, f"the chart takes a map at {dotted(place)}", f"its keys are {_listed(names)}")


def reason(place: Path) -> tuple[int, str]:
    """How many steps of a place decide over sessions unproven, and why; no words when they do not.

    The longest row of ``[decides]`` counts, and of two the later.
    """
    best = (0, "")
    for pattern, words in _decides():
        if best[0] <= len(pattern) <= len(place) and _fits(place[: len(pattern)], pattern):
            best = (len(pattern), words)
    return best


def dotted(place: Path) -> str:
    """A place of the values in words."""
    return f"`{'.'.join(map(str, place))}`" if place else "the top"


def _no_key(key: str, place: Path, names: tuple[str, ...]) -> tuple[str, str]:
    where = f"in {dotted(place)}" if place else "at the top of its values"
    message = f"the chart has no key `{key}` {where}"
    deeper = [
        ".".join(map(str, each[len(place) :])) for each in _places_of(key) if each[: len(place)] == place
    ]
    plain = tuple(name for name in names if "*" not in name)
    guess = deeper[0] if len(deeper) == 1 else nearest(key, plain)
    return message, f"did you mean `{guess}`?" if guess else f"the keys here are {_listed(plain)}"


def _places_of(key: str) -> Iterator[Path]:
    for rows in _at().values():
        for pattern, names in rows.items():
            if key in names and "*" not in pattern:
                yield (*pattern, key)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names if "*" not in name)


def _fits(place: Path, pattern: tuple[str, ...]) -> bool:
    return len(place) == len(pattern) and all(
        isinstance(step, str) and fnmatchcase(step, name) for step, name in zip(place, pattern, strict=True)
    )


@cache
def _at() -> Mapping[int, Mapping[tuple[str, ...], tuple[str, ...]]]:
    """Rows of the table by the length of their place."""
    rows: dict[int, dict[tuple[str, ...], tuple[str, ...]]] = {}
    for name, names in table()["at"].items():
        pattern = tuple(name.split(".")) if name else ()
        rows.setdefault(len(pattern), {})[pattern] = tuple(names)
    return rows


@cache
def _decides() -> tuple[tuple[tuple[str, ...], str], ...]:
    return tuple((tuple(name.split(".")), words) for name, words in table()["decides"].items())
