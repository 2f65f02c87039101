"""Registries, asked what references stand for: read-only, verified, from many threads at once.

distribution/distribution:docs/content/spec/api.md@v3.0.0, opencontainers/distribution-spec:spec.md@v1.1.1.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from types import TracebackType
from urllib.parse import urljoin

from lego_compile.registry.answers import next_link, object_of
from lego_compile.registry.auth import Authorizer
from lego_compile.registry.credentials import Credentials
from lego_compile.registry.documents import (
    INDEXES,
    MANIFESTS,
    Descriptor,
    Index,
    Manifest,
    config,
    digest_of,
    is_lockable,
    read,
    sha256,
)
from lego_compile.registry.model import Image, PlatformImage, RegistryError
from lego_compile.registry.pools import origin
from lego_compile.registry.reference import Place, check_reference, clean, is_digest, place
from lego_compile.registry.transport import Answer, Transport

LARGEST_MANIFEST = 4 * 1024 * 1024
LARGEST_CONFIG = 8 * 1024 * 1024
LARGEST_TAGS = 4 * 1024 * 1024
PIECE = 8 * 1024 * 1024
"""Bytes of a blob that are asked for at a time."""
LARGEST_WHOLE = 256 * 1024 * 1024
"""Bytes of the largest blob that is taken whole from a registry that sends no pieces; it is held in memory."""
PAGES = 100
TAGS = 1000
_ACCEPT = {"Accept": ", ".join((*INDEXES, *MANIFESTS))}


class Registries:
    """Every registry that the user's references name.

    Args:
        credentials: the user's.
        insecure: hosts (``host[:port]``) that may have a certificate of nobody's, or speak HTTP.
        ca_file: certificates to trust besides the system's.
        timeout: seconds between two bytes; a whole answer may take four times as long.
        per_host: connections to one host.
        attempts: how often a request is tried in all.
        received: called with every number of bytes that arrives, from whatever thread.
        sleep: waits between attempts.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        insecure: Collection[str] = (),
        ca_file: str | None = None,
        timeout: float = 30,
        per_host: int = 6,
        attempts: int = 5,
        received: Callable[[int], None] = lambda n: None,  # noqa: ARG005 - nobody counts
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._transport = Transport(
            insecure=insecure,
            ca_file=ca_file,
            timeout=timeout,
            per_host=per_host,
            attempts=attempts,
            received=received,
            sleep=sleep,
        )
        self._authorizer = Authorizer(self._transport, credentials)

    def __enter__(self) -> Registries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def image(self, repository: str, reference: str) -> Image:
        """The image that a tag or digest stands for, for every Linux platform that it has.

        An index within an index is followed once. Of two images for one platform, the first counts.

        Args:
            repository: ``host[:port]/path``.
            reference: a tag, or ``sha256:…``.

        Raises:
            RegistryError: when there is no answer that can be believed and used.
        """
        check_reference(repository, reference)
        where = place(repository)
        name = _name(repository, reference)
        expected = Descriptor("", reference, -1) if is_digest(reference) else None
        body, sent = self._manifest(where, reference, name, expected)
        media, document = read(body, sent, name)
        if isinstance(document, Manifest):
            platform, image = self._platform(where, digest_of(body), document, name)
            if not is_lockable(platform):
                raise _without_linux(name, {platform})
            return Image(digest_of(body), media, {}, {platform: image})
        platforms: dict[str, PlatformImage] = {}
        others: set[str] = set()
        self._collect(where, document, name, platforms, others, nested=False)
        if not platforms:
            raise _without_linux(name, others)
        return Image(digest_of(body), media, document.annotations, dict(sorted(platforms.items())))

    def digest(self, repository: str, reference: str) -> str:
        """The digest that a registry says a reference stands for, without reading anything.

        It is good for seeing whether a tag has moved. Nothing is verified, unlike by ``image``; a registry that
        does not say it is asked for the document.

        Raises:
            RegistryError: as ``image`` does.
        """
        check_reference(repository, reference)
        where = place(repository)
        name = _name(repository, reference)
        answer = self._ask("HEAD", where, f"manifests/{reference}", LARGEST_MANIFEST)
        said = answer.headers.get("Docker-Content-Digest")
        if answer.status == 404:
            raise self._missing(where, reference, answer)
        if answer.status != 200 or said is None:
            expected = Descriptor("", reference, -1) if is_digest(reference) else None
            return digest_of(self._manifest(where, reference, name, expected)[0])
        if is_digest(reference) and said != reference:
            raise RegistryError("wrong", f"{name}: {where.host} says that it is `{clean(said, 90)}`")
        return sha256(said, name)

    def resolved(self, repository: str, reference: str) -> Descriptor:
        """The index or manifest that a reference stands for: its type, digest and size; it is verified.

        Raises:
            RegistryError: as ``image`` does.
        """
        check_reference(repository, reference)
        name = _name(repository, reference)
        expected = Descriptor("", reference, -1) if is_digest(reference) else None
        body, sent = self._manifest(place(repository), reference, name, expected)
        return Descriptor(read(body, sent, name)[0], digest_of(body), len(body))

    def manifest(self, repository: str, wanted: Descriptor) -> bytes:
        """An index or a manifest, by its digest, verified.

        Raises:
            RegistryError: as ``image`` does.
        """
        return self._manifest(place(repository), wanted.digest, _name(repository, wanted.digest), wanted)[0]

    def blob(self, repository: str, digest: str, size: int) -> Iterator[bytes]:
        """A blob in pieces, none of which is held longer than it takes to read the next one.

        It is asked for piece by piece (RFC 9110, 14.2; distribution-spec:spec.md, "Pulling blobs"), so that one that
        breaks off is asked for again, and not the whole. A registry that knows no pieces sends all of it at once.

        Args:
            repository: ``host[:port]/path``.
            digest: of the blob.
            size: of the blob in bytes, as its manifest says.

        Raises:
            RegistryError: as ``image`` does; also after the last piece, when digest or size are others.
        """
        where, what = place(repository), f"a blob of `{repository}`"
        path = f"blobs/{sha256(digest, what)}"
        computed, have = hashlib.sha256(), 0
        while have < size:
            last = min(have + PIECE, size) - 1
            whole = have == 0 and size <= LARGEST_WHOLE
            headers = {} if have == 0 and last + 1 == size else {"Range": f"bytes={have}-{last}"}
            answer = self._ask("GET", where, path, size if whole else PIECE, headers)
            if answer.status == 404:
                raise RegistryError(
                    "missing", f"`{repository}` is incomplete: {where.login} lacks {digest}", "push it again"
                )
            said = answer.headers.get("Content-Range", f"bytes {have}-{last}/{size}")
            if answer.status not in (200, 206) or (answer.status == 200 and have):
                raise self._unexpected(where, what, answer)
            if answer.status == 206 and said.removesuffix("/*") not in (
                f"bytes {have}-{last}/{size}", f"bytes {have}-{last}",
            ):  # fmt: skip
                raise RegistryError("wrong", f"{what}: {where.host} sends another part than it was asked for")
            have += len(answer.body)
            if have != (size if answer.status == 200 else last + 1):
                raise RegistryError(
                    "wrong", f"{what} has {have} bytes instead of {size}, or a part of it is too short"
                )
            computed.update(answer.body)
            yield answer.body
        if "sha256:" + computed.hexdigest() != digest:
            raise RegistryError("wrong", f"{what} is not what its digest says: {where.host} sent other bytes")

    def tags(self, repository: str) -> tuple[str, ...]:
        """The tags of a repository, sorted; at most some 100,000 of them.

        Raises:
            RegistryError: as ``image`` does.
        """
        where = place(repository)
        subject = f"the tags of `{repository}`"
        found: set[str] = set()
        answer = self._ask("GET", where, f"tags/list?n={TAGS}", LARGEST_TAGS)
        asked = {answer.url}
        for _ in range(PAGES):
            if answer.status != 200:
                raise self._unexpected(where, subject, answer)
            listed = object_of(answer.body, subject).get("tags") or []  # null for none, as Go writes it
            if not isinstance(listed, list) or not all(isinstance(tag, str) for tag in listed):
                raise RegistryError("wrong", f"{subject} are no list of texts")
            found.update(listed)
            following = next_link(answer.headers.get("Link", ""))
            if following is None:
                break
            try:
                url = urljoin(answer.url, following)
            except ValueError:
                url = ""
            if not answer.own or origin(url) is None or origin(url) != origin(answer.url):
                raise RegistryError("wrong", f"{subject} continue at another host")
            if url in asked:
                raise RegistryError("wrong", f"{subject} never end")
            asked.add(url)
            answer = self._authorizer.ask(
                "GET", where, url, headers={}, limit=LARGEST_TAGS, plain=url.startswith("http:")
            )
        return tuple(sorted(found))

    def _ask(
        self, method: str, where: Place, path: str, limit: int, headers: Mapping[str, str] = _ACCEPT
    ) -> Answer:
        """Ask for something of a repository."""
        return self._authorizer.ask(
            method, where, f"https://{where.host}/v2/{where.path}/{path}", headers=headers, limit=limit
        )

    def _manifest(
        self, where: Place, reference: str, name: str, expected: Descriptor | None
    ) -> tuple[bytes, str]:
        """An index or a manifest, verified, and the type that it was sent with."""
        if expected is not None and expected.size > LARGEST_MANIFEST:
            raise RegistryError(
                "wrong", f"{name} has a manifest of {expected.size} bytes, which is too large"
            )
        answer = self._ask("GET", where, f"manifests/{reference}", LARGEST_MANIFEST)
        if answer.status == 404 and expected is not None and expected.media_type:
            raise _incomplete(name, expected.platform)
        if answer.status == 404:
            raise self._missing(where, reference, answer)
        if answer.status != 200:
            raise self._unexpected(where, name, answer)
        _verify(answer, expected, where, f"the manifest of {name}")
        return answer.body, answer.headers.get("Content-Type", "")

    def _collect(
        self,
        where: Place,
        index: Index,
        name: str,
        platforms: dict[str, PlatformImage],
        others: set[str],
        *,
        nested: bool,
    ) -> None:
        """Add the images of an index, those for platforms that are known already left out; and what else there is.

        containerd/containerd:core/images/image.go@v2.0.0 (Manifest) prefers the first of equals as well.
        """
        others.update(index.others)
        for entry in index.entries:
            if entry.platform is not None and entry.platform in platforms:
                continue
            body, sent = self._manifest(where, entry.digest, name, entry)
            media, document = read(body, sent, name)
            if media != entry.media_type:
                raise RegistryError(
                    "wrong", f"{name} has an index that is mistaken about the type of a manifest"
                )
            if isinstance(document, Index):
                if nested:
                    raise RegistryError("unusable", f"{name} is an index in an index in an index")
                self._collect(where, document, name, platforms, others, nested=True)
                continue
            platform, image = self._platform(where, entry.digest, document, name)
            platform = entry.platform or platform  # engines choose by the index, even when it contradicts
            if is_lockable(platform):
                platforms.setdefault(platform, image)
            else:
                others.add(platform)

    def _platform(
        self, where: Place, digest: str, manifest: Manifest, name: str
    ) -> tuple[str, PlatformImage]:
        """The platform and the image of a manifest, whose configuration is asked for."""
        wanted = manifest.config
        if wanted.size > LARGEST_CONFIG:
            raise RegistryError(
                "wrong", f"{name} has a configuration of {wanted.size} bytes, which is too large"
            )
        answer = self._ask("GET", where, f"blobs/{wanted.digest}", LARGEST_CONFIG)
        if answer.status == 404:
            raise RegistryError(
                "missing", f"{name} is incomplete: {where.login} has no configuration for it", "push it again"
            )
        if answer.status != 200:
            raise self._unexpected(where, name, answer)
        _verify(answer, wanted, where, f"the configuration of {name}")
        facts = config(answer.body, name)
        return facts.platform, PlatformImage(digest, manifest.layers, facts.labels, manifest.annotations)

    def _unexpected(self, where: Place, name: str, answer: Answer) -> RegistryError:
        words = self._authorizer.complaint(where, answer)
        if answer.status == 404:
            return RegistryError("missing", f"there are no {name}{words}", "check the name of the repository")
        return RegistryError(
            "wrong", f"{name}: {where.host} answers {answer.status}{words}, which means nothing here"
        )

    def _missing(self, where: Place, reference: str, answer: Answer) -> RegistryError:
        """There is no such image; perhaps one whose tag has nearly that name."""
        from difflib import get_close_matches

        message = (
            f"there is no {_name(where.repository, reference)}{self._authorizer.complaint(where, answer)}"
        )
        if is_digest(reference):
            return RegistryError(
                "missing", message, "it may have been deleted in the registry, or not be mirrored"
            )
        try:
            tags = self.tags(where.repository)
        except RegistryError:  # it is only for a hint
            return RegistryError("missing", message, "check the name of the repository, and the tag")
        near = get_close_matches(reference, tags[:10_000], n=3, cutoff=0.5)
        if near:
            return RegistryError(
                "missing", message, f"did you mean {' or '.join(f'`{clean(tag, 128)}`' for tag in near)}?"
            )
        return RegistryError(
            "missing",
            message,
            f"the repository has {len(tags)} other tag{'s'[: len(tags) > 1]}" if tags else None,
        )


