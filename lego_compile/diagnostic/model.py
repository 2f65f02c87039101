"""Diagnostics are data: what was found and where, never how it is drawn.

A place is a *path* whose first element names the document: ``("center", "profiles", "ocean", "bricks", 1)``.
Lines and columns are looked up when the diagnostic is drawn (``view.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

Path = tuple[str | int, ...]


class Label(NamedTuple):
    """A second place that explains the first one.

    Attributes:
        where: path of the place, document first.
        message: what to say at that place.
        key: point at the mapping key instead of its value.
    """

    where: Path
    message: str
    key: bool = False


class Diagnostic(NamedTuple):
    """One finding.

    Attributes:
        code: stable identifier, an entry of ``codes.CATALOGUE`` (``LC402``).
        message: this occurrence in one line; lower case, no full stop.
        primary: where to look first, document first.
        key: point at the mapping key instead of its value.
        note: words beside the carets; empty for none.
        related: second places, in the order to read them.
        help: what to type instead.
    """

    code: str
    message: str
    primary: Path
    key: bool = False
    note: str = ""
    related: tuple[Label, ...] = ()
    help: str | None = None


class CompileFailed(Exception):  # noqa: N818 - it is an outcome, not a fault of ours
    """A phase ended with errors; the report holds them."""


class Report:
    """What the passes found so far. A pass adds and carries on; the pipeline ends the phase."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.diagnostics)

    def __len__(self) -> int:
        return len(self.diagnostics)

    def add(
        self,
        code: str,
        message: str,
        primary: Path,
        *,
        key: bool = False,
        note: str = "",
        related: tuple[Label, ...] = (),
        help: str | None = None,
    ) -> None:
        """Add one finding (see ``Diagnostic`` for the fields)."""
        self.diagnostics.append(Diagnostic(code, message, primary, key, note, related, help))

    def has_errors(self, *, strict: bool = False) -> bool:
        """Whether anything found so far stops a compile; with ``strict`` a warning does too."""
        if not self.diagnostics:
            return False
        from lego_compile.diagnostic.codes import is_error

        return any(strict or is_error(found.code) for found in self.diagnostics)

    def stop_if_errors(self, *, strict: bool = False) -> None:
        """End the phase: the next pass may assume that nothing here was wrong.

        Raises:
            CompileFailed: when an error was found.
        """
        if self.has_errors(strict=strict):
            raise CompileFailed
