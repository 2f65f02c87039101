"""What the user names → the images that it has: a folder, an OCI layout, or an image of a registry."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from lego_compile.inspecting import layout
from lego_compile.inspecting.documents import Named, Source, image, manifests
from lego_compile.inspecting.folder import read_folder
from lego_compile.inspecting.model import Image, Unreadable
from lego_compile.registry.client import Registries
from lego_compile.registry.documents import Descriptor


class Layout(NamedTuple):
    """An image layout, or one image of it."""

    folder: str
    tag: str | None


class Remote(NamedTuple):
    """An image of a registry."""

    repository: str
    reference: str


class Folder(NamedTuple):
    """A folder on disk."""

    folder: str


What = Layout | Remote | Folder


def parse(word: str) -> What | str:
    """What a word names, or what is wrong with it.

    ``oci:DIR[:TAG]`` is written as skopeo and podman do; both parts may have colons, so the longest folder counts.
    """
    if word.startswith("oci:"):
        rest = word.removeprefix("oci:")
        folder, tag = rest, list[str]()
        while not os.path.isdir(folder) and ":" in folder:
            folder, _, last = folder.rpartition(":")
            tag.insert(0, last)
        if not folder or not os.path.isdir(folder):
            return f"there is no folder {rest!r}"
        return Layout(folder, ":".join(tag) if tag else None)
    if os.path.isdir(word):
        return Layout(word, None) if layout.is_layout(word) else Folder(word)
    if os.path.lexists(word):
        return f"{word!r} is a file: unpack it into a folder, or copy it to a layout: skopeo copy … oci:DIR"
    name, at, digest = word.partition("@")
    repository, colon, tag_ = name.rpartition(":")
    if not at and (not colon or "/" in tag_):
        return (
            f"there is no folder {word!r}, and it names no image: write REGISTRY/REPOSITORY:TAG or …@sha256:…"
        )
    if at and ("/" in tag_ or not colon):
        repository = name
    return Remote(repository, digest or tag_)


def images(what: What, word: str, client: Callable[[], Registries]) -> Iterator[Image]:
    """The images that something has, one for each platform.

    Args:
        what: that was named.
        word: as it was named.
        client: makes what asks registries, where one has to be asked.

    Raises:
        Unreadable, RegistryError: there is none, or it is not to be believed.
    """
    if isinstance(what, Folder):
        yield Image(word, lambda: read_folder(what.folder))
        return
    found: list[tuple[Source, Named, str]] = []
    if isinstance(what, Layout):
        listed = layout.entries(what.folder, what.tag)
        for entry in listed:
            name = f"{word}:{entry.tag}" if len(listed) > 1 and entry.tag else word
            here = layout.source(what.folder, name)
            found += [(here, each, name) for each in manifests(here, entry.descriptor)]
    else:
        there = remote(client(), what, word)
        top = client().resolved(what.repository, what.reference)
        found += [(there, each, word) for each in manifests(there, top)]
    if not found:
        raise Unreadable(f"`{word}` has no image for Linux")
    for there, each, name in found:
        alone = sum(other[2] == name for other in found) == 1
        platform = each.descriptor.platform
        yield image(there, each, name if alone or platform is None else f"{name} ({platform})")


def remote(client: Registries, what: Remote, word: str) -> Source:
    """The parts of an image of a registry."""

    def fetch(kind: str, digest: str, size: int) -> bytes:
        if kind == "manifests":
            return client.manifest(what.repository, Descriptor("", digest, size))
        return b"".join(client.blob(what.repository, digest, size))

    return Source(word, fetch, lambda digest, size: client.blob(what.repository, digest, size))
