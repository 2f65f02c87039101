"""What a plain scalar means in YAML 1.2 (the core schema), and whether YAML 1.1 reads it otherwise.

The readers of YAML 1.1 that matter here are PyYAML (yaml/pyyaml:lib/yaml/resolver.py) and Helm's Go reader
(kubernetes-sigs/yaml:goyaml.v2/resolve.go). Where they would read something else than YAML 1.2 does, the
author must say what was meant.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

# Every scalar that is not text, in either version, begins with one of these (or is empty).
STARTS = frozenset("+-.0123456789~<=nNtTfFyYoO")

_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_OLD_BOOLS = {
    spelling: meaning
    for meaning, words in (("true", ("y", "yes", "on")), ("false", ("n", "no", "off")))
    for word in words
    for spelling in (word, word.capitalize(), word.upper())
}

_NOT_FINITE = {
    word: float(word.replace(".", ""))
    for word in [".nan", ".NaN", ".NAN", *(s + w for s in ("", "+", "-") for w in (".inf", ".Inf", ".INF"))]
}

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_OLD_FLOAT = re.compile(r"(?:[-+]?[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")
# Seldom needed, and compiled only then.
_BASED = r"0o[0-7]+|0x[0-9a-fA-F]+"
_OLD_NUMBER = (
    r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+"
    r"|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|(?:\.[0-9]|[0-9])[0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?)"
)
_ZONE = r"[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?)"
_TIME = rf"(?:[Tt]|[ \t]+)[0-9]{{1,2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]*)?(?:{_ZONE})?"
_DATE = rf"[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}(?:{_TIME})?"
_DIGITS = 400  # beyond this a number is surely none; int() itself refuses 4300
_TOO_LONG = ("a number of more digits than readers keep", "")


def resolve(text: str) -> tuple[Scalar, tuple[str, str] | None]:
    """The meaning of a plain scalar.

    Returns:
        Its value in YAML 1.2, and, when YAML 1.1 disagrees (or no number can hold it), the two readings in
        words and what to write for the value that is not text (empty when there is nothing to write).
    """
    if text in _WORDS:
        return _WORDS[text], None
    if text in _OLD_BOOLS:
        return text, (f"text in YAML 1.2 and {_OLD_BOOLS[text]} in YAML 1.1", _OLD_BOOLS[text])
    if text == "=" or text == "<<":
        return text, ("text in YAML 1.2 and a mark of its own in YAML 1.1", "")
    first = text[0]
    if first.isalpha():
        return text, None
    if _INT.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _float(text)
    if text[:2] in ("0o", "0x") and re.fullmatch(_BASED, text):
        if len(text) > _DIGITS:
            return text, _TOO_LONG
        value = int(text[2:], 8 if text[1] == "o" else 16)
        if text[1] == "o":
            return value, (f"{value} in YAML 1.2 and text in YAML 1.1", str(value))
        return value, _oversized(value)
    if text in _NOT_FINITE:
        return _NOT_FINITE[text], ("a number that JSON has no way to write", "")
    if text[4:5] == "-" and re.fullmatch(_DATE, text):
        return text, ("text in YAML 1.2 and a date in YAML 1.1", "")
    marked = "_" in text or ":" in text or text.lstrip("+-")[:2] in ("0b", "0o", "0x")
    if marked and re.fullmatch(_OLD_NUMBER, text):
        old = _old_number(text)
        written = "" if old is None else number(old)
        return text, (f"text in YAML 1.2 and {written or 'a number'} in YAML 1.1", written)
    return text, None


def number(value: int | float) -> str:
    """Write a number so that every YAML and JSON reader takes it for that number."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    written = repr(value)
    # PyYAML takes `1e+22` for text: it wants the dot.
    return written.replace("e", ".0e") if "e" in written and "." not in written else written


def _integer(text: str) -> tuple[Scalar, tuple[str, str] | None]:
    """A decimal integer; with a leading zero, YAML 1.1 counts in eights or reads text."""
    if len(text) > _DIGITS:
        return text, _TOO_LONG
    value = int(text)
    digits = text.lstrip("+-")
    if digits[0] == "0" and len(digits) > 1:
        octal = "8" not in digits and "9" not in digits
        old = int(text, 8) if octal else None
        either = str(value) if old is None or old == value else f"{value}` or `{old}"
        return value, (f"{value} in YAML 1.2 and {'text' if old is None else old} in YAML 1.1", either)
    return value, _oversized(value)


def _oversized(value: int) -> tuple[str, str] | None:
    """Go reads integers of up to 64 bits, and rounds what is larger."""
    if -(2**63) <= value < 2**64:
        return None
    return "a number of more than 64 bits, which some readers round", ""


def _float(text: str) -> tuple[Scalar, tuple[str, str] | None]:
    """A number with a point or an exponent; YAML 1.1 wants the point, and a sign in the exponent."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        return text, ("a number too large for any reader", "")
    if _OLD_FLOAT.fullmatch(text):
        return value, None
    # `-.5` is the same number in both versions, on paper.
    old = "text in YAML 1.1" if "e" in text.lower() else "text to PyYAML"
    return value, (f"{number(value)} in YAML 1.2 and {old}", number(value))


def _old_number(text: str) -> int | float | None:
    """What YAML 1.1 makes of a number that YAML 1.2 takes for text; None when it is not worth telling."""
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-").replace("_", "")
    if len(digits) > _DIGITS:
        return None
    try:
        if ":" in digits:
            total: int | float = 0
            for part in digits.split(":"):
                total = total * 60 + (float(part) if "." in part else int(part))
            return sign * total
        if digits[:2] in ("0b", "0o", "0x"):
            return sign * int(digits, 0)
        if digits.isdigit():
            return sign * int(digits, 8 if digits[0] == "0" else 10)
        value = sign * float(digits)
        return value if abs(value) < float("inf") else None
    except ValueError:  # `0x_`: a form of which nobody knows the value
        return None
