"""The tiny images of the examples are genuine, the same on every machine, and pinned by the locks."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lego_compile.diagnostic.model import Report
from lego_compile.source.read import read_text
from lego_compile.spec.load import Sources, load
from tests.images import SERVICES, Built, build, write_layout
from tests.images.gallery import read

ROOT = Path(__file__).resolve().parent.parent
CATALOG = read(ROOT / "catalog" / "gaia-data.yaml")
CENTERS = sorted(path for path in (ROOT / "centers").glob("*.yaml") if not path.name.endswith(".lock.yaml"))
BRICKS = [
    (name, release, entry) for name, entry in CATALOG["bricks"].items() for release in entry["releases"]
]
SYSTEMS = [
    (name, release, entry) for name, entry in CATALOG["systems"].items() for release in entry["releases"]
]


HUB = "sha256:9371dc69ce5e752cf0616cbf117b22e706833c68fcd5ab95e1f7432baabca5d0"
"""Of the stand-in for the hub's image."""


@cache
def images() -> dict[tuple[str, str], Built]:
    """Every image, built once."""
    return build(CATALOG)


def one(release: str, entry: dict[str, Any]) -> Built:
    """The image of one release of a catalog entry."""
    return images()[entry["image"], entry["releases"][release].get("tag", release)]


def layers(built: Built) -> dict[str, bytes]:
    """Platform → the layer, found as an engine finds it: index, manifest, descriptor."""
    found = {}
    for described in json.loads(built.blobs[built.index_digest])["manifests"]:
        manifest = json.loads(built.blobs[described["digest"]])
        where = described["platform"]
        platform = "/".join(where[key] for key in ("os", "architecture", "variant") if key in where)
        found[platform] = built.blobs[manifest["layers"][0]["digest"]]
    return found


def tree(layer: bytes) -> dict[str, bytes | None]:
    """Path → content of a layer; None for a directory."""
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        return {
            member.name: file.read() if (file := tar.extractfile(member)) else None
            for member in tar.getmembers()
        }


