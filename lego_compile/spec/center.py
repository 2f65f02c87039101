"""A centre: what it offers, and where it runs. Attribute names are the YAML keys."""

from typing import Any, Literal

from pydantic import Field

from lego_compile.spec.scans import Scans
from lego_compile.spec.types import (
    AbsolutePath,
    Block,
    Cpu,
    DataSource,
    EnvironmentName,
    EnvironmentValue,
    FileName,
    GroupName,
    Memory,
    Name,
    Platform,
    RegistryPrefix,
    Release,
    Text,
    Use,
    UserName,
)


class Gpu(Block):
    """GPUs of a session."""

    vendor: Literal["nvidia", "amd"] = Field("nvidia", description="Who made them.")
    count: int = Field(1, ge=1, le=64, description="How many a session gets.")


class Resources(Block):
    """What a session may use at most; what is not said is not limited by us."""

    cpu: Cpu | None = Field(None, description="Processor cores.", examples=[4, 0.5])
    memory: Memory | None = Field(None, description="Memory.", examples=["8G"])
    gpu: Gpu | None = Field(None, description="GPUs.")


class Profile(Block):
    """A named composition on the spawn page."""

    title: Text = Field(description="One line on the spawn page.", examples=["Oceanography"])
    description: Text | None = Field(None, description="A sentence below the title.")
    default: bool = Field(False, description="Preselected; exactly one profile of a centre is.")
    system: Use | None = Field(
        None, description="Another system image than the centre's.", examples=["lab@2026.10"]
    )
    bricks: tuple[Use, ...] = Field(
        (), description="Bricks that are always mounted.", examples=[["ocean", "climate@2026.3"]]
    )
    offer: tuple[Use, ...] = Field(
        (),
        description="Bricks that the user may tick at launch; a brick that stands here with several releases is "
        "offered in each of them, the first one first.",
        examples=[["ml", "climate", "climate@2026.3"]],
    )
    retired: dict[Name, tuple[Release, ...]] = Field(
        default_factory=dict,
        description="Releases that were offered once, by brick: whoever saved one of them as a choice gets the first "
        "release that is offered now.",
        examples=[{"climate": ["2025.1"]}],
    )
    groups: tuple[GroupName, ...] = Field(
        (), description="Groups (from `groups:`) whose members may choose this profile; everybody when empty."
    )
    resources: Resources = Field(default_factory=Resources, description="Limits of a session.")
    environment: dict[EnvironmentName, EnvironmentValue] = Field(
        default_factory=dict, description="Variables of the session; never a secret."
    )


class Group(Block):
    """A JupyterHub group that profiles may be reserved for."""

    title: Text | None = Field(None, description="For people.")
    users: tuple[UserName, ...] = Field(
        (), description="Its members; empty when the authenticator manages the group."
    )


class Home(Block):
    """The user's home directory; persistent on every target."""

    size: Memory | None = Field(
        None,
        description="How much a home may hold; 10G where homes have a size and none is said.",
        examples=["20G"],
    )


class Data(Block):
    """A directory of the centre, mounted at one path on every target."""

    name: Name = Field(description="Unique in the centre.", examples=["era5"])
    source: DataSource | dict[Literal["z2jh", "compose", "apptainer"], DataSource] = Field(
        description="A host path (/data/era5), a Kubernetes claim (pvc:era5) or an export (nfs:server:/export); "
        "or one of them for each target.",
        examples=["/data/era5", {"z2jh": "pvc:era5", "compose": "/data/era5"}],
    )
    mount: AbsolutePath = Field(description="Where the session sees it.", examples=["/data/era5"])
    write: bool = Field(False, description="Whether users may write to it.")


class Storage(Block):
    """Homes and data."""

    home: Home = Field(default_factory=Home, description="The home directories.")
    data: tuple[Data, ...] = Field((), description="Directories of the centre.")


class Budget(Block):
    """How much may be pulled: compressed layers on one platform, those that images share counted once."""

    profile: Memory | None = Field(
        None, description="By a profile, with everything that it offers.", examples=["12G"]
    )
    center: Memory | None = Field(None, description="By all profiles together.", examples=["60G"])


class CenterSpec(Block):
    """One data centre: `lego-compile centers/NAME.yaml` compiles it for each of its targets."""

    lego: Literal[1] = Field(description="Version of this format.")
    extends: FileName | None = Field(
        None,
        description="A file with keys that centres share, relative to this file. Maps merge key by key, lists and "
        "scalars of this file replace, and null removes an inherited key.",
        examples=["shared/gaia-data.yaml"],
    )
    center: Name = Field(
        description="Name of the centre; its outputs are below out/NAME/.", examples=["grenoble"]
    )
    title: Text = Field(description="For people.", examples=["OSUG, Grenoble"])
    catalog: FileName = Field(
        description="The catalog, relative to the file that says so.", examples=["../catalog/gaia-data.yaml"]
    )
    lock: FileName | None = Field(
        None, description="The lock, relative to this file; the spec's own name with .lock.yaml when unsaid."
    )
    mirrors: dict[RegistryPrefix, RegistryPrefix] = Field(
        default_factory=dict,
        description="Registry prefixes, and what replaces them in every reference that is emitted.",
        examples=[{"registry.example.org": "harbor.grenoble.example.org/gaia"}],
    )
    platforms: tuple[Platform, ...] = Field(
        ("linux/amd64",), min_length=1, description="Platforms of the machines that run sessions."
    )
    system: Use = Field(
        description="The system image of every profile that names no other.", examples=["lab@2026.10"]
    )
    kernels: Literal["conda", "static"] = Field(
        "conda",
        description="How JupyterLab finds the kernels of bricks, whose names are the same either way: `conda` asks the "
        "conda of the system image, with nb_conda_kernels; `static` tells it, and needs neither, but does not show "
        "environments that users make themselves.",
    )
    groups: dict[GroupName, Group] = Field(
        default_factory=dict, description="Groups that profiles may be reserved for."
    )
    profiles: dict[Name, Profile] = Field(
        min_length=1, description="What the centre offers; the order is that of the spawn page."
    )
    budget: Budget = Field(default_factory=Budget, description="How much may be pulled.")
    storage: Storage = Field(default_factory=Storage, description="Homes and data.")
    scans: Scans | None = Field(
        None, description="Refuses images with known vulnerabilities; nothing is asked when unsaid."
    )
    targets: dict[str, Any] = Field(description="The platforms of the centre, each with its own block.")
