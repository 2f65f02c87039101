"""Options and fixtures that every room's tests share."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# Machines of a CI are slow and busy: a property fails on its examples, never on the clock. CI draws more of them.
settings.register_profile(
    "default",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(os.environ.get("LEGO_EXAMPLES", "30")),
)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest --accept`` rewrites the expected files of ``tests/cases``; a person reads the diff."""
    parser.addoption("--accept", action="store_true", help="rewrite expected files instead of comparing")


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    """Whether expected files are rewritten."""
    return bool(request.config.getoption("--accept"))
