"""One actor per queue. A rung thread drains the queue: claims one, runs it, ends it, until nothing is due."""

import logging
import threading
from functools import partial
from uuid import UUID

import dramatiq
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from core import tracing
from core.crash import crash_point
from core.jobs.batch import Ended
from core.jobs.claim import Claimed, claim
from core.jobs.run import run
from core.operations import BY_NAME
from core.settings import settings
from tasks.broker import WakeupBroker, actor_name
from tasks.group_commit import BatchRequest, GroupCommit
from tasks.registry import Registry

log = logging.getLogger(__name__)


class Drain:
    """What a worker process's threads do when a bell rings. `worker_id` is the process's present identity."""

    def __init__(self, engine: Engine, registry: Registry, worker_id: UUID, turns: Engine | None = None) -> None:
        """Run jobs on `engine`; claim and end them on `turns`, whose connections plan for that, or on the same."""
        self.engine = engine
        self.registry = registry
        self.worker_id = worker_id
        self.stopping = threading.Event()
        self._turn_engine = turns or engine
        self._turns: dict[str, GroupCommit] = {}
        self._making = threading.Lock()

    def __call__(self, queue: str) -> None:
        """Run due jobs of a queue until there are none, or all slots are taken, or the process stops."""
        with self.registry.slot() as free:
            if not free:
                return
            try:
                self._drain(queue)
            except SQLAlchemyError as error:
                # The job, if one was claimed, is still ours: the heartbeat hands back what no thread holds.
                log.warning("database away, job left to the sweep", extra={"error": str(error).split("\n")[0]})

    def _drain(self, queue: str) -> None:
        held = self._claim(queue)
        while held:
            crash_point("after_claim")
            self.registry.take(held)
            try:
                wish = self._run(queue, held)
            finally:
                self.registry.forget(held)
            held = self._claim(queue) if wish is None or wish.steered else wish.claimed

    def _claim(self, queue: str) -> Claimed | None:
        if self.stopping.is_set():
            return None
        wish = BatchRequest()
        self._turns_of(queue).take(wish)
        if not wish.steered:
            return wish.claimed
        with Session(self.engine, expire_on_commit=False) as session:
            return claim(session, self.worker_id, queue, BY_NAME, settings().step_limit)

    def _turns_of(self, queue: str) -> GroupCommit:
        with self._making:
            if queue not in self._turns:
                self._turns[queue] = GroupCommit(self._turn_engine, queue, lambda: self.worker_id)
            return self._turns[queue]

    def _run(self, queue: str, held: Claimed) -> BatchRequest | None:
        """Run a job; return what the turn brought that ended it, None if it ended in a transaction of its own."""
        taken: BatchRequest | None = None

        def end_well(ended: Ended) -> None:
            nonlocal taken
            wish = BatchRequest(ended, wants_next=not self.stopping.is_set())
            self._turns_of(queue).take(wish)
            taken = wish

        with tracing.attempt(held.id, held.kind, held.attempt, held.token) as span:
            outcome = run(self.engine, held, settings().step_limit, self.stopping.is_set, end_well)
            tracing.note_outcome(span, outcome)
        log.info(
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
        return taken


def declare(broker: WakeupBroker, drain: Drain, queues: list[str]) -> None:
    """Declare one actor per queue: the doorbell's answer. Nothing is retried: a sweep rings again."""
    for queue in queues:
        dramatiq.Actor(
            partial(drain, queue),
            broker=broker,
            actor_name=actor_name(queue),
            queue_name=queue,
            priority=0,
            options={},
        )