def _verify(answer: Answer, expected: Descriptor | None, where: Place, what: str) -> None:
    """Bytes are what was asked for, or nothing of them is believed."""
    digest = digest_of(answer.body)
    if expected is not None and 0 <= expected.size != len(answer.body):
        raise RegistryError("wrong", f"{what} has {len(answer.body)} bytes instead of {expected.size}")
    if expected is not None and expected.digest != digest:
        raise RegistryError("wrong", f"{what} is not what its digest says: {where.host} sent other bytes")
    said = answer.headers.get("Docker-Content-Digest")
    if said is not None and said.startswith("sha256:") and said != digest:
        raise RegistryError(
            "wrong", f"{what} is not what {where.host} says that it sends: the digest differs"
        )


def _incomplete(name: str, platform: str | None) -> RegistryError:
    """An index promises what its registry does not have, as where one platform of several was mirrored."""
    what = f"its image for {platform}" if platform else "one of its images"
    return RegistryError(
        "missing",
        f"{name} is incomplete: the registry lacks {what}",
        f"copy all platforms: skopeo copy --all docker://FROM docker://{name[1:-1]}",
    )


def _without_linux(name: str, others: set[str]) -> RegistryError:
    shown = sorted(others)[:8]
    more = f" and {len(others) - 8} more" if len(others) > 8 else ""
    having = f" that can be locked; it has {', '.join(shown)}{more}" if shown else ""
    return RegistryError("unusable", f"{name} has no image for Linux{having}")


def _name(repository: str, reference: str) -> str:
    """A reference as people write it, in quotes."""
    return f"`{repository}{'@' if is_digest(reference) else ':'}{reference}`"
