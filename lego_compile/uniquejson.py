"""JSON of strangers in which no key is said twice: two readers of a repeated key may believe different values."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class RepeatedKeyError(ValueError):
    """A key that occurs twice in one object; its text is the key."""


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The ``object_pairs_hook`` of ``json.loads`` that makes a mapping of pairs.

    Raises:
        RepeatedKeyError: a key occurs twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _value in pairs:
            if key in seen:
                raise RepeatedKeyError(key)
            seen.add(key)
    return found
