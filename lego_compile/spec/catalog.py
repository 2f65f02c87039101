"""The catalog: the published set of system images and bricks, with their releases."""

from typing import Annotated, Literal

from pydantic import Field

from lego_compile.spec.build import BrickBuild, CatalogBuild, SystemBuild
from lego_compile.spec.types import (
    AbsolutePath,
    Block,
    Name,
    Platform,
    Release,
    Repository,
    Tag,
    Text,
    Version,
)

PackageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9@][A-Za-z0-9@/._-]*$", max_length=80)]
KernelDirectory = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=60)]
KernelLanguage = Annotated[str, Field(pattern=r"^[A-Za-z0-9+#._ -]+$", max_length=40)]


class ReleaseInfo(Block):
    """One release of an image."""

    tag: Tag | None = Field(None, description="Its tag in the registry; the release itself when unsaid.")
    note: Text | None = Field(None, description="What changed, in a line.")


class KernelInfo(Block):
    """A kernelspec of a brick."""

    directory: KernelDirectory = Field(
        "python3", description="Its directory below share/jupyter/kernels of the environment."
    )
    title: Text = Field(description="Its display_name.", examples=["Ocean (Python 3.12)"])
    language: KernelLanguage = Field("python", description="As Jupyter spells it.")


class Requirements(Block):
    """What a brick needs of the system image and of the profile."""

    system: dict[PackageName, Version] = Field(
        default_factory=dict,
        description="Lowest versions of what the system image provides.",
        examples=[{"glibc": "2.28"}],
    )
    gpu: Literal["nvidia", "amd"] | None = Field(None, description="A GPU of this vendor.")


class Brick(Block):
    """An OCI image that holds one conda environment."""

    title: Text = Field(description="For people.", examples=["Ocean modelling"])
    description: Text | None = Field(None, description="A sentence.")
    image: Repository = Field(
        description="Where it is published.", examples=["registry.example.org/lego/brick-ocean"]
    )
    prefix: AbsolutePath = Field(
        description="The path that the environment was built at; it works nowhere else.",
        examples=["/opt/bricks/ocean"],
    )
    subpath: Literal["/"] | AbsolutePath = Field(
        "/", description="Where the environment lies in the image; / when the image is the environment."
    )
    kernels: tuple[KernelInfo, ...] = Field(min_length=1, description="Its kernelspecs.")
    shell: bool = Field(
        False,
        description="Whether the image has a /bin/sh, for one that does not say so itself; needed only where a centre "
        "copies bricks, or lets the chart of Zero to JupyterHub fetch them.",
    )
    platforms: tuple[Platform, ...] = Field(
        ("linux/amd64",), min_length=1, description="What it is built for."
    )
    requires: Requirements = Field(default_factory=Requirements, description="What it needs.")
    build: BrickBuild | None = Field(
        None, description="How it is made, for `lego-compile images`; unsaid for somebody else's image."
    )
    releases: dict[Release, ReleaseInfo] = Field(
        description="Its releases, newest last; {} while there is none."
    )


class System(Block):
    """An OCI image with JupyterLab, conda and nb_conda_kernels."""

    title: Text = Field(description="For people.")
    description: Text | None = Field(None, description="A sentence.")
    image: Repository = Field(
        description="Where it is published.", examples=["registry.example.org/lego/lab"]
    )
    home: AbsolutePath = Field("/home/jovyan", description="Home directory of its user.")
    uid: int = Field(1000, ge=1, le=2**31 - 1, description="Numeric user.")
    gid: int = Field(100, ge=1, le=2**31 - 1, description="Numeric group.")
    conda: AbsolutePath = Field("/opt/conda", description="Prefix of its conda.")
    environments: tuple[AbsolutePath, ...] = Field(
        ("/opt/bricks",), min_length=1, description="Directories in which conda looks for environments."
    )
    platforms: tuple[Platform, ...] = Field(
        ("linux/amd64",), min_length=1, description="What it is built for."
    )
    provides: dict[PackageName, Version] = Field(
        default_factory=dict,
        description="Versions that bricks and targets ask for: glibc, jupyterlab, jupyterhub, batchspawner…",
    )
    build: SystemBuild | None = Field(
        None, description="How it is made, for `lego-compile images`; unsaid for somebody else's image."
    )
    releases: dict[Release, ReleaseInfo] = Field(
        description="Its releases, newest last; {} while there is none."
    )


class CatalogSpec(Block):
    """System images and bricks that centres choose from."""

    lego: Literal[1] = Field(description="Version of this format.")
    catalog: Name = Field(description="Name of the catalog.", examples=["gaia-data"])
    title: Text | None = Field(None, description="For people.")
    build: CatalogBuild | None = Field(
        None, description="What the builds of all images share; needed when one of them has a `build:`."
    )
    systems: dict[Name, System] = Field(min_length=1, description="System images.")
    bricks: dict[Name, Brick] = Field(default_factory=dict, description="Bricks.")
