"""What an image says of itself: labels and annotations ``org.gaia-data.lego.*`` → facts for the lock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lego_compile.diagnostic.model import Report
from lego_compile.source.document import parse
from lego_compile.spec.conform import conform, nearest
from lego_compile.spec.load import schema_of
from lego_compile.uniquejson import RepeatedKeyError, unique

LABEL = "org.gaia-data.lego."
VOCABULARY = "1"
"""The version of the labels' vocabulary that is read (label ``….brick.spec``, ``….system.spec``)."""

_JSON = frozenset({"kernels", "requires", "labextensions", "environments", "provides"})
"""Facts that are JSON in a label; the others are text."""
_MOST = 500
"""Entries of one fact; a label with more is a mistake, or meant to do harm."""
_WORDS = {"bricks": "brick", "systems": "system"}


class Fault(NamedTuple):
    """One thing that is wrong with the labels of an image.

    Attributes:
        message: in one line; lower case, no full stop.
        help: what to do, or None.
        harmless: the fact can be used all the same.
    """

    message: str
    help: str | None = None
    harmless: bool = False


class Facts(NamedTuple):
    """What was read.

    Attributes:
        stated: fact → value, as in ``BrickFacts`` and ``SystemFacts``, sorted, without what is not stated.
        faults: what is wrong.
    """

    stated: dict[str, Any]
    faults: tuple[Fault, ...] = ()


def kinds(labels: Mapping[str, str]) -> set[str]:
    """Which kinds of image the labels speak of: ``{"bricks"}``, ``{"systems"}``, both or neither."""
    return {kind for kind, word in _WORDS.items() if any(key.startswith(f"{LABEL}{word}.") for key in labels)}


def read_facts(kind: str, *sources: tuple[str, Mapping[str, str]]) -> Facts:
    """The facts of one image for one platform.

    Args:
        kind: ``"bricks"`` or ``"systems"``.
        sources: what to call them in messages, and labels or annotations. The configuration's labels come first:
            they are made with the files, and no conversion of the manifest loses them.

    Returns:
        What the sources state together. A fact that two of them state differently is a fault, and so is one
        that is not as its schema wants it; neither is among the facts.
    """
    word = _WORDS[kind]
    schema = schema_of("lock")
    model = schema["$defs"]["BrickFacts" if kind == "bricks" else "SystemFacts"]
    known = [*model["properties"], "spec"]
    faults: list[Fault] = []
    raw: dict[str, tuple[str, str]] = {}
    doubted: set[str] = set()
    for name, labels in sources:
        for key, value in sorted(labels.items()):
            if not key.startswith(f"{LABEL}{word}."):
                continue
            fact = key.removeprefix(f"{LABEL}{word}.")
            guess = nearest(fact, known)
            if fact not in known:
                if guess:
                    message = f"its label {key!r} is none that is read"
                    faults.append(
                        Fault(message, f"did you mean {LABEL + word + '.' + guess!r}?", harmless=True)
                    )
                continue
            first, source = raw.setdefault(fact, (value, name))
            if not _same(fact, first, value):
                faults.append(
                    Fault(f"its {source} say {fact} {_shown(first)}, and its {name} say {_shown(value)}")
                )
                doubted.add(fact)
    raw = {fact: said for fact, said in raw.items() if fact not in doubted}
    return _typed(raw, model, schema, word, faults)


def _same(fact: str, first: str, second: str) -> bool:
    """Whether two sources say one thing: JSON may be spaced differently."""
    if first == second or fact not in _JSON:
        return first == second
    try:
        return bool(json.loads(first) == json.loads(second))
    except (ValueError, RecursionError):
        return False


def _typed(
    raw: Mapping[str, tuple[str, str]],
    model: Mapping[str, Any],
    schema: Mapping[str, Any],
    word: str,
    faults: list[Fault],
) -> Facts:
    stated: dict[str, Any] = {}
    for fact, (value, _source) in sorted(raw.items()):
        label = f"{LABEL}{word}.{fact}"
        if fact == "spec":
            if value != VOCABULARY:
                message = (
                    f"its labels are of vocabulary {_shown(value)}, and {VOCABULARY!r} is what is read here"
                )
                faults.append(
                    Fault(message, "use a newer lego-compile, or build the image with older labels")
                )
            continue
        try:
            read = _parsed(fact, value)
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            faults.append(Fault(f"its label {label!r} cannot be read: {_words(error)}", _EXAMPLES.get(fact)))
            continue
        found = list(_complaints(fact, read, model, schema))
        faults += [Fault(f"its label {label!r} cannot be used: {message}", help_) for message, help_ in found]
        if not found and read not in (None, {}, []):
            stated[fact] = read
    return Facts(stated, tuple(faults))


_EXAMPLES = {
    "kernels": 'kernels are written as [{"dir":"python3","display_name":"Ocean (Python 3.12)","language":"python"}]',
    "requires": 'requirements are written as {"jupyterlab":"4.4"}',
    "provides": 'what is provided is written as {"jupyterlab":"4.6.6"}',
    "labextensions": 'lab extensions are written as {"@jupyter-widgets/jupyterlab-manager":"5.0.16"}',
    "environments": 'directories are written as ["/opt/bricks"]',
}


def _words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"a kernel has no {error.args[0]!r}"
    if isinstance(error, RecursionError):
        return "its brackets are nested too deeply"
    return "it is no JSON" if isinstance(error, json.JSONDecodeError) else str(error)


def _shown(value: str) -> str:
    """A text of a stranger in quotes, cut where it would fill the screen."""
    return repr(value if len(value) <= 80 else value[:80] + "…")


def _parsed(fact: str, value: str) -> Any:
    """The value of a label as the lock has it.

    Raises:
        ValueError: it is no JSON where JSON is expected, says something twice or far too much, or holds half of a
            character.
        TypeError: a list of kernels is something else.
        KeyError: a kernel lacks a key.
    """
    try:
        value.encode()
        if fact not in _JSON:
            return value
        read = json.loads(value, object_pairs_hook=unique)
        json.dumps(read, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half of a character") from None
    except RepeatedKeyError as error:
        raise ValueError(f"{_shown(str(error))} is said twice") from None
    if isinstance(read, dict | list) and len(read) > _MOST:
        raise ValueError(f"it has {len(read)} entries, and {_MOST} are the most")
    if fact == "kernels":
        if not isinstance(read, list) or not all(isinstance(each, dict) for each in read):
            raise TypeError("a list of kernels is expected")
        if not read:
            raise ValueError("it lists no kernel, and a brick without one shows nothing")
        directories = [str(each["dir"]) for each in read]
        if len({*directories}) < len(directories):
            raise ValueError("two kernels have one directory")
        return {
            str(each["dir"]): {"language": each.get("language", "python"), "title": each["display_name"]}
            for each in sorted(read, key=lambda kernel: str(kernel["dir"]))
        }
    return dict(sorted(read.items())) if isinstance(read, dict) else read


def _complaints(
    fact: str, value: Any, model: Mapping[str, Any], schema: Mapping[str, Any]
) -> Iterator[tuple[str, str | None]]:
    """What the schema has against a fact: the lock that is written must be one that can be read."""
    text = json.dumps({fact: value})
    tree, _problems = parse("label.json", text)
    if tree is None:
        yield "it cannot be written to a lock", None
        return
    report = Report()
    conform(tree, {**model, "$defs": schema["$defs"]}, "label", report)
    for each in report:
        yield each.message, each.help
