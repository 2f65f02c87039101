"""A spawn page as a browser sees it."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass
class Box:
    """Something to choose on a spawn page: a radio button, a box to tick, or an entry of a list.

    Attributes:
        kind: ``radio``, ``checkbox`` or ``option``.
        name: of the form's field.
        value: that the field has when this one is chosen.
        on: chosen when the page appears.
        label: text of an entry of a list.
    """

    kind: str
    name: str
    value: str
    on: bool
    label: str = ""


class Page(HTMLParser):
    """Boxes and visible text of a form.

    Attributes:
        boxes: in order.
        tags: that it is made of.
        text: as people see it.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.boxes: list[Box] = []
        self.tags: set[str] = set()
        self.text = ""
        self._list: tuple[str, int] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag, and all that can be chosen."""
        self.tags.add(tag)
        found = {name: value or "" for name, value in attrs}
        if tag == "input":
            self.boxes.append(Box(found["type"], found["name"], found["value"], "checked" in found))
        elif tag == "select":
            self._list = found["name"], len(self.boxes)
        elif tag == "option":
            assert self._list is not None
            self.boxes.append(Box("option", self._list[0], found["value"], "selected" in found))

    def handle_endtag(self, tag: str) -> None:
        """At the end of a list without a choice, its first entry is chosen."""
        if tag == "select" and self._list is not None:
            entries = self.boxes[self._list[1] :]
            entries[0].on |= not any(box.on for box in entries)
            self._list = None

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text += data
        if self._list is not None:
            self.boxes[-1].label += data

    def values(self, name: str) -> list[str]:
        """Values that a field can have."""
        return [box.value for box in self.boxes if box.name == name]

    def posted(self) -> dict[str, list[str]]:
        """What a browser posts when nothing is changed."""
        found: dict[str, list[str]] = {}
        for box in self.boxes:
            if box.on:
                found.setdefault(box.name, []).append(box.value)
        return found
