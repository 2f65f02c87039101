"""A tree of files made equal to a folder on disk, all or nothing, without touching what others put there.

``SHA256SUMS`` at the root says which files are ours and what we wrote; ``sha256sum -c SHA256SUMS`` checks it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from lego_compile.emit.manifest import (
    DAMAGED,
    MANIFEST,
    TEMPORARY,
    OutputError,
    check_parents,
    failed,
    is_damaged,
    look,
    manifest,
    manifest_text,
    matches,
    parents,
    path_fault,
)
from lego_compile.hashing import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    State = Literal["same", "new", "changed", "edited", "missing", "stale", "stale-edited", "foreign", "mode"]


class File(NamedTuple):
    """What one file holds, and whether it may be run (mode 0755, else 0644)."""

    data: bytes
    executable: bool = False


FileTree = Mapping[str, File]
"""Files by path; a path is relative, with ``/`` between its parts."""


class Change(NamedTuple):
    """How one path on disk compares with the tree.

    Attributes:
        path: relative to the root.
        state: one of

            * ``same``: nothing to do;
            * ``new``: not on disk, and not ours so far;
            * ``missing``: ours, and gone from the disk;
            * ``changed``: as we wrote it, and now to be different;
            * ``edited``: ours, but somebody changed it since, and it is to be different;
            * ``mode``: only the permission to run it differs;
            * ``foreign``: in our way, and not ours;
            * ``stale``: ours, as we wrote it, and no longer wanted;
            * ``stale-edited``: ours, but somebody changed it since, and no longer wanted.
    """

    path: str
    state: State


def plan(root: str, tree: FileTree, only: tuple[str, ...] | None = None) -> list[Change]:
    """Compare ``root`` with ``tree``: one entry per path of ours, sorted, the manifest included.

    Files of others are reported only where they are in our way (``foreign``). With ``only``, files in folders
    are looked at when their path begins with one of its entries; the others stay as they are, and ours.

    Raises:
        ValueError: a path of ``tree`` is not allowed.
        OutputError: a folder where a file should be, the reverse, a symbolic link in place of a folder below
            ``root``, or a file that cannot be read.
    """
    chosen, kept = _chosen(root, tree, only)
    return _plan(root, _with_manifest(chosen, kept), kept)


def write(root: str, tree: FileTree, only: tuple[str, ...] | None = None) -> list[Change]:
    """Make ``root`` hold ``tree``, and return what ``plan`` found to do (``only`` is as there).

    Only files that differ are replaced, each at once. Edited files of ours are replaced too: the caller has
    decided. Stale files are removed unless edited, and so are the folders that this empties.

    All new bytes are on disk, under temporary names, before the first file is replaced, so a failure or
    Ctrl-C until then leaves everything as it was; Ctrl-C after that takes effect when the rest is done. A run
    that is killed may leave files named ``.lego-tmp-*``, which the next one removes.

    Nothing is synced to the medium: after a power cut, compile again. One run per root at a time.

    Raises:
        ValueError: a path of ``tree`` is not allowed.
        OutputError: what ``plan`` raises; a foreign file in the way; a disk full or not to be written.
        KeyboardInterrupt: Ctrl-C; see above.
    """
    chosen, kept = _chosen(root, tree, only)
    files = _with_manifest(chosen, kept)
    changes = _plan(root, files, kept)
    for change in changes:
        if change.state == "foreign" and is_damaged(root):
            raise OutputError(os.path.join(root, MANIFEST), DAMAGED, in_the_way=True)
        if change.state == "foreign":
            reason = f"is in the way: {MANIFEST} does not list it, so it is not ours; move it elsewhere"
            raise OutputError(os.path.join(root, change.path), reason, in_the_way=True)
    done = {c.path for c in changes if c.state == "same"}
    wanted = {path: file for path, file in files.items() if path not in done}
    stale = [c.path for c in changes if c.state == "stale"]
    _remove_leftovers(root, [c.path for c in changes])
    if wanted or stale:
        _with_interrupts_held(lambda check: _replace(root, wanted, stale, check))
    return changes


# --- the manifest and its paths -----------------------------------------------------------------------------


def _chosen(root: str, tree: FileTree, only: tuple[str, ...] | None) -> tuple[FileTree, dict[str, str]]:
    """The part of ``tree`` that is looked at, and the manifest's entries for the rest."""
    if only is None:
        return tree, {}

    def is_chosen(path: str) -> bool:
        return "/" not in path or path.startswith(only)

    kept = {path: digest for path, digest in manifest(root).items() if not is_chosen(path)}
    return {path: file for path, file in tree.items() if is_chosen(path)}, kept


def _with_manifest(tree: FileTree, kept: Mapping[str, str]) -> dict[str, File]:
    """Check the paths of ``tree`` and add the manifest, last, with the entries of files that stay."""
    for path in tree:
        fault = path_fault(path)
        if fault is None:
            fault = next((f"is below the file {p!r}" for p in parents(path) if p in tree), None)
        if fault:
            raise ValueError(f"path {path!r} {fault}")
    text = manifest_text({**kept, **{path: sha256(file.data) for path, file in tree.items()}})
    return {**tree, MANIFEST: File(text.encode())}


