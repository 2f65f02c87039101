"""Programs, mounts and networks that nobody else sees, and that end with us."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class CannotRun(Exception):  # noqa: N818 - tests skip because of it
    """What this machine has not; the message is the reason of the skip."""


class Namespace:
    """Processes and mounts that end with us, however we end.

    Process 1 of a new PID namespace reads a pipe that only we hold. When it closes, because the ``with`` ended or
    because this process was killed, the kernel ends every process in there; the mounts go with the last of them.

    Args:
        keep: file descriptors that stay open until all of that is over.
        network: whether there is a network of its own, with the loopback interface and nothing else.
    """

    def __init__(self, *keep: int, network: bool = False) -> None:
        self._keep = keep
        self._network = network
        self._holder: subprocess.Popen[str] | None = None

    def __enter__(self) -> Namespace:
        self._holder = subprocess.Popen(
            # A shell waits for its orphans too; in a session of its own, Ctrl-C leaves it for us to end.
            ["unshare", "--mount", "--pid", *(["--net"] if self._network else []), "--fork", "--kill-child",
             "--mount-proc", "sh", "-c", "echo in; cat; exit 0"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, pass_fds=self._keep,
        )  # fmt: skip
        if _pipe(self._holder.stdout).readline() != "in\n":
            said = _pipe(self._holder.stderr).read().strip()
            self.__exit__()
            raise CannotRun(f"no new namespaces for mounts and processes: {said}")
        return self

    def __exit__(self, *_: object) -> None:
        holder, self._holder = self._holder, None
        if holder is None:
            return
        _pipe(holder.stdin).close()
        try:
            holder.wait(20)
        except subprocess.TimeoutExpired:
            holder.kill()
            holder.wait()
        _pipe(holder.stdout).close()
        _pipe(holder.stderr).close()

    def enter(self) -> list[str]:
        """The words before a command, for it to run in here."""
        assert self._holder is not None
        # The holder's child is process 1; the namespaces are known by the holder as well.
        mine = f"/proc/{self._holder.pid}/ns"
        return ["nsenter", f"--mount={mine}/mnt", f"--pid={mine}/pid_for_children", f"--net={mine}/net"]

    def run(
        self,
        words: Sequence[str | Path],
        *,
        env: dict[str, str] | None = None,
        text: str = "",
        timeout: float = 180,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in here.

        Args:
            words: program and arguments.
            env: variables, instead of ours.
            text: its standard input.
            timeout: seconds until it is ended.
            check: whether another exit code than 0 is an error.

        Raises:
            RuntimeError: it failed, or took too long; says what it printed.
        """
        # nsenter could be killed from here, but not what it started.
        limited = [*self.enter(), "timeout", "--kill-after=5", f"{timeout:g}", *words]
        done = subprocess.run(limited, input=text, capture_output=True, text=True, env=env, cwd="/")
        if done.returncode == 124 or (check and done.returncode):
            why = (
                f"took more than {timeout:g} s" if done.returncode == 124 else f"exit code {done.returncode}"
            )
            said = f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}".strip()
            raise RuntimeError(f"{' '.join(map(str, words))}: {why}\n{said}")
        return done

    @contextmanager
    def network(self) -> Iterator[None]:
        """Be in its network: what this thread connects to, listens on and starts is there, until the ``with`` ends."""
        assert self._holder is not None
        with (
            open("/proc/thread-self/ns/net", "rb") as ours,
            open(f"/proc/{self._holder.pid}/ns/net", "rb") as other,
        ):
            _enter_network(other.fileno())
            try:
                yield
            finally:
                _enter_network(ours.fileno())


def _enter_network(namespace: int) -> None:
    """setns(2), which Python has since 3.12."""
    c = ctypes.CDLL(None, use_errno=True)
    if c.setns(namespace, 0x40000000):  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
