"""What a syntax error of PyYAML means to the person who wrote the file.

The parser says which rule of the grammar failed. Here that becomes what was probably typed, where it began,
and what to type instead. The words of libyaml (yaml/libyaml:src/scanner.c, src/parser.c) and of the parser in
Python (yaml/pyyaml:lib/yaml/scanner.py, parser.py) differ a little: what is looked for is in both.
"""

from __future__ import annotations

from dataclasses import dataclass

from lego_compile.source.document import Problem, Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CLOSING = {"[": "]", "{": "}"}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


@dataclass(frozen=True, slots=True)
class _Failure:
    """Where and how the parser gave up; all places are offsets.

    Attributes:
        text: the file.
        said: the parser's words.
        context: its words for what it was reading.
        at: where it stopped.
        began: where that which it was reading begins.
        line: where the line of ``at`` begins.
        opener: the innermost open bracket, -1 when the place is in none.
        scalar: where the last complete scalar begins and ends, and its quotes.
    """

    text: str
    said: str
    context: str
    at: int
    began: int
    line: int
    opener: int
    scalar: tuple[int, int, str]

    @property
    def char(self) -> str:
        """The character that was not wanted; empty at the end of the file."""
        return self.text[self.at : self.at + 1]

    def rest(self, start: int) -> str:
        """The rest of a line, without a comment."""
        lines = self.text[start:].splitlines()
        return lines[0].split(" #")[0].strip() if lines else ""


@dataclass(frozen=True, slots=True)
class _Words:
    """A reworded error: what to say, where (``see`` is a second place), and what to type."""

    message: str
    start: int
    help: str | None = None
    width: int = 1
    see: int = -1
    why: str = ""
    kind: str = "syntax"


def explain(error: Any, source: Source, flow: list[int], last: Any) -> Problem:
    """Reword an error of the parser.

    Args:
        error: a ``yaml.MarkedYAMLError``.
        source: the file.
        flow: offsets of the brackets around the place, innermost last; -1 for a collection without brackets.
        last: the last scalar event before the error, None when there was none.
    """
    text, size = source.text, len(source.text)
    at = min(error.problem_mark.index, size) if error.problem_mark else size
    failure = _Failure(
        text=text,
        said=error.problem or "",
        context=error.context or "",
        at=at,
        began=min(error.context_mark.index, size) if error.context_mark else at,
        line=max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1,
        opener=flow[-1] if flow else -1,
        scalar=(last.start_mark.index, last.end_mark.index, last.style or "") if last else (0, 0, ""),
    )
    words = next(filter(None, (reword(failure) for reword in _REWORDINGS)), None)
    if words is None:
        words = _Words(failure.said.replace("did not find", "there is no"), at)
    span = source.span(words.start, min(words.start + words.width, size))
    related: tuple[tuple[Span, str], ...] = ()
    if words.see >= 0 and words.see != words.start:
        related = ((source.span(words.see, min(words.see + 1, size)), words.why),)
    return Problem(words.kind, words.message, span, words.help, related)


def _nesting(fail: _Failure) -> _Words | None:
    """libyaml reads ahead, and may give up (at 1000 levels) before our own limit is seen."""
    if "maximum nesting depth" not in fail.said:
        return None
    from lego_compile.source.yaml import DEEPEST

    return _Words(f"more than {DEEPEST} levels, one inside the other", fail.at, kind="nesting")


def _quotes(fail: _Failure) -> _Words | None:
    """Inside quotes: they never end, or a backslash is followed by the wrong thing."""
    if "quoted scalar" not in fail.context:
        return None
    quote = fail.text[fail.began : fail.began + 1]
    if "end of stream" in fail.said or "document" in fail.said:
        return _Words(f"`{quote}` is not closed", fail.began, f"end the text with `{quote}`")
    slash = fail.at if fail.char == "\\" else fail.text.rfind("\\", fail.began, fail.at)
    written = fail.text[slash : slash + 2]
    digits = _HEX_DIGITS.get(written[1:])
    if digits is None:
        help = "write `\\\\` for a backslash, or use single quotes"
        return _Words(f"`{written}` is no escape", slash, help, width=2)
    written = fail.text[slash : slash + 2 + digits]
    if "expected" in fail.said:
        help = "write them, or `\\\\` for a backslash, or use single quotes"
        return _Words(f"`{written[:2]}` needs {digits} hexadecimal digits", slash, help, width=2)
    return _Words(f"`{written}` stands for no character", slash, None, width=2 + digits)


def _tab(fail: _Failure) -> _Words | None:
    """A tab where the layout counts: YAML takes only spaces there."""
    indent = fail.text[fail.line :]
    indent = indent[: len(indent) - len(indent.lstrip(" \t"))]
    if "\t" in indent and (fail.opener < 0 or "tab" in fail.said or fail.char == "\t"):
        return _Words("a tab in the indentation", fail.line + indent.index("\t"), "indent with spaces")
    if fail.char == "\t" and "cannot start" in fail.said:
        return _Words("a tab where a value begins", fail.at, "write a space")
    return None


def _directive(fail: _Failure) -> _Words | None:
    """A directive that the parser does not know either."""
    if "directive" not in fail.context + fail.said and "incompatible YAML" not in fail.said:
        return None
    line = fail.rest(fail.line)
    help = "remove the line: files are read as YAML 1.2"
    return _Words(f"`{line}` is a directive", fail.line, help, width=len(line), kind="directive")


def _tag(fail: _Failure) -> _Words | None:
    """A tag that is none; often a text that begins with `!`."""
    if " tag" not in fail.context and "tag handle" not in fail.said:
        return None
    written = fail.rest(fail.began)
    tag = written.split(" ")[0]
    help = f"for the text write `{_in_quotes(written)}`"
    return _Words(f"`{tag}` is a tag", fail.began, help, width=len(tag), kind="tag")


