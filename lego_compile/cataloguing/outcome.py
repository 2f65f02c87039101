"""What a catalog that was changed would mean: for everybody who reads it, and for the locks that were made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lego_compile.diagnostic.model import Report
from lego_compile.fingerprint import fingerprint
from lego_compile.lookup import WORDS
from lego_compile.source.document import parse
from lego_compile.spec.load import schema_of
from lego_compile.spec.secrets import find_secrets
from lego_compile.spec.view import view

if TYPE_CHECKING:
    from lego_compile.source.document import Tree


def check_secrets(text: str, file: str, report: Report) -> None:
    """No image puts into a catalog what every command would refuse to read there (LC207).

    The finding points at no line of the text, which would be shown with the secret in it.

    Args:
        text: of the catalog.
        file: that it is for.
        report: receives the findings.
    """
    found = Report()
    find_secrets(_tree(text), "catalog", found)
    for each in found:
        _, kind, name = (*map(str, each.primary), "", "")[:3]
        report.add(
            each.code,
            f"{WORDS.get(kind, kind)} {name!r}: {each.message}",
            ("file", file),
            help="its image states it: build it with other labels, since a catalog is tracked in git",
        )


def stale_names(before: str, after: str) -> list[str]:
    """Names of entries with a release that was listed, whose pins no longer stand for what is said of it (LC315)."""
    schema = schema_of("catalog")
    old, new = view(_tree(before).data, schema), view(_tree(after).data, schema)
    return [
        name
        for kind in WORDS
        for name, entry in getattr(old, kind).items()
        if any(
            fingerprint(kind, release, entry) != fingerprint(kind, release, getattr(new, kind)[name])
            for release in entry.releases
        )
    ]


def _tree(text: str) -> Tree:
    tree, problems = parse("catalog.yaml", text)
    assert tree is not None, problems
    return tree
