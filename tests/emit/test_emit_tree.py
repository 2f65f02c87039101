"""``emit.tree``: a folder made equal to a tree, all or nothing, and nothing of others touched."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lego_compile.emit import manifest as m
from lego_compile.emit import tree as t
from lego_compile.emit.manifest import OutputError
from lego_compile.emit.tree import Change, File

OLD = {
    "compose/compose.yaml": File(b"name: a\n"),
    "compose/start.sh": File(b"#!/bin/sh\n", executable=True),
    "z2jh/values.yaml": File(b"hub: 1\n"),
    "z2jh/old/extra.yaml": File(b"extra\n"),
}
NEW = {
    "compose/compose.yaml": File(b"name: b\n"),
    "compose/start.sh": File(b"#!/bin/sh\n", executable=True),
    "apptainer/bin/run.sh": File(b"#!/bin/bash\n", executable=True),
    "z2jh/values.yaml": File(b"hub: 2\n"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder as ``write`` left it, with a file of somebody else's."""
    root = tmp_path / "out" / "grenoble"
    t.write(str(root), OLD)
    (root / "NOTES").write_bytes(b"mine")
    return root


def snapshot(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything below ``root``: kind, mode, bytes and time of every entry."""
    seen: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        info = path.lstat()
        if path.is_symlink():
            seen[str(path.relative_to(root))] = ("link", path.readlink())
        elif path.is_dir():
            seen[str(path.relative_to(root))] = ("folder", stat.S_IMODE(info.st_mode))
        else:
            content = path.read_bytes(), info.st_mtime_ns, info.st_ino, stat.S_IMODE(info.st_mode)
            seen[str(path.relative_to(root))] = ("file", *content)
    return seen


def states(changes: list[Change]) -> dict[str, str]:
    """What is to do, by path; what is the same left out."""
    return {change.path: change.state for change in changes if change.state != "same"}


def files(root: Path) -> set[str]:
    """The paths of all files below ``root``."""
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_symlink() or not p.is_dir()}


# --- states -------------------------------------------------------------------------------------------------


def test_everything_is_new_where_nothing_is(tmp_path: Path) -> None:
    """Without a folder all is new, the manifest included, in the order of the paths."""
    expected = [Change(path, "new") for path in sorted([*OLD, "SHA256SUMS"])]
    assert expected == t.plan(str(tmp_path / "none"), OLD)
    assert not (tmp_path / "none").exists()
    assert expected == t.write(str(tmp_path / "none"), OLD)


def test_the_second_write_changes_nothing(root: Path) -> None:
    """Writing the same tree again touches no file: not even a time changes, of a folder neither."""
    before = snapshot(root), root.stat().st_mtime_ns, (root / "z2jh").stat().st_mtime_ns
    assert states(t.write(str(root), OLD)) == {}
    assert before == (snapshot(root), root.stat().st_mtime_ns, (root / "z2jh").stat().st_mtime_ns)


def test_only_what_differs_is_replaced(root: Path) -> None:
    """A changed file is replaced with the manifest; the others keep their inode and time."""
    before = snapshot(root)
    tree = OLD | {"z2jh/values.yaml": File(b"hub: 2\n")}
    expected = {"SHA256SUMS": "changed", "z2jh/values.yaml": "changed"}
    assert expected == states(t.plan(str(root), tree)) == states(t.write(str(root), tree))
    after = snapshot(root)
    assert set(expected) == {path for path in after if after[path] != before.get(path)}
    assert (root / "z2jh/values.yaml").read_bytes() == b"hub: 2\n"


def test_stale_files_go_with_their_folders(root: Path) -> None:
    """What we no longer write is removed, with the folders that this empties; others' files stay."""
    assert states(t.write(str(root), NEW)) == {
        "SHA256SUMS": "changed",
        "apptainer/bin/run.sh": "new",
        "compose/compose.yaml": "changed",
        "z2jh/old/extra.yaml": "stale",
        "z2jh/values.yaml": "changed",
    }
    assert {*NEW, "SHA256SUMS", "NOTES"} == files(root)
    assert not (root / "z2jh/old").exists()
    assert states(t.plan(str(root), NEW)) == {}


def test_a_folder_with_a_file_of_others_stays(root: Path) -> None:
    """A folder is removed only when it is empty."""
    (root / "z2jh/old/theirs").write_bytes(b"x")
    t.write(str(root), NEW)
    assert {*NEW, "SHA256SUMS", "NOTES", "z2jh/old/theirs"} == files(root)


def test_the_root_stays_when_the_tree_is_empty(root: Path) -> None:
    """An empty tree leaves the folder, an empty manifest, and what is not ours."""
    t.write(str(root), {})
    assert {"SHA256SUMS", "NOTES"} == files(root)
    assert (root / "SHA256SUMS").read_bytes() == b""


def test_an_edited_file_is_told_and_replaced(root: Path) -> None:
    """Somebody's edit is ``edited`` where it differs from what is wanted, and replaced."""
    (root / "z2jh/values.yaml").write_bytes(b"by hand")
    (root / "compose/compose.yaml").write_bytes(NEW["compose/compose.yaml"].data)
    plan = states(t.plan(str(root), NEW))
    assert plan["z2jh/values.yaml"] == "edited"
    assert "compose/compose.yaml" not in plan
    t.write(str(root), NEW)
    assert NEW["z2jh/values.yaml"].data == (root / "z2jh/values.yaml").read_bytes()


def test_an_edited_stale_file_is_left_alone(root: Path) -> None:
    """A file we no longer want, but which somebody edited, is told once and then belongs to them."""
    (root / "z2jh/old/extra.yaml").write_bytes(b"by hand")
    assert states(t.write(str(root), NEW))["z2jh/old/extra.yaml"] == "stale-edited"
    assert (root / "z2jh/old/extra.yaml").read_bytes() == b"by hand"
    assert states(t.plan(str(root), NEW)) == {}


def test_a_missing_file_is_written_again(root: Path) -> None:
    """A file of ours that somebody deleted is ``missing``; a stale one that is gone is nothing to report."""
    shutil.rmtree(root / "z2jh")
    assert states(t.write(str(root), OLD)) == {
        "z2jh/values.yaml": "missing",
        "z2jh/old/extra.yaml": "missing",
    }
    assert OLD["z2jh/values.yaml"].data == (root / "z2jh/values.yaml").read_bytes()
    shutil.rmtree(root / "z2jh/old")
    assert "z2jh/old/extra.yaml" not in states(t.plan(str(root), NEW))


def test_the_permission_to_run_is_part_of_a_file(root: Path) -> None:
    """Where only that differs it is ``mode``, and put right; other permissions are not ours."""
    (root / "compose/start.sh").chmod(0o644)
    (root / "z2jh/values.yaml").chmod(0o600)
    assert states(t.write(str(root), OLD)) == {"compose/start.sh": "mode"}
    assert stat.S_IMODE((root / "compose/start.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "z2jh/values.yaml").stat().st_mode) == 0o600


def test_a_foreign_file_in_the_way_stops_everything(root: Path) -> None:
    """A file where we want to write, that is not ours and differs, is an error, and nothing is written."""
    (root / "apptainer/bin").mkdir(parents=True)
    (root / "apptainer/bin/run.sh").write_bytes(b"theirs")
    before = snapshot(root)
    assert states(t.plan(str(root), NEW))["apptainer/bin/run.sh"] == "foreign"
    with pytest.raises(OutputError) as raised:
        t.write(str(root), NEW)
    path = f"{root}/apptainer/bin/run.sh"
    assert (
        str(raised.value)
        == f"'{path}' is in the way: SHA256SUMS does not list it, so it is not ours; move it elsewhere"
    )
    assert path == raised.value.path
    assert before == snapshot(root)


def test_a_foreign_file_with_our_bytes_becomes_ours(root: Path) -> None:
    """What already is as wanted needs no writing, whoever wrote it."""
    (root / "apptainer/bin").mkdir(parents=True)
    (root / "apptainer/bin/run.sh").write_bytes(NEW["apptainer/bin/run.sh"].data)
    (root / "apptainer/bin/run.sh").chmod(0o755)
    assert "apptainer/bin/run.sh" not in states(t.write(str(root), NEW))
    assert "apptainer/bin/run.sh" in m.manifest(str(root))


# --- the manifest -------------------------------------------------------------------------------------------


def test_sha256sum_checks_the_manifest(root: Path) -> None:
    """The manifest is what ``sha256sum -c`` reads, sorted, and lists all files of ours but itself."""
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=root, capture_output=True, text=True
    )
    assert (0, [f"{path}: OK" for path in sorted(OLD)]) == (done.returncode, done.stdout.splitlines())
    assert sorted(OLD) == list(m.manifest(str(root)))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-1],
        lambda text: text[1:],
        lambda text: text.replace("  ", " *"),
        lambda text: text + text.splitlines(True)[-1],
        lambda text: "".join(reversed(text.splitlines(True))),
        lambda text: text.replace("z2jh/values.yaml", "z2jh/../../../precious"),
        lambda text: text.replace("z2jh/values.yaml", "/etc/precious"),
        lambda text: text + "\udcff",
    ],
)
def test_a_damaged_manifest_is_no_manifest(root: Path, damage: Callable[[str], str]) -> None:
    """A manifest that we cannot have written says nothing, above all not what to remove."""
    precious = root.parent.parent / "precious"
    precious.write_bytes(OLD["z2jh/values.yaml"].data)
    manifest = root / "SHA256SUMS"
    manifest.write_bytes(damage(manifest.read_text()).encode(errors="surrogateescape"))
    assert m.manifest(str(root)) == {}
    assert states(t.write(str(root), OLD)) == {"SHA256SUMS": "changed"}
    assert sorted(OLD) == sorted(m.manifest(str(root)))
    assert precious.exists()


