"""How bricks come to the machine, read back: images that Compose pulls or builds, and volumes that it fills."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lego_compile.hashing import sha256
from lego_compile.ir.model import ImageRef, Path
from lego_compile.targets.assets import changed
from lego_compile.targets.reading import Complaint, Reading

# distribution/reference:regexp.go; a digest wins over a tag (moby/moby:daemon/containerd/image.go, resolveImage).
_REFERENCE = re.compile(
    r"(?P<repository>[a-z0-9][a-z0-9.:_/-]*?)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"@(?P<digest>sha256:[0-9a-f]{64})"
)
# moby/buildkit:frontend/dockerfile/parser (a comment may be a directive; words are split at blanks).
_DIRECTIVE = re.compile(r"#\s*[A-Za-z][A-Za-z0-9]*\s*=")
_FROM = re.compile(r"FROM (\S+)")
_COPY = re.compile(r"COPY (?:--link )?--from=(\S+) (/(?:[^\s\\$\"'<>*?\[\]]+/)?) (/[^\s\\$\"'<>*?\[\]]+)/")

NO_CONTAINER: dict[str, Any] = {"deploy": {"replicas": 0}, "network_mode": "none", "restart": "no"}
LOGGING: dict[str, dict[str, Any]] = {
    "docker": {"driver": "local", "options": {"max-size": "20m", "max-file": "5"}},
    "podman": {"driver": "json-file", "options": {"max-size": "20m"}},
}
"""What becomes of the output of a service, by engine (containers/podman:libpod/logs/log.go)."""


class Said(NamedTuple):
    """What the hub is told, and its services have to agree with.

    Attributes:
        center: name of the centre.
        engine: that runs containers.
        mounts: how bricks come into sessions.
    """

    center: str
    engine: str
    mounts: str


class Layer(NamedTuple):
    """A brick as a part of an image that is built.

    Attributes:
        image: where it is from.
        subpath: directory of that image.
        prefix: where it is put.
    """

    image: ImageRef
    subpath: str
    prefix: str


class Recipe(NamedTuple):
    """A Containerfile.

    Attributes:
        system: the image that it starts from.
        layers: what is put upon it.
        place: the service that builds it.
    """

    system: ImageRef
    layers: tuple[Layer, ...]
    place: Path


class Seed(NamedTuple):
    """A service that fills a volume.

    Attributes:
        image: of the brick.
        subpath: directory of that image.
        place: the service.
    """

    image: ImageRef
    subpath: str
    place: Path


@dataclass(frozen=True, slots=True)
class Bricks:
    """What a file of Compose does to have software on the machine.

    Attributes:
        pulled: images that it fetches → tag, and place.
        built: name of an image that it builds → what is in it.
        seeded: the engine's name of a volume that it fills → with what.
        waits: name of the service → what the hub waits for, as Compose says it.
    """

    pulled: dict[ImageRef, tuple[str, Path]] = field(default_factory=dict)
    built: dict[str, Recipe] = field(default_factory=dict)
    seeded: dict[str, Seed] = field(default_factory=dict)
    waits: dict[str, dict[str, str]] = field(default_factory=dict)


def reference(text: str) -> ImageRef | None:
    """A reference as the engine takes it apart; None when it is not pinned by a digest."""
    found = _REFERENCE.fullmatch(text)
    return ImageRef(found["repository"], found["digest"], found["tag"] or "") if found else None


def read_bricks(reading: Reading, files: Mapping[str, bytes], said: Said, others: tuple[str, ...]) -> Bricks:
    """Read the services that only bring software.

    Args:
        reading: of a file of Compose.
        files: of the target's folder.
        said: what the hub is told.
        others: names of the services that do something else.
    """
    found = Bricks()
    volumes: dict[str, str] = {}
    for name in reading.keys("services"):
        if name in others:
            continue
        if reading.has("services", name, "build"):
            read_built(reading, files, found, "services", name)
            reading.expect(reading.peek("services", name, "image"), "services", name, "image")
            for key, value in NO_CONTAINER.items():
                reading.expect(value, "services", name, key)
            found.waits[name] = {"condition": "service_started"}
        elif reading.has("services", name, "entrypoint"):
            _read_seed(reading, found, volumes, said, "services", name)
            found.waits[name] = {"condition": "service_completed_successfully"}
        else:
            _read_pulled(reading, found, "services", name)
            # A service without replicas is not waited for, but its image is fetched, by `up hub` too
            # (docker/compose:pkg/compose/convergence.go, shouldWaitForDependency).
            found.waits[name] = {"condition": "service_started"}
    if found.seeded:
        reading.complaints += changed("compose", "seed.sh", files.get("seed.sh"), "seed.sh")
        reading.expect({"file": "./seed.sh"}, "configs", "seed")
    return found


def _pinned(reading: Reading, text: str, *at: str | int) -> ImageRef:
    image = reference(text)
    if image is None:
        reading.complain(f"{text!r} is not pinned by a digest", *at)
        return ImageRef("", "")
    return image


def _read_pulled(reading: Reading, found: Bricks, *at: str) -> None:
    """A service that only exists to be pulled: no container, so no network, no restart, no replica."""
    text = reading.text(*at, "image")
    reading.expect({"image": text, "pull_policy": "missing", **NO_CONTAINER}, *at)
    image = _pinned(reading, text, *at, "image")
    found.pulled[image] = (image.tag, reading.place(*at))


# --- images that are built --------------------------------------------------------------------------------------


def read_built(reading: Reading, files: Mapping[str, bytes], found: Bricks, *at: str) -> None:
    """The keys of a service that say what its image is built of.

    ``pull_policy`` never: else ``pull`` would look for the image in a registry, where it is whoever's pushed it.
    """
    name = reading.text(*at, "image")
    reading.expect("never", *at, "pull_policy")
    context = reading.text(*at, "build", "context")
    file = reading.text(*at, "build", "dockerfile")
    reading.keys(*at, "build")
    path = f"{context.removeprefix('./')}/{file}"
    if path not in files:
        reading.complain(f"{path!r} is missing", *at, "build", code="LC703")
        return
    if not re.fullmatch(r"baked/[a-z0-9-]+/Containerfile", path):
        reading.complain("only a Containerfile in a folder of its own is built", *at, "build")
    if name in found.built:
        reading.complain(f"{name!r} is built twice", *at, "image")
    recipe = _recipe(reading, path, files[path], reading.place(*at))
    # An image that is there is not built again, so it has to be called after what is in it.
    if name.rpartition(":")[2] != sha256(files[path])[:12] or not name.startswith("localhost/"):
        reading.complain(f"{name!r} is not called after {path!r}, and an older one is used", *at, "image")
    found.built[name] = recipe


def _recipe(reading: Reading, path: str, data: bytes, place: Path) -> Recipe:
    """A Containerfile as BuildKit reads it; a complaint about every other line than ours."""
    system, layers = ImageRef("", ""), []
    lines = data.decode("utf-8", "replace").split("\n")
    said = [(number, line) for number, line in enumerate(lines, 1) if line and line[0] != "#"]
    odd = [number for number, line in enumerate(lines, 1) if _DIRECTIVE.match(line)]
    for index, (number, line) in enumerate(said):
        found = (_COPY if index else _FROM).fullmatch(line)
        image = reference(found[1]) if found else None
        if found is None or image is None:
            odd.append(number)
        elif index:
            layers.append(Layer(image, found[2].rstrip("/") or "/", found[3]))
        else:
            system = image
    if not said:
        odd.append(1)
    for number in odd:
        words = f"line {number} of {path!r} is neither FROM nor COPY of a pinned image"
        reading.complaints.append(Complaint("LC701", words, (path,)))
    return Recipe(system, tuple(layers), place)


# --- volumes that are filled ------------------------------------------------------------------------------------


def _read_seed(reading: Reading, found: Bricks, volumes: dict[str, str], said: Said, *at: str) -> None:
    """A service that copies a brick into a volume and ends; it is root there, without a network."""
    text = reading.text(*at, "image")
    image = _pinned(reading, text, *at, "image")
    subpath = reading.text(*at, "command", 0)
    key = reading.text(*at, "volumes", 0, "source")
    reading.expect(
        {
            "image": text,
            "pull_policy": "missing",
            "entrypoint": ["/bin/sh", "/lego/seed.sh"],
            "command": [subpath],
            "user": "0:0",
            "pids_limit": 64,
            "working_dir": "/",
            "restart": "no",
            "network_mode": "none",
            "cap_drop": ["ALL"],
            "cap_add": ["CHOWN", "DAC_OVERRIDE", "FOWNER"],
            "security_opt": ["no-new-privileges:true"],
            "logging": LOGGING.get(said.engine),
            "configs": [{"source": "seed", "target": "/lego/seed.sh"}],
            "volumes": [
                {"type": "volume", "source": key, "target": "/lego/brick", "volume": {"nocopy": True}}
            ],
        },
        *at,
    )
    volume = reading.text("volumes", key, "name")
    labels = {
        "org.lego.center": said.center,
        "org.lego.brick": key.removeprefix("brick-")[: -len("-123456789012")],
    }
    reading.expect({"name": f"{reading.peek('name')}-{key}", "labels": labels}, "volumes", key)
    # What is in a volume stays, whatever its service would copy: something else has to be another volume.
    if not volume.endswith(f"-{sha256(f'{image.pinned}:{subpath}'.encode())[:12]}"):
        reading.complain(f"volume {volume!r} is not called after what fills it", "volumes", key, "name")
    if volume in found.seeded or key in volumes:
        reading.complain(f"{volume!r} is filled twice", *at, "volumes", 0, "source")
    volumes[key] = volume
    found.seeded[volume] = Seed(image, subpath, reading.place(*at))
