"""The endings of an attempt, as the model has them: what core/jobs/finish.py does in one transaction each."""

from tests.model.state import (
    CANCELLED,
    FAILED,
    KINDS,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    USER_FAILED,
    Job,
    World,
    has_moved_on,
    is_untouched,
)
from tests.model.transition import Protections


def is_held(job: Job, token: int, *, checked: bool = True) -> bool:
    """Return whether the job is running under this token (or, unchecked, under any)."""
    return job.status == RUNNING and (job.token == token or not checked)


def succeed(world: World, at: int, rules: Protections) -> World:
    """End a job well: its user is at the target."""
    return _end(world, at, SUCCEEDED, KINDS[world.jobs[at].kind].target, rules)


def settle(world: World, at: int, status: str, rules: Protections) -> World:
    """End a job without success: what it left is undone, unless it never began or the undo fails."""
    job = world.jobs[at]
    if is_untouched(world, job) and (not job.token or rules.untouched_is_left_alone):
        world = world.with_job(at, job._replace(started=False))
        return _end(world, at, status, _rest_of(world.jobs[at], status, rules), rules)
    if job.token and world.undo_broken:
        status_after = FAILED if rules.failed_undo_is_reported else status
        return _end(
            world.with_job(at, job._replace(unclean=rules.failed_undo_is_reported)),
            at,
            status_after,
            USER_FAILED,
            rules,
        )
    if job.token and rules.endings_undo:
        world = world._replace(effects=())
    return _end(world, at, status, _rest_of(job, status, rules), rules)


def fail_or_retry(world: World, at: int, rules: Protections, *, final: bool) -> World:
    """End an attempt after an error: settle if cancelled, another attempt after a pause, or failed."""
    job = world.jobs[at]
    if job.cancel and rules.endings_heed_cancel:
        return settle(world, at, CANCELLED, rules)
    if final or job.attempt >= job.max_attempts:
        return settle(world, at, FAILED, rules)
    return requeue(world, at, due=False)


def release(world: World, at: int, rules: Protections, *, heeds: bool) -> World:
    """Release a job without spending its attempt, or settle it if a cancel was requested meanwhile."""
    job = world.jobs[at]
    if job.cancel and heeds:
        return settle(world, at, CANCELLED, rules)
    return requeue(world.with_job(at, job._replace(attempt=job.attempt - rules.stop_refunds)), at)


def rescue(world: World, at: int, rules: Protections) -> World:
    """Take a job away from its worker: settle it if cancelled, failed at its last attempt, or queued again."""
    job = world.jobs[at]
    if job.cancel and rules.endings_heed_cancel:
        return settle(world, at, CANCELLED, rules)
    moved_on = has_moved_on(job) and rules.moving_on_spends_nothing
    if job.attempt >= job.max_attempts and rules.lost_attempts_count and not moved_on:
        return settle(world, at, FAILED, rules)
    marked = job._replace(attempt=job.attempt - moved_on, mark=max(job.mark, job.done))
    return requeue(world.with_job(at, marked), at)


def requeue(world: World, at: int, *, due: bool = True) -> World:
    """Put a job back into the queue."""
    job = world.jobs[at]
    started = job.started and not is_untouched(world, job)
    job = job._replace(status=QUEUED, due=due, lost=False, late=False, started=started)
    return world.with_job(at, job)


def _end(world: World, at: int, status: str, user: str, rules: Protections) -> World:
    job = world.jobs[at]
    ended = job._replace(status=status, endings=job.endings + 1, due=True, lost=False, late=False)
    if status == CANCELLED:
        ended = ended._replace(cancel=True)
    world = world.with_job(at, ended)
    return world._replace(user=user) if rules.user_moves_with_job else world


def _rest_of(job: Job, status: str, rules: Protections) -> str:
    if not job.started and rules.never_started_goes_back:
        return job.came_from
    return USER_FAILED if status == FAILED else KINDS[job.kind].cancelled_state
