"""Images that were really built: by Buildah, of the Containerfiles that ``lego-compile images`` writes.

``bricks ocean 2026.10 and 2026.11, hydro 2026.10, system lab 2026.10`` are conda environments of the channel that
``conda/build.sh`` made, locked by a solver. ``pangeo`` is as somebody else builds: on a Debian, and stating nothing.
They are kept below ``.cache/e2e/built`` as they were built; each session labels a copy, as a pipeline does.

No registry that the tests reach has conda and nb_conda_kernels. With ``LEGO_E2E_CONDA=PREFIX`` the system image holds
that prefix of this machine, which has both with JupyterLab and JupyterHub, at the very same path.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.e2e.build_root import BUILD
from tests.e2e.centre import lego, mirrored
from tests.e2e.images import NOTEBOOK, OURS, PANGEO
from tests.e2e.lab_images import NEXT, RELEASE, Blobs
from tests.e2e.namespace import CannotRun
from tests.e2e.root import Root, entered
from tests.images.oci import MANIFEST
from tests.images.oci import Built as Image

if TYPE_CHECKING:
    from tests.e2e.docker_centre import Shelf

CONDA = os.environ.get("LEGO_E2E_CONDA", "")
"""A prefix on this machine with conda and nb_conda_kernels; without it kernels are found without conda."""

BACK_END = "conda" if CONDA else "static"
"""What ``kernels:`` of a centre has to say."""

PREFIXES = {"ocean": "/opt/bricks/ocean", "hydro": "/opt/bricks/hydro", "pangeo": NOTEBOOK}
ONLY = {"ocean": "xxhash", "hydro": "tabulate", "pangeo": "toolz"}
"""A package of each brick that the others have not."""
TITLES = {
    "ocean": "Ocean & waves (Python 3.13)", "hydro": "Hydrology (Python 3.14)", "pangeo": "Python 3 (ipykernel)",
}  # fmt: skip

PANGEO_TAG = "2026.01.30"
_RELEASES = {
    ("ocean", RELEASE): "2026-10-15", ("ocean", NEXT): "2026-11-15", ("hydro", RELEASE): "2026-10-15",
    ("lab", RELEASE): "2026-10-15", ("pangeo", PANGEO_TAG): "2026-10-15",
}  # fmt: skip
"""Name and release of each image → the day of its lock."""


def _reference(name: str, release: str) -> str:
    repository = PANGEO if name == "pangeo" else f"{OURS}/lab" if name == "lab" else f"{OURS}/brick-{name}"
    return f"{repository}:{release}"


REFERENCES = {each: _reference(*each) for each in _RELEASES}
"""Name and release → where it is published."""

_PROVIDED = ("jupyterlab", "jupyterhub", "batchspawner")
_FINDERS = ("conda", "nb_conda_kernels")
_VERSION = 2
_HERE = Path(__file__).parent / "conda"
_CATALOG = (_HERE / "catalog.yaml").read_text()
MICROMAMBA, BASE_IMAGE, _COPIER = "localhost/micromamba:1", "localhost/debian:sid-slim", "localhost/copier:1"
_STAND_INS = {
    # of the user that the published image has (mamba-org/micromamba-docker:debian.Dockerfile)
    MICROMAMBA: (
        f'FROM {BASE_IMAGE}\nCOPY . /\nENV MAMBA_ROOT_PREFIX="/opt/conda"\nRUN mkdir -p /opt/conda\nUSER 57439\n',
        "/srv/micromamba",
    ),
    _COPIER: (
        f"FROM {MICROMAMBA}\nUSER root\nRUN printf '%s\\n' '#!/bin/sh' 'exec cp -a /conda/. \"$5\"' "
        ">/usr/local/bin/micromamba\n",
        "/run",
    ),
}
_PANGEO = f"""\
FROM {MICROMAMBA} AS build
USER root
COPY lock /tmp/lock
RUN micromamba create -y -q -p {NOTEBOOK} --file /tmp/lock && chmod -R a+rX {NOTEBOOK}
FROM {BASE_IMAGE}
RUN printf 'jovyan:x:1000:1000::/home/jovyan:/bin/bash\\n' >>/etc/passwd && mkdir -m 777 /home/jovyan
COPY --from=build /srv/conda/envs/notebook /srv/conda/envs/notebook
ENV PATH=/srv/conda/envs/notebook/bin:/usr/local/bin:/usr/bin:/bin
USER jovyan
"""
_PANGEO_SPECS = ["python=3.13", "ipykernel", "toolz", "pangeo-model"]


@dataclass(frozen=True)
class Built:
    """What was built, labelled.

    Args:
        layouts: folder with an OCI layout ``NAME-RELEASE`` for each image, with the labels of ``inspect --label``.
        raw: the same as they were built.
        repository: what ``lego-compile images`` wrote, with locks.
        versions: name → versions of what the channel has, and ``glibc``.
        buildah: its name and version.
        catalog: what ``lego-compile images`` read.
    """

    layouts: Path
    raw: Path
    repository: Path
    versions: Mapping[str, Any]
    buildah: str
    catalog: Path

    def layout(self, name: str, release: str = RELEASE) -> Path:
        """The OCI layout of an image, with labels."""
        return self.layouts / f"{name}-{release}"

    def config(self, name: str, release: str = RELEASE) -> dict[str, Any]:
        """How an image is run: user, command, variables and labels."""
        image = read(self.layout(name, release))
        (manifest,) = (json.loads(image.blobs[digest]) for digest, _ in image.platforms.values())
        return dict(json.loads(image.blobs[manifest["config"]["digest"]])["config"])

    @cached_property
    def images(self) -> dict[tuple[str, str], Image]:
        """Repository and tag → image, as ``lab_images.published`` gives them."""
        found = {}
        for (name, release), reference in REFERENCES.items():
            repository, _, tag = reference.rpartition(":")
            found[repository, tag] = read(self.layout(name, release))
        return found

    def publish(self, shelf: Shelf, below: str = "") -> None:
        """Have every image in a registry, where ``mirrors:`` of the centres looks for it.

        Args:
            shelf: the registry.
            below: first directory, with a slash at its end.
        """
        for (repository, tag), image in self.images.items():
            shelf.put(f"{below}{mirrored(repository)}", tag, image, self.files)

    @cached_property
    def files(self) -> dict[str, Path]:
        """Digest → file, of every layer: what ``Shelf.put`` takes."""
        return {
            layer: _blob(self.layout(name, release), layer)
            for name, release in _RELEASES
            for layer, _ in read(self.layout(name, release)).layers["linux/amd64"]
        }


def read(layout: Path) -> Image:
    """The one image of an OCI layout; its layers stay on the disk."""
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    digest = entry["digest"]
    small = {digest: _blob(layout, digest).read_bytes()}
    if entry["mediaType"] != MANIFEST:
        (entry,) = json.loads(small[digest])["manifests"]
        small[entry["digest"]] = _blob(layout, entry["digest"]).read_bytes()
    manifest = json.loads(small[entry["digest"]])
    config = _blob(layout, manifest["config"]["digest"]).read_bytes()
    small[manifest["config"]["digest"]] = config
    layers = tuple((each["digest"], each["size"]) for each in manifest["layers"])
    said = json.loads(config)
    platform = f"{said['os']}/{said['architecture']}"
    return Image(
        digest,
        {platform: (entry["digest"], sum(size for _, size in layers))},
        said["config"].get("Labels") or {},
        Blobs(small, {each: _blob(layout, each) for each, _ in layers}),
        json.loads(small[digest])["mediaType"],
        {platform: layers},
    )


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


@contextmanager
def built(base: Path, folder: Path) -> Iterator[Built]:
    """The images, built when they are not there, and labelled.

    Args:
        base: folder that keeps what takes long to make.
        folder: an empty one, on the same file system if it may be, for this session's copies.

    Raises:
        CannotRun: they cannot be built on this machine.
    """
    kept = base / ("built-conda" if CONDA else "built")
    kept.mkdir(parents=True, exist_ok=True)
    with (base / "lock-built").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with entered(base, recipe=BUILD, shared=kept) as root:
            versions = _versions(json.loads(root.read("/channel/versions.json")))
            program = " ".join(root.run("buildah", "--version").stdout.split()[::2][:2])
            written = folder / "images"
            _write(written, versions)
            stamp = _stamp(written)
            if not (kept / "stamp").exists() or (kept / "stamp").read_text() != stamp:
                _make(root, kept, written, versions)
                (kept / "stamp").write_text(stamp)
        layouts = folder / "layouts"
        shutil.copytree(kept / "layouts", layouts, copy_function=_link)
    made = Built(layouts, kept / "layouts", kept / "images/e2e", versions, program, folder / "build.yaml")
    ours = [each for each in _RELEASES if each[0] != "pangeo"]
    for each in ours:
        lego(folder, "inspect", "--quiet", "--label", f"oci:{made.layout(*each)}")
    yield made


def _link(source: str, target: str) -> None:
    """What a program writes in its place is another file then; nothing is written into."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _versions(channel: Mapping[str, Any]) -> dict[str, Any]:
    """Of what the system image provides; a prefix of this machine comes before the channel.

    Its Python is not run: it may be for another C library than this machine has.
    """
    found: dict[str, Any] = dict(channel)
    if not CONDA:
        return found
    records = [path.stem.rsplit("-", 2) for path in Path(CONDA).glob("conda-meta/*.json")]
    metadata = Path(CONDA).glob("lib/python3.*/site-packages/*.dist-info")
    for name, version, *_ in [*records, *(path.stem.rsplit("-", 1) for path in metadata)]:
        found[name.lower()] = [version]
    missing = [each for each in (*_PROVIDED, *_FINDERS) if each not in found]
    if missing or not Path(CONDA).is_absolute():
        raise CannotRun(f"LEGO_E2E_CONDA={CONDA}: no prefix with {', '.join(missing) or 'an absolute path'}")
    return found


