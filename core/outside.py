"""Calls to other programs, which may hang: they are waited for in short steps, so that a job can be stopped meanwhile.

A blocked read hears nothing of a cancel, and an interruption reaches a thread only between two steps of Python.
"""

import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import Final, TypeVar

import httpx2

T = TypeVar("T")

#: Seconds for the answer to a question that people wait for: does this service answer now?
PROBE_SECONDS: Final = 2.0

#: Seconds between two looks whether the answer is still wanted.
LOOK: Final = 1.0


@dataclass(frozen=True, slots=True)
class OutsideService:
    """Another program that an operation calls, declared with it: its name, and how to ask whether it answers."""

    #: In sentences; the errors of its calls begin with it.
    name: str
    #: Asks it now, and returns what it does wrong: "answers 503"; empty: nothing; None: there is nothing to ask. It
    #: sends the smallest request, nothing about users, and ends by its own limits, with TimeoutError.
    fault_now: Callable[[], str | None]


@cache
def trusted() -> ssl.SSLContext:
    """Return this host's certificate authorities, or those of SSL_CERT_FILE; reading them takes 30 ms."""
    return httpx2.create_ssl_context()


_questions: Final[dict[str, "Future[str | None]"]] = {}


def ask_now(service: OutsideService) -> str | None:
    """Return what `fault_now` returns, within PROBE_SECONDS; a question that has no answer yet is not repeated.

    Raises TimeoutError where no answer comes in time: the service may be at work on it, as jobs wait longer.
    """
    question = _questions.get(service.name)
    if question is None or question.done():
        question = _questions[service.name] = Future()
        _start(question, service.fault_now)
    try:
        return question.result(PROBE_SECONDS)
    except TimeoutError:
        raise
    except Exception as error:  # noqa: BLE001 - a page is shown with it, whatever is wrong
        return f"cannot be asked ({type(error).__name__})"


class Unwanted(Exception):
    """The answer is not wanted any more: a cancel was accepted meanwhile."""


def call(ask: Callable[[], T], *, seconds: float, is_unwanted: Callable[[], bool], held: ExitStack) -> T:
    """Return what `ask` returns, in a thread of its own; raise what it raises.

    Raises TimeoutError after so many seconds, Unwanted within a second of `is_unwanted`. Nothing ends the call itself
    then: it ends by its own limits, and closes what `held` had to close, which it still uses.
    """
    answer: Future[T] = Future()
    _start(answer, ask)
    try:
        _wait(answer, monotonic() + seconds, is_unwanted)
    except BaseException:
        left = held.pop_all()
        answer.add_done_callback(lambda _: left.close())
        raise
    return answer.result()


def _start(answer: "Future[T]", ask: Callable[[], T]) -> None:
    threading.Thread(target=_answer, args=(answer, ask), name="call to the outside", daemon=True).start()


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
