"""What only Zero-to-JupyterHub asks: the block ``z2jh:`` below ``targets:``. Attribute names are the YAML keys."""

from typing import Annotated, Literal

from pydantic import Field

from lego_compile.spec.types import (
    COMPONENT,
    REGISTRY,
    Block,
    Cpu,
    DataSource,
    HostName,
    Memory,
    Name,
    Url,
    Version,
    text,
)
from lego_compile.targets.z2jh.options_access import Authenticator, Gateway, Ingress, LoadBalancer
from lego_compile.targets.z2jh.options_types import Cidr, LabelKey, LabelValue, NamespaceName, ObjectName

ImageName = Annotated[
    str,
    text(
        rf"^{REGISTRY}{COMPONENT}+"
        r"(:[A-Za-z0-9_][A-Za-z0-9._-]*(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$",
        400,
        "registry, path, and a tag or a digest, such as registry.example.org/pause:3.10.1",
    ),
]

ReleaseName = Annotated[
    str,
    text(
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        53,
        "the name of a Helm release: lower-case letters, digits and hyphens",
    ),
]
Revision = Annotated[str, text(r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", 200, "a branch or tag of Git")]
RelativePath = Annotated[
    str,
    text(
        r"^[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*$",
        200,
        "a path relative to the repository",
    ),
]


class Versions(Block):
    """What the cluster runs; decides what can be compiled, and nothing of what is written."""

    kubernetes: Version | None = Field(None, description="Of the API server.", examples=["1.35"])
    chart: Version | None = Field(None, description="Of the Helm chart jupyterhub.", examples=["4.4.0"])
    containerd: Version | None = Field(
        None, description="Of the container runtime on the nodes that run sessions.", examples=["2.2"]
    )
    cri_o: Version | None = Field(
        None, alias="cri-o", description="The same, where it is CRI-O.", examples=["1.35"]
    )


class Home(Block):
    """How homes are stored; their size is that of `storage.home`."""

    storage_class: ObjectName | None = Field(
        None,
        description="Storage class of the claims; the cluster's default when unsaid.",
        examples=["ceph-rbd"],
    )
    claim: ObjectName | None = Field(
        None,
        description="One claim that holds all homes, each in a directory of its user's name (an NFS server, say); "
        "every user has a claim when unsaid.",
        examples=["homes"],
    )


class Cull(Block):
    """When an idle server is stopped."""

    timeout: int = Field(
        default=3600,
        ge=0,
        le=31_536_000,
        description="Seconds without activity; 0 lets servers run for ever.",
    )
    max_age: int = Field(
        default=0,
        ge=0,
        le=31_536_000,
        description="Seconds after which even a busy server is stopped; 0 for never.",
    )


class Toleration(Block):
    """A taint of nodes that sessions may be placed on all the same."""

    key: LabelKey = Field(description="Key of the taint.", examples=["nvidia.com/gpu"])
    value: LabelValue | None = Field(None, description="Its value; every value when unsaid.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Its effect; every effect when unsaid."
    )


class Placement(Block):
    """On which nodes a profile runs, and what is set aside there; what is unsaid is as for every session."""

    node_selector: dict[LabelKey, LabelValue] = Field(
        default_factory=dict,
        description="Labels of its nodes, besides those that every session asks for.",
        examples=[{"lego.example.org/gpu": "true"}],
    )
    tolerations: tuple[Toleration, ...] = Field(
        (), description="Taints of its nodes, besides those that every session tolerates."
    )
    reserve_cpu: Cpu | None = Field(None, description="Cores set aside by the scheduler.", examples=[2])
    reserve_memory: Memory | None = Field(
        None, description="Memory set aside by the scheduler.", examples=["8G"]
    )
    gpu_resource: LabelKey | None = Field(
        None,
        description="What its GPUs are called in the cluster; nvidia.com/gpu or amd.com/gpu when unsaid.",
        examples=["nvidia.com/mig-1g.10gb"],
    )


class Session(Block):
    """What every session gets that no profile asks about."""

    start_timeout: int = Field(
        default=900,
        ge=60,
        le=7200,
        description="Seconds that a server may take to start, first pull included.",
    )
    reserve_cpu: Cpu | None = Field(
        default=None,
        description="Cores set aside by the scheduler; the profile's limit when unsaid.",
        examples=[0.5],
    )
    reserve_memory: Memory | None = Field(
        default=None,
        description="Memory set aside by the scheduler; the profile's limit when unsaid.",
        examples=["2G"],
    )
    node_selector: dict[LabelKey, LabelValue] = Field(
        default_factory=dict,
        description="Labels of the nodes that run sessions.",
        examples=[{"lego.example.org/bricks": "true"}],
    )
    tolerations: tuple[Toleration, ...] = Field(
        default=(), description="Taints of the nodes that run sessions."
    )
    private_network: bool = Field(
        default=False,
        description="Whether sessions may reach all addresses of private networks, such as a data server's.",
    )
    networks: tuple[Cidr, ...] = Field(
        default=(),
        description="Private networks that sessions may reach, where they may not reach all.",
        examples=[["10.20.0.0/16"]],
    )
    shared_memory: Memory | None = Field(
        default=None,
        description="Size of /dev/shm, which counts as memory of the session; 64M when unsaid, too little for the "
        "data loaders of PyTorch.",
        examples=["2G"],
    )


class Images(Block):
    """Images besides those of the sessions and of the chart itself."""

    pause: ImageName = Field(
        default="registry.k8s.io/pause:3.10.1",
        description="What the pods run that fetch the bricks or hold room: an image that waits.",
    )


class Hub(Block):
    """The hub itself."""

    storage_class: ObjectName | None = Field(
        None, description="Storage class of its database; the cluster's default when unsaid."
    )
    storage_size: Memory | None = Field(None, description="Room for its database; 1G when unsaid.")
    node_selector: dict[LabelKey, LabelValue] = Field(
        default_factory=dict, description="Labels of the nodes that run it."
    )


class Apply(Block):
    """How the output comes into the cluster: files that say so, beside the values."""

    namespace: NamespaceName = Field("jupyterhub", description="Namespace of the hub.")
    release: ReleaseName = Field("jupyterhub", description="Name of the Helm release.")
    repository: Url | None = Field(
        None,
        description="The Git repository that holds the outputs, for `gitops: argocd`.",
        examples=["https://git.example.org/gaia/centers.git"],
    )
    revision: Revision = Field("main", description="Branch or tag of the repository.")
    folder: RelativePath | None = Field(
        None,
        description="Folder with values.yaml in the repository; out/CENTER/z2jh when unsaid.",
        examples=["out/paris/z2jh"],
    )


class Options(Block):
    """A Kubernetes cluster with the Helm chart of Zero to JupyterHub."""

    versions: Versions = Field(default_factory=Versions, description="What the cluster runs.")
    gates: tuple[Literal["ImageVolume"], ...] = Field(
        (), description="Feature gates that are on, on the API server and on every kubelet."
    )
    host: HostName = Field(description="Where users find the hub.", examples=["jupyter.grenoble.example.org"])
    mounts: Literal["image", "csi", "copy", "hostPath", "nfs"] = Field(
        "image",
        description="How bricks are mounted. image: as image volumes of Kubernetes; csi: by the CSI driver "
        "container-image.csi.k8s.io; copy: each session copies them from their images; hostPath: from a directory of "
        "every node; nfs: from an NFS server, or a claim that many may read. The last two are filled beforehand.",
    )
    bricks_at: DataSource | None = Field(
        None,
        description="Where bricks lie, unpacked. With `mounts: hostPath` a directory of the nodes; with `mounts: nfs` "
        "nfs:SERVER:/EXPORT or pvc:CLAIM.",
        examples=["/srv/bricks", "nfs:nfs.example.org:/bricks", "pvc:bricks"],
    )
    volumes: Literal["map", "list"] = Field(
        "map",
        description="How volumes are written. map: by name, for charts from 4.3.0 on; list: for the charts 4.0 to 4.2, "
        "which mix lists up with homes unless there is one composition.",
    )
    pull_secrets: tuple[ObjectName, ...] = Field(
        (), description="Secrets with registry credentials.", examples=[["lego-registry"]]
    )
    prepull: Literal["daemonset", "chart", "none"] | None = Field(
        None,
        description="Who fetches the images before the first user comes. daemonset: one of ours, which mounts the "
        "bricks; chart: the chart's own, which runs a shell in each of them; none: nobody. When unsaid, the first "
        "where bricks are volumes, and the second else.",
    )
    spawn_page: Literal["checkboxes", "selects"] = Field(
        "checkboxes",
        description="How users choose bricks: on a page of ours, or on that of KubeSpawner with a list for each brick.",
    )
    images: Images = Field(
        default_factory=Images, description="Images besides those of the sessions; mirrors apply to them."
    )
    authenticator: Authenticator = Field(description="Who may log in.", examples=[{"type": "dummy"}])
    home: Home = Field(default_factory=Home, description="How homes are stored.")
    ingress: Ingress = Field(default_factory=Ingress, description="How the hub is reached.")
    gateway: Gateway | None = Field(None, description="How it is reached, instead of an Ingress.")
    load_balancer: LoadBalancer | None = Field(
        None, description="How it is reached, instead of an Ingress.", examples=[{"tls": "offload"}]
    )
    cull: Cull = Field(default_factory=Cull, description="When an idle server is stopped.")
    session: Session = Field(default_factory=Session, description="What every session gets.")
    profiles: dict[Name, Placement] = Field(
        default_factory=dict, description="Where the sessions of a profile run, by the profile."
    )
    hub: Hub = Field(default_factory=Hub, description="The hub itself.")
    user_scheduler: bool = Field(
        True, description="Whether the chart's scheduler fills one node before it takes the next."
    )
    placeholders: int = Field(
        0, ge=0, le=1000, description="Empty sessions that hold room for the next users."
    )
    hub_secret: ObjectName | None = Field(
        None,
        description="Secret with `hub.config.JupyterHub.cookie_secret`, `hub.config.CryptKeeper.keys` and "
        "`hub.config.ConfigurableHTTPProxy.auth_token` (`hub.existingSecret` of the chart); the chart draws them "
        "when unsaid.",
        examples=["jupyterhub-hub"],
    )
    gitops: Literal["argocd", "flux"] | None = Field(None, description="What deploys the output.")
    apply: Apply | None = Field(
        None,
        description="Writes how the output comes into the cluster: the manifests of `gitops`, or a note for helm.",
        examples=[{"namespace": "jupyterhub"}],
    )
