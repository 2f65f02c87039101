"""A tree of files made equal to a folder on disk, all or nothing, without touching what others put there.

``SHA256SUMS`` at the root says which files are ours and what we wrote; ``sha256sum -c SHA256SUMS`` checks it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    State = Literal["same", "new", "changed", "edited", "missing", "stale", "stale-edited", "foreign", "mode"]

MANIFEST = "SHA256SUMS"
TEMPORARY = ".lego-tmp-"
DAMAGED = "is damaged, so nothing says which files are ours: restore it, or move the folder elsewhere"
LARGEST = 1 << 20
"""Bytes that are read of a file of somebody else."""

_CONFLICT = re.compile(r"^(<{7}|\|{7}|={7}|>{7})( .*)?\n", re.MULTILINE)
_ENTRY = re.compile(r"([0-9a-f]{64})  ([^\n]+)")


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


class OutputError(Exception):
    """A folder that cannot be read or written as it should.

    Attributes:
        path: the file or folder, root included, as the user would type it.
        reason: what is the matter, in words that follow the path.
        in_the_way: the matter is a file or folder of somebody else.
    """

    def __init__(self, path: str, reason: str, *, in_the_way: bool = False) -> None:
        """Say what is wrong where."""
        super().__init__(path, reason)
        self.path = path
        self.reason = reason
        self.in_the_way = in_the_way

    def __str__(self) -> str:
        """One line: the path in quotes and the reason."""
        return f"'{self.path}' {self.reason}"


def manifest(root: str) -> dict[str, str]:
    """Read which files of ours ``root`` holds: path → SHA-256 in hexadecimal.

    Empty when there is no manifest, or when it is not as ``write`` would make it: a path that leads elsewhere must
    never be followed. A conflict that git left in it is read with both sides, since compiling again settles it.

    Raises:
        OutputError: the manifest is there and cannot be read.
    """
    _, data, _ = _look(os.path.join(root, MANIFEST))
    try:
        text = (data or b"").decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        return {}
    merged = _CONFLICT.search(text) is not None
    digests: dict[str, str] = {}
    for line in _CONFLICT.sub("", text).split("\n")[:-1]:
        entry = _ENTRY.fullmatch(line)
        if entry is None or _path_fault(entry[2]):
            return {}
        digests[entry[2]] = entry[1]
    return digests if merged or _manifest_text(digests) == text else {}


def is_damaged(root: str) -> bool:
    """Whether there is a manifest that cannot be believed, so that nothing in the folder counts as ours."""
    return os.path.lexists(os.path.join(root, MANIFEST)) and not manifest(root)


def read(root: str) -> dict[str, bytes]:
    """Read the files of ours (those that the manifest lists) that are there: path → bytes.

    Raises:
        OutputError: a file is there and cannot be read, or is reached through a symbolic link.
    """
    files = {}
    for path in manifest(root):
        _check_parents(root, path)
        _, data, _ = _look(os.path.join(root, path))
        if data is not None:
            files[path] = data
    return files


def foreign(root: str) -> dict[str, bytes]:
    """Read the files that others put into the folders of ours: path → bytes; links are left out."""
    ours = manifest(root)
    folders = {parent for path in ours for parent in _parents(path)}
    found = {}
    for folder in sorted(folders):
        for name in (
            sorted(os.listdir(os.path.join(root, folder)))
            if os.path.isdir(os.path.join(root, folder))
            else ()
        ):
            path = f"{folder}/{name}"
            if path not in ours and os.path.isfile(os.path.join(root, path)):
                with suppress(OSError), open(os.path.join(root, path), "rb") as file:
                    found[path] = file.read(LARGEST)
    return found


def permissions(root: str) -> dict[str, int]:
    """Permission bits of the files of ours that are there: path → mode, as of ``stat``."""
    modes = {}
    for path in manifest(root):
        with suppress(OSError):
            modes[path] = stat.S_IMODE(os.stat(os.path.join(root, path)).st_mode)
    return modes


def edited(root: str) -> set[str]:
    """Files of ours that somebody changed since they were written, or removed.

    Raises:
        OutputError: a file is there and cannot be read.
    """
    files = read(root)
    return {path for path, digest in manifest(root).items() if not _is(files.get(path), digest)}


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
        fault = _path_fault(path)
        if fault is None:
            fault = next((f"is below the file {p!r}" for p in _parents(path) if p in tree), None)
        if fault:
            raise ValueError(f"path {path!r} {fault}")
    text = _manifest_text({**kept, **{path: _sha256(file.data) for path, file in tree.items()}})
    return {**tree, MANIFEST: File(text.encode())}


def _manifest_text(digests: Mapping[str, str]) -> str:
    return "".join(f"{digests[path]}  {path}\n" for path in sorted(digests))


def _path_fault(path: str) -> str | None:
    """Say why ``path`` cannot be in a tree; None when it can."""
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "is not relative, or not in its shortest form"
    if "\\" in path or not path.isprintable():  # sha256sum would escape, or garble, such a name
        return "holds a backslash, or something that cannot be printed"
    if parts[0] == MANIFEST or any(part.startswith(TEMPORARY) for part in parts):
        return "is reserved"
    return None


def _parents(path: str) -> list[str]:
    """``a/b/c`` → ``a``, ``a/b``."""
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _sha256(data: bytes) -> str:
    # hashlib loads OpenSSL, 10 ms; CPython's own is _sha256 in 3.11, _sha2 later.
    for name in ("_sha2", "_sha256", "hashlib"):
        with suppress(ImportError):
            return str(__import__(name).sha256(data).hexdigest())
    raise ImportError("no sha256 in this Python")


# --- what is on disk ----------------------------------------------------------------------------------------


def _plan(root: str, files: Mapping[str, File], kept: Mapping[str, str]) -> list[Change]:
    if os.path.lexists(root) and not os.path.isdir(root):
        raise OutputError(root, "is not a folder")
    old = manifest(root)
    changes = []
    for path, file in files.items():
        _check_parents(root, path)
        changes.append(Change(path, _state(os.path.join(root, path), path, file, old.get(path))))
    for path in old.keys() - files.keys() - kept.keys():
        if any(os.path.islink(os.path.join(root, p)) for p in _parents(path)):
            continue  # somebody put a link in place of the folder: whatever it leads to is not ours
        target = os.path.join(root, path)
        if os.path.isdir(target) and not os.path.islink(target):
            continue  # our file went, and somebody made a folder of that name
        there, data, _ = _look(target)
        if there:
            changes.append(Change(path, "stale" if _is(data, old[path]) else "stale-edited"))
    return sorted(changes, key=lambda change: change.path)


def _state(target: str, path: str, file: File, digest: str | None) -> State:
    """Compare ``file`` with what is at ``target``; ``digest`` is of what we wrote there last, if anything."""
    there, data, executable = _look(target)
    if not there:
        return "new" if digest is None else "missing"
    if data == file.data:
        return "same" if executable == file.executable else "mode"
    if path == MANIFEST:
        return "changed"  # its name is ours, and it cannot vouch for itself
    if digest is None:
        return "foreign"
    return "changed" if _is(data, digest) else "edited"


def _is(data: bytes | None, digest: str) -> bool:
    return data is not None and _sha256(data) == digest


def _look(path: str) -> tuple[bool, bytes | None, bool]:
    """See whether something is at ``path``, its bytes, and whether it may be run.

    No bytes for a symbolic link, a pipe and the like: these are seen, and never followed or read.
    """
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode):
            raise OutputError(path, "is a folder where a file should be; move it elsewhere", in_the_way=True)
        if not stat.S_ISREG(mode):
            return True, None, False
        with open(path, "rb") as file:
            return True, file.read(), bool(mode & stat.S_IXUSR)
    except (FileNotFoundError, NotADirectoryError):
        return False, None, False
    except OSError as error:
        raise _failed(path, "read", error) from None


def _check_parents(root: str, path: str) -> None:
    """Refuse a path that leads through something other than a folder: a link may lead out of ``root``."""
    for parent in _parents(path):
        full = os.path.join(root, parent)
        if os.path.islink(full):
            raise OutputError(
                full, "is a symbolic link where a folder should be; move it elsewhere", in_the_way=True
            )
        if os.path.exists(full) and not os.path.isdir(full):
            raise OutputError(full, "is a file where a folder should be; move it elsewhere", in_the_way=True)


def _failed(path: str, verb: str, error: OSError) -> OutputError:
    reason = (error.strerror or type(error).__name__).lower()
    return OutputError(path, f"cannot be {verb}: {reason}")


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
            _write_new(temporary, target, file)
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
                raise _failed(target, "replaced", error) from None
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
            raise _failed(path, "created", error) from None


def _write_new(temporary: str, target: str, file: File) -> None:
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
        raise _failed(target, "written", error) from None


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
        raise _failed(target, "removed", error) from None
    with suppress(OSError):  # not empty
        for parent in reversed(_parents(path)):
            os.rmdir(os.path.join(root, parent))


def _remove_leftovers(root: str, paths: list[str]) -> None:
    """Remove the temporary files of a killed run from the folders of ``paths``."""
    for folder in {os.path.dirname(os.path.join(root, path)) for path in paths}:
        with suppress(OSError):  # no such folder, or one where nothing can be removed
            for name in os.listdir(folder or "."):
                if name.startswith(TEMPORARY):
                    os.unlink(os.path.join(folder, name))
