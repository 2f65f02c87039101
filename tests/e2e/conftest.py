"""What the end-to-end tests share: root folders, engines, images, compiled centres, and when they run at all."""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.e2e import lab_images
from tests.e2e.built import Built
from tests.e2e.built import built as images_built
from tests.e2e.centre import Centre, compiled, mirrored
from tests.e2e.docker import Docker
from tests.e2e.engine import Engine
from tests.e2e.hpc_root import HPC, prepare
from tests.e2e.images import PAUSE, PREFIXES, published
from tests.e2e.lab_images import Layers
from tests.e2e.lab_root import LAB
from tests.e2e.machine import Machine
from tests.e2e.machine import entered as machine_entered
from tests.e2e.namespace import CannotRun, Namespace
from tests.e2e.podman import Podman
from tests.e2e.root import Root, entered, kept, obstacle
from tests.e2e.slurm import Slurm
from tests.e2e.slurm import running as slurm_running
from tests.e2e.unpacked import Folders, unpacked
from tests.images.oci import Built as Image
from tests.images.registry import NoRegistry

if TYPE_CHECKING:  # these need requests, which not everybody has who runs no test here
    from tests.e2e.docker_centre import Centre as DockerCentre
    from tests.e2e.docker_centre import Shelf
    from tests.e2e.hpc_centre import HpcCentre
    from tests.e2e.pod_hub import PodHub
    from tests.e2e.visitor import User

HERE = Path(__file__).parent
BASE = Path(os.environ.get("LEGO_E2E_ROOT") or HERE.parents[1] / ".cache" / "e2e").resolve()
WHY = (
    "not asked for; as root, `LEGO_E2E=1 pytest -n2 --dist loadfile tests/e2e` runs what was compiled on real engines, "
    "and installs Debian sid for it below .cache/e2e or LEGO_E2E_ROOT, once"
)
VERSIONS = pytest.StashKey[list[str]]()


