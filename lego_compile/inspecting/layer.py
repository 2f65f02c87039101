"""Layers → the tree that an engine would unpack them to, in memory. They are hostile until proven otherwise.

Entries are applied in the order of the layer, lowest layer first, as containerd does
(containerd/containerd:pkg/archive/tar.go@v2.0.0, applyNaive; opencontainers/image-spec:layer.md@v1.1.1).
"""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any, cast

from lego_compile.inspecting.content import NOTHING, content_of
from lego_compile.inspecting.model import Unreadable
from lego_compile.inspecting.tree import Node, Tree, directory

ENTRIES = 2_000_000
"""Entries of all layers of an image, and folders that they imply; the largest environments have some 200,000 files."""
KEPT = 256 * 1024**2
"""Bytes of texts that are kept of an image, all together; the largest environments have some megabytes."""
PATH = 4096
RATIO, FREE = 200, 1024**3
"""A layer may unpack to so many times its size, and to so many bytes whatever its size: more is a bomb."""
_CHUNK = 256 * 1024
_SLICE = 16 * 1024
"""What gzip is fed at once. What follows a member is copied, and a piece of a layer may have thousands of members."""
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_HEADER = 1024 * 1024
"""Bytes of the longest extended header of a tar."""
_TYPES = {
    tarfile.SYMTYPE: stat.S_IFLNK, tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK,
    tarfile.FIFOTYPE: stat.S_IFIFO, tarfile.DIRTYPE: stat.S_IFDIR,
}  # fmt: skip
_BROKEN = (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError, RecursionError, KeyError)
"""What the readers of tar and gzip raise for what is none, or is cut short."""


