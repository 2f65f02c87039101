"""Trying again: when, how often, and how long to wait between."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from lego_compile.registry.answers import retry_after
from lego_compile.registry.model import RegistryError

SHORTEST, LONGEST = 0.5, 60.0
"""Seconds that the first pause lasts about, and that none exceeds; who asks for more is not asked again."""
PATIENCE = 120.0
"""Seconds of all pauses for one question."""

_T = TypeVar("_T")


class Failed(Exception):  # noqa: N818 - it is the outcome of one attempt
    """An attempt failed in a way that another one may not.

    Args:
        why: in words, beginning with the host.
        twice: whether more than one repetition is pointless.
        busy: whether the server has had enough of us.
        after: what it says about when to come back (``Retry-After``).
    """

    def __init__(
        self, why: str, *, twice: bool = False, busy: bool = False, after: str | None = None
    ) -> None:
        super().__init__(why)
        self.why = why
        self.twice = twice
        self.busy = busy
        self.after = after


def again(attempt: Callable[[], _T], subject: str, attempts: int, sleep: Callable[[float], object]) -> _T:
    """The result of an attempt, tried until it succeeds or there were enough.

    Args:
        attempt: raises ``Failed`` when it may be tried again.
        subject: what is asked for, to begin a message with.
        attempts: how many there may be in all.
        sleep: waits for some seconds.

    Raises:
        RegistryError: ``unreachable``, after the last one, or when waiting for another one takes too long.
    """
    waited, wish = 0.0, ""
    for number in range(1, max(1, attempts) + 1):
        try:
            return attempt()
        except Failed as failed:
            last = failed
        if number >= attempts or (last.twice and number >= 2):
            break
        asked, wait = retry_after(last.after), pause(number, last.after)
        if asked > LONGEST or waited + wait > PATIENCE:
            wish = f", and asks to wait {asked:.0f} seconds" if asked > 0 else ""
            break
        waited += wait
        sleep(wait)
    times = "once" if number == 1 else f"{number} times"
    help = "log in, or ask again later: it limits how much one user may ask" if last.busy else None
    raise RegistryError("unreachable", f"{subject}: {last.why}{wish} (tried {times})", help)


def pause(number: int, after: str | None) -> float:
    """Seconds to wait after the attempt of a number: doubled each time, scattered, at least what the server asks."""
    scattered = SHORTEST * 2.0 ** min(number - 1, 10) * random.uniform(0.75, 1.5)  # noqa: S311 - no secret
    return min(LONGEST, max(scattered, retry_after(after)))
