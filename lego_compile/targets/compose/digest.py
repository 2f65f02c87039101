"""The label that changes when a file changes which Compose does not watch."""

from __future__ import annotations

from collections.abc import Mapping

from lego_compile.hashing import sha256

CONFIG_LABEL = "org.lego.config-sha256"
"""Label of a service; its value is what ``sha256sum FILE… | sha256sum`` prints, files in alphabetical order."""


def config_digest(files: Mapping[str, bytes]) -> str:
    """The value of the label for the files that a service reads, by name."""
    lines = "".join(f"{sha256(data)}  {name}\n" for name, data in sorted(files.items()))
    return sha256(lines.encode())
