"""Labels written into an image layout: new configurations, manifests and indexes, and then ``index.json`` at once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from lego_compile.emit.manifest import TEMPORARY, failed
from lego_compile.emit.tree import File, write_new
from lego_compile.inspecting import layout
from lego_compile.inspecting.model import Unreadable
from lego_compile.registry.answers import object_of
from lego_compile.registry.documents import ATTESTATION, INDEXES, MANIFESTS, digest_of
from lego_compile.registry.model import RegistryError

Labels = Callable[[str], Mapping[str, str] | None]
"""Digest of a manifest → the labels to set in its configuration; None to leave it."""


def relabel(folder: str, tag: str | None, labels: Labels) -> int:
    """Set labels of images of a layout; others that they have stay.

    New blobs are written first, then ``index.json`` is replaced, then blobs are removed that nothing refers to any
    more. A second run finds nothing to do.

    Args:
        folder: of the layout.
        tag: of the image; None for all of them.
        labels: what to set.

    Returns:
        How many configurations were changed.

    Raises:
        Unreadable: the layout cannot be read, or has attestations, which are about the digest that would change.
        OutputError: it cannot be written; it is as it was.
    """
    work = _Work(folder, labels)
    document = layout.index_of(folder)
    chosen = {each.descriptor.digest for each in layout.entries(folder, tag)}
    for entry in document["manifests"]:
        name = (entry.get("annotations") or {}).get(layout.REFERENCE, "")
        if entry.get("digest") in chosen and (tag is None or name == tag):
            work.replace(entry)
    if not work.changed:
        return 0
    path = os.path.join(folder, layout.INDEX)
    try:
        for digest, data in work.fresh.items():
            _put(layout.blob(folder, digest), data)
        _put(path, _json(document))
    except BaseException:
        there = False
        with suppress(Unreadable):  # Ctrl-C may come right after it was replaced
            there = layout.index_of(folder) == document
        for digest in work.fresh:
            if not there and digest not in work.known:
                with suppress(OSError):
                    os.unlink(layout.blob(folder, digest))
        raise
    try:
        kept = _referred(folder, document)
    except (Unreadable, RegistryError):
        return work.changed  # another image of the layout cannot be read: what it refers to is not known
    for digest in work.gone - kept:
        with suppress(OSError):
            os.unlink(layout.blob(folder, digest))
    return work.changed


class _Work:
    """Documents on their way from old to new."""

    def __init__(self, folder: str, labels: Labels) -> None:
        self._source = layout.source(folder, folder)
        self._folder, self._labels = folder, labels
        self._done: dict[str, tuple[str, int]] = {}
        self.fresh: dict[str, bytes] = {}
        self.known: set[str] = set()
        self.gone: set[str] = set()
        self.changed = 0

    def replace(self, entry: dict[str, Any]) -> None:
        """Make a descriptor point at the document with the labels."""
        old = entry["digest"]
        if old not in self._done:
            self._done[old] = self._new(old, entry["size"])
        entry["digest"], entry["size"] = self._done[old]

    def _new(self, old: str, size: int) -> tuple[str, int]:
        document = self._read("manifests", old, size)
        before = json.dumps(document)
        if "manifests" in document:
            for each in document["manifests"]:
                if each.get("mediaType") in INDEXES + MANIFESTS and not _is_attestation(each):
                    self.replace(each)
            if json.dumps(document) != before and any(map(_is_attestation, document["manifests"])):
                raise Unreadable(
                    f"`{self._folder}` has attestations, which are about the image without these labels",
                    "build without them (BuildKit: --provenance=false --sbom=false), and attest after the labels",
                )
        else:
            self._configure(old, document["config"])
        return self._store(old, document) if json.dumps(document) != before else (old, size)

    def _configure(self, manifest: str, descriptor: dict[str, Any]) -> None:
        wanted = self._labels(manifest)
        configuration = self._read("blobs", descriptor["digest"], descriptor["size"])
        settings = configuration.setdefault("config", {})
        if settings is None:
            settings = configuration["config"] = {}
        have = settings.get("Labels") or {}
        if wanted is None or {**have, **wanted} == have:
            return
        settings["Labels"] = dict(sorted({**have, **wanted}.items()))
        self.changed += 1
        descriptor["digest"], descriptor["size"] = self._store(descriptor["digest"], configuration)

    def _read(self, kind: str, digest: str, size: int) -> dict[str, Any]:
        return object_of(self._source.fetch(kind, digest, size), f"`{layout.blob(self._folder, digest)}`")

    def _store(self, old: str, document: Mapping[str, Any]) -> tuple[str, int]:
        data = _json(document)
        digest = digest_of(data)
        self.gone.add(old)
        self.fresh[digest] = data
        if os.path.lexists(layout.blob(self._folder, digest)):
            self.known.add(digest)
        return digest, len(data)


def _is_attestation(entry: Mapping[str, Any]) -> bool:
    return ATTESTATION in (entry.get("annotations") or {})


def _referred(folder: str, index: Mapping[str, Any]) -> set[str]:
    """Digests that a layout still refers to, by whatever document."""
    kept: set[str] = set()
    waiting = [*index["manifests"]]
    fetch = layout.source(folder, folder).fetch
    while waiting:
        entry = waiting.pop()
        digest = entry.get("digest") if isinstance(entry, dict) else None
        if not isinstance(digest, str) or digest in kept:
            continue
        kept.add(digest)
        if entry.get("mediaType") in INDEXES + MANIFESTS:
            document = object_of(fetch("manifests", digest, -1), digest)
            waiting += [document.get("config"), document.get("subject")]
            for each in (document.get("layers"), document.get("manifests")):
                waiting += each if isinstance(each, list) else []
    return kept


def _json(document: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a character, "\ud800", which JSON can only escape
        return json.dumps(document, separators=(",", ":")).encode()


def _put(path: str, data: bytes) -> None:
    temporary = os.path.join(os.path.dirname(path), f"{TEMPORARY}{os.getpid()}-{os.path.basename(path)[:40]}")
    try:
        write_new(temporary, path, File(data))
        os.replace(temporary, path)
    except OSError as error:
        raise failed(path, "written", error) from None
    finally:
        with suppress(OSError):
            os.unlink(temporary)
