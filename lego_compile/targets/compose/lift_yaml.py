"""YAML text as Docker Compose reads it, where all readers of YAML agree; a part of ``lift``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_DEEPEST = 20
_WORDS = {"null": None, "true": True, "false": False}
_INTEGER = re.compile(r"0|[1-9][0-9]{0,15}")
# Begins like text and not like a number, a date, a base or one of the signs that mean something to YAML.
_TEXT = re.compile(r"[A-Za-z/].*", re.DOTALL)
# Booleans to YAML 1.1, text to 1.2; yaml/go-yaml:resolve.go decides by what the value is decoded into.
_DOUBTFUL = frozenset(("y", "n", "yes", "no", "on", "off", *_WORDS))


class Unreadable(Exception):  # noqa: N818 - what became of a file, not a fault of ours
    """Why a file is not YAML, or not YAML that every reader understands alike."""


def load(data: bytes) -> dict[str, Any]:
    """One document as plain data.

    Anchors and tags are refused: Compose understands them, we never write them, and a few of them can make a
    short file endless.

    Raises:
        Unreadable: not a mapping in YAML, a key twice, an anchor, a tag, a word that readers take for different
            things.
    """
    import yaml

    try:
        # Events and not nodes: yaml.compose with libyaml recurses in C, and deep nesting ends the process.
        tree = _built(yaml.parse(data.decode(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.YAMLError as error:
        raise Unreadable(str(getattr(error, "problem", None) or "odd characters")) from None
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8") from None
    if not isinstance(tree, dict):
        raise Unreadable("it is no mapping")
    return tree


def _built(events: Iterable[Any]) -> Any:
    """The value of the only document."""
    documents: list[Any] = []
    # The open collections, and the key that waits for its value in each of them.
    stack: list[tuple[Any, Any]] = [(documents, None)]
    for event in events:
        kind, line = type(event).__name__.removesuffix("Event"), event.start_mark.line + 1
        if kind in ("MappingEnd", "SequenceEnd"):
            stack.pop()
        if kind not in ("Scalar", "Alias", "MappingStart", "SequenceStart"):
            continue
        if event.anchor is not None or getattr(event, "tag", None) is not None or len(stack) > _DEEPEST:
            raise Unreadable(f"an anchor, a tag or too many levels in line {line}")
        value: Any = _scalar(event, line) if kind == "Scalar" else {} if kind == "MappingStart" else []
        parent, key = stack[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif key is None:
            if not isinstance(value, str) or value == "<<" or value in parent:
                raise Unreadable(f"a key that is no text, or there twice, in line {line}")
            stack[-1] = (parent, value)
        else:
            parent[key] = value
            stack[-1] = (parent, None)
        if kind != "Scalar":
            stack.append((value, None))
    return documents[0] if len(documents) == 1 else None


def _scalar(event: Any, line: int) -> Any:
    """A value by how it is written: with quotes it is text."""
    text = str(event.value)
    if event.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _TEXT.fullmatch(text) and text.lower() not in _DOUBTFUL:
        return text
    raise Unreadable(f"{text[:40]!r} in line {line}, which readers of YAML do not take for the same thing")