def test_read_returns_files_of_ours_that_exist(root: Path) -> None:
    """Verification sees what the manifest lists and is there, as it is on disk now."""
    (root / "compose/start.sh").unlink()
    (root / "z2jh/values.yaml").write_bytes(b"by hand")
    expected = {
        "compose/compose.yaml": b"name: a\n",
        "z2jh/old/extra.yaml": b"extra\n",
        "z2jh/values.yaml": b"by hand",
    }
    assert expected == m.read(str(root))
    assert m.read(str(root / "none")) == {}


@pytest.mark.parametrize(
    "path",
    [
        *("", "/a", "a/", "a//b", "./a", "a/./b", "..", "a/../b", "a\nb", "a\\b", "a\rb", "a\0b", "\ud800"),
        *("SHA256SUMS", "SHA256SUMS/a", ".lego-tmp-1", "a/.lego-tmp-x/b"),
    ],
)
def test_paths_that_cannot_be(tmp_path: Path, path: str) -> None:
    """Only plain relative paths that ``sha256sum`` can list are taken."""
    with pytest.raises(ValueError, match=r"^path "):
        t.write(str(tmp_path / "out"), {path: File(b"")})
    assert not (tmp_path / "out").exists()


def test_a_path_below_a_file(tmp_path: Path) -> None:
    """A tree cannot hold a file and something below it."""
    with pytest.raises(ValueError, match="path 'a/b/c' is below the file 'a'"):
        t.plan(str(tmp_path), {"a/b/c": File(b""), "a": File(b"")})