class Skipped(pytest.Module):
    """A file of tests that is not even imported.

    Attributes:
        reason: why.
    """

    reason = ""

    def collect(self) -> NoReturn:
        """Say why, once."""
        pytest.skip(self.reason, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Nothing here runs unless it is asked for, since it needs root and 3.9 GB; or where it cannot."""
    reason = obstacle() if os.environ.get("LEGO_E2E") == "1" else WHY
    if (
        not reason
        and module_path.name.startswith(("test_compose", "test_apptainer"))
        and importlib.util.find_spec("requests") is None
    ):
        reason = "no requests: pip install 'lego-compile[conformance]'"
    if not reason:
        return None
    made: Skipped = Skipped.from_parent(parent, path=module_path)
    made.reason = reason
    return made


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker's notes reach the process that prints them."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["lego_versions"] = session.config.stash.get(VERSIONS, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist has ended."""
    said = getattr(node, "workeroutput", {}).get("lego_versions", [])
    node.config.stash.setdefault(VERSIONS, []).extend(said)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was judged, and with what; a line for each file."""
    noted: list[str] = config.stash.get(VERSIONS, [])
    for versions in dict.fromkeys(noted):
        terminalreporter.write_line(f"end to end: {versions}")
    seconds: Counter[str] = Counter()
    verdicts: dict[str, Counter[str]] = {}
    for outcome, reports in terminalreporter.stats.items():
        for each in reports:
            name = str(getattr(each, "nodeid", "")).partition("::")[0]
            if not name.startswith("tests/e2e/") or not hasattr(each, "duration"):
                continue
            seconds[name] += each.duration
            if outcome:  # of phases that say nothing it is empty
                verdicts.setdefault(name, Counter())[outcome] += 1
    if os.environ.get("LEGO_E2E") == "1":
        for name, counted in sorted(verdicts.items()):
            said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counted.items()))
            terminalreporter.write_line(f"{name:<48} {round(seconds[name]):>8}  {said}")


def judged(request: pytest.FixtureRequest, *programs: str) -> None:
    """Note with what something was judged."""
    request.config.stash.setdefault(VERSIONS, []).append(", ".join(programs))


@pytest.fixture(scope="session")
def root(request: pytest.FixtureRequest) -> Iterator[Root]:
    """The root folder, entered; or a skip that says what this machine has not."""
    try:
        with entered(BASE) as made:
            programs = [made.run(each, "--version").stdout.splitlines()[0] for each in ("podman", "runc")]
            judged(request, *programs, f"Linux {os.uname().release}")
            yield made
    except CannotRun as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def centre(root: Root, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """A centre that was compiled, and a registry that has its images."""
    pytest.importorskip("kubespawner", reason="no KubeSpawner: pip install 'lego-compile[conformance]'")
    try:
        with compiled(root.namespace, published(root), tmp_path_factory.mktemp("centre")) as made:
            yield made
    except NoRegistry as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def podman(root: Root, centre: Centre) -> Podman:
    """The engine, which may pull the centre's images."""
    return Podman(root, centre.host)


# ── Docker ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def docker(request: pytest.FixtureRequest) -> Iterator[Docker]:
    """A machine with Docker, which runs."""
    try:
        with entered(BASE, network=True) as made:
            engine = Docker(made)
            engine.start()
            judged(request, engine.versions())
            yield engine
    except CannotRun as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def layers(request: pytest.FixtureRequest) -> Iterator[Layers]:
    """What is in the images."""
    try:
        with kept(BASE, LAB) as (folder, _):
            made = Layers(folder / "layers")
            said = made.versions()
            programs = {
                **said["services"],
                **{each: said["hub"][each] for each in ("jupyterhub", "dockerspawner")},
            }
            programs |= {"jupyterlab": said["lab"]["jupyterlab"]}
            pythons = {f"Python of {name}": said["bricks"][name]["python"] for name in PREFIXES}
            judged(request, *(f"{name} {version}" for name, version in {**programs, **pythons}.items()))
            yield made
    except CannotRun as missing:
        pytest.skip(str(missing))


Images = dict[tuple[str, str], Image]


@pytest.fixture(scope="session")
def images(layers: Layers) -> Images:
    """The images of the centres on Docker, by repository and tag."""
    return lab_images.published(layers)


@pytest.fixture(scope="session")
def shells(layers: Layers) -> Images:
    """The same images, with a shell in each brick."""
    return lab_images.published(layers, layers.busybox())


@contextmanager
def opened(namespace: Namespace, port: int = 0) -> Iterator[Shelf]:
    """An empty registry for big images, in a network; on a free port or on this one."""
    from tests.e2e.docker_centre import Shelf

    made = Shelf(port=port)
    with ExitStack() as ended:
        with namespace.network():
            try:
                ended.enter_context(made)
            except NoRegistry as missing:
                pytest.skip(str(missing))
        yield made


@contextmanager
def stocked(engine: Engine, images: Images, shells: Images, layers: Layers) -> Iterator[Shelf]:
    """A registry on an engine's machine: images without shells in bricks are below ``plain``, others ``shells``."""
    with opened(engine.root.namespace) as made:
        with engine.root.namespace.network():
            for shelf, every in (("plain", images), ("shells", shells)):
                for (repository, tag), built in every.items():
                    made.put(f"{shelf}/{mirrored(repository)}", tag, built, dict(layers.blobs.values()))
        yield made


@pytest.fixture(scope="session")
def registry(docker: Docker, images: Images, shells: Images, layers: Layers) -> Iterator[Shelf]:
    """The registry on the machine with Docker."""
    with stocked(docker, images, shells, layers) as made:
        yield made


Visit = Callable[[str], "User"]
Make = Callable[..., "DockerCentre"]


@pytest.fixture(scope="session")
def make(
    docker: Docker,
    registry: Shelf,
    images: Images,
    shells: Images,
    tmp_path_factory: pytest.TempPathFactory,
) -> Make:
    """Compile a centre, of a name and with a value of ``mounts``; its files are on the machine with Docker then."""
    return maker(docker, registry, images, shells, tmp_path_factory)


def maker(
    engine: Engine, registry: Shelf, images: Images, shells: Images, folders: pytest.TempPathFactory
) -> Make:
    """What compiles a centre, of a name and with a value of ``mounts``, for an engine; its files are there then."""
    from tests.e2e.docker_centre import PROFILES
    from tests.e2e.docker_centre import Centre as DockerCentre

    def made(
        name: str, mounts: str = "image", profiles: str = PROFILES, kernels: str = "conda"
    ) -> DockerCentre:
        shelf, every = ("shells", shells) if mounts == "volume" else ("plain", images)
        place = f"{registry.host}/{shelf}"
        folder = folders.mktemp(name)
        centre = DockerCentre(
            engine, place, every, folder, name, mounts=mounts, profiles=profiles, kernels=kernels
        )
        centre.catalogue()
        centre.compile()
        centre.configure()
        return centre

    return made


@pytest.fixture(scope="module")
def deployed(make: Make) -> Iterator[DockerCentre]:
    """A centre that its operator has installed, and that runs."""
    centre = make("e2e")
    with centre.running():
        yield centre


@pytest.fixture(scope="module")
def visit(deployed: DockerCentre) -> Iterator[Visit]:
    """Log somebody in; for the whole file of tests, what it connects to is on the centre's machine."""
    with deployed.visits() as made:
        yield made


# ── images that were built ────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Images that Buildah built of what ``lego-compile images`` writes, labelled from their files."""
    try:
        with images_built(BASE, tmp_path_factory.mktemp("built")) as made:
            named = ("jupyterlab", "jupyterhub", "ipykernel")
            judged(request, made.buildah, *(f"{each} {made.versions[each][0]}" for each in named))
            yield made
    except CannotRun as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def folders(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Their roots."""
    return unpacked(built, tmp_path_factory.mktemp("roots"))


@dataclass(frozen=True)
class Three:
    """One specification, compiled for three machines.

    Attributes:
        centre: on Docker; its folder has the files of all targets.
        host: of the registry, where each machine has one.
        put: have all images in a registry.
    """

    centre: DockerCentre
    host: str
    put: Callable[[Shelf], None]

    @property
    def port(self) -> int:
        """Of the registry."""
        return int(self.host.rpartition(":")[2])


@pytest.fixture(scope="session")
def three(
    docker: Docker, built: Built, layers: Layers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Three]:
    """What becomes of it; the registry is on the machine with Docker."""
    from tests.e2e.three import compiled, pause

    images = {**lab_images.published(layers), **built.images, PAUSE: pause(layers.busybox())}
    files = {**dict(layers.blobs.values()), **built.files}

    def put(shelf: Shelf) -> None:
        for (repository, tag), each in images.items():
            shelf.put(mirrored(repository), tag, each, files)

    with opened(docker.root.namespace) as shelf:
        with docker.root.namespace.network():
            put(shelf)
        yield Three(compiled(docker, shelf.host, images, tmp_path_factory.mktemp("three")), shelf.host, put)


@pytest.fixture(scope="session")
def pod_hub(
    request: pytest.FixtureRequest, three: Three, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodHub]:
    """A hub with KubeSpawner on a machine with Podman; what this thread connects to is there."""
    pytest.importorskip("kubespawner", reason="no KubeSpawner: pip install 'lego-compile[conformance]'")
    from tests.e2e.pod_hub import running

    with entered(BASE, network=True) as root:
        root.run("ip", "link", "set", "lo", "up")
        programs = [root.run(each, "--version").stdout.splitlines()[0] for each in ("podman", "runc")]
        judged(
            request,
            *programs,
            *(f"{each} {version(each)}" for each in ("jupyterhub-kubespawner", "jupyterhub")),
        )
        with opened(root.namespace, three.port) as shelf:
            with root.namespace.network():
                three.put(shelf)
            engine = Podman(root, three.host)
            engine.connect()
            compiled = Centre(three.host, three.centre.out.parent / "z2jh")
            with (
                root.namespace.network(),
                running(compiled, engine, tmp_path_factory.mktemp("hub")) as hub,
            ):
                yield hub


# ── a cluster ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A computer of a cluster, with Apptainer."""
    try:
        with machine_entered(BASE, HPC) as made:
            judged(request, f"Apptainer {made.run('root', 'apptainer', 'version').stdout.strip()}")
            prepare(made)
            yield made
    except CannotRun as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def hpc(
    machine: Machine, images: Images, layers: Layers, tmp_path_factory: pytest.TempPathFactory
) -> HpcCentre:
    """A centre that its operator has installed on that machine, with all its images."""
    from tests.e2e.hpc_centre import HpcCentre

    with opened(machine.root.namespace) as registry:
        with machine.network():
            for (repository, tag), built in images.items():
                registry.put(mirrored(repository), tag, built, dict(layers.blobs.values()))
        centre = HpcCentre(machine, registry.host, tmp_path_factory.mktemp("hpc"), "hpc")
        centre.compile()
        centre.install()
        centre.materialize()
    return centre


@pytest.fixture(scope="session")
def slurm(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Slurm]:
    """The scheduler of that cluster, which runs."""
    with slurm_running(machine) as made:
        judged(request, made.version())
        yield made
