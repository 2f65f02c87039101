"""The label that changes when a file changes which Compose does not watch."""

from __future__ import annotations

from collections.abc import Mapping

CONFIG_LABEL = "org.lego.config-sha256"
"""Label of a service; its value is what ``sha256sum FILE… | sha256sum`` prints, files in alphabetical order."""


def config_digest(files: Mapping[str, bytes]) -> str:
    """The value of the label for the files that a service reads, by name."""
    lines = "".join(f"{_sha256(data)}  {name}\n" for name, data in sorted(files.items()))
    return _sha256(lines.encode())


def _sha256(data: bytes) -> str:
    # hashlib loads OpenSSL, 10 ms; CPython's own is _sha256 in 3.11, _sha2 later.
    for name in ("_sha2", "_sha256", "hashlib"):
        try:
            return str(__import__(name).sha256(data).hexdigest())
        except ImportError:
            continue
    raise ImportError("no sha256 in this Python")
