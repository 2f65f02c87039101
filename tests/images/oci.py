"""Files → OCI images whose digests are the same on every machine. Standard library only, no engine.

A layer is an uncompressed tar (``application/vnd.oci.image.layer.v1.tar``): gzip output depends on the zlib
that made it (zlib-ng and zlib differ), so a compressed layer has another digest on the next machine. Every
engine reads uncompressed layers (opencontainers/image-spec:layer.md).
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or directory of an image.

    Attributes:
        data: content of the file; None for a directory.
        mode: permission bits. Everybody may read, since sessions run as any user.
        uid: numeric owner.
        gid: numeric group.
    """

    data: bytes | None
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


def text(content: str) -> Entry:
    """A file that everybody may read."""
    return Entry(content.encode())


def script(content: str) -> Entry:
    """A file that everybody may read and execute."""
    return Entry(content.encode(), 0o755)


def directory(mode: int = 0o755, uid: int = 0, gid: int = 0) -> Entry:
    """An empty directory."""
    return Entry(None, mode, uid, gid)


@dataclass(frozen=True, slots=True)
class Built:
    """One image for one or more platforms.

    Attributes:
        index_digest: digest of its index, which is what a tag of the image stands for.
        platforms: platform → digest of the manifest, and bytes of its layers as a registry stores them.
        labels: of the image's configuration, the same for every platform.
        blobs: digest → content of the index, manifests, configurations and layers.
    """

    index_digest: str
    platforms: Mapping[str, tuple[str, int]]
    labels: Mapping[str, str]
    blobs: Mapping[str, bytes]


def image(
    files: Mapping[str, Mapping[str, Entry]], labels: Mapping[str, str], settings: Mapping[str, object]
) -> Built:
    """Build an image with one layer for each platform, and the index over them.

    Args:
        files: platform (``linux/amd64``) → path in the image, without a leading slash → entry.
        labels: of the configuration.
        settings: the rest of the configuration's ``config`` (``User``, ``Env``, ``Cmd``…).
    """
    blobs: dict[str, bytes] = {}
    platforms: dict[str, tuple[str, int]] = {}
    manifests: list[dict[str, object]] = []
    for platform, entries in files.items():
        system, architecture, *variant = platform.split("/")
        layer = _tar(entries)
        config: dict[str, object] = {
            "created": EPOCH,
            "os": system,
            "architecture": architecture,
            **({"variant": variant[0]} if variant else {}),
            "config": {**settings, "Labels": dict(labels)},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
            "history": [{"created": EPOCH, "created_by": "tests/images"}],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _store(blobs, CONFIG, _json(config)),
            "layers": [_store(blobs, LAYER, layer)],
        }
        described = _store(blobs, MANIFEST, _json(manifest))
        platforms[platform] = (str(described["digest"]), len(layer))
        where = {"os": system, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
        manifests.append({**described, "platform": where})
    index = _store(blobs, INDEX, _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}))
    return Built(str(index["digest"]), platforms, dict(labels), blobs)


def write_layout(folder: str | Path, images: Mapping[tuple[str, str], Built]) -> None:
    """Write one OCI image layout with all the images; ``index.json`` calls each ``REPOSITORY:TAG``.

    ``skopeo copy --all --preserve-digests oci:FOLDER:REPOSITORY:TAG docker://…`` sends one to a registry;
    without that option skopeo compresses the layers, which changes the digests.
    """
    blobs = Path(folder) / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    manifests = []
    for (repository, tag), built in sorted(images.items()):
        for name, content in built.blobs.items():
            (blobs / name.removeprefix("sha256:")).write_bytes(content)
        manifests.append(
            {
                "mediaType": INDEX,
                "digest": built.index_digest,
                "size": len(built.blobs[built.index_digest]),
                "annotations": {"org.opencontainers.image.ref.name": f"{repository}:{tag}"},
            }
        )
    (Path(folder) / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (Path(folder) / "index.json").write_bytes(
        _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
    )


def digest(content: bytes) -> str:
    """The OCI digest of a blob."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _store(blobs: dict[str, bytes], media: str, content: bytes) -> dict[str, object]:
    blobs[digest(content)] = content
    return {"mediaType": media, "digest": digest(content), "size": len(content)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _tar(entries: Mapping[str, Entry]) -> bytes:
    """A tar of entries and their parent directories: sorted, all times 0, no user names."""
    complete = {str(parent): directory() for path in entries for parent in _parents(path)} | dict(entries)
    out = io.BytesIO()
    # USTAR, because what Python writes in PAX headers is its own choice; the paths here fit.
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, entry in sorted(complete.items()):
            member = tarfile.TarInfo(path)
            member.type = tarfile.DIRTYPE if entry.data is None else tarfile.REGTYPE
            member.size = len(entry.data or b"")
            member.mode, member.uid, member.gid, member.mtime = entry.mode, entry.uid, entry.gid, 0
            tar.addfile(member, io.BytesIO(entry.data or b""))
    return out.getvalue()


def _parents(path: str) -> Iterable[PurePosixPath]:
    return list(PurePosixPath(path).parents)[:-1]  # the last one is the root of the image
