"""The next moves of a worker's thread, from each place: core/jobs/run.py and checkpoint.py, as the model has them."""

from collections.abc import Iterator

from tests.model.endings import fail_or_retry, is_held, release, settle, succeed
from tests.model.state import (
    CANCELLED,
    CLAIMED,
    ERRED,
    GAVE_UP,
    HEARD_CANCEL,
    HEARD_STOP,
    KINDS,
    RUNNING,
    SHUT_OUT,
    STEPS,
    WORKING,
    Job,
    Setting,
    Worker,
    World,
)
from tests.model.transition import Move, Protections, Transition

ENDING = frozenset({HEARD_CANCEL, HEARD_STOP, ERRED, GAVE_UP})


def moves(world: World, worker: Worker, setting: Setting, rules: Protections) -> Iterator[Transition]:
    """Yield every transition of one thread that is at a job."""
    may_refund = _may_refund(world.jobs[worker.job], setting)
    yield from _deaths(world, worker, setting)
    if worker.phase == CLAIMED:
        yield _named("begin", worker, _begin(world, worker, rules))
    elif worker.phase == WORKING:
        yield from _work(world, worker, rules, may_refund=may_refund)
    elif worker.phase == SHUT_OUT:
        yield _named("look again", worker, _look_again(world, worker))
    else:
        yield _named("end", worker, _end(world, worker, rules))
    if worker.phase in ENDING | {CLAIMED} and may_refund and is_held(world.jobs[worker.job], worker.token):
        # The database is away just when the claim is answered or the ending written: the thread lets the job go.
        yield _named("lose answer", worker, world.without(worker))


def has_lost(world: World, worker: Worker) -> bool:
    """Return whether a thread can only find out that it has lost its job."""
    lost = not is_held(world.jobs[worker.job], worker.token)
    return lost and worker.phase in ENDING | {SHUT_OUT}


def _may_refund(job: Job, setting: Setting) -> bool:
    return job.token - job.attempt < setting.refunds


def _named(name: str, worker: Worker, world: World) -> Transition:
    return Transition(Move(name, worker.job, worker.token), world)


def _deaths(world: World, worker: Worker, setting: Setting) -> Iterator[Transition]:
    """kill -9, and SIGSTOP for longer than the lease: the thread of the latter resumes one day without knowing it."""
    job = world.jobs[worker.job]
    if not is_held(job, worker.token):
        return  # no one waits for it, so its death changes nothing
    if not setting.may_lose(job):
        return
    silent = world.with_job(worker.job, job._replace(lost=True))
    yield _named("kill", worker, silent.without(worker))
    if not job.lost:
        yield _named("pause", worker, silent)


def _begin(world: World, worker: Worker, rules: Protections) -> World:
    job = world.jobs[worker.job]
    has_begun = world.user == KINDS[job.kind].during
    # A planned job moves its user now; who lost the job must not move what others have moved on.
    may_begin = has_begun or job.status == RUNNING or not rules.begin_checks_status
    if job.token != worker.token or not may_begin:
        return world.with_worker(worker, worker._replace(phase=SHUT_OUT))
    if not has_begun and job.cancel and rules.begin_heeds_cancel:
        return world.with_worker(worker, worker._replace(phase=HEARD_CANCEL))
    begun = world._replace(user=KINDS[job.kind].during)
    return begun.with_worker(worker, worker._replace(phase=WORKING, done=job.done))


def _work(world: World, worker: Worker, rules: Protections, *, may_refund: bool) -> Iterator[Transition]:
    yield _named("raise error", worker, world.with_worker(worker, worker._replace(phase=ERRED)))
    yield _named("give up", worker, world.with_worker(worker, worker._replace(phase=GAVE_UP)))
    if worker.done == STEPS:
        yield from _finish(world, worker, rules)
        return
    stepped = _step(world, worker, rules)
    yield _named("step", worker, stepped)
    at_work = worker._replace(done=worker.done + 1)
    if at_work in stepped.workers and may_refund:
        stopped = stepped.with_worker(at_work, at_work._replace(phase=HEARD_STOP))
        yield _named("step and hear stop", worker, stopped)
    if not rules.step_and_progress_commit_together:
        yield _named("torn step", worker, _with_effect(world, worker).without(worker))


def _step(world: World, worker: Worker, rules: Protections) -> World:
    """Do one step and commit it with its progress, or roll both back; then check whether a stop was requested."""
    job = world.jobs[worker.job]
    fits = job.token == worker.token or not rules.checkpoint_checks_token
    if not fits or (job.status != RUNNING and rules.checkpoint_checks_status):
        return world.with_worker(worker, worker._replace(phase=SHUT_OUT))
    done = worker.done + 1
    world = _with_effect(world, worker).with_job(worker.job, job._replace(done=done, late=False))
    return world.with_worker(worker, worker._replace(phase=HEARD_CANCEL if job.cancel else WORKING, done=done))


def _with_effect(world: World, worker: Worker) -> World:
    """Step k adds effect k, or takes it away."""
    if KINDS[world.jobs[worker.job].kind].adds:
        return world._replace(effects=tuple(sorted((*world.effects, worker.done))))
    return world._replace(effects=tuple(effect for effect in world.effects if effect != worker.done))


def _finish(world: World, worker: Worker, rules: Protections) -> Iterator[Transition]:
    job = world.jobs[worker.job]
    refused = job.cancel and rules.finish_heeds_cancel
    if refused or not is_held(job, worker.token, checked=rules.finish_checks_token):
        yield _named("finish", worker, world.with_worker(worker, worker._replace(phase=SHUT_OUT)))
        return
    done = succeed(world, worker.job, rules)
    yield _named("finish", worker, done.without(worker))
    # The commit went through and its answer was lost: the thread believes in an error.
    yield _named("finish unheard", worker, done.with_worker(worker, worker._replace(phase=ERRED)))


def _look_again(world: World, worker: Worker) -> World:
    """Distinguish a lost lease from a success that came after an accepted cancel."""
    job = world.jobs[worker.job]
    if is_held(job, worker.token) and job.cancel:
        return world.with_worker(worker, worker._replace(phase=HEARD_CANCEL))
    return world.without(worker)


def _end(world: World, worker: Worker, rules: Protections) -> World:
    after, at = world.without(worker), worker.job
    if not is_held(world.jobs[at], worker.token, checked=rules.endings_check_token):
        return after
    if worker.phase == HEARD_CANCEL:
        return settle(after, at, CANCELLED, rules)
    if worker.phase == HEARD_STOP:
        return release(after, at, rules, heeds=rules.stop_heeds_cancel)
    return fail_or_retry(after, at, rules, final=worker.phase == GAVE_UP)
