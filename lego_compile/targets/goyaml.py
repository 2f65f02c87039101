"""YAML text as programs in Go read it (Helm, kubectl, Docker Compose), where no reader of YAML disagrees.

Both lifts that read YAML share this: it says what YAML is, and nothing of what a platform makes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_DEEPEST = 60
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,14})\.[0-9]{1,17}")
_SURE = re.compile(r"[A-Za-z/_(].*|[^A-Za-z0-9.+\-~=<].*", re.DOTALL)
_DOUBTFUL = frozenset(("y", "n", "yes", "no", "on", "off"))


class Unreadable(Exception):  # noqa: N818 - what became of a file, not a fault of ours
    """Why a file is not YAML, or not YAML that every reader understands alike; words that follow its name."""


def load(data: bytes) -> Any:
    """One YAML document as plain data.

    Helm and kubectl read YAML 1.1 with Go's rules (kubernetes-sigs/yaml:goyaml.v2/resolve.go), Compose decides by
    what a value is decoded into (yaml/go-yaml:resolve.go). A plain word that any of them takes for something else is
    refused, so nothing here depends on who is right. Events are read and not nodes, because composing with libyaml
    recurses in C, and deep nesting would end the process.

    Raises:
        Unreadable: not YAML, a key twice, an alias, a tag, a byte order mark, or a doubtful word.
    """
    import yaml

    try:
        text = data.decode()
        if "\ufeff" in text:  # libyaml reads over it wherever a line begins, and readers in Go stop there
            raise Unreadable("has a byte order mark")
        loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)(text)
        return _document(iter(loader.get_event, None))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise Unreadable(
            f"is no YAML: {getattr(error, 'problem', None) or 'odd characters'}{where}"
        ) from None
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8") from None
    except ValueError:  # an escape beyond U+10FFFF
        raise Unreadable("has an escape that stands for no character") from None


def _document(events: Iterator[Any]) -> Any:
    """The data of the only document; the collections around the current place are on a list, not on the stack."""
    from yaml.events import AliasEvent, DocumentEndEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

    ignored = ("StreamStartEvent", "StreamEndEvent", "DocumentStartEvent")
    top: list[Any] = []
    around: list[tuple[Any, str | None]] = []
    current: Any = top
    key: str | None = None
    for event in events:
        kind = event.__class__
        if kind is ScalarEvent:
            value = _scalar(event)
            if key is None and current.__class__ is dict:
                key = _key(value, current, event)
                continue
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            value = {} if kind is MappingStartEvent else []
            if event.tag is not None or event.anchor is not None or len(around) > _DEEPEST:
                raise Unreadable(f"has a tag, an anchor or too many levels in line {_line(event)}")
            if key is None and current.__class__ is dict:
                raise Unreadable(f"has a key that is no text in line {_line(event)}")
        elif kind is AliasEvent:
            raise Unreadable(f"has an alias in line {_line(event)}")
        elif kind is DocumentEndEvent or kind.__name__ in ignored:
            if len(top) > 1:
                raise Unreadable("has more than one document")
            continue
        else:
            current, key = around.pop()
            continue
        if current.__class__ is dict:
            current[key] = value
            key = None
        else:
            current.append(value)
        if kind is not ScalarEvent:
            around.append((current, key))
            current = value
    return top[0] if top else None


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _key(value: Any, mapping: dict[str, Any], event: Any) -> str:
    if not isinstance(value, str) or value == "<<":
        raise Unreadable(f"has a key that is no text in line {_line(event)}")
    if value in mapping:
        raise Unreadable(f"has the key {value!r} twice, again in line {_line(event)}")
    return value


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.tag is not None or event.anchor is not None:
        raise Unreadable(f"has a tag or an anchor in line {_line(event)}")
    if event.style or (_SURE.fullmatch(text) and text not in _WORDS and text.lower() not in _DOUBTFUL):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    where = f"in line {_line(event)}"
    raise Unreadable(f"has {text[:40]!r} {where}, which needs quotes to be the same for every reader of YAML")
