"""What the carrier hands to a thread, and what it gets back: a success that is to be written."""

import logging
from dataclasses import dataclass
from uuid import UUID

from core.jobs.batch import Ended
from core.jobs.claim import Claimed
from core.models import AttemptOutcome

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Handed:
    """What a thread is to do: run a job, claim the next one of a queue whose kind has a limit, or write an ending."""

    queue: str
    held: Claimed | None
    #: A success that the carrier could not write.
    refused: Ended | None = None
    #: It may kill this process: no other job starts beside it.
    is_alone: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """A task's success that is to be written; until then the process holds the job, and its thread goes on."""

    handed: Handed
    held: Claimed
    ended: Ended


def note_end(held: Claimed, worker: UUID, outcome: AttemptOutcome) -> None:
    """Log how an attempt ended."""
    if log.isEnabledFor(logging.DEBUG):
        named = {"job": str(held.id), "kind": held.kind, "token": held.token, "attempt": held.attempt}
        log.debug("attempt ended", extra={**named, "worker": str(worker), "outcome": outcome.value})