def _write(out: Path, versions: Mapping[str, Any]) -> None:
    """``lego-compile images`` of our catalog, with the versions that there are."""
    text = _CATALOG
    for name in _PROVIDED:
        text = text.replace(f"{{{name}}}", versions[name][0])
    text = text.replace("{glibc}", versions["glibc"])
    if CONDA:
        lines = "".join(f"      {name}: {json.dumps(versions[name][0])}\n" for name in _FINDERS)
        text = text.replace("    provides:\n", f"    provides:\n{lines}").replace("/opt/conda", CONDA)
    out.parent.mkdir(parents=True, exist_ok=True)
    (out.parent / "build.yaml").write_text(text)
    lego(out.parent, "images", "build.yaml", "--out", str(out))


def _stamp(written: Path) -> str:
    """What says that images were made of this."""
    digest = hashlib.sha256(json.dumps([_VERSION, BUILD.stamp(), CONDA, _PANGEO, _STAND_INS]).encode())
    for path in sorted(written.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(written)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _make(root: Root, kept: Path, written: Path, versions: Mapping[str, Any]) -> None:
    """Build every image."""
    for each in kept.iterdir():
        each.unlink() if each.is_file() else shutil.rmtree(each)
    shutil.copytree(written, kept / "images")
    if CONDA:  # what is on this machine is not in the root folder
        subprocess.run(["cp", "-a", f"{CONDA}/.", str(kept / "conda")], check=True)
    (kept / "layouts").mkdir()
    stand_ins(root)
    for (name, release), day in _RELEASES.items():
        context = prepared(root, kept, name, release, day)
        build(root, context, name, release)
    shutil.rmtree(kept / "conda", ignore_errors=True)


def stand_ins(root: Root) -> None:
    """Have the images that others publish."""
    prepare(root)
    buildah(
        root, "--tag", BASE_IMAGE, "--file", "-", "/srv/base", text='FROM scratch\nCOPY . /\nCMD ["bash"]\n'
    )
    for tag, (text, context) in _STAND_INS.items():
        buildah(root, "--tag", tag, "--file", "-", context, text=text)


def prepared(root: Root, kept: Path, name: str, release: str, day: str) -> str:
    """The context of a build, with a lock of that day; its path in the root folder."""
    context = kept / "contexts" / f"{name}-{release}"
    if name == "pangeo":
        context.mkdir(parents=True)
        (context / "Containerfile").write_text(_PANGEO)
        asked = {"specs": _PANGEO_SPECS, "virtual": {"__glibc": "2.17", "__unix": "0", "__linux": "5.10"}}
    else:
        kind = "systems" if name == "lab" else "bricks"
        shutil.copytree(kept / f"images/e2e/{kind}/{name}", context)
        wanted = yaml.safe_load((context / "environment.yaml").read_text())
        virtual = yaml.safe_load((context / "virtual-packages.yaml").read_text())
        packages = virtual["subdirs"]["linux-64"]["packages"]
        # conda-lock reads "VERSION BUILD" (conda/conda-lock:conda_lock/virtual_package.py)
        said = {each: version.replace(" ", "=") for each, version in packages.items()}
        asked = {"specs": wanted["dependencies"], "virtual": said}
    python = "/srv/micromamba/opt/mamba/bin/python3"
    words = [python, "/srv/conda/solve.py", "file:///channel", day]
    lock = "@EXPLICIT\n"
    if name != "lab" or not CONDA:
        lock = root.run(*words, text=json.dumps(asked)).stdout
    (context / ("lock" if name == "pangeo" else "conda-linux-64.lock")).write_text(lock)
    return f"/media/contexts/{name}-{release}"


def build(root: Root, context: str, name: str, release: str, layout: str = "") -> None:
    """Build an image and write its layout, below ``/media`` of the root folder."""
    copied = bool(CONDA) and name == "lab"
    arguments = {
        "MICROMAMBA": _COPIER if copied else MICROMAMBA,
        "BASE": BASE_IMAGE,
        "APT": "",
        "RELEASE": release,
    }
    if name == "pangeo":
        arguments = {}
    words = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    if copied:
        words += ["--volume", "/media/conda:/conda:ro"]
    tag = f"localhost/{name}:{release}"
    buildah(root, *words, "--volume", "/channel:/channel:ro", "--tag", tag, context)
    target = layout or f"/media/layouts/{name}-{release}"
    root.run("buildah", "push", "--quiet", tag, f"oci:{target}:{release}", timeout=300)


def buildah(root: Root, *words: str, text: str = "") -> None:
    """``buildah build`` as the pipelines' ``bin/build.sh`` has it: nothing of the moment is in the result."""
    same = ("--platform", "linux/amd64", "--format", "oci", "--timestamp", "1767225600")
    root.run("buildah", "build", "--quiet", "--layers=false", *same, *words, text=text, timeout=600)


def prepare(root: Root) -> None:
    """Let Buildah run here: it is no container in a container, and has the limits that this machine lets it have."""
    limits = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
    root.env["CONTAINERS_CONF"] = root.write("/run/lego-containers.conf", limits)
    root.env["BUILDAH_ISOLATION"] = "chroot"
