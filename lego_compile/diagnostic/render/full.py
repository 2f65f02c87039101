"""Findings for people: the line that is meant, marked, as rustc and ruff draw it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lego_compile.diagnostic.render.text import cells, visible, where
from lego_compile.diagnostic.view import Finding, Place

NEAR = 8
"""Lines between two labels that are still drawn in one excerpt."""

WIDTH = 120
"""Columns of an excerpt when there is no terminal."""

# SGR codes of ANSI terminals (ECMA-48 8.3.117): bold, and a colour.
BOLD, RED, YELLOW, BLUE, CYAN = "1", "1;31", "1;33", "1;34", "1;36"

Label = tuple[Place, str, str]
"""A place, the words beside it, and the sign that underlines it (``^`` or ``-``)."""


def render(findings: Sequence[Finding], *, color: bool, width: int | None) -> str:
    """All findings, a blank line between them; empty for none."""
    return "\n".join(_finding(finding, color, width or WIDTH) for finding in findings)


def _finding(finding: Finding, color: bool, width: int) -> str:
    tone = RED if finding.severity == "error" else YELLOW
    head = _paint(f"{finding.severity}[{finding.code}]", tone, color)
    out = [head + _paint(f": {visible(finding.message)}", BOLD, color)]
    places = (finding, *finding.related)
    gutter = max([2, *(len(str(number)) for place in places for number, _ in place.excerpt)])
    room = max(width - gutter - 3, 20)

    near = [place for place in finding.related if _near(finding, place, room)]
    far = [place for place in finding.related if place not in near]
    if finding.file:
        out.append(_arrow("-->", finding, gutter, color))
    if finding.excerpt:
        labels: list[Label] = [(finding, finding.note, "^")]
        labels += [(place, place.message, "-") for place in near]
        out += _block(labels, gutter, room, tone, color)
    for place in far:
        message = visible(place.message)
        if not place.excerpt:
            out.append(f"{_arrow(':::', place, gutter, color)}{': ' if place.file else ''}{message}")
            continue
        out.append(_arrow(":::", place, gutter, color))
        out += _block([(place, place.message, "-")], gutter, room, tone, color)

    tail = []
    if finding.note and not _marked(finding):
        tail.append(("note", finding.note))
    if finding.help:
        tail.append(("help", finding.help))
    if tail and any(place.excerpt for place in places):
        out.append(_bar(gutter, color))
    for name, text in tail:
        first, *more = (visible(line) for line in text.split("\n"))
        sign = _paint(f"{' ' * gutter} =", BLUE, color)
        out.append(f"{sign} {_paint(name, CYAN, color)}: {first}")
        out += [f"{' ' * (gutter + 9)}{line}" for line in more]
    return "".join(f"{line.rstrip()}\n" for line in out)


def _near(primary: Place, other: Place, room: int) -> bool:
    """Whether a second place can be drawn in the excerpt of the first: both lines are close and short."""
    if other.file != primary.file or other.line is None or primary.line is None:
        return False
    if not (_marked(primary) and _marked(other)) or abs(other.line - primary.line) > NEAR:
        return False
    return all(_width(_line(place)) <= room for place in (primary, other))


def _marked(place: Place) -> bool:
    """Whether the place can be underlined: its line is at hand and its column is known."""
    return place.column is not None and any(number == place.line for number, _ in place.excerpt)


def _line(place: Place) -> str:
    return next((text for number, text in place.excerpt if number == place.line), "")


def _width(text: str) -> int:
    return sum(size for _, size in cells(text))


def _block(labels: list[Label], gutter: int, room: int, tone: str, color: bool) -> Iterator[str]:
    """The excerpt around labels that lie in one file."""
    rows = {number: text for place, _, _ in labels for number, text in place.excerpt}
    start = _window(labels[0][0], room)
    yield _bar(gutter, color)
    before = None
    for number, text in sorted(rows.items()):
        if before is not None and number != before + 1:
            yield _paint("...", BLUE, color)
        before = number
        yield f"{_paint(f'{number:>{gutter}} |', BLUE, color)} {_cut(text, start, room)}"
        for place, message, sign in labels:
            if place.line == number and place.column is not None:
                first, last = _columns(place, text)
                first, last = max(first - start, 0), min(last - start, room)
                mark = f"{sign * max(last - first, 1)} {visible(message)}".rstrip()
                mark = _paint(mark, tone if sign == "^" else BLUE, color)
                yield f"{_bar(gutter, color)} {' ' * first}{mark}"


def _columns(place: Place, text: str) -> tuple[int, int]:
    """Terminal columns, from 0, of the part of a place that lies on its first line; the end is exclusive."""
    sizes = [size for _, size in cells(text)]
    first = min((place.column or 1) - 1, len(sizes))
    last = len(text.rstrip())
    if place.end_line == place.line and place.end_column is not None:
        last = min(place.end_column - 1, len(sizes))
    return sum(sizes[:first]), max(sum(sizes[:last]), sum(sizes[:first]) + 1)


def _window(place: Place, room: int) -> int:
    """First terminal column to show: the marked part of a long line is seen with text on both sides."""
    text = _line(place)
    first, last = _columns(place, text)
    total = _width(text)
    if total <= room or last < room:
        return 0
    before = max((room - (last - first)) // 2, 4)
    # Not further than to the end of the line, and a column for the caret of a place after the end.
    return max(min(first - before, total + 1 - room), 0)


def _cut(text: str, start: int, room: int) -> str:
    """The columns ``start`` to ``start + room`` of a line; ``…`` stands for what is left out."""
    if start == 0 and len(text) <= room and _width(text) <= room:
        return "".join(shown for shown, _ in cells(text))
    cut = _width(text) > start + room
    shown_from, end = start + (start > 0), start + room - cut
    out: list[str] = []
    column = 0
    for shown, size in cells(text):
        # A character that does not fit at an edge as a whole (a tab, a wide one) gives blanks for its part.
        inside = min(column + size, end) - max(column, shown_from)
        if inside == size and (size or out):
            out.append(shown)
        elif inside > 0:
            out.append(" " * inside)
        column += size
        if column > end:
            break
    return ("…" if start and text else "") + "".join(out) + ("…" if cut else "")


def _arrow(sign: str, place: Place, gutter: int, color: bool) -> str:
    return f"{_paint(' ' * gutter + sign, BLUE, color)} {where(place)}"


def _bar(gutter: int, color: bool) -> str:
    return _paint(f"{' ' * gutter} |", BLUE, color)


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color and text else text
