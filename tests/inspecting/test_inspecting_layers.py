"""Layers are applied as engines do, and hostile or broken ones are refused with LC651, never with a traceback."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard

from lego_compile.inspecting import layer as layers
from lego_compile.inspecting.layer import Layers
from lego_compile.inspecting.model import Unreadable
from tests.command import run
from tests.images.oci import Entry, image, text, write_layout
from tests.inspecting.samples import PLATFORM, brick, built

Member = tuple[str, bytes, Mapping[str, object]]


def tar(*members: Member, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of members: name, content, and attributes of the header."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data, attributes in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def file(name: str, data: bytes = b"x") -> Member:
    """A file."""
    return name, data, {}


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    """A link."""
    return name, b"", {"type": kind, "linkname": target}


def folder(name: str) -> Member:
    """A directory."""
    return name, b"", {"type": tarfile.DIRTYPE, "mode": 0o755}


def pieces(data: bytes, size: int = 1000) -> Iterator[bytes]:
    """Bytes as they come from a disk or a network."""
    return (data[at : at + size] for at in range(0, len(data), size))


def stack(*tars: bytes) -> list[str]:
    """The paths after some layers."""
    tree = Layers()
    for each in tars:
        tree.add(pieces(each), len(each), "sha256:" + hashlib.sha256(each).hexdigest(), "the layer")
    return [place.path for place in tree.tree.walk() if not place.node.is_directory]


@pytest.mark.parametrize(
    ("tars", "expected"),
    [
        ([tar(file("a/b"), file("a/c")), tar(file("a/.wh.b"))], ["a/c"]),
        ([tar(file("a/b")), tar(file(".wh.a"))], []),
        ([tar(file("a/b"), file("a/c")), tar(file("a/d"), file("a/.wh..wh..opq"))], ["a/d"]),
        ([tar(file("a/b")), tar(file("a/.wh..wh..opq"), file("a/b"))], ["a/b"]),
        ([tar(file("a/b")), tar(file("a"))], ["a"]),
        ([tar(file("a")), tar(file("a/b"))], ["a/b"]),
        ([tar(file("usr/lib/x"), link("lib", "usr/lib")), tar(file("lib/y"))], ["lib", "usr/lib/x", "usr/lib/y"]),
        ([tar(file("usr/lib/x"), link("lib", "/usr/lib"), file("lib/z"))], ["lib", "usr/lib/x", "usr/lib/z"]),
        ([tar(file("usr/lib/x"), link("lib", "../../../usr/lib"), file("lib/z"))], ["lib", "usr/lib/x", "usr/lib/z"]),
        ([tar(link("l", "d"), folder("d")), tar(folder("l"), file("l/x"))], ["l/x"]),
        ([tar(file("a")), tar(link("b", "a", tarfile.LNKTYPE))], ["a", "b"]),
        ([tar(file("/a"), file("./b"))], ["a", "b"]),
        ([tar(file("x" * 300))], ["x" * 300]),
        ([tar(file("é"), form=tarfile.GNU_FORMAT)], ["é"]),
        ([tar()], []),
    ],
)  # fmt: skip
def test_layers_are_applied_as_engines_do(tars: list[bytes], expected: list[str]) -> None:
    """Whiteouts, opaque directories, replaced files, links in paths, hard links, long names."""
    assert stack(*tars) == expected


def test_a_hard_link_is_one_file() -> None:
    """Its content counts once, and is what its first name has."""
    tree = Layers()
    data = tar(file("a/kernel.json", b"{}"), link("b/kernel.json", "a/kernel.json", tarfile.LNKTYPE))
    tree.add(pieces(data), len(data), None, "the layer")

    assert tree.tree.find("a/kernel.json").node is tree.tree.find("b/kernel.json").node  # type: ignore[union-attr]


SKIPPED = b"\x50\x2a\x4d\x18\x04\0\0\0skip"


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress,
        lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:]) + b"\0" * 20,
        zstandard.compress,
        lambda data: SKIPPED + zstandard.compress(data[:600]) + zstandard.compress(data[600:]),
        lambda data: data,
    ],
    ids=["gzip", "gzip members", "zstd", "zstd frames", "plain"],
)  # fmt: skip
def test_every_compression_is_read(packed: Callable[[bytes], bytes]) -> None:
    """How a layer is compressed is seen from its bytes, several members and skipped frames included."""
    data = tar(file("a", random.Random(1).randbytes(5000)), file("b"))
    stored = packed(data)
    tree = Layers()
    tree.add(pieces(stored), len(stored), "sha256:" + hashlib.sha256(data).hexdigest(), "the layer")

    assert tree.tree.names("") == ["a", "b"]


def cut(data: bytes) -> bytes:
    """The first half."""
    return data[: len(data) // 2]


def long_header(size: int) -> bytes:
    """A tar that says that a header has so many bytes."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, size
    return info.tobuf(tarfile.GNU_FORMAT) + b"x" * 4096


