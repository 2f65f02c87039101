"""`read_text`: opening a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lego_compile.source.document import Problem, Span
from lego_compile.source.read import LARGEST, read_text


def refused(path: Path | str) -> Problem:
    """The one problem of a file that cannot be read."""
    text, problems = read_text(str(path))
    assert text is None
    (problem,) = problems
    return problem


def written(folder: Path, data: bytes) -> Path:
    """A file that holds these bytes."""
    path = folder / "center.yaml"
    path.write_bytes(data)
    return path


def test_a_text_is_given_as_it_is(tmp_path: Path) -> None:
    """UTF-8 is decoded, and line ends stay."""
    path = written(tmp_path, "a: é😀\r\nb: 2\n".encode())
    assert read_text(str(path)) == ("a: é😀\r\nb: 2\n", [])


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    """Windows editors begin UTF-8 with a mark that is no text."""
    path = written(tmp_path, b"\xef\xbb\xbfa: 1\n")
    assert read_text(str(path)) == ("a: 1\n", [])


def test_a_missing_file_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    """One letter wrong, or the ending forgotten: the help is the file beside it."""
    (tmp_path / "lyon.yaml").touch()
    for typed in ("lyonn.yaml", "lyon", "lyon.yml"):
        problem = refused(tmp_path / typed)
        assert problem.kind == "missing"
        assert f"there is no file `{tmp_path / typed}`" == problem.message
        assert f"did you mean `{tmp_path / 'lyon.yaml'}`?" == problem.help


def test_a_missing_directory_is_what_is_missing(tmp_path: Path) -> None:
    """When a directory of the path is not there, the directory is named."""
    (tmp_path / "centers").mkdir()
    problem = refused(tmp_path / "centres" / "lyon.yaml")
    assert f"there is no directory `{tmp_path / 'centres'}`" == problem.message
    assert f"did you mean `{tmp_path / 'centers' / 'lyon.yaml'}`?" == problem.help


def test_a_relative_name_stays_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The help can be typed as the name was."""
    (tmp_path / "lyon.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert refused("lion.yaml").help == "did you mean `lyon.yaml`?"


def test_nothing_similar_gives_no_help(tmp_path: Path) -> None:
    """No guess is better than a wild one."""
    (tmp_path / "zzzz").touch()
    assert refused(tmp_path / "grenoble.yaml").help is None
    assert refused("").message == "there is no file ``"


def test_a_broken_link_says_so(tmp_path: Path) -> None:
    """The name is there, what it leads to is not."""
    (tmp_path / "link.yaml").symlink_to("nowhere")
    assert f"`{tmp_path / 'link.yaml'}` is a link to nothing" == refused(tmp_path / "link.yaml").message


@pytest.mark.parametrize(("make", "what"), [(os.mkdir, "a directory"), (os.mkfifo, "a pipe")])
def test_what_is_no_file_is_not_opened(make: object, what: str, tmp_path: Path) -> None:
    """A directory is refused, and a pipe is not waited for."""
    assert callable(make)
    make(tmp_path / "thing")
    problem = refused(tmp_path / "thing")
    assert ("unreadable", f"`{tmp_path / 'thing'}` is {what}") == (problem.kind, problem.message)


def test_a_device_is_not_read() -> None:
    """A device has no end, or acts when it is read."""
    assert refused("/dev/zero").message == "`/dev/zero` is a device"


def test_a_file_in_the_place_of_a_directory(tmp_path: Path) -> None:
    """The words of the operating system are repeated where there are no better ones."""
    path = written(tmp_path, b"") / "x"
    assert f"`{path}` cannot be read: not a directory" == refused(path).message


def test_a_name_that_no_file_can_have() -> None:
    """A name with a NUL is refused in words too."""
    assert refused("a\0b").kind == "unreadable"


def test_a_file_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permission that is missing is said in words; simulated, for root may read everything."""

    def no(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, b"")
    monkeypatch.setattr("builtins.open", no)
    problem = refused(path)
    monkeypatch.undo()
    assert ("unreadable", f"`{path}` cannot be read: permission denied") == (problem.kind, problem.message)


def test_eight_mebibytes_are_the_limit(tmp_path: Path) -> None:
    """The largest file is read, one byte more is refused."""
    path = written(tmp_path, b"#" * LARGEST)
    text, problems = read_text(str(path))
    assert (len(text or ""), problems) == (LARGEST, [])
    path.write_bytes(b"#" * (LARGEST + 1))
    problem = refused(path)
    assert ("unreadable", f"`{path}` is larger than 8 MiB") == (problem.kind, problem.message)


def test_latin_1_is_found_at_its_byte(tmp_path: Path) -> None:
    """What is no UTF-8 is refused with byte, line and column, and a guess at the character."""
    path = written(tmp_path, "a: 1\nnom: Orl\u00e9ans\n".encode("latin-1"))
    problem = refused(path)
    assert problem.kind == "encoding"
    assert f"`{path}` is not in UTF-8: byte 13, in line 2, is 0xe9" == problem.message
    assert Span(str(path), 2, 9, 2, 10) == problem.span
    assert problem.help == "save it as UTF-8; the character may be `é`"


def test_bytes_are_counted_behind_a_byte_order_mark(tmp_path: Path) -> None:
    """The offset is that in the file, the column that in the text."""
    path = written(tmp_path, b"\xef\xbb\xbf\xc3\xa9\xff")
    problem = refused(path)
    assert f"`{path}` is not in UTF-8: byte 5, in line 1, is 0xff" == problem.message
    assert Span(str(path), 1, 2, 1, 3) == problem.span


@pytest.mark.parametrize("codec", ["utf-16", "utf-32", "utf-16-le", "utf-32-be"])
def test_wide_encodings_are_named(codec: str, tmp_path: Path) -> None:
    """A file with the mark of UTF-16 or UTF-32 is told by name, whichever end comes first."""
    path = written(tmp_path, "\ufeffa: 1\n".encode(codec))
    problem = refused(path)
    assert problem.kind == "encoding"
    assert f"`{path}` is written in {codec[:6].upper()}" == problem.message


def test_a_binary_file_is_no_text(tmp_path: Path) -> None:
    """A NUL is in no text: an image or an archive was named."""
    path = written(tmp_path, b"a: 1\nPK\x03\0\xff")
    problem = refused(path)
    assert ("encoding", f"`{path}` is no text: byte 8 is NUL") == (problem.kind, problem.message)
    assert Span(str(path), 2, 4, 2, 5) == problem.span
