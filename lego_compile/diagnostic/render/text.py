"""Text from a user's file, made harmless and measured in terminal columns."""

from __future__ import annotations

from lego_compile.diagnostic.view import Place

TAB = "    "


def visible(text: str) -> str:
    """The text with everything that does not print shown as a sign: ``␛`` for an escape, ``<U+202E>``.

    Escapes could repaint a terminal, and marks of direction show a text in another order than it has; blanks
    that are not a space and lone surrogates (bytes of a file name that are not UTF-8) are shown as well.
    """
    if text.isprintable():
        return text
    return "".join(map(_sign, text))


def where(place: Place) -> str:
    """``file:line:column`` as far as it is known, on one line."""
    known = [visible(place.file)]
    if place.line is not None:
        known.append(str(place.line))
        if place.column is not None:
            known.append(str(place.column))
    return ":".join(known)


def cells(text: str) -> list[tuple[str, int]]:
    """For every character of a line: what to print, and how many columns of a terminal it takes."""
    if text.isascii() and text.isprintable():
        return [(char, 1) for char in text]
    return [_cell(char) for char in text]


def _sign(char: str) -> str:
    if char.isprintable():
        return char
    point = ord(char)
    if point < 0x20:
        return chr(0x2400 + point)  # Unicode's control pictures are in the order of the controls
    return "␡" if point == 0x7F else f"<U+{point:04X}>"


def _cell(char: str) -> tuple[str, int]:
    from unicodedata import category, east_asian_width

    if char == "\t":
        return TAB, len(TAB)
    if not char.isprintable():
        sign = _sign(char)
        return sign, len(sign)
    # Marks sit on the character before them; so do the vowels and finals of conjoining Hangul.
    if category(char) in ("Mn", "Me") or "\u1160" <= char <= "\u11ff":
        return char, 0
    return char, 2 if east_asian_width(char) in ("W", "F") else 1
