"""From a diagnostic to a finding: paths become files, lines and excerpts; renderers read nothing else.

All formats are drawn from the same view, so they cannot tell different stories. A finding holds plain data:
it can be pickled to another process and written as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lego_compile.diagnostic.codes import CATALOGUE
from lego_compile.diagnostic.model import Diagnostic, Path

CONTEXT = 1
"""Lines of excerpt before and after the line that is pointed at."""

LONGEST = 20_000
"""Characters of the longest line that is quoted; else each finding in a file of one line repeats the file."""


class SpanLike(Protocol):
    """A stretch of text: lines and columns count from 1, the end is exclusive, columns count code points."""

    @property
    def file(self) -> str:
        """Name of the file."""

    @property
    def line(self) -> int:
        """Line of the first character."""

    @property
    def column(self) -> int:
        """Column of the first character."""

    @property
    def end_line(self) -> int:
        """Line of the end."""

    @property
    def end_column(self) -> int:
        """Column after the last character."""


class SourceTree(Protocol):
    """What is needed of a document: where a path of it lies, and the text of its files."""

    def span(self, path: Path, key: bool = False) -> SpanLike:
        """Place of a path (without the document's name), or of its nearest parent that exists."""

    def lines(self, file: str) -> list[str]:
        """The text of a file that takes part in the document, without line ends."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is; ``None`` for what is not known.

    Attributes:
        file: name of the file as the user gave it; empty when the finding is about no file.
        line: first line, from 1.
        column: first column, from 1, in code points.
        end_line: last line.
        end_column: column after the last character.
        excerpt: numbered lines around ``line``; empty when the text is not at hand.
    """

    file: str
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    excerpt: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Related(Place):
    """A second place, and what to say there."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Place):
    """One diagnostic as every renderer sees it: its place, its code's facts and its words.

    Attributes:
        code: stable identifier (``LC402``).
        severity: ``"error"`` or ``"warning"``.
        title: name of the fault, from the catalogue.
        message: this occurrence in one line.
        note: words beside the carets; empty for none.
        help: what to type instead; may have several lines.
        related: second places, in the order to read them.
    """

    code: str
    severity: str
    title: str
    message: str
    note: str = ""
    help: str | None = None
    related: tuple[Related, ...] = ()


def view(
    diagnostic: Diagnostic, sources: Mapping[str, SourceTree], texts: Mapping[str, str] | None = None
) -> Finding:
    """Look up everything that is needed to draw a diagnostic.

    Args:
        diagnostic: what was found.
        sources: the documents by the name that begins a path; one that is not here has no position. A path
            ``("file", name)`` names a file itself; line, column, end line and end column may follow, in this
            order, as far as they are known.
        texts: files to quote that are in no document: what could not be parsed, or an artifact.

    Raises:
        KeyError: the code is not in the catalogue.
    """
    code = CATALOGUE[diagnostic.code]
    quotable = texts or {}
    related = []
    for label in diagnostic.related:
        there = _place(label.where, label.key, sources, quotable)
        related.append(Related(**_facts(there), message=label.message))
    return Finding(
        **_facts(_place(diagnostic.primary, diagnostic.key, sources, quotable)),
        code=code.id,
        severity=code.severity,
        title=code.title,
        message=diagnostic.message,
        note=diagnostic.note,
        help=_addressed(diagnostic.help, sources),
        related=tuple(related),
    )


def _addressed(help: str | None, sources: Mapping[str, SourceTree]) -> str | None:
    """A help with the centre's own file in the place of ``SPEC``, so that a command in it can be typed as it is."""
    if help is None or " SPEC" not in help or "center" not in sources:
        return help
    return help.replace(" SPEC", f" {sources['center'].span(()).file}")


def order(findings: Iterable[Finding]) -> list[Finding]:
    """Findings by file, line, column and code, without exact duplicates; the order given does not matter."""
    return sorted(dict.fromkeys(findings), key=_rank)


def _rank(finding: Finding) -> tuple[str, int, int, str, str]:
    # repr() decides between findings that differ in nothing but their words, and it can compare None.
    return finding.file, finding.line or 0, finding.column or 0, finding.code, repr(finding)


def _facts(place: Place) -> dict[str, Any]:
    return {name: getattr(place, name) for name in Place.__slots__}


def _place(path: Path, key: bool, sources: Mapping[str, SourceTree], texts: Mapping[str, str]) -> Place:
    if not path:
        return Place("")
    document = str(path[0])
    if document == "file" and len(path) > 1:
        return _in_file(str(path[1]), path[2:], sources, texts)
    tree = sources.get(document)
    if tree is None:
        return Place(document)
    span = tree.span(path[1:], key)
    excerpt = _excerpt(tree.lines(span.file), span.line)
    return Place(span.file, span.line, span.column, span.end_line, span.end_column, excerpt)


def _in_file(file: str, position: Path, sources: Mapping[str, SourceTree], texts: Mapping[str, str]) -> Place:
    """Place in a file that is not reached by a path of a document, such as a syntax error or an artifact."""
    numbers = [number for number in position if isinstance(number, int)]
    if not numbers:
        return Place(file)
    line, column, end_line, end_column = (*numbers, *[None] * 4)[:4]
    if end_column is None:
        end_line, end_column = (None, None) if column is None else (line, column + 1)
    return Place(file, line, column, end_line, end_column, _excerpt(_lines(file, sources, texts), numbers[0]))


def _lines(file: str, sources: Mapping[str, SourceTree], texts: Mapping[str, str]) -> list[str]:
    if file in texts:
        import re

        # What editors and ``source`` call the end of a line; str.splitlines() knows eight more.
        return re.split(r"\r\n|[\r\n]", texts[file])
    for tree in sources.values():
        try:
            lines = tree.lines(file)
        except LookupError:  # the file takes part in another document
            continue
        if lines:
            return lines
    return []


def _excerpt(lines: list[str], line: int) -> tuple[tuple[int, str], ...]:
    first, last = max(line - CONTEXT, 1), min(line + CONTEXT, len(lines))
    rows = [(number, lines[number - 1]) for number in range(first, last + 1)]
    return tuple((number, text) for number, text in rows if len(text) <= LONGEST)
