"""One specification for all three targets, whose images were built: compiled once, for three machines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.e2e import docker_centre
from tests.e2e.built import BACK_END
from tests.e2e.docker import Docker
from tests.e2e.images import OURS
from tests.images.oci import Built as Image
from tests.images.oci import Entry, image

NAME = "same"

ON_DOCKER, ON_CLUSTER = "/srv/era5", "/scratch/era5"
"""Where the data of others are on the machines that have directories, and no claims."""

LONG = "Reanalyses, observations of buoys and gliders, and coupled models of the North-East Atlantic for the school"

PROFILES = f"""\
  ocean:
    title: Oceanography
    description: Circulation models, reanalyses and what reads them.
    default: true
    bricks: [ocean]
    offer: [hydro, pangeo]
    resources: {{cpu: 1, memory: 1G}}
    environment: {{OCEAN_DATA: /data/era5}}
  field:
    title: Field campaign
    bricks: [hydro]
    resources: {{cpu: 1, memory: 512M}}
  school:
    title: {LONG}
    bricks: [pangeo]
    offer: [ocean, hydro]
"""

_MORE = f"""\
  z2jh:
    versions: {{{{kubernetes: "1.35", containerd: "2.2", chart: "4.4.0"}}}}
    host: {docker_centre.HOST}
    authenticator: {{{{type: dummy}}}}
    images: {{{{pause: "{OURS}/pause:1@PAUSE"}}}}
  apptainer:
    versions: {{{{apptainer: "1.4"}}}}
    root: /opt/lego/{NAME}
    store: /scratch/{NAME}/store
storage:
  home: {{{{size: 1G}}}}
  data:
  - name: era5
    mount: /data/era5
    source: {{{{z2jh: "pvc:era5", compose: {ON_DOCKER}, apptainer: {ON_CLUSTER}}}}}
"""


def pause(busybox: bytes) -> Image:
    """What the pods that fetch bricks run."""
    files = {"bin/busybox": Entry(busybox, 0o755)}
    return image({"linux/amd64": files}, {}, {"Entrypoint": ["/bin/busybox", "sleep", "infinity"]})


def compiled(
    docker: Docker, shelf: str, images: Mapping[tuple[str, str], Image], folder: Path
) -> docker_centre.Centre:
    """The centre on Docker, with the files of all targets in its folder.

    Args:
        docker: of the machine with Docker, whose registry has all images.
        shelf: host and port of that registry.
        images: by repository and tag.
        folder: for the specification and what becomes of it.
    """
    pinned = images[f"{OURS}/pause", "1"].index_digest
    spec = docker_centre.SPEC + _MORE.replace("PAUSE", pinned)
    made = docker_centre.Centre(
        docker, shelf, images, folder, NAME, profiles=PROFILES, kernels=BACK_END, spec=spec
    )
    docker.root.run("mount", "-t", "tmpfs", "tmpfs", "/srv")
    docker.root.run("mkdir", ON_DOCKER)
    made.catalogue()
    made.compile()
    made.configure()
    return made
