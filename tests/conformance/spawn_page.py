"""A spawn page as a browser sees it."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass
class Box:
    """What a page can send: a radio button, a box to tick, an entry of a list, or what is hidden in it.

    Attributes:
        kind: ``radio``, ``checkbox``, ``option``, or another type of input.
        name: of the form's field; what has none is not sent.
        value: that the field has when this one is chosen.
        on: it is sent when the page is.
        label: text of an entry of a list.
        list: which list of the page it is an entry of, counted from 1.
    """

    kind: str
    name: str
    value: str
    on: bool
    label: str = ""
    list: int = 0


class Page(HTMLParser):
    """Boxes and visible text of a form.

    Attributes:
        action: where it is sent.
        boxes: in order.
        tags: that it is made of.
        text: as people see it.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action = ""
        self.boxes: list[Box] = []
        self.tags: set[str] = set()
        self.text = ""
        self._list: tuple[str, int] | None = None
        self._lists = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag, and all that can be chosen."""
        self.tags.add(tag)
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and found.get("method", "").lower() == "post":
            self.action = found.get("action", "")
        if tag == "input":
            kind = found.get("type", "text")
            on = "checked" in found if kind in ("radio", "checkbox") else kind == "hidden"
            self.boxes.append(Box(kind, found.get("name", ""), found.get("value", ""), on))
        elif tag == "select":
            self._list = found["name"], len(self.boxes)
            self._lists += 1
        elif tag == "option":
            assert self._list is not None
            self.boxes.append(
                Box("option", self._list[0], found["value"], "selected" in found, list=self._lists)
            )

    def handle_endtag(self, tag: str) -> None:
        """At the end of a list without a choice, its first entry is chosen."""
        if tag == "select" and self._list is not None:
            entries = self.boxes[self._list[1] :]
            if entries:  # a program may fill it later
                entries[0].on |= not any(box.on for box in entries)
            self._list = None

    def handle_data(self, data: str) -> None:
        """Note the text, where people see it."""
        if self.cdata_elem is None:  # else it is a style or a script
            self.text += data
        if self._list is not None:
            self.boxes[-1].label += data

    def values(self, name: str) -> list[str]:
        """Values that a field can have."""
        return [box.value for box in self.boxes if box.name == name]

    def choose(self, name: str, values: list[str]) -> None:
        """Give a field exactly these values: tick, untick, select; a list without one of them has its first entry."""
        mine = [box for box in self.boxes if box.name == name]
        absent = set(values) - {box.value for box in mine}
        assert not absent, f"the page has no {absent} for {name!r}"
        for box in mine:
            box.on = box.value in values
        for number in {box.list for box in mine if box.list}:
            entries = [box for box in mine if box.list == number]
            entries[0].on = not any(box.on for box in entries)

    def posted(self) -> dict[str, list[str]]:
        """What a browser posts when nothing is changed."""
        found: dict[str, list[str]] = {}
        for box in self.boxes:
            if box.on and box.name:
                found.setdefault(box.name, []).append(box.value)
        return found
