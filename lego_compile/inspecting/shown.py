"""What is known of images, for people: a line for each fact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lego_compile.inspecting.inspection import Inspection


def lines(found: Inspection) -> Iterator[str]:
    """An image and its facts, aligned."""
    platform = f", {found.platform}" if found.platform else ""
    yield f"{_clean(found.name)}: {'brick' if found.kind == 'brick' else 'system image'}{platform}"
    for name, value in found.facts.items():
        for index, text in enumerate([*_texts(name, value)] or ["none"]):
            yield f"  {name if index == 0 else '':14} {_clean(text)}"


def _texts(name: str, value: Any) -> Iterator[str]:
    if name == "kernels":
        for each in value:
            title = each["display_name"] or "(no title)"
            yield f"{each['dir']}: {title} ({each['language'] or 'no language'}), {' '.join(each['argv'][:1])}"
    elif name == "bytes":
        yield f"{value:,} ({value / 1e6:.1f} MB)"
    elif name == "bytecode":
        ways = ", ".join(
            f"{value[key]} {key}" for key in ("unchecked-hash", "checked-hash", "timestamp") if value[key]
        )
        stale = f"; {value['stale']} stale" if value["stale"] else ""
        yield f"{value['compiled']} of {value['sources']} sources" + (f"; {ways}" if ways else "") + stale
    elif isinstance(value, bool):
        yield "yes" if value else "no"
    elif isinstance(value, dict):
        yield from (f"{key} {each}" for key, each in value.items())
    elif isinstance(value, list):
        yield from [", ".join(map(str, value))] if value else []
    elif value is not None:
        yield f"{value:,}" if isinstance(value, int) else str(value)


def _clean(text: str) -> str:
    """A line of a stranger: what would move the cursor is shown as what it is."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)[:300]