def strings(value: Any) -> Iterator[str]:
    """Every text in plain data."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


def run(*arguments: str, **environment: str) -> str:
    """Output of the command-line interface, under an umask of its own."""
    mask = int(environment.pop("UMASK", "022"), 8)
    return subprocess.run(
        [sys.executable, "-m", "tests.images", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        umask=mask,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_digests_do_not_depend_on_the_machine() -> None:
    """Hash seed, umask, time zone and locale change no digest."""
    expected = sorted(
        f"{repository}:{tag}@{built.index_digest}" for (repository, tag), built in images().items()
    )
    for seed, mask, zone in (("1", "077", "Pacific/Kiritimati"), ("2", "000", "America/Lima")):
        assert expected == sorted(run("digest", PYTHONHASHSEED=seed, UMASK=mask, TZ=zone, LC_ALL="C").split())


def test_one_known_digest() -> None:
    """The bytes are those of the day this was written, whatever Python or zlib this machine has."""
    assert images()["registry.example.org/lego/hub", "6.1.1"].index_digest == HUB


def test_one_digest_is_printed_for_a_name() -> None:
    """``digest REPOSITORY:TAG`` prints the pinned reference, ready to be pasted into a spec."""
    name = "registry.example.org/lego/hub:6.1.1"
    assert f"{name}@{HUB}\n" == run("digest", name)


def test_every_release_has_an_image_of_its_own() -> None:
    """No two releases share a digest, and no catalog entry is without an image."""
    expected = len(BRICKS) + len(SYSTEMS) + len(SERVICES)
    assert expected == len(images())
    assert expected == len({built.index_digest for built in images().values()})


def test_a_layout_is_complete_and_consistent(tmp_path: Path) -> None:
    """Each descriptor's digest and size are those of its blob, down to the layers; no blob is left over."""
    write_layout(tmp_path, images())
    assert json.loads((tmp_path / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    seen = set()

    def blob(described: dict[str, Any]) -> bytes:
        algorithm, _, name = described["digest"].partition(":")
        content: bytes = (tmp_path / "blobs" / algorithm / name).read_bytes()
        assert name == hashlib.new(algorithm, content).hexdigest()
        assert described["size"] == len(content)
        seen.add(name)
        return content

    top = json.loads((tmp_path / "index.json").read_bytes())
    for entry in top["manifests"]:
        for described in json.loads(blob(entry))["manifests"]:
            manifest = json.loads(blob(described))
            assert described["mediaType"] == manifest["mediaType"]
            config = json.loads(blob(manifest["config"]))
            diff_ids = ["sha256:" + hashlib.sha256(blob(layer)).hexdigest() for layer in manifest["layers"]]
            assert diff_ids == config["rootfs"]["diff_ids"]
            assert {"os", "architecture"} <= config.keys()
            assert described["platform"] == {
                key: config[key] for key in ("os", "architecture", "variant") if key in config
            }
    assert seen == {path.name for path in (tmp_path / "blobs" / "sha256").iterdir()}
    names = [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in top["manifests"]]
    assert [f"{repository}:{tag}" for repository, tag in sorted(images())] == names


def test_every_file_is_readable_and_dated_alike() -> None:
    """Everybody may read each file, its time is 0, and only homes belong to somebody else than root."""
    homes = {entry["home"].lstrip("/") for _, _, entry in SYSTEMS} | {"home/jovyan"}
    for built in images().values():
        for layer in layers(built).values():
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                for member in tar.getmembers():
                    assert member.mode & 0o444 == 0o444, member.name
                    assert not member.isdir() or member.mode & 0o111 == 0o111, member.name
                    assert (member.mtime, member.uname, member.gname) == (0, "", "")
                    assert member.name in homes or (member.uid, member.gid) == (0, 0)


@pytest.mark.parametrize(("name", "release", "entry"), BRICKS)
def test_a_brick_is_an_environment_that_conda_lists(name: str, release: str, entry: dict[str, Any]) -> None:
    """Below its subpath there is ``conda-meta/history``, and kernels that start a program of the prefix."""
    built, prefix = one(release, entry), entry["prefix"]
    assert set(entry.get("platforms", ["linux/amd64"])) == set(built.platforms)
    for layer in layers(built).values():
        files = tree(layer)
        top = entry.get("subpath", "/").strip("/")
        inside = {path.removeprefix(f"{top}/") if top else path: data for path, data in files.items()}
        assert f"--prefix {prefix}\n" in (inside["conda-meta/history"] or b"").decode()
        assert json.loads(inside["conda-meta/frozen"] or b"")["message"]
        for kernel in entry["kernels"]:
            where = f"share/jupyter/kernels/{kernel.get('directory', 'python3')}/kernel.json"
            spec = json.loads(inside[where] or b"")
            program = spec["argv"][0]
            assert program.startswith(f"{prefix}/")
            assert program.removeprefix(f"{prefix}/") in inside
            assert "{connection_file}" in spec["argv"]
            assert (kernel["title"], kernel.get("language", "python")) == (
                spec["display_name"],
                spec["language"],
            )


@pytest.mark.parametrize(("name", "release", "entry"), BRICKS)
def test_labels_of_a_brick_say_what_the_catalog_says(name: str, release: str, entry: dict[str, Any]) -> None:
    """Images of the project state name, prefix, subpath and kernels; images of others nothing of ours."""
    prefix = "org.gaia-data.lego.brick."
    labels = one(release, entry).labels
    ours = {key.removeprefix(prefix): value for key, value in labels.items() if key.startswith(prefix)}
    if not entry["image"].startswith("registry.example.org/"):
        assert ours == {}
        return
    assert ("1", name, entry["prefix"]) == (ours["spec"], ours["name"], ours["prefix"])
    assert entry.get("subpath", "/") == ours["subpath"]
    assert [kernel["title"] for kernel in entry["kernels"]] == [
        kernel["display_name"] for kernel in json.loads(ours["kernels"])
    ]


@pytest.mark.parametrize(("name", "release", "entry"), SYSTEMS)
def test_a_system_has_conda_a_home_and_places_for_bricks(
    name: str, release: str, entry: dict[str, Any]
) -> None:
    """Its layer holds conda's prefix, the user's home, and a directory for each place of environments."""
    built = one(release, entry)
    for layer in layers(built).values():
        files = tree(layer)
        conda = entry["conda"].strip("/")
        assert f"{conda}/conda-meta/history" in files
        assert f"{conda}/bin/jupyterhub-singleuser" in files
        for directory in (entry["home"], *entry["environments"]):
            assert files[directory.strip("/")] is None
    facts = {key.rpartition(".")[2]: value for key, value in built.labels.items()}
    assert (name, entry["home"], entry["conda"]) == (facts["name"], facts["home"], facts["conda"])


@pytest.mark.parametrize("spec", CENTERS, ids=lambda path: path.stem)
def test_committed_locks_pin_what_the_builder_makes(spec: Path) -> None:
    """Digests, sizes and platforms of a lock are those of the built images; ``tests/registry`` compares the bytes.

    A lock that is out of date is written again with ``python -m tests.images lock centers/*.yaml``.
    """
    lock = read(spec.with_suffix(".lock.yaml"))
    for pin in (*lock["systems"].values(), *lock["bricks"].values()):
        built = images()[pin["repository"], pin["tag"]]
        assert built.index_digest == pin["digest"]
        assert dict(built.platforms) == {
            platform: (each["digest"], each["size"]) for platform, each in pin["platforms"].items()
        }


@pytest.mark.parametrize("spec", CENTERS, ids=lambda path: path.stem)
def test_references_to_service_images_are_those_of_the_builder(spec: Path) -> None:
    """A pinned reference in a centre, before or after its mirrors, is one that the builder makes."""
    sources = Sources()
    load(str(spec), read_text, sources, Report())
    merged = sources.trees["center"].data
    known = {f"{repository}:{tag}@{built.index_digest}" for (repository, tag), built in images().items()}
    for public, private in merged.get("mirrors", {}).items():
        known |= {reference.replace(f"{public}/", f"{private}/", 1) for reference in known}
    assert {text for text in strings(merged["targets"]) if "@sha256:" in text} <= known
