"""A centre on one host with Docker, or Podman in its place: published, catalogued, locked, compiled and started.

All of it as its operator does it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.centre import BY_HAND, lego
from tests.e2e.engine import Engine, Project
from tests.e2e.images import OURS
from tests.e2e.lab_images import RELEASE
from tests.e2e.visitor import User
from tests.images.oci import Built
from tests.images.registry import Registry, push

HOST = "jupyter.example.org"

INSTALL, BACKUP, REMOVE = "Install, and after each change", "Backup", "Remove"
"""Sections of the note for operators."""

CATALOG = "catalog/e2e.yaml"

SPEC = """\
lego: 1
center: {name}
title: A centre that runs
catalog: {catalog}
system: lab
kernels: {kernels}
mirrors:
  registry.example.org: {shelf}/ours
  quay.io: {shelf}/quay
profiles:
{profiles}
targets:
  compose:
{declared}    host: {host}
    tls: {{mode: internal}}
    authenticator: {{type: dummy, admin_users: [grace]}}
    mounts: {mounts}
    images: {images}
"""

PROFILES = """\
  ocean:
    title: Oceanography
    default: true
    bricks: [ocean]
    offer: [hydro, pangeo]
    resources: {cpu: 1, memory: 1G}
    environment: {OCEAN_DATA: /data/era5}
  field:
    title: Field campaign
    bricks: [hydro]
    resources: {cpu: 1, memory: 512M}
"""

FIXED = """\
  ocean:
    title: Oceanography
    default: true
    bricks: [ocean, hydro, pangeo]
    resources: {cpu: 1, memory: 1G}
    environment: {OCEAN_DATA: /data/era5}
  field:
    title: Field campaign
    bricks: [hydro]
    resources: {cpu: 1, memory: 512M}
