"""The intermediate representation. ``==`` on these classes *is* the meaning of "the same composition".

A field is either semantic (compared, and lifted back from every target) or commentary (``compare=False``:
carried for checks and messages, or derived from semantic fields). The question that decides: would a user
inside the notebook, or on the spawn page, notice if it changed? What only an administrator notices (ingress,
partition, storage class) is that target's option.

Absent by design: tags as meaning (digests are), versions of platforms, names of targets.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Path = tuple[str | int, ...]
"""A place in a document; the first element names the document (``center``, ``catalog``, ``lock``, a file)."""

INCLUDE = "include"
"""Key of the choice to mount an offered brick in whatever release the centre has; that of a named one is its own."""

SERVER = "jupyterhub-singleuser"
"""The single-user server, as commands name it; where no hub starts a session, a target has JupyterLab in its place."""

OWN_HOME = "~"
"""The home of a composition on a platform that brings the user's own home directory along (HPC)."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An OCI image, pinned.

    Attributes:
        repository: registry, port and path, after mirrors (``harbor.example.org/gaia/lego/lab``).
        digest: ``sha256:`` and 64 hex digits, of the index or manifest.
        tag: what people call it; not compared, since a digest leaves a tag no meaning.
    """

    repository: str
    digest: str
    tag: str = field(default="", compare=False)

    @property
    def pinned(self) -> str:
        """``repository@sha256:…``: the form that every engine accepts."""
        return f"{self.repository}@{self.digest}"

    @property
    def labelled(self) -> str:
        """``repository:tag@sha256:…``: the same image, readable; Apptainer and DockerSpawner refuse it."""
        return f"{self.repository}:{self.tag}@{self.digest}" if self.tag else self.pinned


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernelspec inside a brick, and the name that notebooks will store for it.

    Attributes:
        directory: below ``share/jupyter/kernels`` of the environment (``python3``).
        title: ``display_name`` of the kernelspec.
        language: as Jupyter spells it (``python``, ``R``).
        name: predicted by ``kernels.py`` (``conda-env-ocean-py``).
    """

    directory: str
    title: str
    language: str
    name: str


@dataclass(frozen=True, slots=True)
class BrickMount:
    """A conda environment, mounted read-only from its own image.

    Attributes:
        name: of the brick in the catalog.
        title: as the spawn page shows it.
        image: where the environment is.
        prefix: absolute path it was built at, hence where it is mounted.
        subpath: absolute path of the environment inside the image; ``/`` when the image is the environment.
        guarded: a missing environment ends the launch with a message instead of a Lab without a kernel.
        choice: key of this release among several of one offered brick (``v2026-3``, or ``include`` for the one that
            the spec does not name), stored with the user's choice; empty where there is nothing to choose.
        release: what the spawn page calls that choice (``2026.3``); empty likewise.
        shell: whether the image has a ``/bin/sh`` that can be run in it.
        kernels: derived from the image facts and the prefixes of the profile.
        origin: the entry of the centre spec that asks for it.
        declared: the entry of the catalog that describes it.
    """

    name: str
    title: str
    image: ImageRef
    prefix: str
    subpath: str
    guarded: bool = True
    choice: str = ""
    release: str = ""
    shell: bool = field(default=False, compare=False)
    kernels: tuple[Kernel, ...] = field(default=(), compare=False)
    origin: Path = field(default=(), compare=False)
    declared: Path = field(default=(), compare=False)

    @property
    def called(self) -> str:
        """The name, with the release where a brick is offered in several (``climate@2026.3``)."""
        return f"{self.name}@{self.release}" if self.release else self.name


