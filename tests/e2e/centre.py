"""A small centre: its images in a registry of this machine, catalogued, locked and compiled by the command line."""

from __future__ import annotations

import asyncio
import copy
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance import z2jh_chart as chart
from tests.e2e.images import NOTEBOOK, OURS, PANGEO, PAUSE, PLATFORM
from tests.e2e.namespace import Namespace
from tests.images.oci import Built, image, text
from tests.images.registry import Registry, push

BY_HAND = f"""\
  pangeo:   # by hand, since its image states nothing
    title: Pangeo
    image: {PANGEO}
    prefix: {NOTEBOOK}
    subpath: {NOTEBOOK}
    kernels: [{{title: Python 3}}]
    shell: true
    releases: {{"2026.01.30": {{}}}}
"""
"""An entry of the catalog."""

SPEC = """\
lego: 1
center: e2e
title: A centre that runs
catalog: catalog/e2e.yaml
system: lab
mirrors:
  registry.example.org: {host}/ours
  quay.io: {host}/quay
profiles:
  ocean:
    title: Oceanography
    default: true
    bricks: [ocean]
    offer: [hydro, pangeo]
    resources: {{cpu: 0.5, memory: 512M}}
    environment: {{OCEAN_DATA: /data/era5}}
  field:
    title: Field campaign
    bricks: [hydro]
    resources: {{cpu: 1, memory: 1G}}
storage:
  home: {{size: 1G}}
  data: [{{name: era5, mount: /data/era5, source: "pvc:era5"}}]
targets:
  z2jh:
    versions: {{kubernetes: "1.35", containerd: "2.2", chart: "4.4.0"}}
    host: jupyter.example.org
    authenticator: {{type: dummy}}
    mounts: {mounts}
    images: {{pause: "registry.example.org/lego/pause:1@{pause}"}}
"""


EVERYTHING = {"profile": "ocean", "hydro": "include", "pangeo": "include"}
"""The choice of all bricks that a profile offers."""


class Centre:
    """What was compiled.

    Attributes:
        host: of the registry that its images are pulled from.
        values: of the chart, over the chart's own.
        puller: the file ``brick-puller.yaml``; empty where bricks are no volumes.
        bricks: name → reference of the image, of every brick that it fetches.
    """

    def __init__(self, host: str, out: Path) -> None:
        self.host = host
        puller = out / "brick-puller.yaml"
        self.puller = puller.read_text() if puller.exists() else ""
        volumes = yaml.safe_load(self.puller)["spec"]["template"]["spec"]["volumes"] if self.puller else []
        self.bricks = {each["name"].rpartition("-")[0]: str(each["image"]["reference"]) for each in volumes}
        values = yaml.safe_load((out / "values.yaml").read_text())
        self.values = chart.coalesce(copy.deepcopy(chart.DEFAULTS), values)

    def pod(self, **choice: str) -> dict[str, Any]:
        """The pod that the real KubeSpawner makes of the values and of a choice on the spawn page."""
        with pytest.MonkeyPatch.context() as patched:
            return asyncio.run(chart.pod(chart.config(self.values, patched), "ada", (), **choice))


def guard(brick: str) -> str:
    """The variable that tells a session that it has a brick."""
    return f"LEGO_BRICK_{brick.upper()}"


@contextmanager
def compiled(
    namespace: Namespace, images: Mapping[tuple[str, str], Built], folder: Path, mounts: str = "image"
) -> Iterator[Centre]:
    """Publish the images, and do what an operator does; the registry is there until the ``with`` ends.

    Afterwards every tag stands for an image with nothing in it: what runs was pulled by its digest.

    Args:
        namespace: in whose network the registry is.
        images: by repository and tag.
        folder: for the specification and what becomes of it.
        mounts: the option of that name.

    Raises:
        NoRegistry: there is no registry program on this machine.
    """
    with ExitStack() as ended:
        with namespace.network():  # this thread may be in that of another machine just now
            registry = ended.enter_context(Registry())
            for (repository, tag), built in images.items():
                push(registry.host, mirrored(repository), tag, built)
            catalog = folder / "catalog" / "e2e.yaml"
            catalog.parent.mkdir()
            (folder / "e2e.yaml").write_text(
                SPEC.format(host=registry.host, mounts=mounts, pause=images[PAUSE].index_digest)
            )
            ours = [f"{OURS}/{name}:2026.10" for name in ("lab", "brick-ocean", "brick-hydro")]
            here = f"registry.example.org={registry.host}/ours"
            lego(folder, "catalog", "add", *ours, "--via", here, "--catalog", "catalog/e2e.yaml")
            catalog.write_text(catalog.read_text().replace("\nbricks:\n", f"\nbricks:\n{BY_HAND}"))
            lego(folder, "lock", "e2e.yaml", "--via", "mirror")
            lego(folder, "e2e.yaml")
            for repository, tag in images:
                if "/pause" not in repository:  # the only one that the centre does not pin
                    push(
                        registry.host,
                        mirrored(repository),
                        tag,
                        image({PLATFORM: {"moved": text("")}}, {}, {}),
                    )
        yield Centre(registry.host, folder / "out" / "e2e" / "z2jh")


def mirrored(repository: str) -> str:
    """Where the mirrors of ``SPEC`` have it."""
    host, _, path = repository.partition("/")
    return f"{'quay' if host == 'quay.io' else 'ours'}/{path}"


def lego(folder: Path, *words: str) -> None:
    """Run the command line in a folder, as somebody without credentials, and without a proxy to this machine."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "lego_compile", *words], cwd=folder, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, f"lego-compile {' '.join(words)}: {done.returncode}\n{done.stderr}"
