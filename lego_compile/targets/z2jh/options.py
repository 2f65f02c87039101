"""What only Zero-to-JupyterHub asks: the block ``z2jh:`` below ``targets:``. Attribute names are the YAML keys."""

from typing import Annotated, Literal

from pydantic import Field

from lego_compile.spec.login import Access, LoginService
from lego_compile.spec.types import (
    COMPONENT,
    REGISTRY,
    Block,
    Cpu,
    HostName,
    Memory,
    Text,
    Version,
    text,
)

ObjectName = Annotated[
    str,
    text(
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$",
        253,
        "the name of a Kubernetes object: lower-case letters, digits, hyphens and dots",
    ),
]
KeyName = Annotated[str, text(r"^[A-Za-z0-9._-]+$", 253, "a key of a Secret: letters, digits and . _ -")]
LabelKey = Annotated[
    str,
    text(
        r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        253,
        "the key of a Kubernetes label or annotation, such as lego.example.org/bricks",
    ),
]
LabelValue = Annotated[
    str,
    text(
        r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$",
        63,
        'the value of a Kubernetes label, such as "true"',
    ),
]
ClientId = Annotated[str, text(r"^[\x21-\x7e]+$", 200, "a client id, without spaces")]
ImageName = Annotated[
    str,
    text(
        rf"^{REGISTRY}{COMPONENT}+"
        r"(:[A-Za-z0-9_][A-Za-z0-9._-]*(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$",
        400,
        "registry, path, and a tag or a digest, such as registry.example.org/pause:3.10.1",
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


class SecretKey(Block):
    """One key of a Kubernetes Secret that exists already: never the secret itself."""

    name: ObjectName = Field(description="Name of the Secret.", examples=["jupyterhub-oauth"])
    key: KeyName = Field("client-secret", description="Key in it.")


class OAuth(LoginService):
    """A login service that speaks OAuth 2 (Keycloak, Indigo IAM, …).

    Its redirect address is https://HOST/hub/oauth_callback.
    """

    client_id: ClientId = Field(description="Of the hub at the login service.", examples=["jupyterhub"])
    client_secret: SecretKey = Field(
        description="The Kubernetes Secret that holds the client secret.",
        examples=[{"name": "jupyterhub-oauth"}],
    )


class Authenticator(Access):
    """Who may log in, and how."""

    oauth: OAuth | None = Field(None, description="The login service; only with generic-oauth.")


class Home(Block):
    """How homes are stored; their size is that of `storage.home`."""

    storage_class: ObjectName | None = Field(
        None,
        description="Storage class of the claims; the cluster's default when unsaid.",
        examples=["ceph-rbd"],
    )


class Ingress(Block):
    """How the hub is reached."""

    ingress_class: ObjectName | None = Field(
        None,
        alias="class",
        description="Ingress class; the cluster's default when unsaid.",
        examples=["traefik"],
    )
    tls_secret: ObjectName | None = Field(
        None, description="Secret with the certificate of `host`.", examples=["jupyter-tls"]
    )
    annotations: dict[LabelKey, Text] = Field(
        default_factory=dict,
        description="Annotations of the Ingress.",
        examples=[{"cert-manager.io/cluster-issuer": "letsencrypt"}],
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
    private_network: bool = Field(
        default=False,
        description="Whether sessions may reach addresses of private networks, such as a data server's.",
    )


class Images(Block):
    """Images besides those of the sessions and of the chart itself."""

    pause: ImageName = Field(
        default="registry.k8s.io/pause:3.10.1",
        description="What the pods run that fetch the bricks or hold room: an image that waits.",
    )


class Options(Block):
    """A Kubernetes cluster with the Helm chart of Zero to JupyterHub."""

    versions: Versions = Field(default_factory=Versions, description="What the cluster runs.")
    gates: tuple[Literal["ImageVolume"], ...] = Field(
        (), description="Feature gates that are on, on the API server and on every kubelet."
    )
    host: HostName = Field(description="Where users find the hub.", examples=["jupyter.grenoble.example.org"])
    mounts: Literal["image", "csi"] = Field(
        "image",
        description="How bricks are mounted: as image volumes of Kubernetes, or by the CSI driver "
        "container-image.csi.k8s.io, which somebody has to install.",
    )
    pull_secrets: tuple[ObjectName, ...] = Field(
        (), description="Secrets with registry credentials.", examples=[["lego-registry"]]
    )
    prepull: Literal["daemonset", "none"] = Field(
        "daemonset", description="Whether every node fetches the images before the first user comes."
    )
    images: Images = Field(
        default_factory=Images, description="Images besides those of the sessions; mirrors apply to them."
    )
    authenticator: Authenticator = Field(description="Who may log in.", examples=[{"type": "dummy"}])
    home: Home = Field(default_factory=Home, description="How homes are stored.")
    ingress: Ingress = Field(default_factory=Ingress, description="How the hub is reached.")
    cull: Cull = Field(default_factory=Cull, description="When an idle server is stopped.")
    session: Session = Field(default_factory=Session, description="What every session gets.")
    user_scheduler: bool = Field(
        True, description="Whether the chart's scheduler fills one node before it takes the next."
    )
    placeholders: int = Field(
        0, ge=0, le=1000, description="Empty sessions that hold room for the next users."
    )
    hub_secret: ObjectName | None = Field(
        None,
        description="Secret with `hub.config.JupyterHub.cookie_secret` and `hub.config.CryptKeeper.keys` "
        "(`hub.existingSecret` of the chart); the chart draws them when unsaid.",
        examples=["jupyterhub-hub"],
    )
    gitops: Literal["argocd", "flux"] | None = Field(None, description="What deploys the output.")