class Layers:
    """A tree that grows layer by layer."""

    def __init__(self) -> None:
        self.root = directory()
        self._entries = 0
        self._kept = 0
        self._opaque: set[int] = set()

    @property
    def tree(self) -> Tree:
        """What is there so far."""
        return Tree(self.root)

    def add(self, pieces: Iterable[bytes], size: int, expected: str | None, name: str) -> None:
        """Lay one more layer over the others.

        Args:
            pieces: its bytes as they are stored; whoever gives them has checked, or checks, their digest.
            size: how many those are.
            expected: digest of the unpacked layer (``diff_ids`` of the configuration), or None.
            name: of the layer, to begin a message with.

        Raises:
            Unreadable: it is no layer, cut short, too large when unpacked, or leaves the image.
        """
        stored = iter(pieces)
        stream = _Stream(_unpacked(stored, name), FREE + RATIO * size, name)
        broken = ""
        try:
            self._apply(stream, name)
            stream.drain()
        except _BROKEN as error:
            broken = str(error) or type(error).__name__
        if broken:
            for _ in (
                stored
            ):  # at their end it may turn out that they are the wrong ones, which then is the reason
                pass
            raise Unreadable(f"{name} cannot be read: {broken}", "build or copy the image again")
        if expected is not None and stream.digest != expected:
            raise Unreadable(
                f"{name} is not what the configuration says: unpacked it is {stream.digest[:19]}…",
                "engines refuse such an image: build it again",
            )

    def _apply(self, stream: _Stream, name: str) -> None:
        touched: set[int] = set()
        self._opaque.clear()
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|", tarinfo=_Member, errorlevel=2) as tar:
            for member in tar:
                cast("Any", tar).members = []  # tarfile keeps all of them, for what nobody asks here
                self._one_more(name)
                self._one(tar, member, touched, name)
            if getattr(tar, "broken", False):
                raise tarfile.ReadError("there is something else between two files of the tar")

    def _one_more(self, name: str) -> None:
        self._entries += 1
        if self._entries > ENTRIES:
            raise Unreadable(f"{name} has more than {ENTRIES} files, which no image has")

    def _one(self, tar: tarfile.TarFile, member: tarfile.TarInfo, touched: set[int], name: str) -> None:
        parts = _parts(member.name, name)
        if not parts:
            if member.isdir():
                self.root.mode = stat.S_IFDIR | stat.S_IMODE(member.mode)
            return
        folder = self._folder(parts[:-1], touched, name)
        base = parts[-1]
        if base == _OPAQUE:
            if id(folder) in self._opaque:
                return  # what came since is of this layer
            self._opaque.add(id(folder))
            for each in [key for key, node in folder.children.items() if id(node) not in touched]:
                del folder.children[each]
            return
        if base.startswith(_WHITEOUT):
            folder.children.pop(base.removeprefix(_WHITEOUT), None)
            return
        if member.islnk():
            node = self._linked(member, name)
        else:
            node = self._made(tar, member, "/".join(parts), name)
            there = folder.children.get(base)
            if node.is_directory and there is not None and there.is_directory:
                there.mode = node.mode
                node = there
        folder.children[base] = node
        touched.add(id(node))

    def _made(self, tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, name: str) -> Node:
        if member.issym() and len(member.linkname) > PATH:
            raise Unreadable(f"{name} has a link `{path[:100]}` of {len(member.linkname)} letters")
        kind = _TYPES.get(member.type, stat.S_IFREG if member.isreg() else stat.S_IFSOCK)
        node = Node(kind | stat.S_IMODE(member.mode), mtime=int(member.mtime // 1), target=member.linkname)
        if member.isreg():
            node.size, node.target = max(member.size, 0), ""
            opened = tar.extractfile(member)
            node.content = (
                content_of(path, node.size, cast("IO[bytes]", _Forward(opened)))
                if opened is not None
                else NOTHING
            )
            self._kept += len(node.content.text or b"")
            if self._kept > KEPT:
                raise Unreadable(f"{name} has more than {KEPT // 1024**2} MiB of kernels and settings")
        return node

    def _linked(self, member: tarfile.TarInfo, name: str) -> Node:
        """The file that another name of it is about."""
        parts = _parts(member.linkname, name)
        found = self._folder(parts[:-1], None, name).children.get(parts[-1]) if parts else None
        if found is None or found.is_directory:
            raise Unreadable(f"{name} has a hard link `{member.name[:100]}` to what is not there")
        return found

    def _folder(self, parts: list[str], touched: set[int] | None, name: str) -> Node:
        """The directory at a path, links in it followed inside the image; made where it is missing."""
        here = self.root
        for index, part in enumerate(parts):
            found = here.children.get(part)
            if found is not None and found.is_link:
                place = self.tree.find("/".join(parts[: index + 1]))
                found = place.node if place is not None else None
                if found is None or not found.is_directory:
                    raise Unreadable(
                        f"{name} has files below the link `{'/'.join(parts[: index + 1])[:100]}`"
                    )
            if found is None and touched is None:
                return directory()
            if found is None or not found.is_directory:
                self._one_more(name)
                found = here.children[part] = directory()
                if touched is not None:
                    touched.add(id(found))
            here = found
        return here


def _parts(path: str, name: str) -> list[str]:
    """The names of a path in a layer.

    Raises:
        Unreadable: it leaves the image, or is none.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path or len(path) > PATH:
        raise Unreadable(
            f"{name} has an entry {path[:100]!r}, which leaves the image or is no path",
            "no honest tool makes such a layer: do not use this image",
        )
    return parts


class _Member(tarfile.TarInfo):
    """An entry whose extended headers are short, and that says when the tar ended for another reason than its end."""

    @classmethod
    def fromtarfile(cls, tarfile_: Any) -> Any:
        """The next entry (as ``tarfile`` calls it)."""
        try:
            return super().fromtarfile(tarfile_)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError):  # type: ignore[attr-defined]
            tarfile_.broken = True
            raise

    def _proc_member(self, tar: Any) -> Any:
        extended = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
        if self.type in (*extended, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK) and not (
            0 <= self.size <= _HEADER
        ):
            raise tarfile.ReadError(f"it has a header of {self.size} bytes")
        return super()._proc_member(tar)  # type: ignore[misc]


class _Forward(io.RawIOBase):
    """A file in a stream: what was read is gone."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


class _Stream:
    """Unpacked bytes as a file that is read once: counted, and their digest computed."""

    def __init__(self, pieces: Iterator[bytes], most: int, name: str) -> None:
        self._pieces = pieces
        self._left = b""
        self._at = 0
        self._most, self._name = most, name
        self._count = 0
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """Of all that was read."""
        return "sha256:" + self._hash.hexdigest()

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""
        parts: list[bytes] = []
        while size > 0:
            if self._at >= len(self._left):
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._left, self._at = piece, 0
                self._hash.update(piece)
                self._count += len(piece)
                if self._count > self._most:
                    raise Unreadable(
                        f"{self._name} unpacks to more than {self._most // 1024**2} MiB, "
                        f"{RATIO} times its size and more",
                        "no honest tool makes such a layer: do not use this image",
                    )
            part = self._left[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def drain(self) -> None:
        """Read to the end, which belongs to the digest too."""
        while self.read(_CHUNK):
            pass


def _unpacked(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The tar of a layer; how it is compressed is seen from its first bytes, as engines do."""
    waiting = iter(pieces)
    head = b""
    while len(head) < 4 and (piece := next(waiting, None)) is not None:
        head += piece
    both = _chain(head, waiting)
    if head.startswith(b"\x1f\x8b"):
        return _gunzipped(both)
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
        return _unzstd(both, name)
    return both


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from rest


def _gunzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Members of gzip, one after the other (RFC 1952, 2.2); eStargz has thousands."""
    unpacker = zlib.decompressobj(wbits=31)
    fed = False
    for data in (piece[at : at + _SLICE] for piece in pieces for at in range(0, len(piece), _SLICE)):
        while data:
            if unpacker.eof:
                if not data.strip(b"\0"):
                    break  # padding, as in RFC 1952's Unix tools
                unpacker = zlib.decompressobj(wbits=31)
            fed = True
            out = unpacker.decompress(data, _CHUNK)
            data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if out:
                yield out
    while fed and not unpacker.eof:
        out = unpacker.decompress(unpacker.unconsumed_tail, _CHUNK)
        if not out:
            raise EOFError("its gzip is cut short")
        yield out


def _unzstd(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Frames of zstd, one after the other, with those that are skipped (RFC 8878, 3.1)."""
    import zstandard

    source = _Pieces(pieces)
    unpacker = zstandard.ZstdDecompressor(max_window_size=2**27)
    try:
        with unpacker.stream_reader(cast("IO[bytes]", source), read_across_frames=True) as stream:
            while out := stream.read(_CHUNK):
                yield out
    except zstandard.ZstdError as error:
        raise Unreadable(f"{name} cannot be read: {error}", "build or copy the image again") from None


class _Pieces(io.RawIOBase):
    """Pieces as a file for a reader that wants one."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            self._left = next(self._pieces, b"")
        size = len(self._left) if size < 0 else size
        out, self._left = self._left[:size], self._left[size:]
        return out
