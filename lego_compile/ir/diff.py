"""Two deployments → what differs, in words, and where it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import NamedTuple

from lego_compile.ir.model import Path

_WORDS = {
    "profiles": "profile", "bricks": "brick", "offers": "offered brick", "data": "data mount",
    "cpu": "CPU limit (thousandths of a core)", "memory": "memory limit (bytes)", "gpus": "number of GPUs",
    "system": "system image", "prefix": "mount path", "guarded": "start-up guard",
    "home_size": "size of the home (bytes)", "retired": "retired choices of brick",
    "groups": "groups", "environment": "environment",
}  # fmt: skip


class Difference(NamedTuple):
    """One fact that two sides state differently.

    Attributes:
        where: the fact in words (``profile 'ocean' → brick 'geo' → digest``).
        expected: what the specification says, or None when it does not know the thing.
        found: what was read back, or None when it is missing.
        expected_at: origin in the specification; may be empty.
        found_at: origin in the artifact; may be empty.
    """

    where: str
    expected: object
    found: object
    expected_at: Path = ()
    found_at: Path = ()

    @property
    def message(self) -> str:
        """One line: the fact, and both values."""
        if self.expected is None and not _scalar(self.found):
            return f"{self.where} is in the artifact and not in the specification"
        if self.found is None and not _scalar(self.expected):
            return f"{self.where} is missing from the artifact"
        return f"{self.where} is {_say(self.found)} in the artifact and should be {_say(self.expected)}"


def differences(expected: object, found: object) -> Iterator[Difference]:
    """Every semantic difference between two values of ``ir.model``, or between two trees of plain data."""
    yield from _walk((), expected, found, (), ())


def _walk(
    where: tuple[str, ...], expected: object, found: object, e_at: Path, f_at: Path
) -> Iterator[Difference]:
    if expected == found:
        return
    if is_dataclass(expected) and type(expected) is type(found):
        e_at, f_at = getattr(expected, "origin", ()) or e_at, getattr(found, "origin", ()) or f_at
        for each in fields(expected):
            if each.compare:
                name = each.name
                yield from _walk((*where, name), getattr(expected, name), getattr(found, name), e_at, f_at)
        return
    left, right = _keyed(expected), _keyed(found)
    if left is not None and right is not None:
        for key in {**left, **right}:
            # "profile 'ocean'" for an element of a collection of ours, "'slurm' → 'partition'" in plain data
            collection = where[-1:] and not where[-1].startswith("'")
            step = (*where[:-1], f"{_word(where[-1])} {key!r}") if collection else (*where, repr(key))
            yield from _walk(step, left.get(key), right.get(key), e_at, f_at)
        twice = len(left) != len(expected) or len(right) != len(found)  # type: ignore[arg-type]  # `_keyed` took both
        ordered = not isinstance(expected, Mapping)  # a mapping has no order, here and on every platform
        if twice or (ordered and list(left) != list(right) and set(left) == set(right)):
            yield Difference(_line((*where, "order")), list(left), list(right), e_at, f_at)
        return
    e_at, f_at = getattr(expected, "origin", ()) or e_at, getattr(found, "origin", ()) or f_at
    yield Difference(_line(where), expected, found, e_at, f_at)


def _keyed(value: object) -> Mapping[str, object] | None:
    """The elements of a collection by what people call them; None for a value without elements."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, tuple | list):
        return None
    for name in ("slug", "called", "name"):
        if value and all(hasattr(each, name) for each in value):
            return {getattr(each, name): each for each in value}
    if value and all(
        isinstance(each, tuple) and len(each) == 2 and isinstance(each[0], str) for each in value
    ):
        return {each[0]: each[1] for each in value}
    return {} if not value else None


def _word(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _line(where: tuple[str, ...]) -> str:
    return " → ".join(step if "'" in step else _word(step) for step in where) or "the deployment"


def _scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _say(value: object) -> str:
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return repr(list(value))
    return repr(value)
