"""A file of text, or a complaint."""

from __future__ import annotations

from collections.abc import Mapping

from lego_compile.targets.reading import Complaint


def read_text(files: Mapping[str, bytes], path: str, complaints: list[Complaint]) -> str | None:
    """The text of a file; None with a complaint when it is missing or not UTF-8."""
    if path not in files:
        complaints.append(Complaint("LC703", f"{path!r} is missing", (path,)))
        return None
    try:
        return files[path].decode()
    except UnicodeDecodeError:
        complaints.append(Complaint("LC705", f"{path!r} is not UTF-8", (path,)))
        return None
