"""How the images of a catalog are made: the ``build:`` blocks of the catalog, of its bricks and of its systems."""

from typing import Annotated, Literal

from pydantic import Field

from lego_compile.spec.types import (
    COMPONENT,
    REGISTRY,
    Block,
    EnvironmentName,
    EnvironmentValue,
    Platform,
    Url,
    text,
)

PinnedImage = Annotated[
    str,
    text(
        rf"^{REGISTRY}{COMPONENT}+(:[A-Za-z0-9_][A-Za-z0-9._-]*)?@sha256:[0-9a-f]{{64}}$",
        400,
        "an image with its digest, such as docker.io/library/debian:trixie-slim@sha256:…; a tag alone is moved",
    ),
]
TaggedImage = Annotated[
    str,
    text(
        rf"^{REGISTRY}{COMPONENT}+:[A-Za-z0-9_][A-Za-z0-9._-]*(@sha256:[0-9a-f]{{64}})?$",
        400,
        "an image with its tag, such as registry.example.org/lego/tools:1",
    ),
]
_BOUND = r"(==|~=|>=|<=|!=|=|>|<)[0-9A-Za-z*][0-9A-Za-z.*_+!]*"
CondaPackage = Annotated[
    str,
    text(
        rf"^([a-z0-9][a-z0-9._-]*::)?[a-z0-9_][a-z0-9._-]*({_BOUND}(,{_BOUND})*(=[0-9A-Za-z_.*]+)?)?$",
        120,
        "a conda package without blanks, such as xgcm, python=3.12, numpy>=2,<3 or conda-forge::gdal",
    ),
]
DebianPackage = Annotated[
    str, text(r"^[a-z0-9][a-z0-9+.-]+$", 80, "the name of a package of the base image's distribution")
]
Channel = Annotated[
    str,
    text(
        r"^([A-Za-z0-9][A-Za-z0-9_.-]*(/(label/)?[A-Za-z0-9][A-Za-z0-9_.-]*)*"
        r"|https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9][A-Za-z0-9_.-]*)*)$",
        200,
        "a conda channel, such as conda-forge or https://conda.example.org/channel",
    ),
]
Cpu = Annotated[
    str, text(r"^[a-z0-9_]+$", 40, "a processor as archspec names it, such as x86_64_v3 or neoverse_n1")
]
CudaVersion = Annotated[str, text(r"^[0-9]+(\.[0-9]+)?$", 10, 'a version of CUDA in quotes, such as "12.6"')]
RunnerName = Annotated[str, text(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", 80, "the name of a runner")]
BranchName = Annotated[
    str, text(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$", 100, "the name of a branch")
]
RelativeFile = Annotated[
    str,
    text(
        r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$",
        200,
        "the path of a file in a repository, such as catalog/gaia-data.yaml",
    ),
]
_FIELD = r"(\*|[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)(/[0-9]+)?"
Cron = Annotated[
    str,
    text(
        rf"^{_FIELD}( {_FIELD}){{4}}$",
        80,
        'five fields of cron in numbers, such as "23 4 * * 1" (Mondays at 4:23 UTC)',
    ),
]


class BrickBuild(Block):
    """How one brick is made; a brick without it is somebody else's image."""

    packages: tuple[CondaPackage, ...] = Field(
        min_length=1,
        description="What its environment is asked to hold, as conda writes it; the lock says what it got.",
        examples=[["python=3.12", "ipykernel", "xgcm", "parcels>=3.2"]],
    )
    channels: tuple[Channel, ...] | None = Field(
        None, description="Where packages come from, the first one first; those of the catalog when unsaid."
    )
    variables: dict[EnvironmentName, EnvironmentValue] = Field(
        default_factory=dict,
        description="Set when the environment is activated; an image's own ENV has no effect where it is mounted.",
    )
    cuda: CudaVersion | None = Field(
        None,
        description="The CUDA that the driver has at least; without it, conda chooses builds for processors.",
    )
    cpu: dict[Platform, Cpu] = Field(
        default_factory=dict,
        description="The oldest processor that the brick must run on, per platform.",
        examples=[{"linux/amd64": "x86_64_v3"}],
    )
    static_libraries: bool = Field(
        False, description="Keep *.a, which people need who compile in the brick; they are removed otherwise."
    )


class SystemBuild(Block):
    """How one system image is made. What it `provides:` is installed in that version, and need not be said again."""

    packages: tuple[CondaPackage, ...] = Field(
        min_length=1,
        description="What its environment holds besides what it `provides:`.",
        examples=[["python=3.12", "jupyterlab-git"]],
    )
    channels: tuple[Channel, ...] | None = Field(
        None, description="Where packages come from, the first one first; those of the catalog when unsaid."
    )
    base: PinnedImage | None = Field(
        None, description="What it is built on, a Debian or Ubuntu; that of the catalog when unsaid."
    )
    apt: tuple[DebianPackage, ...] = Field(
        ("bash", "ca-certificates", "git", "tini"), description="Packages of the base image's distribution."
    )


class BuildImages(Block):
    """The images that builds and pipelines use. There is no default: a version in a program grows old unseen."""

    micromamba: PinnedImage = Field(
        description="Installs the environments.",
        examples=["docker.io/mambaorg/micromamba:2.3.3@sha256:…"],
    )
    base: PinnedImage = Field(
        description="What system images are built on, a Debian or Ubuntu.",
        examples=["docker.io/library/debian:trixie-slim@sha256:…"],
    )
    tools: TaggedImage = Field(
        description="What the jobs run in; it is built from tools/Containerfile, which is written too.",
        examples=["registry.example.org/lego/tools:1"],
    )
    cosign: PinnedImage = Field(description="Signs; part of the tools.")
    syft: PinnedImage = Field(description="Lists what an image holds; part of the tools.")
    grype: PinnedImage = Field(description="Looks for known vulnerabilities; part of the tools.")


class CatalogPlace(Block):
    """Where the catalog itself is kept, for the merge request that adds what was published."""

    repository: Url = Field(
        description="Its git repository.", examples=["https://gitlab.example.org/gaia-data/catalog.git"]
    )
    file: RelativeFile = Field(description="Its file there.", examples=["catalog/gaia-data.yaml"])
    branch: BranchName = Field("main", description="The branch that is updated.")


class Pipeline(Block):
    """One CI system."""

    runners: dict[Platform, RunnerName] = Field(
        default_factory=dict,
        description="The runner of a platform: a tag in GitLab, a label on GitHub. A platform without one is built on "
        "the runner of the first platform, by emulation.",
        examples=[{"linux/amd64": "docker", "linux/arm64": "docker-arm64"}],
    )


class Pipelines(Block):
    """The CI systems that pipelines are written for."""

    gitlab: Pipeline | None = Field(None, description="GitLab CI.")
    github: Pipeline | None = Field(None, description="GitHub Actions.")


class CatalogBuild(Block):
    """What the builds of all images share."""

    source: Url = Field(
        description="The git repository that the pipelines run in, which holds what `lego-compile images` writes.",
        examples=["https://gitlab.example.org/gaia-data/images"],
    )
    catalog: CatalogPlace = Field(description="Where the catalog is kept.")
    images: BuildImages = Field(description="Images that builds and pipelines use, pinned.")
    channels: tuple[Channel, ...] = Field(
        ("conda-forge",), min_length=1, description="Where packages come from, the first one first."
    )
    pipelines: Pipelines = Field(
        default_factory=Pipelines, description="The CI systems that pipelines are written for."
    )
    schedule: Cron = Field(
        "23 4 * * 1", description="When locks are made again, for security updates; in UTC."
    )
    sign: Literal["keyless", "none"] = Field(
        "keyless", description="How published images are signed: by the identity of the pipeline, or not."
    )
    scan: Literal["critical", "high", "none"] = Field(
        "critical", description="From which severity a known vulnerability stops a pipeline."
    )
