"""One actor per queue. A woken thread drains: it claims one job, runs it, ends it, until no job of any queue is due."""

import logging
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final
from uuid import UUID

import dramatiq
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from core import tracing
from core.crash import crash_point
from core.jobs.batch import Ended
from core.jobs.claim import Claimed, claim
from core.jobs.due import DueQueue, due_queues
from core.jobs.run import run
from core.operations import BY_NAME
from core.settings import settings
from tasks.broker import WakeupBroker, actor_name
from tasks.group_commit import BatchRequest, GroupCommit
from tasks.registry import Registry
from tasks.turns import Turn, Turns

log = logging.getLogger(__name__)

#: How many due jobs of a queue a look passes over whose kinds are paused or at their limit; a sweep passes over all.
DEPTH: Final = 10_000


class Drain:
    """What a worker process's threads do when they are woken. `worker_id` is the process's present identity."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        worker_id: UUID,
        batches: Engine | None = None,
        queues: Sequence[str] = (),
    ) -> None:
        """Run jobs of `queues`, and of others when woken for them.

        Jobs run on `engine`; `batches`, whose connections plan for that, or the same engine claims and ends them.
        """
        self.engine = engine
        self.registry = registry
        self.worker_id = worker_id
        self.stopping = threading.Event()
        self.turns = Turns(registry.threads, self._look, settings().weights)
        self.turns.serve(queues)
        self._batch_engine = batches or engine
        self._group_commits: dict[str, GroupCommit] = {}
        self._group_commits_lock = threading.Lock()

    def __call__(self, queue: str) -> None:
        """Run due jobs, of this queue among others, until there are none, or all slots are taken, or we stop."""
        with self.registry.slot() as free:
            if not free:
                return
            try:
                with self.turns.begin(queue) as turn:
                    self._drain(turn)
            except SQLAlchemyError as error:
                # The job, if one was claimed, is still ours: the heartbeat releases jobs that no thread holds.
                log.warning("database away, job left to the sweep", extra={"error": str(error).split("\n")[0]})

    def _drain(self, turn: Turn) -> None:
        held = self._claim(turn, None)
        while held:
            crash_point("after_claim")
            self.registry.take(held)
            try:
                request = self._run(turn, held)
            finally:
                self.registry.forget(held)
            if not request:
                turn.next()
            held = self._claim(turn, request)

    def _claim(self, turn: Turn, request: BatchRequest | None) -> Claimed | None:
        """Return the job that a batch has claimed, or else one of the queues that are due, as their turns come."""
        while request or not self.stopping.is_set():
            if not request:
                request = BatchRequest()
                self._group_commit(turn.queue).submit(request)
            if held := self._claimed(turn.queue, request):
                turn.found(held.priority)
                return held
            if not turn.pass_on():
                return None
            request = None
        return None

    def _claimed(self, queue: str, request: BatchRequest) -> Claimed | None:
        """Return the job that a batch has claimed, or claim the limited one that it has left."""
        if not request.limited or self.stopping.is_set():
            return request.claimed
        with Session(self.engine, expire_on_commit=False) as session:
            return claim(session, self.worker_id, queue, BY_NAME, settings().step_limit)

    def _look(self, queues: Iterable[str]) -> Iterable[DueQueue]:
        with self._batch_engine.connect() as connection:
            return due_queues(connection, self.worker_id, list(queues), BY_NAME, most=1, depth=DEPTH)

    def _group_commit(self, queue: str) -> GroupCommit:
        with self._group_commits_lock:
            if queue not in self._group_commits:
                self._group_commits[queue] = GroupCommit(self._batch_engine, queue, lambda: self.worker_id)
            return self._group_commits[queue]

    def _run(self, turn: Turn, held: Claimed) -> BatchRequest | None:
        """Run a job; return the request of the batch that ended it, None if it ended in a transaction of its own."""
        answered: BatchRequest | None = None

        def end_well(ended: Ended) -> None:
            nonlocal answered
            request = BatchRequest(ended, needs_job=not self.stopping.is_set())
            self._group_commit(turn.next()).submit(request)
            answered = request

        with tracing.attempt(held.id, held.kind, held.attempt, held.token) as span:
            outcome = run(self.engine, held, settings().step_limit, self.stopping.is_set, end_well)
            tracing.note_outcome(span, outcome)
        log.debug(
            "attempt ended",
            extra={
                "job": str(held.id),
                "kind": held.kind,
                "token": held.token,
                "attempt": held.attempt,
                "worker": str(self.worker_id),
                "outcome": outcome.value,
            },
        )
        return answered


def declare(broker: WakeupBroker, drain: Drain, queues: list[str]) -> None:
    """Declare one actor per queue, which answers its wake-ups. Nothing is retried: a sweep wakes again."""
    for queue in queues:
        dramatiq.Actor(
            partial(drain, queue),
            broker=broker,
            actor_name=actor_name(queue),
            queue_name=queue,
            priority=0,
            options={},
        )
