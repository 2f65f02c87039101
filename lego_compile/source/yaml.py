"""Reading YAML: the events of PyYAML's parser (libyaml where it is built in) made into data with places.

Events are read instead of nodes: nesting is then bounded by a list of ours and not by the interpreter's
stack, and nothing is ever copied for an alias. Offsets are used instead of the parser's lines and columns
(see ``document``).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from lego_compile.source.document import Node, Problem, Source, Tree
from lego_compile.source.scalars import STARTS, number, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEEPEST = 50
_PROPERTY = r"!<[^>]*>|[!&][^\s,\[\]{}]*"
_PROPERTIES = rf"({_PROPERTY})(?:\s+({_PROPERTY}))?"

# Characters that libyaml refuses (although JSON may hold them), and those at which YAML 1.1 breaks a line and
# YAML 1.2 does not.
_ODD = "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
# JSON writes characters beyond U+FFFF as two escapes, which libyaml refuses.
_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = rf"(?<!\\)(?:\\\\)*(?P<escape>{_PAIR}|\\u[dD][89a-fA-F][0-9a-fA-F]{{2}})"
_has_odd = re.compile(_ODD).search
_has_surrogate = re.compile(r"\\u[dD][89a-fA-F]").search

_NO_KEY = object()  # what a map expects next is a key
_SKIP = object()  # the key just read cannot be one; its value goes nowhere

_NO_ALIASES = "write the value out in each place, or use `extends:`"


def read(name: str, text: str) -> tuple[Tree | None, list[Problem]]:
    """See ``document.parse``."""
    reading = _Reading(Source(name, text.removeprefix("\ufeff")), asks=not name.endswith(".json"))
    tree = reading.documents()
    return tree, sorted(reading.found, key=lambda p: (p.span.line, p.span.column) if p.span else (0, 0))


class _Reading:
    """The state of one reading: the text, the mistakes found so far, and the collections that are open.

    Attributes:
        asks: whether numbers that YAML 1.1 reads otherwise are mistakes.
        open: the collections around the current one, each with its data, its place and the key in hand.
        last: the last scalar event, for the words about a syntax error.
        pieces: stretches that the parser must not see; ``mask`` stands in their place in ``shown``.
    """

    def __init__(self, source: Source, *, asks: bool) -> None:
        self.source = source
        self.asks = asks
        self.found: list[Problem] = []
        self.open: list[tuple[Any, Node | None, Any, int, int]] = []
        self.flow: list[int] = []
        self.last: Any = None
        self.broken = False
        self.pieces: list[tuple[int, int]] = []
        self.mask = ""
        self.shown = source.text
        if _has_odd(source.text) or _has_surrogate(source.text):
            self.cover()

    def add(self, kind: str, message: str, start: int, end: int, help: str | None = None) -> None:
        """Note a mistake at ``text[start:end]``."""
        self.found.append(Problem(kind, message, self.source.span(start, end), help))

    def events(self) -> Iterator[Any]:
        """The parser's events, up to the end or to the first syntax error."""
        import yaml

        loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)(self.shown)
        try:
            while (event := loader.get_event()) is not None:
                yield event
        except yaml.MarkedYAMLError as error:
            from lego_compile.source.syntax import explain

            self.found.append(explain(error, self.source, self.flow, self.last))
            self.broken = True
        except (ValueError, OverflowError):  # the parser in Python, at an escape beyond U+10FFFF
            at = self.last.end_mark.index if self.last else 0
            self.add("syntax", "an escape stands for no character", at, at)
            self.broken = True

    def documents(self) -> Tree | None:
        """Read all documents, and keep the first that says something. One loop: it is the hot path."""
        from yaml.events import (
            AliasEvent,
            DocumentStartEvent,
            MappingEndEvent,
            MappingStartEvent,
            ScalarEvent,
            SequenceEndEvent,
            SequenceStartEvent,
        )

        source, mask, opened, flow = self.source, self.mask, self.open, self.flow
        tree: Tree | None = None
        count = 0
        anchors: dict[str, Any] = {}
        node: Node | None = None  # the collection being read, with its `data`
        items: Any = None
        data: Any = None
        value: Any
        key: Any = _NO_KEY
        key_start = key_end = -1
        for event in self.events():
            kind = event.__class__
            if kind is ScalarEvent:
                self.last = event
                start, end = event.start_mark.index, event.end_mark.index
                value, style = event.value, event.style or ""
                if mask and mask in value:
                    value = self.uncover(value, start, end, style)
                if event.tag is not None or event.anchor is not None:
                    self.properties(event)
                if style == "|" or style == ">":  # its mark is behind the empty lines that follow
                    end = start + len(source.text[start:end].rstrip())
                if key is _NO_KEY and items.__class__ is dict and node is not None:
                    key_start = start
                    key_end = node.end = end  # the end of the map, until there is a value
                    if value not in items and (style or (value and value[0] not in STARTS)):
                        key = value
                    else:
                        key = self.key(value, style, start, end, items)
                    continue
                if not style and (not value or value[0] in STARTS):
                    value = self.meaning(value, event.tag, start, end)
                if event.anchor is not None:
                    anchors[event.anchor] = value
                child = Node(source, start, end, key_start, key_end, style, None)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                if event.tag is not None or event.anchor is not None:
                    self.properties(event)
                start = event.start_mark.index
                opened.append((data, node, key, key_start, key_end))
                if len(opened) > DEEPEST:
                    self.add("nesting", f"more than {DEEPEST} levels, one inside the other", start, start + 1)
                    return None
                style = ("{" if kind is MappingStartEvent else "[") if event.flow_style else ""
                at = event.end_mark.index - 1 if style else -1
                # The one pair of `[a: b]` is a map without a bracket of its own.
                flow.append(flow[-1] if style and source.text[at] not in "[{" else at)
                data, items = ({}, {}) if kind is MappingStartEvent else ([], [])
                node = Node(source, start, start, key_start, key_end, style, items)
                key, key_start, key_end = _NO_KEY, -1, -1
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                assert node is not None
                flow.pop()
                if node.style:
                    node.end = event.end_mark.index
                value, child = data, node
                data, node, key, key_start, key_end = opened.pop()
                items = node.items if node is not None else None
            elif kind is AliasEvent:
                start, end = event.start_mark.index, event.end_mark.index
                if key is not _SKIP:  # `<<: *name` is one mistake
                    text = f'; for the text write `"*{event.anchor}"`'
                    self.add("anchor", f"`*{event.anchor}` is an alias", start, end, _NO_ALIASES + text)
                if key is _NO_KEY and items.__class__ is dict:
                    key = _SKIP
                    continue
                value = anchors.get(event.anchor)
                child = Node(source, start, end, key_start, key_end, "", None)
            else:
                if kind is DocumentStartEvent:
                    count += 1
                    anchors.clear()
                    self.document(event, count)
                continue

            if node is None:
                if tree is None and (value is not None or child.end > child.start):
                    tree = Tree(value, child, {source.name: source})
                continue
            if child.end > node.end:
                node.end = child.end
            if items.__class__ is list:
                data.append(value)
                items.append(child)
            elif key is _NO_KEY:
                self.collection_key(child)
                key = _SKIP
            else:
                if key is not _SKIP:
                    data[key], items[key] = value, child
                key, key_start, key_end = _NO_KEY, -1, -1
        if self.broken:
            return None
        if tree is None:
            self.add("empty", "nothing is written here", 0, 0, "write a document, or name another file")
        return tree

    def key(self, text: str, style: str, start: int, end: int, items: dict[str, Node]) -> object:
        """The name that a scalar gives to a value, or ``_SKIP``."""
        if not style and (not text or text[0] in STARTS):
            value, doubt = resolve(text)
            if text == "<<":
                self.add("anchor", "`<<` merges another map into this one", start, end, _NO_ALIASES)
                return _SKIP
            if value is None and not text:
                self.add("key-not-text", "a key is missing before `:`", start, end, 'write the key, or `""`')
            elif not isinstance(value, str):
                message = f"`{_short(text)}` is read as {_spoken(value)}"
                self.add("key-not-text", message, start, end, f'write `"{_short(text)}"`')
            elif doubt:
                message = f"`{_short(text)}` is {doubt[0]}"
                self.add("ambiguous", message, start, end, f'write `"{_short(text)}"`')
        first = items.get(text)
        if first is not None:
            span = self.source.span
            related = ((span(first.key_start, first.key_end), "first written here"),)
            message = f"`{text}` is written twice in one map"
            help = "remove one of them: most readers keep the last and say nothing"
            self.found.append(Problem("duplicate-key", message, span(start, end), help, related))
            return _SKIP
        return text

    def collection_key(self, child: Node) -> None:
        """A list or a map in the place of a key."""
        written = self.source.text[max(child.start - 1, 0) : child.start + 1]
        if written == "{{":
            message = "`{{ … }}` is no template here, but a map in the place of a key"
            help = "write the value out, or put it in quotes"
        else:
            message = "a key must be text, and this one is a collection"
            help = "write a text before the `:`"
        self.add("key-not-text", message, child.start, child.end, help)

    def meaning(self, text: str, tag: str | None, start: int, end: int) -> object:
        """The value of a plain scalar; a mistake is noted where two versions of YAML disagree."""
        if tag in ("!", "tag:yaml.org,2002:str"):
            return text
        value, doubt = resolve(text)
        if doubt and self.asks:
            readings, written = doubt
            text = _short(text)
            either = f"write `{written}`, or" if written else "write"
            self.add("ambiguous", f"`{text}` is {readings}", start, end, f'{either} `"{text}"` for the text')
        return value

    def properties(self, event: Any) -> None:
        """Refuse the tag and the anchor of a value; they stand before it, in either order."""
        found = re.compile(_PROPERTIES).match(self.source.text, event.start_mark.index)
        for group in (1, 2) if found else ():
            assert found
            written, start, end = found[group], found.start(group), found.end(group)
            if not written:
                continue
            if written[0] == "&":
                self.add("anchor", f"`{written}` is an anchor", start, end, _NO_ALIASES)
            else:
                help = "remove it; a text that begins with `!` needs quotes"
                self.add("tag", f"`{written}` is a tag", start, end, help)

    def document(self, event: Any, count: int) -> None:
        """The start of a document: it may carry directives, and be one too many."""
        start = event.start_mark.index
        if event.version or event.tags:
            line = self.source.text[start : event.end_mark.index].splitlines()[0].rstrip()
            help = "remove the line: files are read as YAML 1.2"
            self.add("directive", f"`{line}` is a directive", start, start + len(line), help)
        if count == 2:
            help = "keep one document in each file"
            self.add("multiple-documents", "a second document begins here", start, start + 3, help)

    def cover(self) -> None:
        """Hide what libyaml would refuse or misread behind a character that the text does not use."""
        text = self.source.text
        used = set(text)
        used.update(chr(int(code, 16)) for code in re.findall(r"\\(?:u|U0000)([0-9a-fA-F]{4})", text))
        # There are 6400 characters for private use; U+FFFD is for the file that holds them all.
        self.mask = next((c for c in map(chr, range(0xE000, 0xF900)) if c not in used), "\ufffd")
        shown, end = [], 0
        for found in re.finditer(f"{_ODD}|{_ESCAPE}", text):
            start = found.start("escape") if found["escape"] else found.start()
            shown += [text[end:start], self.mask * (found.end() - start)]
            end = found.end()
            self.pieces.append((start, end))
        self.shown = "".join([*shown, text[end:]])

    def uncover(self, value: str, start: int, end: int, style: str) -> str:
        """Put back into a scalar what was hidden: its pieces, in their order."""
        text = self.source.text
        parts: list[str] = []
        done = 0
        for index in range(bisect_left(self.pieces, (start, 0)), len(self.pieces)):
            at, stop = self.pieces[index]
            if at >= end:
                break
            piece = meant = text[at:stop]
            if len(piece) > 1 and style == '"':
                meant = _escaped(piece) or "\ufffd"
                if meant == "\ufffd":
                    message = f"`{piece}` is half of a character"
                    self.add("syntax", message, at, stop, "write the other half beside it")
            elif len(piece) == 1 and (piece < " " or "\ud800" <= piece <= "\udfff"):
                message = f"the character U+{ord(piece):04X} may not be in a text file"
                self.add("syntax", message, at, stop, "remove it, or write it as an escape in double quotes")
            elif len(piece) == 1 and (self.asks or style not in ("'", '"')):
                message = f"the character U+{ord(piece):04X} cannot be seen, and readers disagree on it"
                help = f"remove it, or write `\\u{ord(piece):04x}` in double quotes"
                self.add("ambiguous", message, at, stop, help)
            begin = value.find(self.mask, done)
            if begin < 0:  # the piece stood in a tag
                break
            parts += [value[done:begin], meant]
            done = begin + len(piece)
        return "".join([*parts, value[done:]])


def _escaped(piece: str) -> str | None:
    """The character that one or two `\\u` escapes stand for; None for half of one."""
    if len(piece) == 6:
        return None
    return chr(0x10000 + ((int(piece[2:6], 16) - 0xD800) << 10) + int(piece[8:12], 16) - 0xDC00)


def _short(text: str) -> str:
    """A scalar to repeat in a message."""
    return text if len(text) <= 40 else f"{text[:39]}…"


def _spoken(value: object) -> str:
    """A value that is not text, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    assert isinstance(value, int | float)
    return f"the number {number(value)}"
