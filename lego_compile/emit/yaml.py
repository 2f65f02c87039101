"""Plain data to YAML text that every reader understands alike.

The readers do not agree: PyYAML speaks YAML 1.1 (``no`` is false, ``010`` is 8, ``1:30`` is 90), ruamel.yaml
1.2, Helm and Compose a mixture (go-yaml/yaml:resolve.go). So a string is left bare only when it looks like
nothing else in any of them: it begins with a letter or ``/``, is no word such as ``no``, and holds nothing
that means something to YAML.

The printer is our own because PyYAML has two that differ: libyaml escapes emoji and PyYAML does not, and both
turn a key of 128 characters into ``? key`` (yaml/libyaml:src/emitter.c, yaml/pyyaml:lib/yaml/emitter.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache

_Collection = Mapping[object, object] | list[object] | tuple[object, ...]

_INDENT = "  "

# A simple key may be 1024 characters long (yaml/pyyaml:lib/yaml/scanner.py, stale_possible_simple_keys).
_LONGEST_KEY = 1000

# Words that some reader takes for a boolean or null, in lower case (https://yaml.org/type/bool.html).
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})

# ": " would end a key and " #" begin a comment. No possessive quantifiers: Python 3.11.0 to 3.11.4 get them wrong, and
# Debian 12 has 3.11.2 (python/cpython#106052).
_PLAIN = rb"[A-Za-z0-9 _./@%+=,()*;<>~^?&!|$-]*"
_BARE = re.compile(rb"[A-Za-z/]" + _PLAIN + rb"(?:(?::(?=[^ ])|(?<! )#)" + _PLAIN + rb")*")

# Written as escapes: what YAML calls not printable, the line breaks that only YAML 1.1 knows (U+0085, U+2028,
# U+2029), and what a reviewer cannot see (odd spaces, zero width, direction marks, tags).
_INVISIBLE_CLASS = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\ud800-\udfff"
    r"\ufeff\ufff9-\uffff\U000e0000-\U000e0fff"
)

# What a literal block would lose: control characters, blanks at the end of a line, a tab where indent is counted.
_NOT_LITERAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|[ \t]$|^\t", re.MULTILINE)

_quote_json = json.JSONEncoder(ensure_ascii=False).encode


def dump(data: object, header: str = "") -> str:
    r"""Write ``data`` as one YAML document in block style, always the same bytes for the same data.

    Keys stay in the order given, lines are never folded, nothing is shared by anchors. Text of several lines
    is a literal block (``|``) where such a block can hold it, else a double-quoted string.

    Args:
        data: dicts with string keys, lists, tuples, strings, booleans, finite numbers and None.
        header: comment lines to put first, without ``#``.

    Returns:
        The text, which ends with a newline and is safe to encode as UTF-8.

    Raises:
        TypeError: another type, or a key that is no string.
        ValueError: a float that is not finite, an integer beyond 64 bits (Go would round it), a key longer
            than 1000 characters, text that UTF-8 cannot hold.
    """
    lines = [f"# {_visible(line)}".rstrip() for line in header.splitlines()]
    if isinstance(data, Mapping | list | tuple) and data:
        _collection(data, "", lines)
    else:
        lines.append(_scalar(data, _INDENT))
    return "\n".join(lines) + "\n"


def _collection(data: _Collection, pad: str, lines: list[str]) -> None:
    """Append the lines of a collection that is not empty; the first one starts with ``pad`` too."""
    deeper = pad + _INDENT
    if isinstance(data, Mapping):
        for key, value in data.items():
            start = f"{pad}{_key(key)}:"
            if isinstance(value, Mapping | list | tuple) and value:
                lines.append(start)
                _collection(value, deeper, lines)
            else:
                lines.append(f"{start} {_scalar(value, deeper)}")
        return
    for item in data:
        if isinstance(item, Mapping | list | tuple) and item:
            first = len(lines)
            _collection(item, deeper, lines)
            lines[first] = f"{pad}- {lines[first][len(deeper) :]}"  # the dash takes the place of the indent
        else:
            lines.append(f"{pad}- {_scalar(item, deeper)}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key must be a string, not {key!r}")
    text = _one_line(key)
    if len(text) > _LONGEST_KEY:
        raise ValueError(f"a key is longer than {_LONGEST_KEY} characters: {key[:40]!r}…")
    return text


def _scalar(value: object, pad: str) -> str:
    """Spell a value that is no collection, or an empty one; ``pad`` indents the lines after the first."""
    if isinstance(value, str):
        return _literal(value, pad) or _one_line(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"an integer is beyond 64 bits: {value}")
        return int.__repr__(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    raise TypeError(f"YAML is written from plain data, not from {type(value).__name__}")


def _float(value: float) -> str:
    text = float.__repr__(value)
    if text in ("inf", "-inf", "nan"):
        raise ValueError(f"a number must be finite: {text}")
    mantissa, e, exponent = text.partition("e")
    if e and "." not in mantissa:
        mantissa += ".0"  # YAML 1.1 reads 1e+16 as a string, 1.0e+16 as a number
    return mantissa + e + exponent


def _literal(text: str, pad: str) -> str | None:
    """Spell ``text`` as a literal block; None where it would not come back whole, or not be seen whole."""
    if "\n" not in text or text[0] in " \n" or text.endswith("\n\n") or _NOT_LITERAL.search(text):
        return None
    if not text.isascii() and _invisible().search(text):
        return None
    chomp = "" if text[-1] == "\n" else "-"
    block = text.removesuffix("\n").split("\n")
    return "\n".join([f"|{chomp}", *(pad + line if line else "" for line in block)])


def _one_line(text: str) -> str:
    if (
        _BARE.fullmatch(text.encode("ascii", "replace"))  # é becomes ?, which may be anywhere but first
        and text[-1] != " "
        and text.lower() not in _WORDS
        and (text.isascii() or not _invisible().search(text))
    ):
        return str.__str__(text)  # of a subclass, the text only
    return _visible(_quote_json(text))


@cache
def _invisible() -> re.Pattern[str]:
    """Compiled when the first text needs it: its ranges take a millisecond."""
    return re.compile(f"[{_INVISIBLE_CLASS}]")


def _visible(text: str) -> str:
    return text if text.isascii() and text.isprintable() else _invisible().sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if 0xD800 <= number <= 0xDFFF:
        raise ValueError(f"text holds half of a surrogate pair: U+{number:04X}")
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
