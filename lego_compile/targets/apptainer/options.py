"""What only this target asks: its block under ``targets:``."""

from typing import Annotated, Literal

from pydantic import Field

from lego_compile.spec.types import AbsolutePath, Block, Name, Url, Version, text

JobWord = Annotated[
    str,
    text(
        r"^[A-Za-z0-9_][A-Za-z0-9_.:@+-]*$", 80, "letters, digits and _ . : @ + -, as schedulers name things"
    ),
]
SlurmTime = Annotated[
    str,
    text(
        r"^([0-9]{1,3}-)?[0-9]{1,3}:[0-5][0-9]:[0-5][0-9]$",
        20,
        'a time such as "08:00:00" or "1-00:00:00", in quotes',
    ),
]

SlurmGres = Annotated[
    str,
    text(
        r"^[A-Za-z0-9_][A-Za-z0-9_.@+-]*(:[A-Za-z0-9_][A-Za-z0-9_.@+-]*)?$",
        80,
        "a name of Slurm's, or NAME:TYPE, such as gpu or gpu:a100",
    ),
]


Origin = Annotated[
    str,
    text(
        r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$", 280, "an http or https address of a host, without a path"
    ),
]
OarTime = Annotated[
    str,
    text(r"^[0-9]{1,4}:[0-5][0-9]:[0-5][0-9]$", 10, 'a time such as "08:00:00", hours first, in quotes'),
]
OarType = Annotated[
    str,
    text(
        r"^[A-Za-z][A-Za-z0-9_]*(=[A-Za-z0-9_.:-]+)?$",
        80,
        "a type of jobs as OAR names it, such as devel or container=42",
    ),
]
OarProperties = Annotated[
    str,
    text(
        r"^[A-Za-z0-9_ .,()<>=!%'-]+$",
        200,
        "a condition of OAR's such as cluster='dahu', without double quotes, semicolons, dollars and backslashes",
    ),
]


class Versions(Block):
    """What runs sessions on the compute nodes; exactly one of them."""

    apptainer: Version | None = Field(None, description="Of `apptainer version`.", examples=["1.4.5"])
    singularity: Version | None = Field(
        None, description="Of `singularity version`, where that is SingularityCE.", examples=["4.5.1"]
    )


class SlurmProfile(Block):
    """How Slurm is asked for the sessions of one profile, where that differs from the others."""

    partition: JobWord | None = Field(None, description="Partition.", examples=["gpu"])
    account: JobWord | None = Field(None, description="Account that pays.", examples=["gaia"])
    qos: JobWord | None = Field(None, description="Quality of service.", examples=["interactive"])
    reservation: JobWord | None = Field(None, description="Reservation.", examples=["school2026"])
    time: SlurmTime | None = Field(None, description="Longest session.", examples=["02:00:00"])
    gres: SlurmGres | None = Field(
        None, description="Name of a GPU as Slurm lists it; the number is added.", examples=["gpu:a100"]
    )
    exclusive: bool | None = Field(None, description="A node of its own for each session (`--exclusive`).")


class Slurm(Block):
    """Sessions are jobs of Slurm; the resources of a profile are those of its job."""

    partition: JobWord | None = Field(
        None, description="Partition; the cluster's default when unsaid.", examples=["interactive"]
    )
    account: JobWord | None = Field(
        None, description="Account that pays; the user's default when unsaid.", examples=["gaia"]
    )
    qos: JobWord | None = Field(None, description="Quality of service.", examples=["interactive"])
    reservation: JobWord | None = Field(None, description="Reservation.", examples=["school2026"])
    time: SlurmTime = Field(
        "08:00:00", description="Longest session, the job's time limit.", examples=["08:00:00", "1-00:00:00"]
    )
    gres: SlurmGres = Field(
        "gpu", description="Name of a GPU as Slurm lists it; the number is added.", examples=["gpu:a100"]
    )
    exclusive: bool = Field(
        False, description="A node of its own for each session (`--exclusive`), with all that it has."
    )
    profiles: dict[Name, SlurmProfile] = Field(
        default_factory=dict,
        description="Exceptions by profile.",
        examples=[{"ml": {"partition": "gpu", "gres": "gpu:a100", "time": "02:00:00"}}],
    )


class OarProfile(Block):
    """How OAR is asked for the sessions of one profile, where that differs from the others."""

    queue: JobWord | None = Field(None, description="Queue (`-q`).", examples=["default"])
    project: JobWord | None = Field(None, description="Project that pays (`--project`).", examples=["gaia"])
    properties: OarProperties | None = Field(
        None, description="What the resources must have (`-p`).", examples=["gpumodel='A100'"]
    )
    types: tuple[OarType, ...] | None = Field(
        None, description="Types of the job (`-t`).", examples=[["devel"]]
    )
    time: OarTime | None = Field(None, description="Longest session.", examples=["02:00:00"])
    exclusive: bool | None = Field(None, description="A node of its own for each session.")