def _beginning(fail: _Failure) -> _Words | None:
    """A value that begins with a character that means something."""
    if "cannot start any token" in fail.said:
        start = fail.at
    elif "alphabetic or numeric" in fail.said and fail.context.endswith(("alias", "anchor")):
        start = fail.began
    elif "sequence entries" in fail.said:
        help = 'begin the list on a line of its own; for the text write `"-"`'
        return _Words("a list cannot begin here", fail.at, help)
    elif "block scalar" in fail.context:
        help = "write `|` or `>` alone on the line, and the text below, indented"
        return _Words(f"`{fail.rest(fail.began)}` does not begin a block of text", fail.began, help)
    else:
        return None
    written = fail.rest(start)
    first = "a backtick" if written[:1] == "`" else f"`{written[:1]}`"
    return _Words(f"a value cannot begin with {first}", start, f"write {_in_quotes(written)}")


def _brackets(fail: _Failure) -> _Words | None:
    """Inside brackets: not closed, closed by the other kind, or a comma too many or too few."""
    if fail.opener < 0 or "expected" not in fail.said:
        return None
    bracket = fail.text[fail.opener]
    closing = _CLOSING[bracket]
    if fail.char == ",":
        return _Words("nothing is written before `,`", fail.at, "remove one comma")
    if fail.char in ("]", "}") and fail.char != closing:
        message = f"`{bracket}` is closed by `{fail.char}`"
        return _Words(message, fail.at, f"write `{closing}`", see=fail.opener, why="opened here")
    if not fail.text[fail.at :].strip():
        return _Words(f"`{bracket}` is not closed", fail.opener, f"write `{closing}`")
    message = f"`{bracket}` is not closed, or a comma is missing"
    help = f"write `{closing}` or `,` before the place where reading stopped"
    return _Words(message, fail.opener, help, see=fail.at, why="reading stopped here")


def _second_colon(fail: _Failure) -> _Words | None:
    """A `: ` in a place where no key can be."""
    if "mapping values" not in fail.said:
        return None
    start, end, _ = fail.scalar
    if end - start > 1024:
        return _Words("a key longer than 1024 characters", start, "shorten it")
    if start < fail.line and end > fail.line:
        name = fail.text[fail.line : fail.at].strip()
        message = f"`{name}` goes on with the value that begins in a line above"
        help = f"indent `{name}` like the keys beside it, or end the line above with `:`"
        place = fail.at - len(name)
        return _Words(message, place, help, width=len(name), see=start, why="the value begins here")
    written = fail.rest(start)
    help = "put the value in quotes" + (f": `{_in_quotes(written)}`" if len(written) < 60 else "")
    return _Words("a second `: ` in one line", fail.at, help)


def _no_colon(fail: _Failure) -> _Words | None:
    """A line among the keys of a map that has no `: `."""
    if "expected ':'" not in fail.said:
        return None
    written = fail.rest(fail.began)
    name, colon, _ = written.partition(":")
    if colon and not name.startswith(("'", '"')):
        return _Words("a space is missing after `:`", fail.began + len(name), f"write `{name}: …`")
    help = "write a `:` and a value; for one more line of the value above, indent it"
    return _Words(f"`{written}` is not followed by `:`", fail.began, help, width=len(written))


def _after(fail: _Failure) -> _Words | None:
    """Something behind the end of a value."""
    if "expected" not in fail.said or not fail.char:
        return None
    if fail.char in "]}":
        return _Words(f"`{fail.char}` closes nothing", fail.at, "remove it, or open it")
    start, end, quote = fail.scalar
    if quote in ("'", '"') and end <= fail.at and not fail.text[end : fail.at].strip(" \t"):
        inside = "''" if quote == "'" else '\\"'
        help = f"for a `{quote}` inside the text write `{inside}`"
        return _Words(f"text after the closing `{quote}`", fail.at, help, see=start, why="opened here")
    before = fail.text[fail.line : fail.at].rstrip()
    if before.endswith(("]", "}")):
        help = "begin a new line, or put it all in quotes"
        return _Words(f"text after the closing `{before[-1]}`", fail.at, help)
    return None


def _layout(fail: _Failure) -> _Words | None:
    """A line that belongs to nothing above it."""
    if "'-' indicator" in fail.said or fail.context.endswith("block collection"):
        message = "this line is no item of the list above"
        help = "begin the line with `- `, or indent it like the key of the list"
        return _Words(message, fail.at, help, see=fail.began, why="the list begins here")
    if fail.context.endswith("block mapping"):
        if fail.char == "-" and fail.text[fail.at + 1 : fail.at + 2].isspace():
            message = "a list item among the keys of a map"
            help = "indent it below its key, or remove the `-`"
        else:
            message = "the indentation is that of no line above"
            help = "indent it like the keys that it belongs to"
        return _Words(message, fail.at, help, see=fail.began, why="the map begins here")
    if "document start" in fail.said:
        return _Words("text after the end of the document", fail.at, "remove it; a file holds one document")
    if fail.text.startswith("...", fail.at):
        return _Words("the document ends before anything is written", fail.at, "remove the `...`", width=3)
    if "node content" in fail.said and fail.char:
        help = f"write `{_in_quotes(fail.rest(fail.at))}`"
        return _Words(f"a value cannot begin with `{fail.char}`", fail.at, help)
    return None


# The first that recognises the failure speaks: what is inside quotes before what stands around them.
_REWORDINGS = (
    _nesting, _quotes, _tab, _directive, _tag, _beginning, _brackets, _second_colon, _no_colon, _after, _layout,
)  # fmt: skip


def _in_quotes(text: str) -> str:
    """A text in the quotes that it does not hold itself."""
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'
