"""What inspecting is about: an image, where its files come from, and why it may not be readable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lego_compile.inspecting.tree import Tree

KINDS = ("brick", "system")


class Unreadable(Exception):  # noqa: N818 - it is an outcome
    """Something that was to be inspected cannot be read, or is not to be believed.

    Attributes:
        message: why, in one line; lower case, no full stop.
        help: what to do, or None.
    """

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message, help)
        self.message = message
        self.help = help


@dataclass(frozen=True, slots=True)
class Image:
    """One thing to inspect: a folder, or the image of one platform.

    Attributes:
        name: what to call it in messages: the argument, and the platform where there are several.
        files: reads its files.
        platform: that it was built for, as its index or configuration says; None for a folder.
        labels: of its configuration; None for a folder, which has none.
        annotations: of its manifest, and of its index.
        manifest: digest of its manifest; empty for a folder.
        settings: ``config`` of its configuration (``Env``, ``User``…); empty for a folder.
    """

    name: str
    files: Callable[[], Tree]
    platform: str | None = None
    labels: Mapping[str, str] | None = None
    annotations: tuple[Mapping[str, str], ...] = ()
    manifest: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that it exports; of one name, the last counts."""
        listed = self.settings.get("Env")
        texts = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
        return {name: value for name, _, value in (each.partition("=") for each in texts)}

    @property
    def user(self) -> str:
        """Its user, as its configuration has it; empty for root."""
        named = self.settings.get("User")
        return named if isinstance(named, str) else ""
