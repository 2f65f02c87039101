"""The lock: what a centre runs, with digests and the facts that the images state about themselves."""

from typing import Literal

from pydantic import Field

from lego_compile.spec.types import Block, Digest, Name, Platform, Release, Repository, Tag, Use


class PlatformPin(Block):
    """The image of one platform."""

    digest: Digest = Field(description="Of its manifest.")
    size: int = Field(ge=0, description="Compressed layers, in bytes.")


class Pin(Block):
    """One image, resolved."""

    release: Release = Field(description="The release that the name stands for.")
    repository: Repository = Field(description="Where the digest was asked for; before mirrors.")
    tag: Tag = Field(description="The tag that was resolved.")
    digest: Digest = Field(description="Of the index, or of the manifest of an image for one platform.")
    platforms: dict[Platform, PlatformPin] = Field(min_length=1, description="By platform.")
    facts: dict[str, str] = Field(
        default_factory=dict, description="Labels `org.gaia-data.lego.*` of the image, without that prefix."
    )


class LockSpec(Block):
    """Written by a machine, read by `lego-compile`; keys are what the centre spec says."""

    lego: Literal[1] = Field(description="Version of this format.")
    lock: Name = Field(description="Its name: that of the centre, or any other when centres share a lock.")
    systems: dict[Use, Pin] = Field(min_length=1, description="System images.")
    bricks: dict[Use, Pin] = Field(default_factory=dict, description="Bricks.")
