"""What only this target asks: its block under ``targets:``. Attribute names are the YAML keys."""

from typing import Annotated, Literal

from pydantic import Field

from lego_compile.spec.types import (
    COMPONENT,
    REGISTRY,
    AbsolutePath,
    Block,
    HostName,
    Memory,
    Version,
    text,
)
from lego_compile.targets.compose.options_access import Authenticator

Reference = Annotated[
    str,
    text(
        rf"^{REGISTRY}{COMPONENT}+"
        r"(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?@sha256:[0-9a-f]{64}$",
        400,
        "REGISTRY/PATH:TAG@sha256:DIGEST, with registry and digest",
    ),
]
Email = Annotated[str, text(r"^[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", 200, "an e-mail address")]


class Versions(Block):
    """What the machine runs."""

    engine: Version | None = Field(
        default=None,
        description="Docker Engine, as `docker version -f '{{.Server.Version}}'` says.",
        examples=["29.7.2"],
    )
    podman: Version | None = Field(
        default=None,
        description="Podman in the place of Docker Engine, as `podman version -f '{{.Server.Version}}'` says.",
        examples=["5.8.6"],
    )
    compose: Version | None = Field(
        default=None,
        description="Docker Compose, as `docker compose version --short` says.",
        examples=["5.6.1", "2.40.3"],
    )


class Images(Block):
    """The images of the services around the sessions, each pinned."""

    hub: Reference = Field(
        description="JupyterHub (5.3 or later) with dockerspawner (14), jupyterhub-idle-culler, and what the "
        "authenticator is made of: oauthenticator (17), jupyterhub-ldapauthenticator (2) or "
        "jupyterhub-nativeauthenticator (1.3).",
        examples=[f"registry.example.org/lego/hub:6.1.1@sha256:{'3' * 64}"],
    )
    proxy: Reference = Field(
        description="configurable-http-proxy.",
        examples=[f"quay.io/jupyterhub/configurable-http-proxy:5.3.0@sha256:{'2' * 64}"],
    )
    edge: Reference = Field(
        description="Caddy 2, which ends TLS.", examples=[f"docker.io/library/caddy:2.10.2@sha256:{'1' * 64}"]
    )
    docker_api: Reference = Field(
        description="docker-socket-proxy of Tecnativa 0.4 or later: what the hub sees of the Docker socket.",
        examples=[f"ghcr.io/tecnativa/docker-socket-proxy:v0.4.1@sha256:{'4' * 64}"],
    )


class Tls(Block):
    """Where the certificate of the host comes from."""

    mode: Literal["acme", "internal", "files"] = Field(
        default="acme",
        description="acme: Let's Encrypt or ZeroSSL, which have to reach the host from the internet; "
        "internal: an authority that Caddy makes up, for tests; "
        "files: `secrets/tls_certificate` (with its chain) and `secrets/tls_key` beside compose.yaml.",
    )
    email: Email | None = Field(
        default=None,
        description="Whom the authority writes to; needed by acme, and by nothing else.",
        examples=["hub-admin@example.org"],
    )


class Cull(Block):
    """When an idle server is stopped."""

    timeout: int = Field(
        default=7200,
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
    """Bounds of every session that no profile asks about."""

    shm: Memory = Field(default="1G", description="Size of /dev/shm, which PyTorch and Dask use.")
    processes: int = Field(default=4096, ge=64, le=4_194_304, description="Processes and threads at most.")
    start_timeout: int = Field(
        default=120, ge=10, le=3600, description="Seconds that a server may take to start."
    )


class Options(Block):
    """One machine with Docker: Docker Compose runs the services of JupyterHub, DockerSpawner the sessions."""

    versions: Versions = Field(default_factory=Versions, description="What the machine runs.")
    engine: Literal["docker", "podman"] = Field(
        default="docker",
        description="What runs containers: Docker Engine, or Podman as root with its Docker-compatible API.",
    )
    gates: tuple[Literal["containerd-store"], ...] = Field(
        default=(),
        description="What is switched on. containerd-store: the engine keeps images in containerd, and "
        "`docker info -f '{{.DriverStatus}}'` shows io.containerd.snapshotter.v1.",
    )
    mounts: Literal["image", "baked", "volume"] = Field(
        default="image",
        description="How bricks come into sessions. image: as image mounts, without a copy; for engines that have "
        "none, baked: as layers of one image per profile, which this machine builds; volume: copied once into a "
        "volume each, by a shell in the brick.",
    )
    host: HostName = Field(description="Host name of the hub.", examples=["vre.grenoble.example.org"])
    tls: Tls = Field(default_factory=Tls, description="Where the certificate of the host comes from.")
    images: Images = Field(description="The images of the services around the sessions, each pinned.")
    authenticator: Authenticator = Field(description="Who may log in, and how.")
    cull: Cull = Field(default_factory=Cull, description="When an idle server is stopped.")
    session: Session = Field(default_factory=Session, description="Bounds of every session.")
    socket: AbsolutePath | None = Field(
        default=None,
        description="Socket of the engine on the machine; /var/run/docker.sock or /run/podman/podman.sock when unsaid. "
        "Rootless Docker has it below /run/user.",
        examples=["/run/user/1000/docker.sock"],
    )
