"""The lock: what a centre runs, with digests and the facts that the images state about themselves."""

from typing import Annotated, Literal

from pydantic import Field

from lego_compile.spec.catalog import KernelDirectory, KernelLanguage, PackageName
from lego_compile.spec.types import (
    AbsolutePath,
    Block,
    Digest,
    Name,
    Platform,
    Release,
    Repository,
    Tag,
    Text,
    Use,
    Version,
    text,
)

Bytes = Annotated[int, Field(ge=0, le=2**53, json_schema_extra={"$comment": "a number of bytes"})]
NumericUser = Annotated[
    str, text(r"^[0-9]{1,10}:[0-9]{1,10}$", 21, "a numeric user and group, such as 1000:100")
]


class KernelFact(Block):
    """A kernelspec that the image states."""

    title: Text = Field(description="Its display_name.")
    language: KernelLanguage = Field("python", description="As Jupyter spells it.")


class BrickFacts(Block):
    """Labels `org.gaia-data.lego.brick.*`; what the image does not state is left out."""

    name: Name | None = Field(None, description="Of the environment.")
    prefix: AbsolutePath | None = Field(None, description="The path that it was built at.")
    subpath: Literal["/"] | AbsolutePath | None = Field(None, description="Where it lies in the image.")
    kernels: dict[KernelDirectory, KernelFact] = Field(
        default_factory=dict, description="Its kernelspecs, by their directory."
    )
    glibc: Version | None = Field(None, description="Lowest C library that its programs run with.")
    requires: dict[PackageName, Version] = Field(
        default_factory=dict, description="Lowest versions of what the system image has to provide."
    )
    labextensions: dict[PackageName, Version] = Field(
        default_factory=dict, description="Lab extensions that its packages talk to, with their versions."
    )
    gpu: Literal["nvidia", "amd"] | None = Field(None, description="It needs a GPU of this vendor.")
    shell: Literal["/bin/sh"] | None = Field(
        None, description="It has a shell, which can be run in it: some ways to fetch or mount it need one."
    )


class SystemFacts(Block):
    """Labels `org.gaia-data.lego.system.*`; what the image does not state is left out."""

    name: Name | None = Field(None, description="Of the system image.")
    home: AbsolutePath | None = Field(None, description="Home directory of its user.")
    user: NumericUser | None = Field(None, description="Numeric user and group.")
    conda: AbsolutePath | None = Field(None, description="Prefix of its conda.")
    environments: tuple[AbsolutePath, ...] = Field(
        (), description="Directories in which its conda looks for environments."
    )
    glibc: Version | None = Field(None, description="Its C library.")
    provides: dict[PackageName, Version] = Field(
        default_factory=dict, description="Packages that bricks and targets ask for, with their versions."
    )
    labextensions: dict[PackageName, Version] = Field(
        default_factory=dict, description="Its lab extensions, with their versions."
    )


class PlatformPin(Block):
    """The image of one platform."""

    digest: Digest = Field(description="Of its manifest.")
    size: Bytes = Field(description="Compressed layers, in bytes; a layer that occurs twice counts once.")
    layers: dict[Digest, Bytes] = Field(
        default_factory=dict, description="Its layers and their sizes: what images share is pulled once."
    )


class BrickPlatform(PlatformPin):
    """A brick for one platform."""

    facts: BrickFacts = Field(
        default_factory=BrickFacts, description="What only the image of this platform states."
    )


class SystemPlatform(PlatformPin):
    """A system image for one platform."""

    facts: SystemFacts = Field(
        default_factory=SystemFacts, description="What only the image of this platform states."
    )


class AnyPin(Block):
    """One image, resolved."""

    release: Release = Field(description="The release that the name stands for.")
    repository: Repository = Field(description="Where it is published; before mirrors.")
    tag: Tag = Field(description="The tag that was resolved.")
    digest: Digest = Field(description="Of the index, or of the manifest of an image for one platform.")
    resolved_from: Digest = Field(
        description="Of the catalog's entry, as it was: when the entry changes, the pin has to be made again."
    )


class BrickPin(AnyPin):
    """A brick, resolved."""

    platforms: dict[Platform, BrickPlatform] = Field(min_length=1, description="By platform.")
    facts: BrickFacts = Field(
        default_factory=BrickFacts, description="What the image states of itself, on every platform alike."
    )


class SystemPin(AnyPin):
    """A system image, resolved."""

    platforms: dict[Platform, SystemPlatform] = Field(min_length=1, description="By platform.")
    facts: SystemFacts = Field(
        default_factory=SystemFacts, description="What the image states of itself, on every platform alike."
    )


Pin = SystemPin | BrickPin


class LockSpec(Block):
    """Written by `lego-compile lock`, read by a compile; keys are what the centre spec says."""

    lego: Literal[1] = Field(description="Version of this format.")
    lock: Name = Field(description="Its name: that of the centre, or any other when centres share a lock.")
    systems: dict[Use, SystemPin] = Field(min_length=1, description="System images.")
    bricks: dict[Use, BrickPin] = Field(default_factory=dict, description="Bricks.")