@dataclass(frozen=True, slots=True)
class DataMount:
    """A directory of the centre, mounted at the same path on every target.

    Attributes:
        name: a DNS label, unique in the centre.
        path: absolute path in the container.
        writable: false unless the spec says ``write: true``.
        source: what is mounted, in the words of one platform (``/data/era5``, ``pvc:era5``,
            ``nfs:server:/export``); empty until ``project`` has chosen the platform.
        sources: source by target name.
        origin: the entry of the centre spec.
    """

    name: str
    path: str
    writable: bool
    source: str = ""
    sources: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    origin: Path = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class SystemImage:
    """The image with JupyterLab, conda and nb_conda_kernels.

    Attributes:
        image: where it is.
        home: absolute path of the home directory, or ``OWN_HOME`` where the user's own is brought along.
        uid: numeric user of the container; None where the platform runs it as the caller.
        gid: numeric group; None likewise.
        conda: prefix of the system's conda; no brick may be mounted over it.
        environments: directories whose children conda lists as environments.
        provides: packages and versions that the catalog says it has, sorted; empty when it says nothing.
        origin: the entry of the centre spec.
        declared: the entry of the catalog.
    """

    image: ImageRef
    home: str
    uid: int | None
    gid: int | None
    conda: str = field(default="/opt/conda", compare=False)
    environments: tuple[str, ...] = field(default=(), compare=False)
    provides: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    origin: Path = field(default=(), compare=False)
    declared: Path = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session may use at most.

    Attributes:
        cpu: cores in thousandths (4 cores are 4000); None for no limit.
        memory: bytes; None for no limit.
        gpus: number of GPUs; 0 for none.
        gpu_vendor: ``nvidia`` or ``amd``; empty without GPUs.
    """

    cpu: int | None = None
    memory: int | None = None
    gpus: int = 0
    gpu_vendor: str = ""


@dataclass(frozen=True, slots=True)
class Composition:
    """One profile: what a user gets who chooses it.

    Attributes:
        slug: the profile's key; stored by JupyterHub with the user's choice, so an interface.
        title: one line on the spawn page.
        description: a sentence below the title; empty for none.
        default: preselected on the spawn page; exactly one profile of a centre is.
        groups: JupyterHub groups that may choose it, sorted; empty for everybody.
        system: the container.
        bricks: always mounted; sorted by prefix.
        offers: mounted when the user ticks them; sorted by name, the releases of one brick in the spec's order.
        retired: choices that were offered once, by name of the brick: whoever saved one gets the brick's first
            release; sorted.
        environment: variables of the session, sorted by name.
        command: what the container runs, an argument list: what prepares the kernels, if something does, then the
            single-user server (``SERVER``) and its options.
        data: directories of the centre; sorted by path.
        limits: what a session may use.
        origin: the entry of the centre spec.
    """

    slug: str
    title: str
    description: str
    default: bool
    groups: tuple[str, ...]
    system: SystemImage
    bricks: tuple[BrickMount, ...]
    offers: tuple[BrickMount, ...]
    environment: tuple[tuple[str, str], ...]
    command: tuple[str, ...]
    data: tuple[DataMount, ...]
    limits: Limits
    retired: tuple[tuple[str, tuple[str, ...]], ...] = ()
    origin: Path = field(default=(), compare=False)

    @property
    def prepares(self) -> tuple[str, ...]:
        """What of the command comes before the single-user server, and starts it in the end; mostly nothing."""
        return self.command[: self.command.index(SERVER)] if SERVER in self.command else ()

    @property
    def server_options(self) -> tuple[str, ...]:
        """What of the command comes after the single-user server."""
        return self.command[len(self.prepares) + 1 :]

    @property
    def offered(self) -> dict[str, tuple[BrickMount, ...]]:
        """The offered bricks by name, each with the releases that the user may choose from, the first one first."""
        found: dict[str, tuple[BrickMount, ...]] = {}
        for brick in self.offers:
            found[brick.name] = (*found.get(brick.name, ()), brick)
        return found


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that a centre offers, on every target.

    Attributes:
        center: name of the centre, a DNS label.
        title: for people.
        profiles: in the order of the spawn page.
        home_size: bytes a user's home may hold; None where no limit is asked for or none can be set.
        groups: groups whose members the spec lists, with their members; sorted.
    """

    center: str
    title: str = field(compare=False)
    profiles: tuple[Composition, ...]
    home_size: int | None = None
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
