"""How much is tried: a plain ``pytest`` takes what fits into two minutes, CI everything."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest

THOROUGH = os.environ.get("LEGO_THOROUGH", "") not in ("", "0")
"""Whether slow tests run, and properties draw more examples."""

EXAMPLES = 60 if THOROUGH else 20
"""Of each property."""


def first_fast(values: Iterable[Any]) -> list[Any]:
    """Parameters of a sweep: a plain ``pytest`` takes the first.

    Args:
        values: of ``pytest.mark.parametrize``; a tuple is one value for each of several names.
    """
    each = [value if isinstance(value, tuple) else (value,) for value in values]
    return [pytest.param(*each[0]), *(pytest.param(*value, marks=pytest.mark.slow) for value in each[1:])]
