"""Secrets are references; a literal that looks like one is refused before it reaches a tracked file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lego_compile.diagnostic.model import Path, Report

if TYPE_CHECKING:
    from lego_compile.source.document import Tree

_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|^AKIA[0-9A-Z]{16}$|^gh[pousr]_[A-Za-z0-9]{30,}|^glpat-[A-Za-z0-9_-]{20,}"
    r"|^xox[abprs]-[A-Za-z0-9-]{10,}|^eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.|://[^/\s:@]+:[^/\s@]+@"
)
_NAMES = re.compile(
    r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?)$"
)
_HARMLESS = re.compile(r"[0-9]*|(https?://|[./~]).*")
"""A number, an address or a path: what a variable such as MAX_TOKEN or SSL_PRIVATE_KEY may well hold."""


def find_secrets(tree: Tree, root: str, report: Report) -> None:
    """Report text that has the shape of a secret, and variables whose name says that they hold one (LC207).

    The value itself is never repeated in a message.
    """
    _walk(tree.data, (), root, report)


def _walk(value: Any, path: Path, root: str, report: Report) -> None:
    if isinstance(value, dict):
        for key, below in value.items():
            _walk(below, (*path, key), root, report)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            _walk(below, (*path, index), root, report)
    elif isinstance(value, str):
        is_variable = len(path) > 1 and path[-2] == "environment"
        named = is_variable and _NAMES.search(str(path[-1]).upper()) and not _HARMLESS.fullmatch(value)
        if value and (named or (len(value) > 12 and _SHAPES.search(value))):
            what = f"variable `{path[-1]}`" if named else f"`{path[-1]}`"
            report.add(
                "LC207",
                f"{what} holds what looks like a secret",
                (root, *path),
                key=True,
                help="outputs are tracked in git: name a secret of the platform instead, "
                "or let users keep it in their home",
            )
