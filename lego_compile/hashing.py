"""SHA-256 without the 10 ms that ``hashlib`` takes to load OpenSSL."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return str(_module().sha256(data).hexdigest())


@cache
def _module() -> Any:
    """CPython's own: ``_sha256`` in 3.11, ``_sha2`` later. To look for a module that is not there costs a while."""
    for name in ("_sha2", "_sha256", "hashlib"):
        with suppress(ImportError):
            return __import__(name)
    raise ImportError("no sha256 in this Python")