SOUND = tar(file("a", b"x" * 4000), file("b", random.Random(2).randbytes(4000)))
HOSTILE = {
    "a path that leaves": (tar(file("../a")), "leaves the image"),
    "a path that leaves inside": (tar(file("a/../../b")), "leaves the image"),
    "a hard link that leaves": (tar(link("a", "../../etc/passwd", tarfile.LNKTYPE)), "leaves the image"),
    "a hard link to nothing": (tar(link("a", "b", tarfile.LNKTYPE)), "hard link"),
    "a hard link to a folder": (tar(folder("b"), link("a", "b", tarfile.LNKTYPE)), "hard link"),
    "files below a circle": (tar(link("a", "b"), link("b", "a"), file("a/x")), "below the link"),
    "files below a dead link": (tar(link("a", "nowhere"), file("a/x")), "below the link"),
    "a tar that is cut": (cut(SOUND), "cannot be read"),
    "a header that is damaged": (SOUND[:4608] + b"?" + SOUND[4609:], "between two files"),
    "no tar": (b"hello world " * 100, "cannot be read"),
    "a gzip that is cut": (cut(gzip.compress(SOUND)), "cannot be read"),
    "a gzip that is damaged": (gzip.compress(SOUND)[:-8] + b"\0" * 8, "cannot be read"),
    "a zstd that is damaged": (zstandard.compress(SOUND)[:-50] + b"\xff" * 50, "cannot be read"),
    "a header without an end": (long_header(2**40), "header of"),
    "a negative header": (long_header(-5), "cannot be read"),
    "a path without an end": (tar(file("a/" * 3000 + "b")), "leaves the image or is no path"),
}


