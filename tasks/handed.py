"""What the carrier hands to a thread, and what it gets back: a success that is to be written."""

import logging
from collections import deque
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from opentelemetry.trace import Span

from core import tracing
from core.jobs.batch import Ended
from core.jobs.claim import Claimed
from core.models import AttemptOutcome

_T = TypeVar("_T")

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Handed:
    """What a thread is to do: run a job, claim the next one of a queue whose kind has a limit, or write an ending."""

    queue: str
    held: Claimed | None
    #: A success that its thread has left to the carrier, from then on until it is written.
    left: Ended | None = None
    #: A success that the carrier could not write: from then on a thread writes it, alone.
    refused: Ended | None = None
    #: It may kill this process: no other job starts beside it.
    is_alone: bool = False
    #: The attempt's span, open until its ending is committed.
    span: Span | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """A task's success that is to be written; until then the process holds the job, and its thread goes on."""

    handed: Handed
    held: Claimed
    ended: Ended


def all_of(waiting: deque[_T]) -> list[_T]:
    """Take what waits now; more may come meanwhile."""
    return [waiting.popleft() for _ in range(len(waiting))]


def note_end(handed: Handed, worker: UUID, outcome: AttemptOutcome | None) -> None:
    """Say in the log and in the attempt's span how an attempt ended, once that is committed; None: it is unknown."""
    held, span, handed.span = handed.held, handed.span, None
    assert held is not None, "only a job has attempts"
    if span is not None:
        tracing.end_attempt(span, outcome)
    if log.isEnabledFor(logging.DEBUG):
        named = {"job": str(held.id), "kind": held.kind, "token": held.token, "attempt": held.attempt}
        log.debug("attempt ended", extra={**named, "worker": str(worker), "outcome": outcome or "unknown"})
