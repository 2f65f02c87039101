"""Questions → answers: registries asked in parallel, on threads that nobody has to wait for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from lego_compile.registry.model import RegistryError

if TYPE_CHECKING:
    from lego_compile.diagnostic.model import Path, Report

CODES = {
    "unreachable": "LC321", "denied": "LC322", "missing": "LC323", "wrong": "LC324", "unusable": "LC325",
    "credentials": "LC328",
}  # fmt: skip
"""``RegistryError.kind`` → code."""

THREADS = 16

Q = TypeVar("Q")
A = TypeVar("A")


def ask_all(
    questions: Iterable[Q], one: Callable[[Q], A], answered: Callable[[], None]
) -> dict[Q, A | RegistryError]:
    """Ask every question once.

    The threads are daemons: after Ctrl-C the process ends, whatever a registry is doing.

    Args:
        questions: what to ask; equal ones are asked once.
        one: asks one question, on one of the threads.
        answered: called on this thread after each answer.

    Returns:
        Question → answer, in the order of the questions.

    Raises:
        Exception: what ``one`` raised, unless it was a ``RegistryError``, which is an answer.
    """
    asked = [*dict.fromkeys(questions)]
    todo: queue.SimpleQueue[Q] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Q, A | Exception]] = queue.SimpleQueue()
    for each in asked:
        todo.put(each)

    def work() -> None:
        while True:
            try:
                question = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((question, one(question)))
            except Exception as error:  # noqa: BLE001 - raised again where the answer is read
                done.put((question, error))

    for _ in range(min(THREADS, len(asked))):
        threading.Thread(target=work, daemon=True).start()
    answers: dict[Q, A | RegistryError] = {}
    for _ in asked:
        question, answer = _next(done)
        if isinstance(answer, Exception) and not isinstance(answer, RegistryError):
            raise answer
        answers[question] = answer
        answered()
    return {each: answers[each] for each in asked}


def _next(done: queue.SimpleQueue[A]) -> A:
    """The next result. Waits in short steps: a signal is only heard between two of them on some systems."""
    while True:
        try:
            return done.get(timeout=0.5)
        except queue.Empty:
            continue


def tell(error: RegistryError, what: str, origin: Path, report: Report) -> None:
    """Put a registry's refusal into a report.

    Args:
        error: what it said.
        what: the image, in words.
        origin: who asked for it.
        report: receives the finding.
    """
    report.add(CODES[error.kind], f"{what}: {error.message}", origin, help=error.help)
