"""Every move that the model knows: the next moves of each actor, one function each."""

from collections.abc import Iterator

from tests.model import people, threads
from tests.model.endings import is_held, release, rescue
from tests.model.state import CLAIMED, HEARTBEAT, QUEUED, RUNNING, SWEEPER, Job, Seen, Setting, Worker, World
from tests.model.transition import Move, Protections, Transition


def moves(world: World, setting: Setting, rules: Protections) -> Iterator[Transition]:
    """Yield every transition from this state."""
    losers = [worker for worker in world.workers if setting.hasty and threads.has_lost(world, worker)]
    for each in threads.moves(world, losers[0], setting, rules) if losers else _all(world, setting, rules):
        if each.move.name not in setting.without:
            yield _woken(world, each, setting) if setting.wakeups else each


def _all(world: World, setting: Setting, rules: Protections) -> Iterator[Transition]:
    yield from _wakeups(world, setting)
    yield from _time(world, setting)
    yield from _claims(world, setting, rules)
    for worker in world.workers:
        yield from threads.moves(world, worker, setting, rules)
    yield from _looks(world, setting, rules)
    for sighting in world.seen:
        yield _act(world, sighting, rules)
    yield from people.moves(world, setting, rules)
    if setting.breakable:
        name = "mend undo" if world.undo_broken else "break undo"
        yield Transition(Move(name), world._replace(undo_broken=not world.undo_broken))


def _wakeups(world: World, setting: Setting) -> Iterator[Transition]:
    """Redis may be wiped, and deliver twice; a wakeup is a hint."""
    if world.wakeups:
        yield Transition(Move("lose wakeups"), world._replace(wakeups=0))
    if 0 < world.wakeups < setting.wakeups:
        yield Transition(Move("double wakeup"), world._replace(wakeups=2))


def _woken(before: World, each: Transition, setting: Setting) -> Transition:
    """Send a wakeup for a job that this move put into the queue; passing time sends none."""
    waited = sum(job.status == QUEUED and job.due for job in before.jobs)
    waits = sum(job.status == QUEUED and job.due for job in each.world.jobs)
    if waits <= waited or each.move.name == "wait":
        return each
    return each._replace(world=each.world._replace(wakeups=min(setting.wakeups, each.world.wakeups + 1)))


def _time(world: World, setting: Setting) -> Iterator[Transition]:
    for at, job in enumerate(world.jobs):
        if job.status == QUEUED and not job.due:
            yield Transition(Move("wait", at), world.with_job(at, job._replace(due=True)))
        if job.status == RUNNING and not job.late and not job.lost and setting.may_lose(job):
            yield Transition(Move("overrun", at), world.with_job(at, job._replace(late=True)))


def _claims(world: World, setting: Setting, rules: Protections) -> Iterator[Transition]:
    """A free thread claims what is due: it answers a wakeup, was woken by the sweeper, or has just ended a job."""
    if len(world.workers) >= setting.workers:
        return
    answered = world._replace(wakeups=max(0, world.wakeups - 1))
    ready = [at for at, job in enumerate(world.jobs) if _is_claimable(job, rules)]
    for at in ready:
        if world.wakeups:
            yield _claim("answer", answered, at, rules)
        if rules.sweeper_wakes_for_due_jobs:
            yield _claim("claim", world, at, rules)
    if not ready:
        yield Transition(Move("claim in vain"), answered)


def _is_claimable(job: Job, rules: Protections) -> bool:
    return (job.status == QUEUED and job.due) or (job.status == RUNNING and not rules.claim_takes_queued_jobs_only)


def _claim(name: str, world: World, at: int, rules: Protections) -> Transition:
    job = world.jobs[at]
    token = job.token + rules.claim_takes_a_new_token
    claimed = job._replace(status=RUNNING, token=token, attempt=job.attempt + 1, started=True)
    world = world.with_job(at, claimed).with_worker(None, Worker(at, token, CLAIMED))
    return Transition(Move(name, at, token), world)


def _looks(world: World, setting: Setting, rules: Protections) -> Iterator[Transition]:
    """Sweeper and heartbeat first read the orphans, and act a moment later: much may happen in between."""
    if len(world.seen) >= setting.lookers:
        return
    for at, job in enumerate(world.jobs):
        if job.status != RUNNING:
            continue
        if not (job.lost or job.late):
            yield Transition(Move("look in vain", at), world)
        elif rules.sweeper_rescues:
            yield _note(world, "look for orphans", Seen(SWEEPER, at, job.token))
        if _is_forgotten(world, at) and rules.heartbeat_gives_back:
            yield _note(world, "look for forgotten", Seen(HEARTBEAT, at, job.token))


def _is_forgotten(world: World, at: int) -> bool:
    """Return whether a living process owns the job, but none of its threads holds it: its ending was not written."""
    job = world.jobs[at]
    return not job.lost and not any(w.job == at and w.token == job.token for w in world.workers)


def _note(world: World, name: str, sighting: Seen) -> Transition:
    noted = world._replace(seen=tuple(sorted({*world.seen, sighting})))
    return Transition(Move(name, sighting.job, sighting.token), noted)


def _act(world: World, sighting: Seen, rules: Protections) -> Transition:
    after = world._replace(seen=tuple(other for other in world.seen if other != sighting))
    job = world.jobs[sighting.job]
    if sighting.by == SWEEPER:
        held = is_held(job, sighting.token, checked=rules.rescue_checks_token)
        acted = rescue(after, sighting.job, rules) if held else after
        return Transition(Move("rescue", sighting.job, sighting.token), acted)
    held = is_held(job, sighting.token, checked=rules.give_back_checks_token)
    acted = release(after, sighting.job, rules, heeds=rules.endings_heed_cancel) if held else after
    return Transition(Move("give back", sighting.job, sighting.token), acted)
