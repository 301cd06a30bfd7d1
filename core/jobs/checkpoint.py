"""Checkpoints: progress, the check of the token and the commit of the work, in one transaction."""

from datetime import timedelta

from sqlmodel import Session

from core import bus
from core.crash import crash_point
from core.database.statement import Statement
from core.errors import LeaseLost
from core.jobs.claim import Claimed
from core.jobs.failure import storable
from core.operation import Progress

#: Characters of a progress message that are kept.
MOST_CHARACTERS = 500

_CHECKPOINT = Statement("""
    UPDATE background_jobs SET
        progress_done = :done, progress_total = :total, progress_message = :message,
        deadline_at = statement_timestamp() + make_interval(secs => :step_limit), updated_at = statement_timestamp()
    WHERE id = :id AND token = :token AND coalesce(status, '') = 'running'
    RETURNING cancel_requested_at, user_id
""")


def checkpoint(session: Session, held: Claimed, progress: Progress, step_limit: timedelta) -> bool:
    """Commit the step that was just done, and tell whether a cancel was requested meanwhile.

    The commit comes first, the look at the cancel second: a cancel seen before the commit would orphan what the step
    already did outside. Raises LeaseLost, with everything rolled back, when the job is no longer held.
    """
    crash_point("before_checkpoint")
    session.flush()
    values = {
        "id": held.id,
        "token": held.token,
        "done": progress.done,
        "total": progress.total,
        "message": storable(progress.message, MOST_CHARACTERS),
        "step_limit": step_limit.total_seconds(),
    }
    row = _CHECKPOINT.run(session, values)
    if row is None:
        session.rollback()
        raise LeaseLost(f"job {held.id} is no longer held under token {held.token}")
    bus.changed(session, job_id=held.id, user_id=row.user_id)
    session.commit()
    crash_point("after_checkpoint")
    return row.cancel_requested_at is not None
