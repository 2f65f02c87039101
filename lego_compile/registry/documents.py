"""Indexes, manifests and configurations: from bytes that somebody sent to facts, believing nothing on the way.

opencontainers/image-spec:image-index.md@v1.1.1 (and manifest.md, config.md, descriptor.md),
distribution/distribution:docs/content/spec/manifest-v2-2.md@v3.0.0.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from lego_compile.registry.answers import object_of
from lego_compile.registry.model import RegistryError
from lego_compile.registry.reference import clean

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
ATTESTATION = "vnd.docker.reference.type"  # moby/buildkit:docs/attestations/attestation-storage.md
MANY = 128
LARGEST_SIZE = 2**53
"""Bytes of a layer, and of all layers of an image: larger numbers do not survive readers whose numbers are floats."""
LAYERS = 1000
LABELS, LONGEST_LABEL = 10_000, 256 * 1024
"""Labels of one map, and bytes of one: more is no description of an image, and would be carried through all of it."""
_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+"
_UNTYPED = ("", "application/json", "application/octet-stream", "text/plain")
_WORD = re.compile(r"[A-Za-z0-9._+-]{0,100}")
_LOCKABLE = re.compile(
    r"linux/[a-z0-9]+(/v[0-9]+)?"
)  # as ``Platform`` in ``spec/types.py``, which this room may not see
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+")  # descriptor.md, "Digests"


class Descriptor(NamedTuple):
    """What a document says of another one.

    Attributes:
        media_type: of the other one.
        digest: of its bytes, SHA-256.
        size: of it in bytes.
        platform: that it is for; None when nothing says so.
    """

    media_type: str
    digest: str
    size: int
    platform: str | None = None


class Index(NamedTuple):
    """What a reference offers.

    Attributes:
        entries: documents that may be images for Linux.
        annotations: of the index.
        others: platforms that are left out.
    """

    entries: tuple[Descriptor, ...]
    annotations: Mapping[str, str]
    others: tuple[str, ...] = ()


class Manifest(NamedTuple):
    """The parts of one image."""

    config: Descriptor
    layers: tuple[tuple[str, int], ...]
    annotations: Mapping[str, str]


class Config(NamedTuple):
    """What an image says of itself."""

    platform: str
    labels: Mapping[str, str]


def digest_of(body: bytes) -> str:
    """The digest of bytes."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def platform_of(system: str, architecture: str, variant: str = "") -> str:
    """A platform as containerd writes it.

    containerd/platforms:database.go@v1.0.0 (normalizeOS, normalizeArch).
    """
    system, architecture, variant = system.lower(), architecture.lower(), variant.lower()
    if architecture == "armel":
        architecture, variant = "arm", "v6"
    elif architecture == "armhf":
        architecture, variant = "arm", "v7"
    elif architecture in ("x86_64", "x86-64", "amd64"):
        architecture, variant = "amd64", "" if variant == "v1" else variant
    elif architecture in ("aarch64", "arm64"):
        architecture, variant = "arm64", "" if variant in ("8", "v8") else variant
    elif architecture == "i386":
        architecture, variant = "386", ""
    elif architecture == "arm":
        variant = {"": "v7", "7": "v7", "5": "v5", "6": "v6", "8": "v8"}.get(variant, variant)
    return "/".join(part for part in (system, architecture, variant) if part)


def is_lockable(platform: str) -> bool:
    """Whether a platform is one of Linux that a lock has a name for.

    Others (``linux/arm64+v8.1``, ``linux/mips_64``) are no mistake of the image: somebody builds for machines that
    no centre has, and the images beside are as good as ever.
    """
    return len(platform) <= 40 and _LOCKABLE.fullmatch(platform) is not None


def read(body: bytes, content_type: str, name: str) -> tuple[str, Index | Manifest]:
    """What a reference stands for.

    Args:
        body: the document.
        content_type: that it was sent with.
        name: of the reference, for messages.

    Returns:
        Its media type, and what it says.

    Raises:
        RegistryError: ``wrong`` for what contradicts itself, ``unusable`` for what is no image.
    """
    document = object_of(body, f"the manifest of {name}")
    sent = content_type.partition(";")[0].strip().lower()
    written = document.get("mediaType", "")
    if document.get("schemaVersion") == 1 or sent.startswith(_SCHEMA1):
        raise RegistryError(
            "unusable",
            f"{name} is in Docker's schema 1, which no engine of today reads",
            "push it again with a current tool",
        )
    if not isinstance(written, str) or document.get("schemaVersion") != 2:
        raise RegistryError("wrong", f"{name} has a manifest without a version and a type")
    if written and sent not in (*_UNTYPED, written):
        raise RegistryError(
            "wrong", f"{name} was sent as `{clean(sent)}`, and says that it is `{clean(written)}`"
        )
    known = sent if sent not in _UNTYPED else ""
    media = written or known or (INDEXES[0] if "manifests" in document else MANIFESTS[0])
    if "manifests" in document and ("layers" in document or "config" in document):
        # Two readers could take it for two images (GHSA-77vh-xpmg-72qh).
        raise RegistryError("wrong", f"{name} is an index and a manifest at once")
    if media in INDEXES:
        return media, _index(document, name)
    if media in MANIFESTS:
        return media, _manifest(document, name)
    raise RegistryError("unusable", f"{name} is `{clean(media)}`, which is no image")


