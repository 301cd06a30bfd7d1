"""What the model knows of the world: one user, their jobs, the threads at them, and the sightings of others."""

from typing import NamedTuple

from core.models import DemoModeStatus, JobStatus

# Plain text, for an enum's hash is a function of Python's, and exploring hashes millions of states.
QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = (status.value for status in JobStatus)
DISABLED, ENABLING, ENABLED, DISABLING, USER_FAILED = (
    DemoModeStatus[name].value for name in ("DISABLED", "ENABLING", "ENABLED", "DISABLING", "FAILED")
)
ENDED = frozenset({SUCCEEDED, FAILED, CANCELLED})

#: Steps of work, each with a checkpoint of its own. With a single one, a missing fence would not be found.
STEPS = 2
ALL_EFFECTS = tuple(range(STEPS))


class Kind(NamedTuple):
    """One row of the table in docs/lifecycle.md, written again by hand: the declarations are held to it."""

    source: frozenset[str]
    during: str
    target: str
    cancelled_state: str
    adds: bool


KINDS = {
    "demo.enable": Kind(frozenset({DISABLED, USER_FAILED}), ENABLING, ENABLED, DISABLED, adds=True),
    "demo.disable": Kind(frozenset({ENABLED, USER_FAILED}), DISABLING, DISABLED, DISABLED, adds=False),
    "demo.dismiss": Kind(frozenset({USER_FAILED}), USER_FAILED, DISABLED, USER_FAILED, adds=False),
}


class Job(NamedTuple):
    """A row of background_jobs, and its events in the log."""

    kind: str
    came_from: str
    status: str = QUEUED
    max_attempts: int = 2
    attempt: int = 0
    token: int = 0
    done: int = 0
    #: How far it was when it last lost its worker.
    mark: int = 0
    #: Its pause after an error is over.
    due: bool = True
    cancel: bool = False
    #: It has a start: it was claimed, and has not been taken from its worker before its work began.
    started: bool = False
    #: The process of its worker was killed, or silent for longer than the lease.
    lost: bool = False
    #: Its next checkpoint is overdue.
    late: bool = False
    #: It ended, and its undo failed.
    unclean: bool = False
    #: Events that say that it ended.
    endings: int = 0
    #: Events of a person's commands on it.
    person_events: int = 1
    #: Each attempt that has ended has one row, a running one has none; so there is one for each token but a held one.
    attempts_written: bool = True


# The places where a worker's thread can be between two transactions; tests/model/puppet.py stops the real one there.
CLAIMED, WORKING, HEARD_CANCEL, HEARD_STOP, ERRED, GAVE_UP, SHUT_OUT = (
    "claimed", "working", "heard cancel", "heard stop", "erred", "gave up", "shut out",
)  # fmt: skip


def has_moved_on(job: Job) -> bool:
    """Return whether a job is further than when it last lost its worker, and may be tried more than once."""
    return job.done > job.mark and job.max_attempts > 1


def is_untouched(world: "World", job: Job) -> bool:
    """Return whether a job has changed nothing: it was never claimed, or planned and has not moved its user."""
    return not job.token or (not job.done and job.came_from == world.user != KINDS[job.kind].during)


class Worker(NamedTuple):
    """A worker's thread that is at a job, rightly or because it does not know better yet: its token says which."""

    job: int
    token: int
    phase: str = CLAIMED
    #: Steps it has behind it, as it believes.
    done: int = 0


class Seen(NamedTuple):
    """An orphan that a sweeper has read, or a forgotten job that a heartbeat has, and will act on in a moment."""

    by: str
    job: int
    token: int


SWEEPER, HEARTBEAT = "sweeper", "heartbeat"


class World(NamedTuple):
    """One state of the model. Workers and sightings are sorted: which thread it is makes no difference."""

    user: str
    effects: tuple[int, ...]
    jobs: tuple[Job, ...]
    workers: tuple[Worker, ...] = ()
    seen: tuple[Seen, ...] = ()
    wakeups: int = 0
    undo_broken: bool = False

    def with_job(self, index: int, job: Job) -> "World":
        """Return the world with this job instead of the one at `index`."""
        return self._replace(jobs=(*self.jobs[:index], job, *self.jobs[index + 1 :]))

    def without(self, worker: Worker) -> "World":
        """Return the world in which this thread is free again."""
        at = self.workers.index(worker)
        return self._replace(workers=self.workers[:at] + self.workers[at + 1 :])

    def with_worker(self, old: Worker | None, new: Worker) -> "World":
        """Return the world in which a thread goes from `old` (None: from being free) to `new`."""
        world = self.without(old) if old else self
        return world._replace(workers=tuple(sorted((*world.workers, new))))

    def is_at_rest(self) -> bool:
        """Return whether every job has ended."""
        return all(job.status in ENDED for job in self.jobs)


class Setting(NamedTuple):
    """How big a world is explored: everything else in it is every interleaving of every move."""

    name: str
    kind: str = "demo.enable"
    user: str = DISABLED
    effects: tuple[int, ...] = ()
    workers: int = 2
    attempts: int = 2
    #: Attempts that stops and lost endings may give back to one job; without a bound, states had no end.
    refunds: int = 1
    #: Jobs that there may be in all; with one, no person requests another.
    jobs: int = 1
    #: Sweepers and heartbeats between their look and their act at the same time.
    lookers: int = 1
    #: Wakeups that may hang in the air; they tell only who claims when, so most worlds do without.
    wakeups: int = 0
    #: Undo may break, and be mended.
    breakable: bool = False
    #: A thread that can only find out that its job is gone does so at once: as it changes nothing any more, it makes no
    #: difference when.
    hasty: bool = False
    #: The job was requested for later, and is due now: it has left its user alone so far.
    planned: bool = False
    #: Names of moves that this world leaves out.
    without: frozenset[str] = frozenset()

    def may_lose(self, job: Job) -> bool:
        """Return whether a job may lose its worker once more; one that moves on in between could without end."""
        return job.token <= self.attempts + self.refunds

    def first(self) -> World:
        """Return the state right after the request was committed or, of a planned job, at its time."""
        return World(
            self.user if self.planned else KINDS[self.kind].during,
            self.effects,
            (Job(self.kind, self.user, max_attempts=self.attempts),),
            wakeups=min(1, self.wakeups),
        )