# --- what is on disk ----------------------------------------------------------------------------------------


def _plan(root: str, files: Mapping[str, File], kept: Mapping[str, str]) -> list[Change]:
    if os.path.lexists(root) and not os.path.isdir(root):
        raise OutputError(root, "is not a folder")
    old = manifest(root)
    changes = []
    for path, file in files.items():
        check_parents(root, path)
        changes.append(Change(path, _state(os.path.join(root, path), path, file, old.get(path))))
    for path in old.keys() - files.keys() - kept.keys():
        if any(os.path.islink(os.path.join(root, p)) for p in parents(path)):
            continue  # somebody put a link in place of the folder: whatever it leads to is not ours
        target = os.path.join(root, path)
        if os.path.isdir(target) and not os.path.islink(target):
            continue  # our file went, and somebody made a folder of that name
        there, data, _ = look(target)
        if there:
            changes.append(Change(path, "stale" if matches(data, old[path]) else "stale-edited"))
    return sorted(changes, key=lambda change: change.path)


def _state(target: str, path: str, file: File, digest: str | None) -> State:
    """Compare ``file`` with what is at ``target``; ``digest`` is of what we wrote there last, if anything."""
    there, data, executable = look(target)
    if not there:
        return "new" if digest is None else "missing"
    if data == file.data:
        return "same" if executable == file.executable else "mode"
    if path == MANIFEST:
        return "changed"  # its name is ours, and it cannot vouch for itself
    if digest is None:
        return "foreign"
    return "changed" if matches(data, digest) else "edited"


# --- changing it --------------------------------------------------------------------------------------------


def _with_interrupts_held(action: Callable[[Callable[[], None]], None]) -> None:
    """Run ``action`` and deliver a Ctrl-C afterwards; the function it is given raises one that has come."""
    import signal

    pressed: list[int] = []

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    previous = signal.getsignal(signal.SIGINT)
    try:
        held = callable(previous) and signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    except ValueError:  # not the main thread: Python never interrupts this one
        held = None
    try:
        action(check)
    finally:
        if held:
            signal.signal(signal.SIGINT, previous)
    if pressed:
        signal.raise_signal(signal.SIGINT)


def _replace(root: str, wanted: Mapping[str, File], stale: list[str], check: Callable[[], None]) -> None:
    """Write ``wanted`` in its order and remove ``stale``; ``check`` raises when Ctrl-C was pressed."""
    made: list[str] = []  # folders, outermost first
    temporaries: dict[str, str] = {}  # temporary → final path
    try:
        for number, (path, file) in enumerate(wanted.items()):
            check()
            target = os.path.join(root, path)
            folder = os.path.dirname(target)
            _make_folders(folder, made)
            temporary = os.path.join(folder, f"{TEMPORARY}{os.getpid()}-{number}")
            temporaries[temporary] = target
            write_new(temporary, target, file)
        for path in stale:
            _check_removable(os.path.join(root, path))
        check()
        # From here on only the disk itself can fail us. The manifest comes last.
        for path in stale:
            _remove(root, path)
        for temporary, target in temporaries.items():
            try:
                os.replace(temporary, target)
            except OSError as error:
                raise failed(target, "replaced", error) from None
    except BaseException:
        for temporary in temporaries:
            with suppress(OSError):
                os.unlink(temporary)
        for folder in reversed(made):
            with suppress(OSError):
                os.rmdir(folder)
        raise


def _make_folders(folder: str, made: list[str]) -> None:
    """Make ``folder`` and what is missing above it, mode 0755 whatever the umask; add them to ``made``."""
    missing = []
    while folder and not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        try:
            made.append(path)
            os.mkdir(path)
            inherited = stat.S_IMODE(os.stat(path).st_mode)  # setgid, in a folder that a group shares
            os.chmod(path, inherited | 0o755)  # noqa: S103 - the hub's containers read it under another user
        except OSError as error:
            raise failed(path, "created", error) from None


def write_new(temporary: str, target: str, file: File) -> None:
    """Write a file that is to take the place of ``target``.

    Raises:
        OutputError: it cannot be written; the message names the target.
    """
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            rest = memoryview(file.data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fchmod(descriptor, 0o755 if file.executable else 0o644)  # whatever the umask
        finally:
            os.close(descriptor)
    except OSError as error:
        raise failed(target, "written", error) from None


def _check_removable(path: str) -> None:
    folder = os.path.dirname(path) or "."
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(path, "cannot be removed: its folder cannot be written")


def _remove(root: str, path: str) -> None:
    """Remove a file of ours and the folders that this empties, ``root`` excepted."""
    target = os.path.join(root, path)
    try:
        os.unlink(target)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise failed(target, "removed", error) from None
    with suppress(OSError):  # not empty
        for parent in reversed(parents(path)):
            os.rmdir(os.path.join(root, parent))


def _remove_leftovers(root: str, paths: list[str]) -> None:
    """Remove the temporary files of a killed run from the folders of ``paths``."""
    for folder in {os.path.dirname(os.path.join(root, path)) for path in paths}:
        with suppress(OSError):  # no such folder, or one where nothing can be removed
            for name in os.listdir(folder or "."):
                if name.startswith(TEMPORARY):
                    os.unlink(os.path.join(folder, name))
