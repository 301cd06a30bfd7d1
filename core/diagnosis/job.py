"""Why a job is where it is: a pure function from its scene to one sentence, its evidence and a safe remedy."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from core.diagnosis.blockers import held_back, will_be_held
from core.diagnosis.context import Diagnosis, Mood, Remedy, Scene, asked, name_of
from core.jobs.labels import Label
from core.models import BackgroundJob
from core.settings import settings
from core.wording import spoken

#: A running job that has reached no checkpoint for this long is worth a look; steps take seconds.
QUIET = timedelta(seconds=60)
#: A due job is picked up within a second; a bell that was lost is rung again by the next sweep.
PROMPT = timedelta(seconds=10)


def explain(scene: Scene) -> Diagnosis:
    """Tell why a job is where it is."""
    return _EXPLAINED[scene.label](scene)


def _queued(scene: Scene) -> Diagnosis:
    if held := held_back(scene):
        return held
    if scene.crew.workers == 0:
        return _nobody_there(scene, "cannot start: no worker is alive")
    if scene.ahead:
        return Diagnosis(
            Mood.WAITING,
            f"{name_of(scene)} waits its turn: {_jobs(scene.ahead)} due before it, {_crew(scene)} at work.",
            asked(scene),
        )
    waited = scene.now - scene.job.run_at
    if waited < PROMPT:
        return Diagnosis(Mood.WORKING, f"{name_of(scene)} starts any moment.", asked(scene))
    return Diagnosis(
        Mood.WAITING,
        f"{name_of(scene)} has been due for {spoken(waited)}, and all threads that could take it are busy.",
        (*asked(scene), f"{_crew(scene)} serve the queue {scene.job.queue}."),
    )


def _scheduled(scene: Scene) -> Diagnosis:
    due = spoken(scene.job.run_at - scene.now)
    return Diagnosis(
        Mood.WAITING, f"{name_of(scene)} is scheduled: it starts in {due}.", (*will_be_held(scene), *asked(scene))
    )


def _retrying(scene: Scene) -> Diagnosis:
    if scene.job.run_at <= scene.now and (held := held_back(scene)):
        return held
    if scene.crew.workers == 0:
        return _nobody_there(scene, "cannot go on: no worker is alive")
    job = scene.job
    wait = job.run_at - scene.now
    when = f"in {spoken(wait)}" if wait > timedelta(0) else "any moment"
    return Diagnosis(
        Mood.WAITING,
        f"{name_of(scene)} is between attempts: number {job.attempt + 1} of {job.max_attempts} starts {when}.",
        (f"The last one ended with: {_error(job)}", *will_be_held(scene), *asked(scene)),
    )


def _running(scene: Scene) -> Diagnosis:
    job, worker = scene.job, scene.worker
    quiet = scene.now - job.updated_at
    facts = (f"Attempt {job.attempt} of {job.max_attempts}, at work for {scene.since(job.started_at)}.",)
    silent = scene.now - worker.heartbeat_at if worker else timedelta(0)
    if silent > 2 * settings().heartbeat:
        left = spoken(settings().lease - silent)
        return Diagnosis(
            Mood.WAITING, f"{name_of(scene)}: its worker is silent for {spoken(silent)}; take-over in {left}.", facts
        )
    if quiet > QUIET:
        return Diagnosis(
            Mood.STUCK,
            f"{name_of(scene)} is running, but has come no further for {spoken(quiet)}.",
            (*facts, _time_limit(scene)),
            _cancel(job, "It stops at its next checkpoint, and what it did is undone."),
        )
    return Diagnosis(
        Mood.WORKING, f"{name_of(scene)} is running: {_progress(job)}last checkpoint {_ago(quiet)}.", facts
    )


def _stopping(scene: Scene) -> Diagnosis:
    asked = scene.since(scene.job.cancel_requested_at)
    return Diagnosis(
        Mood.WORKING,
        f"{name_of(scene)} was asked to stop {asked} ago, and stops at its next checkpoint.",
        (_time_limit(scene),),
    )


def _orphaned(scene: Scene) -> Diagnosis:
    silent = scene.since(scene.worker.heartbeat_at) if scene.worker else "an unknown time"
    told = (f"Its worker has given no sign of life for {silent}; presumed dead after {spoken(settings().lease)}.",)
    if scene.crew.workers == 0:
        return _nobody_there(scene, "has lost its worker, and no other worker is alive", told)
    sweep = timedelta(seconds=settings().sweep_seconds)
    if scene.worker and scene.now - scene.worker.heartbeat_at > settings().lease + 5 * sweep:
        hint = "Every worker sweeps; look at the log of the living ones, or start another (main.py worker)."
        return Diagnosis(Mood.STUCK, f"{name_of(scene)} has lost its worker, and nobody has taken over.", (*told, hint))
    return Diagnosis(
        Mood.WAITING, f"{name_of(scene)} has lost its worker; another one takes over within {spoken(sweep)}.", told
    )


def _failed(scene: Scene) -> Diagnosis:
    job = scene.job
    effect = "A new job tries again from the start; what the failed one did is undone already."
    return Diagnosis(
        Mood.FAILED,
        f"{name_of(scene)} failed {scene.since(job.finished_at)} ago: {_error(job)}",
        (f"{job.attempt} of {job.max_attempts} attempts were made.", *asked(scene)),
        Remedy("job.retry", job.id, "Retry", effect),
    )


def _succeeded(scene: Scene) -> Diagnosis:
    return Diagnosis(Mood.FINE, f"{name_of(scene)} succeeded {scene.since(scene.job.finished_at)} ago.")


def _cancelled(scene: Scene) -> Diagnosis:
    return Diagnosis(Mood.FINE, f"{name_of(scene)} was cancelled {scene.since(scene.job.finished_at)} ago.")


def _nobody_there(scene: Scene, what: str, told: tuple[str, ...] = ()) -> Diagnosis:
    seen = scene.crew.last_seen
    last = f"The last sign of life of any worker was {scene.since(seen)} ago." if seen else "No worker was ever seen."
    effect = "The user is back where they were as soon as a worker lives; nothing is lost either way."
    if scene.label is Label.QUEUED:
        effect = "The user is back where they were at once; nothing has been done yet."
    return Diagnosis(
        Mood.STUCK,
        f"{name_of(scene)} {what} for the queue {scene.job.queue}.",
        (*told, last, "It goes on by itself as soon as a worker starts (main.py worker).", *asked(scene)),
        _cancel(scene.job, effect),
    )


def _crew(scene: Scene) -> str:
    threads = scene.crew.threads
    return f"{threads:,} {'thread' if threads == 1 else 'threads'}"


def _jobs(count: int) -> str:
    if count >= 1_000:
        return "1,000 or more jobs are"
    return "1 job is" if count == 1 else f"{count} jobs are"


def _ago(span: timedelta) -> str:
    return "just now" if span < timedelta(seconds=2) else f"{spoken(span)} ago"


def _progress(job: BackgroundJob) -> str:
    return f"{job.progress_done:,} of {job.progress_total:,}, " if job.progress_total else ""


def _error(job: BackgroundJob) -> str:
    return ((job.error_message or "").strip() or "no error was recorded").splitlines()[0][:300]


def _time_limit(scene: Scene) -> str:
    deadline = scene.job.deadline_at
    if deadline is None or deadline <= scene.now:
        return "Its time limit is over; the next sweep takes it away from its worker."
    return f"If it stays silent, it is taken away from its worker in {spoken(deadline - scene.now)}."


def _cancel(job: BackgroundJob, effect: str) -> Remedy:
    return Remedy("job.cancel", job.id, "Cancel", effect)


_EXPLAINED: Final[Mapping[Label, Callable[[Scene], Diagnosis]]] = {
    Label.QUEUED: _queued,
    Label.SCHEDULED: _scheduled,
    Label.RETRYING: _retrying,
    Label.RUNNING: _running,
    Label.STOPPING: _stopping,
    Label.ORPHANED: _orphaned,
    Label.SUCCEEDED: _succeeded,
    Label.FAILED: _failed,
    Label.CANCELLED: _cancelled,
}
