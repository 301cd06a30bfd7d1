"""Group commit: threads that end jobs or need the next one at the same moment share one statement and one commit.

The first thread that comes leads: it writes for all that wait. Threads that come meanwhile wait, and form the next
group. So a busy worker writes in groups as large as the database is slow, and an idle one waits for no other thread.
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
    """It is unknown whether the batch was committed; if it was not, its jobs are still held."""


@dataclass(slots=True, eq=False)
class BatchRequest:
    """One thread's part of a batch: write its job's success, claim the next job, or both."""

    ended: Ended | None = None
    needs_job: bool = True
    #: The answer: the next job, or that the next one in order has a limit and needs a claim of its own.
    claimed: Claimed | None = None
    limited: bool = False
    error: BaseException | None = None
    done: bool = False


@dataclass(slots=True)
class GroupCommit:
    """The batches of one queue in one worker process."""

    engine: Engine
    queue: str
    worker: Callable[[], UUID]
    _waiting: list[BatchRequest] = field(default_factory=list)
    _waiting_lock: threading.Lock = field(default_factory=threading.Lock)
    _leader_lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, request: BatchRequest) -> None:
        """Execute a request, alone or with others. Raises LeaseLost if its job is not held, or the database's error."""
        with self._waiting_lock:
            self._waiting.append(request)
        with self._leader_lock:
            if not request.done:
                self._execute(self._next_group())
        if request.error is not None:
            raise request.error

    def _next_group(self) -> list[BatchRequest]:
        with self._waiting_lock:
            group, self._waiting = self._waiting, []
        return group

    def _execute(self, group: list[BatchRequest]) -> None:
        # Until a request is answered its outcome is unknown: the leading thread may be interrupted at any point.
        for request in group:
            request.error = BatchInterrupted("the thread that wrote this ending was interrupted")
        try:
            _answer(group, self._write(group))
        except SQLAlchemyError as error:
            if len(group) > 1 and _is_about_rows(error):
                for request in group:
                    self._execute([request])
            else:
                for request in group:
                    request.error = error
        finally:
            for request in group:
                request.done = True

    def _write(self, group: list[BatchRequest]) -> BatchResult:
        ended = sorted((request.ended for request in group if request.ended), key=lambda job: job.id)
        claims = sum(request.needs_job for request in group)
        with self.engine.begin() as connection:
            result = finish_and_claim(
                connection, self.worker(), self.queue, BY_NAME, settings().step_limit, ended, claims
            )
        bus.publish(result.changes)
        return result


def _is_about_rows(error: SQLAlchemyError) -> bool:
    """Tell whether the database refused the statement because of one row, and can be asked again for the others.

    An error that PostgreSQL itself sent has a state; that of a broken connection, or of none, has not.
    """
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return False
    return bool(getattr(error.orig, "sqlstate", None))


def _answer(group: list[BatchRequest], result: BatchResult) -> None:
    claimed, limited = iter(result.claimed), result.limited
    for request in group:
        if request.needs_job:
            request.claimed = next(claimed, None)
            request.limited = request.claimed is None and limited > 0
            limited -= request.limited
        request.error = None
        if request.ended and request.ended.id not in result.succeeded:
            request.error = LeaseLost(f"job {request.ended.id} is no longer held under token {request.ended.token}")
