"""Losses and stops of a worker: which of them spend an attempt, and which one is a job's last."""

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from core.jobs.failure import Failure, lost
from core.models import BackgroundJob
from core.wording import counted

#: How many losses of a job that came further each time spend no attempt: one that kills its workers may progress, too.
FREE_LOSSES = 3
#: Returns to the queue that spend no attempt though the job came no further, as when its worker is stopped for a new
#: release before a long step is done. A job that stops its own worker would come back for ever.
FREE_RETURNS = 10

# Workers of an earlier release noted neither how far the job was, nor whether that was further than before.
_LOSSES = text("""
    SELECT coalesce(max((data ->> 'done')::bigint) FILTER (WHERE is_loss), 0) AS done,
           count(*) FILTER (WHERE is_loss AND data ->> 'moved_on' IS DISTINCT FROM 'true') AS in_place,
           count(*) FILTER (WHERE is_loss AND data ->> 'moved_on' = 'true') AS free,
           count(*) FILTER (WHERE NOT is_loss) AS returns
    FROM events, LATERAL (SELECT name = 'job.rescued' AS is_loss) AS loss
    WHERE job_id = :id AND name IN ('job.rescued', 'job.handed_back')
""")

# An earlier release did not note how far the job was.
_RETURNS_IN_PLACE = text("""
    SELECT count(*) FROM events
    WHERE job_id = :id AND name = 'job.handed_back' AND (data ->> 'done')::bigint >= :done
""")


@dataclass(frozen=True, slots=True)
class Losses:
    """How far a job was when it last lost its worker, and how often it did."""

    done: int = 0
    #: No further than before: each has spent an attempt.
    in_place: int = 0
    #: Further than before: none has spent an attempt.
    free: int = 0
    #: How often its worker has returned it to the queue; these are no losses.
    returns: int = 0

    @property
    def all(self) -> int:
        """How often it did."""
        return self.in_place + self.free


def losses_of(session: Session, job_id: UUID) -> Losses:
    """Return a job's losses and returns so far, from its events."""
    row = session.connection().execute(_LOSSES, {"id": job_id}).one()
    return Losses(row.done, row.in_place, row.free, row.returns)


def is_free(job: BackgroundJob, before: Losses) -> bool:
    """Tell whether a loss now spends no attempt: what came further than at the last one does not kill its workers."""
    return job.progress_done > before.done and job.max_attempts > 1 and before.free < FREE_LOSSES


def is_last(job: BackgroundJob, before: Losses) -> bool:
    """Tell whether a loss now ends the job as failed."""
    return job.attempt >= job.max_attempts and not is_free(job, before)


def returns_in_place(session: Session, job: BackgroundJob) -> int:
    """Return how often a job has come back to the queue where it is now, or further."""
    values = {"id": job.id, "done": job.progress_done}
    return int(session.connection().execute(_RETURNS_IN_PLACE, values).scalar_one())


def lost_again(in_place: int, free: int = 0) -> Failure:
    """Return the failure of a job whose last attempt lost its worker, as one before it had."""
    end = ": this job probably kills the worker that runs it."
    failure = lost(f"worker lost {in_place} times{end}")
    both = f"worker lost {in_place} times without progress, and {counted(free, 'time')} after some{end}"
    return replace(failure, message=both) if free else failure


def overdue_again(losses: int) -> Failure:
    """Return the failure of a job that was taken from its worker at its last attempt, as at one before it."""
    return lost(
        f"The job was taken from its worker {losses} times; the last time, it had reached no checkpoint within its "
        "time limit."
    )


def returned_too_often(returns: int) -> Failure:
    """Return the failure of a job that spends its last attempt by coming back."""
    return lost(
        f"The worker stopped {returns} times before the job came any further: the job takes longer than workers run, "
        "or it stops them itself."
    )


#: The groups of these failures, whatever the numbers in them: events that tell the losses may be archived already.
_ENDS_ITS_WORKERS = frozenset(of(2).fingerprint for of in (lost_again, overdue_again, returned_too_often))


def ends_its_workers(job: BackgroundJob) -> bool:
    """Tell whether a job failed because attempt after attempt ended its worker; a single loss proves nothing."""
    return job.error_fingerprint in _ENDS_ITS_WORKERS