"""
"""The same profiles without a choice, which baked images do not have."""

_SERVICES = {
    "hub": "hub", "proxy": "configurable-http-proxy", "edge": "caddy", "docker_api": "docker-socket-proxy",
}  # fmt: skip


class Shelf(Registry):
    """A registry for big images: on the disk, and with layers that need not be sent.

    The one in memory copies what it has of a layer with every piece that it gets.
    """

    def put(self, repository: str, tag: str, built: Built, files: Mapping[str, Path]) -> None:
        """Have an image.

        Args:
            repository: its name here.
            tag: what it is called.
            built: the image.
            files: digest → file, of layers that are on the disk already.
        """
        assert self._folder is not None
        # distribution/distribution:registry/storage/paths.go@v2.8.2
        storage = Path(self._folder.name) / "images/docker/registry/v2"
        for digest in built.blobs.keys() & files.keys():
            number = digest.removeprefix("sha256:")
            blob = storage / "blobs/sha256" / number[:2] / number / "data"
            link = storage / "repositories" / repository / "_layers/sha256" / number / "link"
            for path in (blob, link):
                path.parent.mkdir(parents=True, exist_ok=True)
            if not blob.exists():
                blob.symlink_to(files[digest])
            link.write_text(digest)
        push(self.host, repository, tag, built)

    def _configuration(self, folder: Path) -> dict[str, Any]:
        return super()._configuration(folder) | {
            "storage": {"filesystem": {"rootdirectory": str(folder / "images")}}
        }


class Centre:
    """The centre in the hands of its operator.

    Args:
        engine: of the machine that it runs on.
        shelf: host, port and first directory of where its images are.
        images: by repository and tag.
        folder: for the specification and what becomes of it.
        name: of the centre.
        mounts: the option of that name.
        profiles: the block of that name.
        kernels: the option of that name.
        spec: SPEC, with what else the centre has.

    Attributes:
        project: the compiled folder on the machine.
    """

    def __init__(
        self,
        engine: Engine,
        shelf: str,
        images: Mapping[tuple[str, str], Built],
        folder: Path,
        name: str,
        *,
        mounts: str = "image",
        profiles: str = PROFILES,
        kernels: str = "conda",
        spec: str = SPEC,
    ) -> None:
        self.engine = engine
        self.name = name
        self.project = Project(engine, f"/run/{name}")
        self._folder = folder
        self._here = f"registry.example.org={shelf}/ours"
        pinned = {}
        for key, program in _SERVICES.items():
            ((repository, tag),) = (each for each in images if each[0] == f"{OURS}/{program}")
            pinned[key] = f"{repository}:{tag}@{images[repository, tag].index_digest}"
        self._spec = folder / f"{name}.yaml"
        self._spec.write_text(
            spec.format(
                name=name, catalog=CATALOG, shelf=shelf, profiles=profiles, declared=engine.declared, host=HOST,
                mounts=mounts, images=json.dumps(pinned), kernels=kernels,
            )
        )  # fmt: skip

    def catalogue(self) -> None:
        """Begin a catalog with what is published."""
        catalog = self._folder / CATALOG
        catalog.parent.mkdir()
        self.add(*(f"{OURS}/{name}:{RELEASE}" for name in ("lab", "brick-ocean", "brick-hydro")))
        catalog.write_text(catalog.read_text().replace("\nbricks:\n", f"\nbricks:\n{BY_HAND}"))

    def add(self, *images: str) -> None:
        """Add releases to the catalog."""
        with self.engine.root.namespace.network():
            lego(self._folder, "catalog", "add", *images, "--via", self._here, "--catalog", CATALOG)

    def compile(self, *lock: str) -> None:
        """Lock, compile, and copy what was written to the machine.

        Args:
            lock: options of that command.
        """
        with self.engine.root.namespace.network():
            lego(self._folder, "lock", self._spec.name, "--via", "mirror", *lock)
        lego(self._folder, self._spec.name)
        self.project.bring(self.out)

    @property
    def out(self) -> Path:
        """What was compiled for this target."""
        return self._folder / "out" / self.name / "compose"

    def composition(self) -> dict[str, Any]:
        """What the centre offers, naming no platform."""
        return dict(json.loads((self._folder / "out" / self.name / "composition.json").read_text()))

    def kernels(self, profile: str) -> dict[str, str]:
        """Brick → name of its kernel, as it was predicted, for all that a profile has or offers."""
        every = self.composition()["profiles"][profile]
        bricks = {**every["bricks"], **every["offers"]}
        return {name: next(iter(each["kernels"])) for name, each in bricks.items()}

    def configure(self) -> None:
        """Make ``.env`` of the example, as the note for operators says."""
        self.project.sh("install -m 600 env.example .env")
        self.project.sh(
            f"sed -i 's/^CONFIGPROXY_AUTH_TOKEN=.*/CONFIGPROXY_AUTH_TOKEN={secrets.token_hex(32)}/' .env"
        )

    def authority(self) -> str:
        """The certificate of the authority that Caddy made up, in PEM."""
        path = "/data/caddy/pki/authorities/local/root.crt"
        return self.project.compose("exec", "--no-TTY", "edge", "cat", path).stdout

    def note(self, section: str) -> list[str]:
        """The commands of a section of the note for operators, with what it leaves to them filled in for ada."""
        text = (self.out / "OPERATE.md").read_text()
        ((_, said),) = (
            each.split("\n", 1) for each in text.split("\n## ") if each.split("\n", 1)[0] == section
        )
        blocks = re.findall(r"^```console\n(.*?)^```", said, re.MULTILINE | re.DOTALL)
        lines = "".join(blocks).replace("\\\n", " ").splitlines()
        system = next(iter(self.composition()["profiles"].values()))["system"]
        image = f"{system['repository']}@{system['digest']}"
        return [
            re.sub(r"\bIMAGE\b", image, re.sub(r"\bNAME\b", "ada", line.removeprefix("$ "))) for line in lines
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Install the centre as its note says and, when the ``with`` ends, remove it with its data."""
        try:
            for command in self.note(INSTALL):
                self.project.sh(command)
            yield
        finally:
            for command in self.note(REMOVE):
                self.project.sh(command)
            left = self.engine.run("volume", "ls", "--quiet", "--filter", f"name=lego-{self.name}").stdout
            assert left == "", left

    @contextmanager
    def visits(self) -> Iterator[Callable[[str], User]]:
        """Log people in; what this thread connects to is on that machine, until the ``with`` ends."""
        authority = self.authority()
        with self.engine.root.namespace.network(), ExitStack() as open_browsers:

            def visit(name: str) -> User:
                user = User(HOST, authority, name)
                open_browsers.callback(user.close)
                return user

            yield visit
