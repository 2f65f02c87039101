"""Options and fixtures that every room's tests share."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.thorough import EXAMPLES, THOROUGH

# Machines of a CI are slow and busy: a property fails on its examples, never on the clock.
settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=EXAMPLES
)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest --accept`` rewrites the expected files of ``tests/cases``; a person reads the diff."""
    parser.addoption("--accept", action="store_true", help="rewrite expected files instead of comparing")
    parser.addoption("--slow", action="store_true", help="run the slow tests too, as LEGO_THOROUGH=1 does")


def pytest_configure(config: pytest.Config) -> None:
    """Slow tests run when they are asked for, and in files and folders that are named; Ctrl-C is heard by all."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of what a shell has in its background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that are tested inherit it
    if hasattr(config, "workerinput"):
        config.option.slow = config.workerinput["lego_slow"]
    else:
        named = config.args_source is pytest.Config.ArgsSource.ARGS
        config.option.slow = config.option.slow or THOROUGH or named


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of pytest-xdist sees other arguments than were typed, and is told."""
    node.workerinput["lego_slow"] = node.config.option.slow


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without them, a run takes less than two minutes."""
    if config.option.slow:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was not run is said."""
    if not config.option.slow:
        terminalreporter.write_line("without the slow tests, which LEGO_THOROUGH=1 or --slow adds")


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    """Whether expected files are rewritten."""
    return bool(request.config.getoption("--accept"))
