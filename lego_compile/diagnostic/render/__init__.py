"""The formats in which findings are shown: siblings with a ``render``, each imported when it is used."""

from __future__ import annotations

from collections.abc import Sequence

from lego_compile.diagnostic.view import Finding

FORMATS = {
    "full": "lego_compile.diagnostic.render.full",
    "concise": "lego_compile.diagnostic.render.concise",
    "json": "lego_compile.diagnostic.render.json",
    "github": "lego_compile.diagnostic.render.github",
    "sarif": "lego_compile.diagnostic.render.sarif",
    "junit": "lego_compile.diagnostic.render.junit",
}
"""Name of a format, as ``--output-format`` takes it, and the module that draws it."""


def render(name: str, findings: Sequence[Finding], *, color: bool = False, width: int | None = None) -> str:
    """Draw findings in the order given.

    Args:
        name: a key of ``FORMATS``.
        findings: what to draw, usually ``view.order(...)``.
        color: use ANSI colours, in the formats for people.
        width: columns of the terminal; ``None`` when there is no terminal.

    Returns:
        Text that ends with a newline, or is empty when a format for people has nothing to show. It can be
        encoded as UTF-8 whatever the findings hold, and has no control character but the newline.

    Raises:
        KeyError: there is no such format.
    """
    from importlib import import_module

    return str(import_module(FORMATS[name]).render(findings, color=color, width=width))