# --- what else may stand there ------------------------------------------------------------------------------


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    """Files are 0644 or 0755 and folders 0755, also under umask 077."""
    before = os.umask(0o077)
    try:
        t.write(str(tmp_path / "out"), NEW)
    finally:
        os.umask(before)
    modes = {path: entry[-1] for path, entry in snapshot(tmp_path).items()}
    scripts = {"out/apptainer/bin/run.sh", "out/compose/start.sh"}
    folders = {"out", "out/apptainer", "out/apptainer/bin", "out/compose", "out/z2jh"}
    assert {path: 0o755 if path in scripts | folders else 0o644 for path in modes} == modes


def test_a_symbolic_link_is_replaced_not_followed(root: Path) -> None:
    """A link in place of a file of ours is an edit, and replaced; what it leads to stays as it is."""
    outside = root.parent / "outside"
    (root / "z2jh/values.yaml").rename(outside)
    (root / "z2jh/values.yaml").symlink_to(outside)
    assert states(t.write(str(root), NEW))["z2jh/values.yaml"] == "edited"
    assert not (root / "z2jh/values.yaml").is_symlink()
    assert OLD["z2jh/values.yaml"].data == outside.read_bytes()


def test_a_merge_conflict_is_settled_by_writing_again(root: Path) -> None:
    """Outputs are tracked: a conflict that git left in the manifest and in a file is no reason to refuse."""
    manifest, values = root / "SHA256SUMS", root / "z2jh/values.yaml"
    line = next(line for line in manifest.read_text().splitlines(True) if "z2jh/values.yaml" in line)
    theirs = "0" * 64 + line[64:]
    manifest.write_text(
        manifest.read_text().replace(line, f"<<<<<<< HEAD\n{line}=======\n{theirs}>>>>>>> other\n")
    )
    values.write_text("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n")
    assert states(t.write(str(root), OLD)) == {"SHA256SUMS": "changed", "z2jh/values.yaml": "edited"}
    assert OLD["z2jh/values.yaml"].data == values.read_bytes()


