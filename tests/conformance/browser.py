"""A browser before the spawn page: reads the form, sets what a user picks, and sends what HTML says is sent.

https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#constructing-form-data-set: controls in the
order of the document; a box that is not ticked, a control without a name and a disabled one send nothing. Scripts do
not run: what they add is for people, and a page has to work without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

SILENT = {"submit", "button", "image", "reset", "file"}
TICKED = {"radio", "checkbox"}

Attributes = dict[str, str | None]


class NotOfferedError(ValueError):
    """The page has no control that a user could set to this."""


@dataclass
class Control:
    """A control that may be submitted.

    Attributes:
        name: of its field.
        kind: the type of the input, or ``select``.
        offered: what a user can set it to.
        value: what it would send now; None for nothing.
    """

    name: str
    kind: str
    offered: list[str] = field(default_factory=list)
    value: str | None = None


class _Page(HTMLParser):
    """The controls of a page, as it is first shown."""

    def __init__(self) -> None:
        super().__init__()
        self.controls: list[Control] = []
        self._select: Control | None = None
        self._option: Attributes | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An input, or a part of a select."""
        given = dict(attrs)
        if tag in ("option", "select"):
            self._end_option()
        if tag == "input":
            self._input(given)
        elif tag == "select":
            self._select = Control(given.get("name") or "", "select")
            if self._select.name and "disabled" not in given:
                self.controls.append(self._select)
        elif tag == "option":
            self._option, self._text = given, ""

    def handle_data(self, data: str) -> None:
        """The text of an option is its value where it has no other."""
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        """The end of an option, said or not."""
        if tag in ("option", "select"):
            self._end_option()
        if tag == "select":
            self._select = None

    def _input(self, given: Attributes) -> None:
        kind, name, value = (given.get("type") or "text").lower(), given.get("name") or "", given.get("value")
        if not name or "disabled" in given or kind in SILENT:
            return
        if kind in TICKED:
            value = "on" if value is None else value
            self.controls.append(Control(name, kind, [value], value if "checked" in given else None))
        else:
            self.controls.append(Control(name, kind, [], value or ""))

    def _end_option(self) -> None:
        option, select = self._option, self._select
        self._option = None
        if option is None or select is None or "disabled" in option:
            return
        said = option.get("value")
        value = " ".join(self._text.split()) if said is None else said
        if "hidden" not in option:
            select.offered.append(value)
        if select.value is None or "selected" in option:
            select.value = value


def controls(page: str) -> list[Control]:
    """What a page has to submit, before anybody touches it."""
    reader = _Page()
    reader.feed(page)
    reader.close()
    return reader.controls


def pick(shown: list[Control], answers: Mapping[str, str]) -> None:
    """Set each field to an answer, as a user can: tick, untick, select.

    Raises:
        NotOfferedError: if the field does not send this answer afterwards.
    """
    for name, answer in answers.items():
        mine = [control for control in shown if control.name == name]
        for control in mine:
            if control.kind in TICKED:
                control.value = answer if answer in control.offered else None
            elif answer in control.offered:
                control.value = answer
        if answer not in [control.value for control in mine]:
            raise NotOfferedError(f"the page has no {answer!r} for {name!r}")


def posted(page: str, answers: Mapping[str, str]) -> dict[str, list[str]]:
    """The form data that a hub gets, through the body of the request and its parser."""
    from tornado.httputil import parse_body_arguments

    shown = controls(page)
    pick(shown, answers)
    body = urlencode([(control.name, control.value) for control in shown if control.value is not None])
    fields: dict[str, list[bytes]] = {}
    parse_body_arguments("application/x-www-form-urlencoded", body.encode(), fields, {})
    return {name: [value.decode() for value in values] for name, values in fields.items()}