class Oar(Block):
    """Sessions are jobs of OAR; the cores and GPUs of a profile are those of its job."""

    queue: JobWord | None = Field(
        None, description="Queue (`-q`); the cluster's default when unsaid.", examples=["default"]
    )
    project: JobWord | None = Field(
        None,
        description="Project that pays (`--project`); the user's default when unsaid.",
        examples=["gaia"],
    )
    properties: OarProperties | None = Field(
        None,
        description="What the resources must have (`-p`), in OAR's SQL.",
        examples=["cluster='dahu'", "n_cores >= 16"],
    )
    types: tuple[OarType, ...] = Field((), description="Types of the job (`-t`).", examples=[["devel"]])
    time: OarTime = Field(
        "08:00:00", description="Longest session, the job's walltime.", examples=["08:00:00"]
    )
    exclusive: bool = Field(False, description="A node of its own for each session (`/nodes=1`).")
    profiles: dict[Name, OarProfile] = Field(
        default_factory=dict,
        description="Exceptions by profile.",
        examples=[{"ml": {"properties": "gpumodel='A100'", "time": "02:00:00"}}],
    )


class Hub(Block):
    """A JupyterHub that starts sessions as jobs, as the users themselves."""

    url: Url | None = Field(
        None,
        description="Where compute nodes reach the hub's API, by a name that they resolve; the hub then listens on "
        "that port of every interface.",
        examples=["http://hub.grenoble.example.org:8081"],
    )
    start_timeout: int = Field(
        600, ge=60, le=86400, description="Seconds that a job may wait in the queue before the spawn fails."
    )
    spawner: Literal["batchspawner", "wrapspawner", "moss"] = Field(
        "batchspawner",
        description="The spawn page: `batchspawner`, with profiles and bricks to tick; `wrapspawner`, the list of "
        "profiles of its ProfilesSpawner; `moss`, the form of jupyterhub_moss with partitions and resources.",
    )


class OnDemand(Block):
    """An interactive app for Open OnDemand."""

    cluster: JobWord = Field(
        description="Name of the cluster in `/etc/ood/config/clusters.d/`.", examples=["dahu"]
    )
    url: Origin | None = Field(
        None,
        description="Where users reach Open OnDemand; JupyterLab then takes requests from pages of that origin only.",
        examples=["https://ondemand.montpellier.example.org"],
    )


class Options(Block):
    """Apptainer (or SingularityCE) on a cluster: bricks are files that the launcher mounts."""

    versions: Versions = Field(default_factory=Versions, description="What the compute nodes have.")
    gates: tuple[Literal["setuid"], ...] = Field(
        (),
        description="What the centre states to be switched on: `setuid`, the set-user-id installation of the "
        "runtime, without which SingularityCE cannot mount bricks.",
        examples=[["setuid"]],
    )
    runtime: Literal["apptainer", "singularity"] = Field(
        "apptainer", description="The program that runs containers; `singularity` is SingularityCE."
    )
    executable: AbsolutePath | None = Field(
        None,
        description="Where the program is; looked up on PATH when unsaid.",
        examples=["/opt/apptainer/bin/apptainer"],
    )
    root: AbsolutePath = Field(
        description="Where the output of this target is installed, on a file system that the hub and the compute "
        "nodes share.",
        examples=["/opt/lego/grenoble"],
    )
    store: AbsolutePath | None = Field(
        None,
        description="Where `lego-materialize` keeps the images, shared by the compute nodes; `store` below the "
        "installed output when unsaid.",
        examples=["/scratch/lego/store"],
    )
    format: Literal["sif", "squashfs"] = Field(
        "sif",
        description="What bricks are kept as: `sif` keeps labels and signatures, `squashfs` is the bare file system.",
    )
    authfile: AbsolutePath | None = Field(
        None,
        description="File with credentials of the registries on the machine that runs `lego-materialize`, as "
        "`apptainer registry login` writes it.",
        examples=["/etc/lego/registry-auth.json"],
    )
    site_binds: tuple[AbsolutePath, ...] = Field(
        (),
        description="Directories that the site's apptainer.conf binds into every container (`bind path = …`); a "
        "session without them does not start.",
        examples=[["/scratch", "/projects"]],
    )
    scheduler: Literal["slurm", "oar"] | None = Field(
        None,
        description="What starts jobs on the cluster; that whose block is there when unsaid. Without a scheduler, "
        "users run `lego-launch` where they are logged in.",
    )
    slurm: Slurm | None = Field(None, description="How Slurm is asked for sessions.")
    oar: Oar | None = Field(None, description="How OAR is asked for sessions.")
    hub: Hub | None = Field(
        None,
        description="Start sessions from JupyterHub, as jobs; without it, users run `lego-launch` or submit the "
        "templates below `batch/`.",
    )
    ondemand: OnDemand | None = Field(
        None, description="Write an interactive app for Open OnDemand, which starts sessions as jobs."
    )
