"""Group commit: threads that end jobs or want the next one at the same moment share one statement and one commit.

The first that comes carries what is waiting; who comes meanwhile waits, and goes together with the next. So a busy
worker writes in groups as large as the database is slow, and an idle one waits for nobody.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from core import bus
from core.errors import LeaseLost
from core.jobs.batch import BatchResult, Ended, finish_and_claim
from core.jobs.claim import Claimed
from core.operations import BY_NAME
from core.settings import settings


class BatchInterrupted(SQLAlchemyError):
    """Nobody knows whether the turn was committed; if it was not, its jobs are still held."""


@dataclass(slots=True, eq=False)
class BatchRequest:
    """What one thread wants of a turn: its job's success written, and the next job."""

    ended: Ended | None = None
    wants_next: bool = True
    #: What the turn brought.
    claimed: Claimed | None = None
    steered: bool = False
    error: BaseException | None = None
    done: bool = False


@dataclass(slots=True)
class GroupCommit:
    """The turns of one queue in one worker process."""

    engine: Engine
    queue: str
    worker: Callable[[], UUID]
    _waiting: list[BatchRequest] = field(default_factory=list)
    _noting: threading.Lock = field(default_factory=threading.Lock)
    _carrying: threading.Lock = field(default_factory=threading.Lock)

    def take(self, wish: BatchRequest) -> None:
        """Carry a wish out, alone or with others. Raises LeaseLost if its job is not held, or the database's error."""
        with self._noting:
            self._waiting.append(wish)
        with self._carrying:
            if not wish.done:
                self._carry(self._next_group())
        if wish.error is not None:
            raise wish.error

    def _next_group(self) -> list[BatchRequest]:
        with self._noting:
            group, self._waiting = self._waiting, []
        return group

    def _carry(self, group: list[BatchRequest]) -> None:
        # Until it is answered, a wish is one of which nobody knows: whoever carries may be interrupted at any point.
        for wish in group:
            wish.error = BatchInterrupted("the thread that wrote this ending was interrupted")
        try:
            _answer(group, self._turn(group))
        except SQLAlchemyError as error:
            if len(group) > 1 and _is_about_rows(error):
                for wish in group:
                    self._carry([wish])
            else:
                for wish in group:
                    wish.error = error
        finally:
            for wish in group:
                wish.done = True

    def _turn(self, group: list[BatchRequest]) -> BatchResult:
        ended = sorted((wish.ended for wish in group if wish.ended), key=lambda one: one.id)
        wanted = sum(wish.wants_next for wish in group)
        with self.engine.begin() as connection:
            turn = finish_and_claim(
                connection, self.worker(), self.queue, BY_NAME, settings().step_limit, ended, wanted
            )
        bus.tell(turn.changes)
        return turn


def _is_about_rows(error: SQLAlchemyError) -> bool:
    """Tell whether the database refused the statement, for one row's sake, and is there to be asked for the others.

    An error that PostgreSQL itself sent has a state; that of a dead line, or of none, has not.
    """
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return False
    return bool(getattr(error.orig, "sqlstate", None))


def _answer(group: list[BatchRequest], turn: BatchResult) -> None:
    claimed = iter(turn.claimed)
    for wish in group:
        wish.steered = turn.steered
        if wish.wants_next:
            wish.claimed = next(claimed, None)
        wish.error = None
        if wish.ended and wish.ended.id not in turn.succeeded:
            wish.error = LeaseLost(f"job {wish.ended.id} is no longer held under token {wish.ended.token}")