def config(body: bytes, name: str) -> Config:
    """A configuration.

    Raises:
        RegistryError: ``wrong``, when it is none.
    """
    document = object_of(body, f"the configuration of {name}")
    settings = document.get("config")
    labels = settings.get("Labels") if isinstance(settings, dict) else None
    if settings is not None and not isinstance(settings, dict):
        raise RegistryError("wrong", f"{name} has a configuration whose `config` is no object")
    platform = _platform(document, f"the configuration of {name}")
    if platform is None:
        raise RegistryError("unusable", f"{name} is for no platform")
    return Config(platform, _strings(labels, f"the labels of {name}"))


def _index(document: dict[str, Any], name: str) -> Index:
    listed = document.get("manifests")
    if not isinstance(listed, list):
        raise RegistryError("wrong", f"{name} has an index without manifests")
    entries = []
    others = []
    for entry in listed:
        if not isinstance(entry, dict):
            raise RegistryError("wrong", f"{name} has an index with something else than descriptors")
        notes = _strings(entry.get("annotations"), f"the annotations of {name}")
        kind = entry.get("artifactType")
        if ATTESTATION in notes or entry.get("mediaType") not in INDEXES + MANIFESTS:
            continue  # of no platform: an attestation, or what an engine skips as well
        if isinstance(kind, str) and kind and kind not in CONFIGS:
            continue
        platform = _platform(entry.get("platform") or {}, f"the index of {name}")
        if platform is None or is_lockable(platform) or entry["mediaType"] in INDEXES:
            entries.append(_descriptor(entry, name)._replace(platform=platform))
        else:  # of no use here, like an attestation: not even its descriptor is judged
            others.append(platform)
    if len(entries) > MANY:
        raise RegistryError(
            "wrong", f"{name} has an index of {len(entries)} images; more than {MANY} are refused"
        )
    notes = _strings(document.get("annotations"), f"the annotations of {name}")
    return Index(tuple(entries), notes, tuple(others))


def _manifest(document: dict[str, Any], name: str) -> Manifest:
    listed = document.get("layers")
    if not isinstance(document.get("config"), dict) or not isinstance(listed, list):
        raise RegistryError("wrong", f"{name} has a manifest without configuration and layers")
    described = _descriptor(document["config"], name)
    if described.media_type not in CONFIGS:
        kind = document.get("artifactType") or described.media_type
        raise RegistryError(
            "unusable", f"{name} is an artifact (`{clean(str(kind))}`), no container image", "name an image"
        )
    if len(listed) > LAYERS:
        raise RegistryError("wrong", f"{name} has {len(listed)} layers; more than {LAYERS} are refused")
    layers = [_descriptor(layer, name) for layer in listed]
    if sum(layer.size for layer in layers) > LARGEST_SIZE:
        raise RegistryError("wrong", f"{name} has layers of more bytes than any image")
    notes = _strings(document.get("annotations"), f"the annotations of {name}")
    return Manifest(described, tuple((layer.digest, layer.size) for layer in layers), notes)


def _descriptor(entry: object, name: str) -> Descriptor:
    """A descriptor whose digest we can check."""
    if not isinstance(entry, dict):
        raise RegistryError("wrong", f"{name} has a manifest with something else than descriptors")
    media, digest, size = entry.get("mediaType"), entry.get("digest"), entry.get("size")
    if not isinstance(media, str) or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise RegistryError("wrong", f"{name} has a manifest with a descriptor without type or digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise RegistryError("wrong", f"{name} has a manifest with a descriptor without a size")
    if size > LARGEST_SIZE:
        raise RegistryError("wrong", f"{name} has a manifest with a descriptor of a size that nothing has")
    return Descriptor(media, sha256(digest, name), size)


def sha256(digest: str, name: str) -> str:
    """A digest, if it is of the one algorithm that is checked here.

    Raises:
        RegistryError: ``unusable`` for another one, ``wrong`` for a malformed one.
    """
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256":
        raise RegistryError(
            "unusable", f"{name} has a digest of `{clean(algorithm, 40)}`; only SHA-256 is checked"
        )
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise RegistryError("wrong", f"{name} has a malformed digest, `{clean(digest, 90)}`")
    return digest


def _platform(where: object, what: str) -> str | None:
    """A platform; None when there is none, which OCI allows in an index."""
    parts = (
        [where.get(key) or "" for key in ("os", "architecture", "variant")] if isinstance(where, dict) else []
    )
    if not parts or not all(isinstance(part, str) and _WORD.fullmatch(part) for part in parts):
        raise RegistryError("wrong", f"{what} names a platform that is none")
    return platform_of(*parts) if parts[0] and parts[1] else None


def _strings(value: object, what: str) -> Mapping[str, str]:
    """A map of texts; null is an empty one, as Go writes it."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise RegistryError("wrong", f"{what} are no map of texts")
    if len(value) > LABELS:
        raise RegistryError("wrong", f"{what} are {len(value)}; more than {LABELS} are refused")
    for key, text in value.items():
        _check_text(key, text, what)
    return value


def _check_text(key: str, text: str, what: str) -> None:
    """A label that can be written to a file, and is no file itself."""
    try:
        size = max(len(key.encode()), len(text.encode()))
    except (
        UnicodeEncodeError
    ):  # JSON may escape one half of a pair (``\ud800``), which no file in UTF-8 can hold
        size = -1
    if size < 0:
        raise RegistryError(
            "wrong", f"{what} have `{clean(key, 100)}`, which is no text: it has half a character"
        )
    if size > LONGEST_LABEL:
        limit = f"{LONGEST_LABEL // 1024} KiB"
        raise RegistryError(
            "wrong", f"{what} have `{clean(key, 100)}` of {size} bytes; more than {limit} are refused"
        )
