"""Requests of people, at any moment and from a screen of any age: accepted, or refused by name."""

from collections.abc import Iterator

from tests.model.endings import settle
from tests.model.state import CANCELLED, ENDED, FAILED, KINDS, QUEUED, Job, Setting, World
from tests.model.transition import Move, Protections, Transition


def moves(world: World, setting: Setting, rules: Protections) -> Iterator[Transition]:
    """Yield every cancel, retry and new request, with the answer."""
    for at in range(len(world.jobs)):
        yield _cancel(world, at, rules)
    if setting.jobs == 1:
        return
    for at in range(len(world.jobs)):
        yield from _retry(world, at, setting, rules)
    for kind in KINDS:
        yield from _ask(world, Move("ask", kind=kind), kind, setting, rules)


def _cancel(world: World, at: int, rules: Protections) -> Transition:
    job, move = world.jobs[at], Move("cancel", at)
    if job.status in ENDED and rules.ended_is_final:
        return Transition(move, world, "NotAllowed")
    if job.status == QUEUED or job.status in ENDED:
        job_with_event = world.with_job(at, _with_event(job, rules))
        return Transition(move, settle(job_with_event, at, CANCELLED, rules))
    if not rules.running_job_is_only_requested_to_stop:
        # As in UPDATE background_jobs SET status = 'cancelled', by hand.
        ended = _with_event(job, rules)._replace(status=CANCELLED, cancel=True, endings=1, lost=False, late=False)
        rests = KINDS[job.kind].cancelled_state
        return Transition(move, world.with_job(at, ended)._replace(user=rests))
    requested = job if job.cancel else _with_event(job, rules)._replace(cancel=True)
    return Transition(move, world.with_job(at, requested))


def _retry(world: World, at: int, setting: Setting, rules: Protections) -> Iterator[Transition]:
    job, move = world.jobs[at], Move("retry", at)
    if job.status not in (FAILED, CANCELLED):
        yield Transition(move, world, "NotAllowed")
    elif not rules.retry_is_a_new_job:
        again = job._replace(status=QUEUED, attempt=0, done=0, cancel=False, unclean=False)
        yield Transition(move, world.with_job(at, again)._replace(user=KINDS[job.kind].during))
    else:
        yield from _ask(world, move, job.kind, setting, rules)


def _ask(world: World, move: Move, kind: str, setting: Setting, rules: Protections) -> Iterator[Transition]:
    if not world.is_at_rest() and rules.one_active_job:
        yield Transition(move, world, "AlreadyActive")
    elif world.user not in KINDS[kind].source:
        yield Transition(move, world, "NotAllowed")
    elif len(world.jobs) < setting.jobs:
        job = Job(kind, world.user, max_attempts=setting.attempts, person_events=int(rules.commands_write_events))
        requested = world._replace(jobs=(*world.jobs, job), user=KINDS[kind].during)
        yield Transition(move, requested)


def _with_event(job: Job, rules: Protections) -> Job:
    return job._replace(person_events=job.person_events + rules.commands_write_events)
