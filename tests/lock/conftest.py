"""A real registry, and a folder with a small centre whose images are in it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lego_compile.registry.client import Registries
from tests.command import Call, run
from tests.images.gallery import gallery, read
from tests.images.oci import Built, image, text
from tests.images.registry import NoRegistry, Registry, push

ROOT = Path(__file__).parents[2]
OURS = "org.gaia-data.lego."
_numbers = itertools.count()


@pytest.fixture(scope="session")
def examples() -> Iterator[tuple[Registry, list[str]]]:
    """The registry of the example catalog, and the options that make `lock` ask it."""
    try:
        with gallery(read(ROOT / "catalog" / "gaia-data.yaml")) as made:
            yield made
    except NoRegistry as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """A registry that is empty at first."""
    try:
        with Registry() as made:
            yield made
    except NoRegistry as missing:
        pytest.skip(str(missing))


def labelled(kind: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Labels of an image: text as it is, everything else as JSON."""
    return {
        f"{OURS}{kind}.{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in {"spec": "1", **facts}.items()
    }


def small(labels: Mapping[str, str], *platforms: str, content: str = "", **options: Any) -> Built:
    """An image of two layers: one that every image of a platform shares, and one of its own."""
    files = {
        platform: [{"shared": text(platform)}, {"own": text(content or json.dumps(dict(labels)))}]
        for platform in platforms or ("linux/amd64",)
    }
    return image(files, labels, {}, **options)


LAB: Mapping[str, Any] = {
    "name": "lab", "home": "/home/jovyan", "user": "1000:100", "conda": "/opt/conda",
    "environments": ["/opt/bricks"], "glibc": "2.39",
    "provides": {
        "jupyterhub": "6.1.1", "batchspawner": "1.3.0", "conda": "26.7.1", "nb_conda_kernels": "2.5.2",
    },
}  # fmt: skip
"""What the system image states."""


class Place:
    """A folder with a catalog, centres and their images, in a namespace of the registry of its own.

    Attributes:
        folder: the folder, which is the working folder too.
        base: ``HOST:PORT/NAMESPACE``, where its images are.
        registry: where its images are.
    """

    def __init__(self, folder: Path, registry: Registry, namespace: str) -> None:
        self.folder, self.registry, self.namespace = folder, registry, namespace
        self.base = f"{registry.host}/{namespace}"
        self.catalog: dict[str, Any] = {"lego": 1, "catalog": "small", "systems": {}, "bricks": {}}
        self.entry(
            "systems", "lab", {"title": "Lab", "provides": {"jupyterhub": "6.1.1", "batchspawner": "1.3"}}
        )
        self.push("lab", "1", small(labelled("system", LAB), "linux/amd64", "linux/arm64"))
        for name in ("ocean", "geo"):
            self.brick(name)
        self.center("c", bricks=["ocean"], offer=["geo"])

    def entry(self, kind: str, name: str, said: Mapping[str, Any]) -> None:
        """Put an entry into the catalog, and write it."""
        self.catalog[kind][name] = {"image": f"{self.base}/{name}", "releases": {"1": {}}, **said}
        self.write("catalog.yaml", self.catalog)

    def brick(self, name: str, *releases: str, **facts: Any) -> None:
        """Catalog a brick with these releases, and push an image for each."""
        prefix = f"/opt/bricks/{name}"
        kernels = [{"title": name}]
        said = {"title": name, "prefix": prefix, "kernels": kernels}
        self.entry("bricks", name, {**said, "releases": {each: {} for each in releases or ("1",)}})
        for release in releases or ("1",):
            self.push(
                name,
                release,
                small(labelled("brick", self.facts(name, **facts)), content=f"{name} {release}"),
            )

    @staticmethod
    def facts(name: str, **facts: Any) -> dict[str, Any]:
        """What a brick states, with what differs."""
        kernels = [{"dir": "python3", "display_name": name, "language": "python"}]
        return {"name": name, "prefix": f"/opt/bricks/{name}", "subpath": "/", "kernels": kernels, **facts}

    def push(self, name: str, tag: str, built: Built) -> Built:
        """Send an image to the registry."""
        push(self.registry.host, f"{self.namespace}/{name}", tag, built)
        return built

    def center(self, name: str, more: Mapping[str, Any] | None = None, **profile: Any) -> None:
        """Write a centre with one profile."""
        self.write(
            f"{name}.yaml",
            {
                "lego": 1, "center": name, "title": name, "catalog": "catalog.yaml", "system": "lab",
                "profiles": {"main": {"title": "Main", **profile}},
                "targets": {"apptainer": {
                    "versions": {"apptainer": "1.4.5"}, "root": "/opt/lego",
                    "slurm": {"partition": "p"},
                    "hub": {"url": "http://hub.example.org:8081"},
                }},
                **(more or {}),
            },
        )  # fmt: skip

    def write(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a document (JSON is YAML)."""
        (self.folder / name).write_text(json.dumps(data, indent=1), encoding="utf-8")

    def lock(self, name: str = "c") -> dict[str, Any]:
        """The lock of a centre, as data."""
        return read(self.folder / f"{name}.lock.yaml")

    def lock_bytes(self, name: str = "c") -> bytes:
        """The lock of a centre, as it is."""
        return (self.folder / f"{name}.lock.yaml").read_bytes()


@pytest.fixture
def place(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A small centre, and no credentials of whoever runs the tests."""
    for name in ("LEGO_OUTPUT_FORMAT", "NO_COLOR", "FORCE_COLOR", "REGISTRY_AUTH_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker"))
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, registry, f"n{next(_numbers)}")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries."""
    monkeypatch.setitem(Registries.__init__.__kwdefaults__, "sleep", lambda _seconds: None)


@pytest.fixture
def lego(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command line in this process: exit code, standard output, standard error."""

    return lambda *arguments: run(arguments, capsys)


def codes(text: str) -> list[str]:
    """The codes of findings in the format ``concise`` or ``full``, in order."""
    import re

    return re.findall(r"(?:error|warning)\[(LC\d{3})\]", text)
