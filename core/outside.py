"""Calls to other programs, which may hang: they are waited for in short steps, so that a job can be stopped meanwhile.

A blocked read hears nothing of a cancel, and an interruption reaches a thread only between two steps of Python.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from time import monotonic
from typing import Final, TypeVar

T = TypeVar("T")

#: Seconds between two looks whether the answer is still wanted.
LOOK: Final = 1.0


class Unwanted(Exception):
    """The answer is not wanted any more: a cancel was accepted meanwhile."""


def call(ask: Callable[[], T], *, seconds: float, is_unwanted: Callable[[], bool], held: ExitStack) -> T:
    """Return what `ask` returns, in a thread of its own; raise what it raises.

    Raises TimeoutError after so many seconds, Unwanted within a second of `is_unwanted`. Nothing ends the call itself
    then: it ends by its own limits, and closes what `held` had to close, which it still uses.
    """
    answer: Future[T] = Future()
    threading.Thread(target=_answer, args=(answer, ask), name="call to the outside", daemon=True).start()
    try:
        _wait(answer, monotonic() + seconds, is_unwanted)
    except BaseException:
        left = held.pop_all()
        answer.add_done_callback(lambda _: left.close())
        raise
    return answer.result()


def _answer(answer: "Future[T]", ask: Callable[[], T]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
        answer.set_exception(error)


def _wait(answer: "Future[T]", until: float, is_unwanted: Callable[[], bool]) -> None:
    has_come = threading.Event()
    answer.add_done_callback(lambda _: has_come.set())
    while not has_come.wait(min(LOOK, max(0.0, until - monotonic()))):
        if monotonic() >= until:
            raise TimeoutError
        if is_unwanted():
            raise Unwanted
