"""An OCI image layout: a folder of blobs, read and verified (opencontainers/image-spec:image-layout.md@v1.1.1)."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple

from lego_compile.inspecting.documents import Source
from lego_compile.inspecting.model import Unreadable
from lego_compile.registry.documents import INDEXES, MANIFESTS, Descriptor, digest_of, sha256
from lego_compile.registry.model import RegistryError
from lego_compile.uniquejson import unique

MARK, INDEX = "oci-layout", "index.json"
REFERENCE = "org.opencontainers.image.ref.name"
LARGEST = 8 * 1024 * 1024
_CHUNK = 1024 * 1024


class Entry(NamedTuple):
    """One entry of ``index.json``.

    Attributes:
        tag: its name; empty without one.
        descriptor: of the image or index that it stands for.
    """

    tag: str
    descriptor: Descriptor


def is_layout(folder: str) -> bool:
    """Whether a folder is an image layout."""
    return os.path.isfile(os.path.join(folder, MARK))


def entries(folder: str, tag: str | None) -> list[Entry]:
    """What a layout offers, or only what has a name.

    Raises:
        Unreadable: it is no layout, or has nothing of that name.
    """
    found = [each for each in _listed(folder) if tag is None or each.tag == tag]
    if not found:
        have = ", ".join(sorted({each.tag for each in _listed(folder) if each.tag})[:8])
        what = f"no image called `{tag}`" if tag is not None else "no image"
        raise Unreadable(f"`{folder}` has {what}", f"it has {have}" if have and tag is not None else None)
    return found


def _listed(folder: str) -> list[Entry]:
    if not is_layout(folder):
        raise Unreadable(f"`{folder}` is no OCI image layout: it has no file `{MARK}`")
    document = index_of(folder)
    found = []
    for each in document["manifests"]:
        try:
            media, size = each["mediaType"], each["size"]
            descriptor = Descriptor(media, sha256(each["digest"], f"`{folder}`"), size)
            tag = (each.get("annotations") or {}).get(REFERENCE, "")
        except (KeyError, TypeError, AttributeError):
            raise Unreadable(f"`{folder}/{INDEX}` has an entry that is none") from None
        if not isinstance(size, int) or not isinstance(tag, str):
            raise Unreadable(f"`{folder}/{INDEX}` has an entry that is none")
        if media in INDEXES + MANIFESTS:
            found.append(Entry(tag, descriptor))
    return found


def index_of(folder: str) -> dict[str, Any]:
    """``index.json`` of a layout.

    Raises:
        Unreadable: it is none.
    """
    name = os.path.join(folder, INDEX)
    try:
        document = json.loads(_whole(name, LARGEST), object_pairs_hook=unique)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("manifests"), list):
        raise Unreadable(f"`{name}` is no index of images")
    return document


def source(folder: str, name: str) -> Source:
    """Its blobs, each verified."""

    def fetch(_kind: str, digest: str, size: int) -> bytes:
        data = _whole(blob(folder, digest), LARGEST)
        if 0 <= size != len(data) or digest_of(data) != digest:
            raise _other(folder, digest)
        return data

    def pieces(digest: str, size: int) -> Iterator[bytes]:
        path = blob(folder, sha256(digest, f"`{name}`"))
        computed, count = hashlib.sha256(), 0
        with _opened(path) as file:
            while piece := file.read(_CHUNK):
                computed.update(piece)
                count += len(piece)
                if count > size:
                    break
                yield piece
        if count != size or "sha256:" + computed.hexdigest() != digest:
            raise _other(folder, digest)

    return Source(name, fetch, pieces)


def blob(folder: str, digest: str) -> str:
    """The file of a blob."""
    return os.path.join(folder, "blobs", "sha256", digest.removeprefix("sha256:"))


def _other(folder: str, digest: str) -> RegistryError:
    return RegistryError(
        "wrong", f"`{blob(folder, digest)}` is not what its digest says", "copy the image again"
    )


def _whole(path: str, most: int) -> bytes:
    with _opened(path) as file:
        data: bytes = file.read(most + 1)
    if len(data) > most:
        raise Unreadable(f"`{path}` is larger than {most // 1024**2} MiB, which is too large for what it is")
    return data


def _opened(path: str) -> Any:
    """A file for reading; a pipe or a device is none."""
    try:
        file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # noqa: SIM115
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise Unreadable(f"there is no `{path}`", "the layout is incomplete: copy it again") from None
        raise Unreadable(f"`{path}` cannot be read: {(error.strerror or 'no reason').lower()}") from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise Unreadable(f"`{path}` is no file")
    return file
