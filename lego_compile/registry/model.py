"""What a registry says of an image, and every way in which asking can fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal["unreachable", "denied", "missing", "wrong", "unusable", "credentials"]
"""Why there is no answer.

``unreachable``: nobody answered, or only with excuses, until we gave up. ``denied``: not for this user.
``missing``: there is no such image. ``wrong``: the answer cannot be true, and nothing of it is believed.
``unusable``: a true answer that is no Linux container image that we can use. ``credentials``: the user's own
credentials cannot be read.
"""


class PlatformImage(NamedTuple):
    """The image of one platform.

    Attributes:
        digest: of its manifest.
        layers: digest and compressed bytes of each layer, lowest first; duplicates are kept.
        labels: of its configuration.
        annotations: of its manifest.
    """

    digest: str
    layers: tuple[tuple[str, int], ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Image(NamedTuple):
    """What a reference stands for.

    Attributes:
        digest: SHA-256 of the bytes that the reference stands for, an index or a manifest.
        media_type: of those bytes.
        annotations: of the index; empty without one.
        platforms: Linux platform, as containerd writes it (``linux/arm64``, ``linux/arm/v7``), to its image; sorted.
    """

    digest: str
    media_type: str
    annotations: Mapping[str, str]
    platforms: Mapping[str, PlatformImage]


class RegistryError(Exception):
    """There is no answer.

    Attributes:
        kind: why, for programs.
        message: why, in one line that names the repository; lower case, no full stop.
        help: what to do about it, or None.
    """

    def __init__(self, kind: Kind, message: str, help: str | None = None) -> None:
        super().__init__(kind, message, help)
        self.kind: Kind = kind
        self.message = message
        self.help = help

    def __str__(self) -> str:
        return self.message
