"""The invariants of every state and every move, each by its name."""

from collections.abc import Callable

from tests.model.state import (
    ALL_EFFECTS,
    CANCELLED,
    ENDED,
    FAILED,
    KINDS,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    Job,
    World,
    has_moved_on,
    is_untouched,
)
from tests.model.transition import PEOPLE, WORKERS, Transition

STUCK = "from every state an end is reachable"


def broken_in(world: World) -> str:
    """Return the name of the first invariant that this state breaks, or nothing."""
    return next((name for name, holds in OF_STATES.items() if not holds(world)), "")


def broken_by(before: World, transition: Transition) -> str:
    """Return the name of the first invariant that this transition breaks, or nothing."""
    return next((name for name, holds in OF_MOVES.items() if not holds(before, transition)), "")


def state_after(job: Job) -> str:
    """Return the state of a user whose last job is this one."""
    kind = KINDS[job.kind]
    if job.status not in ENDED:
        return kind.during
    if job.status == SUCCEEDED:
        return kind.target
    if not job.started:
        return job.came_from
    return "failed" if job.status == FAILED else kind.cancelled_state


def _no_effect_twice(world: World) -> bool:
    return len(set(world.effects)) == len(world.effects)


def _at_most_one_ending(world: World) -> bool:
    return all(job.endings <= 1 for job in world.jobs)


def _success_is_complete(world: World) -> bool:
    last = world.jobs[-1]
    expected = ALL_EFFECTS if KINDS[last.kind].adds else ()
    return last.status != SUCCEEDED or world.effects == expected


def _nothing_is_left(world: World) -> bool:
    """A job that never began leaves its user as before; a job whose undo failed says so, and has failed."""
    last = world.jobs[-1]
    if last.status not in (FAILED, CANCELLED) or not last.started:
        return True
    return not world.effects or (last.unclean and last.status == FAILED)


def _user_is_where_the_last_job_says(world: World) -> bool:
    """A planned job leaves its user alone until it begins, so not once a step of it is done."""
    last = world.jobs[-1]
    may_be_planned = last.status not in ENDED and not last.done and world.user == last.came_from
    return may_be_planned or world.user == state_after(last)


def _attempts_are_bounded(world: World) -> bool:
    return all(0 <= job.attempt <= job.max_attempts for job in world.jobs)


def _one_holder(world: World) -> bool:
    return len({(worker.job, worker.token) for worker in world.workers}) == len(world.workers)


def _one_active(world: World) -> bool:
    return sum(job.status not in ENDED for job in world.jobs) <= 1


def _cancel_is_kept(world: World) -> bool:
    """A job whose cancel was accepted neither succeeds nor returns to the queue, and fails only if its undo fails."""
    return all(
        job.status in (RUNNING, CANCELLED) or (job.status == FAILED and job.unclean) for job in world.jobs if job.cancel
    )


def _ended_is_final(before: World, transition: Transition) -> bool:
    pairs = zip(before.jobs, transition.world.jobs, strict=False)
    return all(old.status not in ENDED or old == new for old, new in pairs)


def _token_grows(before: World, transition: Transition) -> bool:
    return all(old.token <= new.token for old, new in zip(before.jobs, transition.world.jobs, strict=False))


def _only_the_holder_changes(before: World, transition: Transition) -> bool:
    """A thread without the token changes neither job nor effects; no thread claims a held job."""
    move, after = transition.move, transition.world
    if move.name in ("claim", "answer"):
        return before.jobs[move.job].status == QUEUED
    if move.name not in WORKERS or (before.jobs, before.effects, before.user) == (
        after.jobs,
        after.effects,
        after.user,
    ):
        return True
    return (before.jobs[move.job].status, before.jobs[move.job].token) == (RUNNING, move.token)


def _healthy_is_left_alone(before: World, transition: Transition) -> bool:
    """A rescue takes the job that was seen if it is still under the same token, and otherwise nothing."""
    move = transition.move
    if move.name not in ("rescue", "give back") or before.jobs == transition.world.jobs:
        return True
    return before.jobs[move.job].token == move.token


def _stopping_is_free(before: World, transition: Transition) -> bool:
    """A release restores the number of attempts before the claim."""
    move = transition.move
    stops = any(w.token == move.token and w.phase == "heard stop" for w in before.workers) and move.name == "end"
    if not stops and move.name != "give back":
        return True
    old, new = before.jobs[move.job], transition.world.jobs[move.job]
    return new.status != QUEUED or new.attempt == old.attempt - 1 or old == new


def _moving_on_is_free(before: World, transition: Transition) -> bool:
    """A job that lost its worker, and is further than at the loss before, has as many attempts left as before."""
    move = transition.move
    if move.name != "rescue" or before.jobs == transition.world.jobs:
        return True
    old, new = before.jobs[move.job], transition.world.jobs[move.job]
    return not has_moved_on(old) or old.cancel or (new.status, new.attempt) == (QUEUED, old.attempt - 1)


def _untouched_is_left_alone(before: World, transition: Transition) -> bool:
    """Ending a job that was claimed and has not begun leaves its user and their data as before the request."""
    after, at = transition.world, transition.move.job
    if at < 0 or after.jobs[at].status not in ENDED or before.jobs[at].status in ENDED:
        return True
    job = before.jobs[at]
    return (
        not job.token or not is_untouched(before, job) or (after.user, after.effects) == (job.came_from, before.effects)
    )


def _stopped_does_not_begin(before: World, transition: Transition) -> bool:
    """A job whose cancel was accepted before it began moves its user no more."""
    move = transition.move
    return move.name != "begin" or not before.jobs[move.job].cancel or before.user == transition.world.user


def _one_event_per_command(before: World, transition: Transition) -> bool:
    new_events = sum(job.person_events for job in transition.world.jobs) - sum(job.person_events for job in before.jobs)
    changed = transition.move.name in PEOPLE and before.jobs != transition.world.jobs
    return new_events == changed


def _refused_changes_nothing(before: World, transition: Transition) -> bool:
    return not transition.refusal or before == transition.world


OF_STATES: dict[str, Callable[[World], bool]] = {
    "no effect twice": _no_effect_twice,
    "at most one terminal transition": _at_most_one_ending,
    "succeeded means the work is complete": _success_is_complete,
    "failed or cancelled means nothing left": _nothing_is_left,
    "user state = f(last job)": _user_is_where_the_last_job_says,
    "attempt <= max_attempts": _attempts_are_bounded,
    "one holder per token": _one_holder,
    "at most one active job per row": _one_active,
    "accepted cancel is kept": _cancel_is_kept,
}
OF_MOVES: dict[str, Callable[[World, Transition], bool]] = {
    "terminal is final": _ended_is_final,
    "token never decreases": _token_grows,
    "only the holder changes a job": _only_the_holder_changes,
    "a healthy job is left alone": _healthy_is_left_alone,
    "stopping spends no attempt": _stopping_is_free,
    "moving on spends no attempt": _moving_on_is_free,
    "what has not begun is left alone": _untouched_is_left_alone,
    "what was asked to stop does not begin": _stopped_does_not_begin,
    "one event per change by a person": _one_event_per_command,
    "what is refused changes nothing": _refused_changes_nothing,
}