def test_a_damaged_manifest_is_named_when_it_matters(root: Path) -> None:
    """With other bytes in the way and no word on whose they are, the manifest is what has to be mended."""
    (root / "SHA256SUMS").write_text("nonsense\n")
    (root / "z2jh/values.yaml").write_bytes(b"by hand")
    with pytest.raises(m.OutputError, match="SHA256SUMS' is damaged"):
        t.write(str(root), OLD)


def test_a_linked_manifest_is_no_manifest(root: Path) -> None:
    """A link in place of the manifest is not believed, and replaced."""
    outside = root.parent / "outside"
    (root / "SHA256SUMS").rename(outside)
    (root / "SHA256SUMS").symlink_to(outside)
    before = outside.read_bytes()
    assert m.manifest(str(root)) == {}
    assert states(t.write(str(root), OLD)) == {"SHA256SUMS": "changed"}
    assert not (root / "SHA256SUMS").is_symlink()
    assert before == outside.read_bytes()


def test_a_stale_symbolic_link_is_left_alone(root: Path) -> None:
    """A link in place of a file we no longer want is somebody's edit."""
    (root / "z2jh/old/extra.yaml").rename(root / "elsewhere")
    (root / "z2jh/old/extra.yaml").symlink_to(root / "elsewhere")
    assert states(t.write(str(root), NEW))["z2jh/old/extra.yaml"] == "stale-edited"
    assert (root / "z2jh/old/extra.yaml").is_symlink()


def test_nothing_is_written_through_a_linked_folder(root: Path) -> None:
    """A link in place of a folder below the root is refused."""
    outside = root.parent / "outside"
    (root / "compose").rename(outside)
    (root / "compose").symlink_to(outside)
    before = snapshot(root.parent)
    for do in (t.plan, t.write):
        with pytest.raises(OutputError, match=r"/compose' is a symbolic link where a folder should be"):
            do(str(root), NEW)
    with pytest.raises(OutputError, match=r"/compose' is a symbolic link"):
        m.read(str(root))
    assert before == snapshot(root.parent)


def test_nothing_is_removed_through_a_linked_folder(root: Path) -> None:
    """What a link in place of a stale folder leads to is not ours."""
    outside = root.parent / "outside"
    (root / "z2jh/old").rename(outside)
    (root / "z2jh/old").symlink_to(outside)
    assert "z2jh/old/extra.yaml" not in states(t.write(str(root), NEW))
    assert (outside / "extra.yaml").read_bytes() == b"extra\n"


