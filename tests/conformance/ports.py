"""Ports for servers that have to be told theirs before they start."""

from __future__ import annotations

import os
import random
import socket
from itertools import islice

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_FIRST = 12_000 + _WORKER % 20 * 1000
_MINE = range(_FIRST, _FIRST + 1000)
"""Of this worker of pytest-xdist alone, and below what Linux gives to whom asks for any port (32768 and more)."""


def free_ports(number: int) -> list[int]:
    """Ports that nobody has on any address of this machine, and no other worker takes before a server is there.

    In no order, since another run of the tests may be going on.
    """
    return list(islice(filter(_free, random.SystemRandom().sample(_MINE, len(_MINE))), number))


def _free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("", port))
        except OSError:
            return False
    return True
