"""A centre on a cluster with Apptainer: published, catalogued, locked, compiled, installed, as its operator does it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.e2e.centre import BY_HAND, lego
from tests.e2e.images import OURS
from tests.e2e.lab_images import RELEASE
from tests.e2e.machine import HUB, Machine, as_user

CATALOG = "catalog/e2e.yaml"
OPERATOR = "software"
"""Who installs software for everybody, and is nobody special."""

_PUBLISHED = tuple(f"{OURS}/{name}:{RELEASE}" for name in ("lab", "brick-ocean", "brick-hydro"))
"""What states facts of itself."""

SPEC = """\
lego: 1
center: {name}
title: A cluster that runs
catalog: {catalog}
system: lab
kernels: {kernels}
mirrors:
  registry.example.org: {shelf}/ours
  quay.io: {shelf}/quay
groups:
  staff: {{users: [bob]}}
profiles:
{profiles}
storage:
  data: [{{name: era5, mount: /data/era5, source: /scratch/era5}}]
targets:
  apptainer:
    versions: {{apptainer: "{version}"}}
    root: {root}
    store: {store}
    format: {format}
{scheduled}"""

SCHEDULED = f"""\
    slurm:
      partition: interactive
      time: "01:00:00"
      profiles: {{field: {{partition: fat, time: "00:30:00"}}}}
    hub: {{url: "http://{HUB}:8081", start_timeout: 90}}
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
    resources: {cpu: 2, memory: 512M}
  night:
    title: Long analysis
    bricks: [pangeo]
    groups: [staff]
"""


class Installed:
    """A compiled centre in the hands of its operator.

    Args:
        machine: where it is installed.
        folder: with what was compiled, below ``out``.
        name: of the centre.
        store: the folder of its images on the machine; one of its own if empty.

    Attributes:
        root: the installed folder on the machine.
        store: the folder of its images there.
    """

    def __init__(self, machine: Machine, folder: Path, name: str, store: str = "") -> None:
        self.machine = machine
        self.name = name
        self.root = f"/opt/lego/{name}"
        self.store = store or f"/scratch/{name}/store"
        self._folder = folder

    @property
    def out(self) -> Path:
        """What was compiled."""
        return self._folder / "out" / self.name / "apptainer"

    def install(self) -> None:
        """Copy what was compiled to its place; it and the store belong to the operator."""
        for place in (self.root, self.store.rpartition("/")[0], "/scratch/era5"):
            self.machine.root.run("install", "-d", "-o", OPERATOR, "-g", OPERATOR, place)
        self.machine.bring(self.out, self.root, OPERATOR)

    def materialize(self, *words: str, check: bool = True, network: bool = True) -> CompletedProcess[str]:
        """Get the images, as the operator.

        Args:
            words: options of the program.
            check: whether another exit code than 0 is an error.
            network: whether there is one.
        """
        command = as_user(OPERATOR, (self.program("lego-materialize"), "--no-https", *words))
        return self.machine.root.run(
            *([] if network else ["unshare", "--net"]), *command, timeout=900, check=check
        )

    def launch(
        self, user: str, *words: str, env: Mapping[str, str] | None = None, check: bool = True
    ) -> CompletedProcess[str]:
        """Run the launcher as somebody, and wait until it ends."""
        return self.machine.run(user, self.program("lego-launch"), *words, env=env, timeout=300, check=check)

    def composition(self) -> dict[str, Any]:
        """What the centre offers, naming no platform."""
        return dict(json.loads((self.out.parent / "composition.json").read_text()))

    def kernels(self, profile: str) -> dict[str, str]:
        """Brick → name of its kernel, as it was predicted, for all that a profile has or offers."""
        every = self.composition()["profiles"][profile]
        bricks = {**every["bricks"], **every["offers"]}
        return {name: next(iter(each["kernels"])) for name, each in bricks.items()}

    def data(self) -> dict[str, Any]:
        """The data that the fixed programs obey, as it was compiled."""
        return dict(json.loads((self.out / "composition.json").read_text()))

    def program(self, name: str) -> str:
        """Where a program of the centre is."""
        return f"{self.root}/bin/{name}"


class HpcCentre(Installed):
    """A centre with this target alone, from its specification on.

    Args:
        machine: where it is installed.
        shelf: host, port and first directory of where its images are.
        folder: for the specification and what becomes of it.
        name: of the centre.
        form: the option ``format``.
        scheduled: options of what starts jobs, as lines of YAML; empty for a centre where nothing does.
        store: the folder of its images on the machine; one of its own if empty.
        kernels: the option of that name.
    """

    def __init__(
        self,
        machine: Machine,
        shelf: str,
        folder: Path,
        name: str,
        *,
        form: str = "sif",
        scheduled: str = SCHEDULED,
        store: str = "",
        kernels: str = "conda",
    ) -> None:
        super().__init__(machine, folder, name, store)
        self._shelf = shelf
        self._here = f"registry.example.org={shelf}/ours"
        self._spec = folder / f"{name}.yaml"
        version = machine.run("root", "apptainer", "version").stdout.strip()
        self._spec.write_text(
            SPEC.format(
                name=name, catalog=CATALOG, shelf=shelf, profiles=PROFILES, version=version, root=self.root,
                store=self.store, format=form, scheduled=scheduled, kernels=kernels,
            )
        )  # fmt: skip

    def compile(self) -> None:
        """Begin a catalog with what is published, lock and compile."""
        catalog = self._folder / CATALOG
        catalog.parent.mkdir()
        with self.machine.network():
            lego(self._folder, "catalog", "add", *_PUBLISHED, "--via", self._here, "--catalog", CATALOG)
            catalog.write_text(catalog.read_text().replace("\nbricks:\n", f"\nbricks:\n{BY_HAND}"))
            lego(self._folder, "lock", self._spec.name, "--via", "mirror")
        lego(self._folder, self._spec.name)

    def variant(self, name: str, scheduled: str = SCHEDULED, kernels: str = "conda") -> HpcCentre:
        """The same centre with other options of what starts jobs, compiled; it has the same images, and asks nobody."""
        made = HpcCentre(
            self.machine,
            self._shelf,
            self._folder,
            name,
            scheduled=scheduled,
            store=self.store,
            kernels=kernels,
        )
        lock = (self._folder / f"{self.name}.lock.yaml").read_text()
        (self._folder / f"{name}.lock.yaml").write_text(
            lock.replace(f"lock: {self.name}\n", f"lock: {name}\n")
        )
        lego(self._folder, made._spec.name)
        return made
