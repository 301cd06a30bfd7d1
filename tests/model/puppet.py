"""The engine's real `run`, in a thread of its own that waits for an order wherever the model has a state.

It stops between transactions only: before each step, before the finish, before each ending. A power cut in the
middle of a transaction leaves the state before it.
"""

import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from core.errors import GiveUp
from core.jobs import run as run_module
from core.jobs.claim import Claimed
from core.models import AttemptOutcome
from tests.driving import STEP, Killed
from tests.model.state import CLAIMED, ERRED, GAVE_UP, HEARD_CANCEL, HEARD_STOP, SHUT_OUT, WORKING

GONE = "gone"
#: A thread that reports nothing for this long waits for a lock that is never released.
PATIENCE = 30

Place = tuple[str, int]
_here = threading.local()
_OF_OUTCOME = {AttemptOutcome.CANCELLED: HEARD_CANCEL, AttemptOutcome.HANDED_BACK: HEARD_STOP}


def database_away() -> OperationalError:
    """Return the error that a thread gets when the database does not answer."""
    return OperationalError("the answer was lost", None, Exception())


class Puppet:
    """One worker's thread at one job; `place` is where it waits, and how many steps it has behind it."""

    def __init__(self, engine: Engine, held: Claimed) -> None:
        self.place: Place = (CLAIMED, 0)
        self.stopping = False
        self.deaf = False
        self._doomed = False
        self._orders: SimpleQueue[BaseException | None] = SimpleQueue()
        self._news: SimpleQueue[Place | BaseException] = SimpleQueue()
        self._thread = threading.Thread(target=self._live, args=(engine, held), daemon=True)

    def go(self, order: BaseException | None = None) -> None:
        """Let the thread go on, or meet an error right where it is, until it waits again or is gone."""
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._orders.put(order)
        news = self._news.get(timeout=PATIENCE)
        if isinstance(news, BaseException):
            raise news
        self.place = news

    def kill(self) -> None:
        """End the thread without another statement."""
        self._doomed = True
        if self._thread.ident is not None and self.place[0] != GONE:
            self.go(Killed())
        self.place = (GONE, 0)

    def wait_at(self, phase: str, done: int) -> None:
        """Report where the thread is, and wait for the order to go on; the thread itself calls this."""
        if self._doomed:
            raise Killed
        self._news.put((phase, done))
        if order := self._orders.get():
            raise order

    def _live(self, engine: Engine, held: Claimed) -> None:
        _here.puppet = self
        try:
            run_module.run(engine, held, STEP, lambda: self.stopping)
        except (Killed, OperationalError):
            self._news.put((GONE, 0))
        except BaseException as error:  # noqa: BLE001 - passed to the thread that waits for news
            self._news.put(error)
        else:
            self._news.put((GONE, 0))


def wait_at_work(done: int) -> None:
    """Wait, in an operation's code, before the step after `done` steps, or before the end."""
    _here.puppet.wait_at(WORKING, done)


def stop_at_every_state(patch: pytest.MonkeyPatch) -> None:
    """Let the real `run` wait before each of its endings, and lose the answer to its finish where a puppet is deaf."""
    end, look_again = run_module._end, run_module._after_loss

    def waiting_end(session: Any, held: Claimed, outcome: AttemptOutcome, ending: Callable[..., None]) -> Any:
        session.rollback()  # as `_end` begins: no thread waits here while it holds a lock
        _here.puppet.wait_at(_OF_OUTCOME.get(outcome) or _kind_of_error(), 0)
        return end(session, held, outcome, ending)

    def waiting_look(session: Any, held: Claimed) -> Any:
        _here.puppet.wait_at(SHUT_OUT, 0)
        return look_again(session, held)

    def lose_the_answer(name: str) -> None:
        if name == "after_finish" and _here.puppet.deaf:
            raise database_away()

    patch.setattr(run_module, "_end", waiting_end)
    patch.setattr(run_module, "_after_loss", waiting_look)
    patch.setattr(run_module, "crash_point", lose_the_answer)


def _kind_of_error() -> str:
    return GAVE_UP if isinstance(sys.exception(), GiveUp) else ERRED
