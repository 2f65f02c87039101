"""A hand-written values file as Helm reads it: YAML 1.1 with Go's rules, and then JSON.

Helm decodes with kubernetes-sigs/yaml:yaml.go@v1.6.0 (``YAMLToJSON`` over goyaml.v2/resolve.go), and JSON has one kind
of number, of 64 bits with a point. Our own reader has read the text already, with its places, as YAML 1.2: what differs
is words and numbers without quotes.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from lego_compile.ir.model import Path

_WORDS: dict[str, bool | None] = {
    spelled: value
    for words, value in (("y yes on true", True), ("n no off false", False))
    for word in words.split()
    for spelled in (word, word.capitalize(), word.upper())
}
_WORDS |= dict.fromkeys(("", "~", "null", "Null", "NULL"))
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_INTEGER = re.compile(r"([-+]?)(?:0[bB]([01]+)|0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_BASES = (2, 16, 8, 10)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_POINTED = re.compile(r"\.[0-9](_?[0-9])*([eE][-+]?[0-9]+)?")
_EXACT = 2**53


class Layer(Protocol):
    """A file that is laid over ours, with the places of its text (``source.document.Tree``)."""

    @property
    def data(self) -> Any:
        """Plain data; the keys of every dict are text."""

    def raw(self, path: Path) -> str | None:
        """A scalar as it was typed; None where there is no scalar."""

    def quoted(self, path: Path) -> bool:
        """Whether the scalar was written in quotes or as a block."""


def read(layer: Layer) -> tuple[Any, tuple[Path, ...]]:
    """What Helm reads, and the places of the numbers that it cannot read (``.inf``, ``.nan``)."""
    refused: list[Path] = []

    def one(value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: one(below, (*path, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [one(below, (*path, index)) for index, below in enumerate(value)]
        typed = layer.raw(path)
        if typed is None or layer.quoted(path) or "\n" in typed:
            return value
        if _NO_NUMBER.fullmatch(typed):
            refused.append(path)
            return typed
        return scalar(typed)

    return one(layer.data, ()), tuple(refused)


def scalar(text: str) -> str | int | float | bool | None:
    """The value of a scalar without quotes, once it went through JSON."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if text[0] == ".":
        return _number(float(text.replace("_", ""))) if _POINTED.fullmatch(text) else text
    plain = text.replace("_", "")
    found = _INTEGER.fullmatch(plain)
    if found:
        digits, base = next(
            (digits, base) for digits, base in zip(found.groups()[1:], _BASES, strict=True) if digits
        )
        value = int(digits[:400], base) * (-1 if found[1] == "-" else 1)
        if -(2**63) <= value < (2**63 if found[1] else 2**64):
            return value if abs(value) <= _EXACT else _number(float(value))
    if _FLOAT.fullmatch(plain):
        number = float(plain)
        return text if abs(number) == float("inf") else _number(number)
    return text


def _number(value: float) -> int | float:
    """JSON has no whole numbers of another kind."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def writable(data: Any) -> Any:
    """The same with texts in the place of numbers and keys that our own printer and reader of YAML have no room for."""
    if isinstance(data, dict):
        return {_key(key): writable(value) for key, value in data.items()}
    if isinstance(data, list):
        return [writable(value) for value in data]
    if isinstance(data, float) and not re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,17}", repr(data)):
        return repr(data)
    if isinstance(data, int) and abs(data) >= 10**18:
        return str(data)
    return data


def _key(key: str) -> str:
    return f"{key[:400]} …" if len(key) > 400 or key == "<<" else key