def test_the_root_may_be_a_link(root: Path) -> None:
    """The folder itself may be reached through a link."""
    link = root.parent / "link"
    link.symlink_to(root)
    t.write(str(link), NEW)
    assert {*NEW, "SHA256SUMS", "NOTES"} == files(root)


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere")])
def test_the_root_is_a_folder(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A file, or a link to nothing, in place of the root is refused."""
    make(tmp_path / "out")
    with pytest.raises(OutputError, match=r"/out' is not a folder$"):
        t.write(str(tmp_path / "out"), NEW)
    with pytest.raises(OutputError, match=r"/out' cannot be created: file exists$"):
        t.write(str(tmp_path / "out" / "grenoble"), NEW)


def test_a_file_in_place_of_a_folder(root: Path) -> None:
    """A file where a folder is needed is refused, and nothing changes."""
    (root / "apptainer").write_bytes(b"x")
    before = snapshot(root)
    with pytest.raises(
        OutputError, match=r"/apptainer' is a file where a folder should be; move it elsewhere$"
    ):
        t.write(str(root), NEW)
    assert before == snapshot(root)


def test_a_folder_in_place_of_a_file(root: Path) -> None:
    """A folder where a file is needed is refused; one in place of a stale file is left alone."""
    (root / "z2jh/old/extra.yaml").unlink()
    (root / "z2jh/old/extra.yaml").mkdir()
    assert "z2jh/old/extra.yaml" not in states(t.plan(str(root), NEW))
    before = snapshot(root)
    with pytest.raises(
        OutputError, match=r"extra.yaml' is a folder where a file should be; move it elsewhere$"
    ):
        t.write(str(root), OLD)
    assert before == snapshot(root)


def test_a_pipe_is_not_opened(root: Path) -> None:
    """A pipe in place of a file of ours is replaced; nobody waits for its other end."""
    (root / "z2jh/values.yaml").unlink()
    os.mkfifo(root / "z2jh/values.yaml")
    assert states(t.write(str(root), OLD)) == {"z2jh/values.yaml": "edited"}
    assert OLD["z2jh/values.yaml"].data == (root / "z2jh/values.yaml").read_bytes()


def test_relative_roots(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The root may be relative to the working folder, or the working folder itself."""
    monkeypatch.chdir(root.parent)
    assert states(t.write("grenoble", OLD)) == {}
    t.write("voiron/", NEW)
    assert {*NEW, "SHA256SUMS"} == files(root.parent / "voiron")
    monkeypatch.chdir(root)
    t.write("", NEW)
    assert {*NEW, "SHA256SUMS", "NOTES"} == files(root)


# --- failures -----------------------------------------------------------------------------------------------

# The calls that ``write`` makes on disk before the first rename.
BEFORE_RENAMES = ["open", "write", "fchmod", "close", "mkdir", "chmod"]


def fail_at(
    monkeypatch: pytest.MonkeyPatch, call: str, nth: int, error: BaseException, after: bool = False
) -> list[int]:
    """Let the ``nth`` call of ``os.<call>`` raise ``error``; the list says how many there were."""
    real = getattr(os, call)
    count = [0]

    def failing(*args: object, **options: object) -> object:
        count[0] += 1
        if count[0] != nth:
            return real(*args, **options)
        if after or call == "close":
            real(*args, **options)
        raise error

    monkeypatch.setattr(os, call, failing)
    return count


def attempts(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
) -> Iterator[BaseException]:
    """Fail ``write`` at the first, second… call of ``os.<call>`` until one run gets through."""
    for nth in range(1, 20):
        for after in (False, True):
            with monkeypatch.context() as patch:
                count = fail_at(patch, call, nth, error, after)
                try:
                    t.write(str(root), NEW)
                except (OutputError, KeyboardInterrupt) as raised:
                    caught: BaseException = raised
                else:
                    assert count[0] < nth
                    return
            yield caught
    raise AssertionError("never got through")


@pytest.mark.parametrize("call", BEFORE_RENAMES)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_failing_disk_changes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """Whatever the disk refuses before the renames: one line that says so, and all is as it was."""
    before = snapshot(root)
    seen = 0
    for raised in attempts(root, monkeypatch, call, OSError(number, os.strerror(number))):
        seen += 1
        assert before == snapshot(root)
        assert isinstance(raised, OutputError)
        assert raised.reason.endswith(f": {os.strerror(number).lower()}")
    assert seen >= 2
    assert {*NEW, "SHA256SUMS", "NOTES"} == files(root)


@pytest.mark.parametrize("call", [*BEFORE_RENAMES, "access"])
def test_ctrl_c_before_the_renames_changes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A KeyboardInterrupt out of any call before the renames leaves all as it was."""
    before = snapshot(root)
    seen = 0
    for raised in attempts(root, monkeypatch, call, KeyboardInterrupt()):
        seen += 1
        assert before == snapshot(root)
        assert isinstance(raised, KeyboardInterrupt)
    assert seen >= 2


def test_a_first_run_that_fails_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders made by a run that fails are removed, the root and those above it too."""
    fail_at(monkeypatch, "write", 3, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(OutputError, match=r"run.sh' cannot be written: no space left on device$"):
        t.write(str(tmp_path / "out" / "grenoble"), NEW)
    assert list(tmp_path.iterdir()) == []


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is whole even when the system takes a few bytes at a time."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:3]))
    t.write(str(tmp_path), NEW)
    assert {path: file.data for path, file in NEW.items()} == m.read(str(tmp_path))


def press_at(monkeypatch: pytest.MonkeyPatch, call: str, nth: int) -> list[int]:
    """Press Ctrl-C (a real SIGINT) just before the ``nth`` call of ``os.<call>``."""
    real = getattr(os, call)
    count = [0]

    def pressing(*args: object, **options: object) -> object:
        count[0] += 1
        if count[0] == nth:
            signal.raise_signal(signal.SIGINT)
        return real(*args, **options)

    monkeypatch.setattr(os, call, pressing)
    return count


@pytest.mark.parametrize(
    ("call", "nth"), [("open", 1), ("write", 2), ("fchmod", 3), ("close", 4), ("mkdir", 1)]
)
def test_a_signal_before_the_renames_undoes(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, nth: int
) -> None:
    """Ctrl-C while the new bytes are written: nothing has changed, and Ctrl-C works as before."""
    before, handler = snapshot(root), signal.getsignal(signal.SIGINT)
    press_at(monkeypatch, call, nth)
    with pytest.raises(KeyboardInterrupt):
        t.write(str(root), NEW)
    assert before == snapshot(root)
    assert handler is signal.getsignal(signal.SIGINT)


@pytest.mark.parametrize(("call", "nth"), [("replace", 1), ("replace", 2), ("replace", 4), ("rmdir", 1)])
def test_a_signal_during_the_renames_waits(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, nth: int
) -> None:
    """Ctrl-C while files are replaced: all are, the manifest agrees, and only then Ctrl-C takes effect."""
    handler = signal.getsignal(signal.SIGINT)
    count = press_at(monkeypatch, call, nth)
    with pytest.raises(KeyboardInterrupt):
        t.write(str(root), NEW)
    assert nth <= count[0]
    assert states(t.plan(str(root), NEW)) == {}
    assert {*NEW, "SHA256SUMS", "NOTES"} == files(root)
    assert handler is signal.getsignal(signal.SIGINT)


def test_write_outside_the_main_thread(tmp_path: Path) -> None:
    """A thread, which may not touch signal handlers, can write too."""
    thread = threading.Thread(target=t.write, args=(str(tmp_path), NEW))
    thread.start()
    thread.join()
    assert {*NEW, "SHA256SUMS"} == files(tmp_path)


def test_a_disk_that_fails_during_the_renames(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then every file is either old or new, no temporary is left, and the next run finishes."""
    fail_at(monkeypatch, "replace", 2, OSError(errno.EIO, "Input/output error"))
    with pytest.raises(OutputError, match=r"cannot be replaced: input/output error$"):
        t.write(str(root), NEW)
    monkeypatch.undo()
    old_or_new = {file.data for file in (*OLD.values(), *NEW.values())}
    assert old_or_new >= set(m.read(str(root)).values())
    assert [path for path in files(root) if m.TEMPORARY in path] == []
    t.write(str(root), NEW)
    assert {*NEW, "SHA256SUMS", "NOTES"} == files(root)


def test_a_stale_file_that_cannot_be_removed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that forbids removing is found out before anything changes."""
    before = snapshot(root)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match=r"extra.yaml' cannot be removed: its folder cannot be written$"):
        t.write(str(root), NEW)
    assert before == snapshot(root)


def test_a_file_that_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read is said in words."""
    real = os.lstat

    def forbidding(path: str) -> os.stat_result:
        if path.endswith("SHA256SUMS"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "lstat", forbidding)
    with pytest.raises(OutputError, match=r"SHA256SUMS' cannot be read: permission denied$"):
        t.plan(str(root), NEW)


def test_leftovers_of_a_killed_run_are_removed(root: Path) -> None:
    """The next run removes the temporary files of one that was killed, even with nothing else to do."""
    for folder in (root, root / "z2jh", root / "z2jh/old"):
        (folder / ".lego-tmp-123-0").write_bytes(b"half")
    assert states(t.write(str(root), OLD)) == {}
    assert {*OLD, "SHA256SUMS", "NOTES"} == files(root)
