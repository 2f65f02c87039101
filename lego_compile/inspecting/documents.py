"""From manifests to images to inspect, the same for a folder of blobs and for a registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from lego_compile.inspecting.layer import Layers
from lego_compile.inspecting.model import Image, Unreadable
from lego_compile.inspecting.tree import Tree
from lego_compile.registry.answers import object_of
from lego_compile.registry.documents import Descriptor, Index, Manifest, config, is_lockable, read
from lego_compile.registry.model import RegistryError

LARGEST_CONFIG = 8 * 1024 * 1024

Fetch = Callable[[str, str, int], bytes]
"""``manifests`` or ``blobs``, digest, size (-1 when unknown) → bytes, verified."""
Pieces = Callable[[str, int], Iterator[bytes]]
"""Digest and size of a layer → its bytes in pieces, verified when the last one was taken."""


class Source(NamedTuple):
    """Where the parts of images are.

    Attributes:
        name: of the image, as the user wrote it.
        fetch: gets a document.
        pieces: gets a layer.
    """

    name: str
    fetch: Fetch
    pieces: Pieces


class Named(NamedTuple):
    """A manifest that was found.

    Attributes:
        descriptor: of it.
        manifest: what it says.
        notes: annotations of the indexes above it, outermost first.
    """

    descriptor: Descriptor
    manifest: Manifest
    notes: tuple[Mapping[str, str], ...] = ()


def manifests(source: Source, top: Descriptor, *, depth: int = 0) -> Iterator[Named]:
    """Every image for Linux below a document.

    Raises:
        Unreadable, RegistryError: it is no image, or not what its digest says.
    """
    body = source.fetch("manifests", top.digest, top.size)
    media, document = read(body, top.media_type, f"`{source.name}`")
    top = top._replace(media_type=media)
    if isinstance(document, Manifest):
        yield Named(top, document)
        return
    assert isinstance(document, Index)
    if depth > 1:
        raise Unreadable(f"`{source.name}` is an index in an index in an index")
    for entry in document.entries:
        if entry.platform is None or is_lockable(entry.platform):
            for found in manifests(source, entry, depth=depth + 1):
                platform = entry.platform or found.descriptor.platform
                notes = (document.annotations, *found.notes)
                yield Named(found.descriptor._replace(platform=platform), found.manifest, notes)


def image(source: Source, found: Named, name: str) -> Image:
    """An image to inspect.

    Args:
        source: where it is.
        found: its manifest.
        name: what to call it.

    Raises:
        Unreadable, RegistryError: its configuration is none, or not of these layers.
    """
    wanted = found.manifest.config
    if wanted.size > LARGEST_CONFIG:
        raise Unreadable(f"its configuration has {wanted.size} bytes, which is too large")
    body = source.fetch("blobs", wanted.digest, wanted.size)
    said = config(body, f"`{name}`")
    document = object_of(body, f"the configuration of `{name}`")
    settings = document.get("config")
    layers = found.manifest.layers
    expected = _diff_ids(document, len(layers), name)

    def files() -> Tree:
        tree = Layers()
        for number, ((digest, size), unpacked) in enumerate(zip(layers, expected, strict=True), 1):
            what = f"layer {number} of {len(layers)} ({digest[:19]}…)"
            tree.add(source.pieces(digest, size), size, unpacked, what)
        return tree.tree

    return Image(
        name,
        files,
        found.descriptor.platform or said.platform,
        said.labels,
        (found.manifest.annotations, *reversed(found.notes)),
        found.descriptor.digest,
        settings if isinstance(settings, dict) else {},
    )


def _diff_ids(document: Mapping[str, Any], count: int, name: str) -> list[str]:
    """The digests of the unpacked layers; opencontainers/image-spec:config.md (rootfs)."""
    rootfs = document.get("rootfs")
    listed = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise RegistryError("wrong", f"`{name}` has a configuration without layers")
    if len(listed) != count:
        message = f"`{name}` has {count} layers, and a configuration of {len(listed)}"
        raise RegistryError("wrong", message)
    return listed