@pytest.mark.parametrize(("data", "words"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_layers_are_refused(data: bytes, words: str) -> None:
    """Nothing of them is believed, and the message says why."""
    tree = Layers()

    with pytest.raises(Unreadable, match=words):
        tree.add(pieces(data), len(data), None, "the layer")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_bomb_is_not_unpacked(pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that unpacks to hundreds of times its size is refused before it is through."""
    monkeypatch.setattr(layers, "FREE", 1024)
    bomb = pack(tar(file("a", bytes(20_000_000))))

    with pytest.raises(Unreadable, match="times its size"):
        Layers().add(pieces(bomb), len(bomb), None, "the layer")


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image of millions of files does not fill the memory."""
    monkeypatch.setattr(layers, "ENTRIES", 3)
    data = tar(*[file(str(number)) for number in range(5)])

    with pytest.raises(Unreadable, match="more than 3 files"):
        Layers().add(pieces(data), len(data), None, "the layer")


def test_folders_that_are_only_implied_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry with a long path makes two thousand folders, and a small layer has many of those."""
    monkeypatch.setattr(layers, "ENTRIES", 50)
    data = tar(file("a/" * 60 + "b"))

    with pytest.raises(Unreadable, match="more than 50 files"):
        Layers().add(pieces(data), len(data), None, "the layer")


def test_texts_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of kernels and settings has an end, over all layers."""
    monkeypatch.setattr(layers, "KEPT", 1500)
    tree = Layers()
    for number in range(2):
        data = tar(file(f"share/jupyter/kernels/{number}/kernel.json", bytes(1000)))
        if number == 0:
            tree.add(pieces(data), len(data), None, "the layer")
            continue
        with pytest.raises(Unreadable, match="of kernels and settings"):
            tree.add(pieces(data), len(data), None, "the layer")


def test_links_are_no_longer_than_paths() -> None:
    """A link of a million steps would be followed again for every file below it."""
    data = tar(link("a", "./" * 5000 + "b"), folder("b"), file("a/c"))

    with pytest.raises(Unreadable, match="a link `a` of 10001 letters"):
        Layers().add(pieces(data), len(data), None, "the layer")


def _opaque_again_and_again() -> bytes:
    files = [file(f"d/{number}", b"") for number in range(8000)]
    return tar(*files, *[file("d/.wh..wh..opq", b"")] * 8000, form=tarfile.GNU_FORMAT)


def _members_without_content() -> bytes:
    empty = gzip.compress(b"", mtime=0)
    return gzip.compress(SOUND) + empty * (2 * 1024**2 // len(empty))


@pytest.mark.parametrize("make", [_opaque_again_and_again, _members_without_content])
def test_a_small_layer_takes_no_minutes(make: Callable[[], bytes]) -> None:
    """Work grows with the size of a layer, not with its square: these took 10 seconds and more, and now take one."""
    data = make()
    began = time.process_time()
    Layers().add(iter([data]), len(data), None, "the layer")

    assert time.process_time() - began < 4


def test_a_layer_that_is_not_the_one_of_the_configuration_is_refused() -> None:
    """The digest of what was unpacked is compared, as engines do."""
    with pytest.raises(Unreadable, match="is not what the configuration says"):
        Layers().add(pieces(SOUND), len(SOUND), "sha256:" + "0" * 64, "the layer")


def test_damaged_layers_never_raise_anything_else() -> None:
    """Fuzz: whatever bytes are turned, a layer is read or refused."""
    draw = random.Random(7)
    sound = tar(
        file("a/kernel.json", b"{}"), file("y" * 200), link("l", "a"), file("b", b"\x7fELF" + bytes(200)),
    )  # fmt: skip
    packs = [sound, gzip.compress(sound), zstandard.compress(sound)]
    for _ in range(600):
        data = bytearray(draw.choice(packs))
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        del data[len(data) - draw.choice([0, 0, 1, 700]) :]
        with suppress(Unreadable):
            Layers().add(pieces(bytes(data)), len(data), None, "the layer")


def _damaged_blob(root: Path) -> None:
    biggest = max((root / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(biggest.read_bytes())
    data[3000] ^= 1
    biggest.write_bytes(data)


def _missing_blob(root: Path) -> None:
    max((root / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size).unlink()


def _no_index(root: Path) -> None:
    (root / "index.json").write_text("[]")


def _strange_entry(root: Path) -> None:
    (root / "index.json").write_text('{"manifests": [{"mediaType": 1}]}')


def _pipe(root: Path) -> None:
    import os

    (root / "index.json").unlink()
    os.mkfifo(root / "index.json")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_damaged_blob, "is not what its digest says"),
        (_missing_blob, "the layout is incomplete"),
        (_no_index, "is no index of images"),
        (_strange_entry, "has an entry that is none"),
        (_pipe, "is no file"),
    ],
)
def test_a_damaged_layout_is_a_finding(
    damage: Callable[[Path], None], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says what is wrong with the layout, with a code, and exits with 2."""
    write_layout(tmp_path, {("r", "1"): built(brick())})
    damage(tmp_path)
    code, _, said = run(["inspect", f"oci:{tmp_path}"], capsys)

    assert code == 2
    assert "LC651" in said
    assert words in " ".join(said.split())


def test_an_artifact_is_no_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What has a manifest and is no container image is refused."""
    write_layout(tmp_path, {("r", "1"): built(brick())})
    for path in (tmp_path / "blobs" / "sha256").iterdir():
        data = path.read_bytes()
        if data.startswith(b"{") and b'"layers"' in data:
            changed = data.replace(b"image.config.v1+json", b"other.config.v1+json")
            name = hashlib.sha256(changed).hexdigest()
            (tmp_path / "blobs" / "sha256" / name).write_bytes(changed)
            (tmp_path / "index.json").write_text(
                '{"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", '
                f'"digest": "sha256:{name}", "size": {len(changed)}}}]}}'
            )
    code, _, said = run(["inspect", f"oci:{tmp_path}"], capsys)

    assert (code, "is an artifact" in said) == (2, True)


def test_upper_layers_win_in_a_whole_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A kernel that an upper layer takes away is not there any more."""
    upper: Mapping[str, Entry] = {"share/jupyter/kernels/.wh.python3": text("")}
    write_layout(tmp_path, {("r", "1"): image({PLATFORM: [brick(), upper]}, {}, {}, compression="zstd")})
    code, _, said = run(["inspect", "--output-format", "concise", f"oci:{tmp_path}"], capsys)

    assert code == 1
    assert "LC653" in said
