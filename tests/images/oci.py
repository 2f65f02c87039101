"""Files → OCI images whose digests are the same on every machine. Standard library only, no engine.

By default a layer is an uncompressed tar (``application/vnd.oci.image.layer.v1.tar``): gzip output depends on the zlib
that made it (zlib-ng and zlib differ), so a compressed layer has another digest on the next machine. Every
engine reads uncompressed layers (opencontainers/image-spec:layer.md). The other forms that registries hold
(Docker's media types, gzip, zstd, no index) are for tests that compare with what was built in the same run.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EPOCH = "1970-01-01T00:00:00Z"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
IN_TOTO = "application/vnd.in-toto+json"

Tree = Mapping[str, "Entry"]
Compression = Literal["", "gzip", "zstd"]


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
        media_type: of what ``index_digest`` stands for, which is a manifest when there is no index.
        layers: platform → digest and stored bytes of each layer.
    """

    index_digest: str
    platforms: Mapping[str, tuple[str, int]]
    labels: Mapping[str, str]
    blobs: Mapping[str, bytes]
    media_type: str = INDEX
    layers: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)


def image(
    files: Mapping[str, Tree | Sequence[Tree]],
    labels: Mapping[str, str],
    settings: Mapping[str, object],
    *,
    docker: bool = False,
    index: bool = True,
    compression: Compression = "",
    annotations: Mapping[str, str] | None = None,
    manifest_annotations: Mapping[str, str] | None = None,
    attested: bool = False,
) -> Built:
    """Build an image for some platforms, and the index over them.

    Args:
        files: platform (``linux/amd64``) → path in the image, without a leading slash → entry; or a list of
            such trees, one for each layer, lowest first.
        labels: of the configuration.
        settings: the rest of the configuration's ``config`` (``User``, ``Env``, ``Cmd``…).
        docker: use the media types of Docker's schema 2 instead of OCI's.
        index: whether there is one; an image without is for one platform.
        compression: of the layers.
        annotations: of the index.
        manifest_annotations: of every manifest.
        attested: add an attestation for every platform, as BuildKit does.
    """
    blobs: dict[str, bytes] = {}
    platforms: dict[str, tuple[str, int]] = {}
    layers: dict[str, tuple[tuple[str, int], ...]] = {}
    manifests: list[dict[str, object]] = []
    attestations: list[dict[str, object]] = []
    index_type, manifest_type, config_type, layer_type = (
        (DOCKER_INDEX, DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER)
        if docker
        else (INDEX, MANIFEST, CONFIG, LAYER)
    )
    suffix = compression and f"{'.' if docker else '+'}{compression}"
    for platform, trees in files.items():
        system, architecture, *variant = platform.split("/")
        tars = [_tar(tree) for tree in ([trees] if isinstance(trees, Mapping) else trees)]
        stored = [_store(blobs, layer_type + suffix, _compressed(tar, compression)) for tar in tars]
        config: dict[str, object] = {
            "created": EPOCH,
            "os": system,
            "architecture": architecture,
            **({"variant": variant[0]} if variant else {}),
            "config": {**settings, "Labels": dict(labels)},
            "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]},
            "history": [{"created": EPOCH, "created_by": "tests/images"} for _ in tars],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": _store(blobs, config_type, _json(config)),
            "layers": stored,
            **({"annotations": dict(manifest_annotations)} if manifest_annotations else {}),
        }
        described = _store(blobs, manifest_type, _json(manifest))
        layers[platform] = tuple((str(layer["digest"]), int(str(layer["size"]))) for layer in stored)
        platforms[platform] = (str(described["digest"]), sum(size for _, size in layers[platform]))
        where = {"os": system, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
        manifests.append({**described, "platform": where})
        if attested:
            attestations.append(_attestation(blobs, str(described["digest"])))
    if not index:
        (only,) = manifests
        return Built(str(only["digest"]), platforms, dict(labels), blobs, manifest_type, layers)
    over: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": index_type,
        "manifests": manifests + attestations,
    }
    if annotations:
        over["annotations"] = dict(annotations)
    top = _store(blobs, index_type, _json(over))
    return Built(str(top["digest"]), platforms, dict(labels), blobs, index_type, layers)


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
                "mediaType": built.media_type,
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


def _attestation(blobs: dict[str, bytes], subject: str) -> dict[str, object]:
    """An attestation beside an image: moby/buildkit:docs/attestations/attestation-storage.md."""
    statement = _store(
        blobs, IN_TOTO, _json({"_type": "https://in-toto.io/Statement/v0.1", "subject": subject})
    )
    nowhere = {"os": "unknown", "architecture": "unknown"}
    config = {**nowhere, "config": {}, "rootfs": {"type": "layers", "diff_ids": [statement["digest"]]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _store(blobs, CONFIG, _json(config)),
        "layers": [statement],
    }
    notes = {"vnd.docker.reference.digest": subject, "vnd.docker.reference.type": "attestation-manifest"}
    return {**_store(blobs, MANIFEST, _json(manifest)), "annotations": notes, "platform": nowhere}


def _compressed(tar: bytes, compression: Compression) -> bytes:
    if compression == "gzip":
        return gzip.compress(tar, mtime=0)
    if compression == "zstd":
        import zstandard  # in the test extra only; the images of the examples need no compressor

        return zstandard.compress(tar)
    return tar


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
