"""One actor per queue. A rung thread drains the queue: claims one, runs it, ends it, until nothing is due."""

import logging
import threading
from functools import partial
from typing import Literal
from uuid import UUID

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from core import tracing
from core.crash import crash_point
from core.jobs.claim import Claimed, Left, claim, claim_along
from core.jobs.run import run
from core.models import AttemptOutcome
from core.operations import BY_NAME
from core.settings import settings
from tasks.broker import actor_name
from tasks.registry import Registry

log = logging.getLogger(__name__)


class Drain:
    """What a worker process's threads do when a bell rings. `worker_id` is the process's present identity."""

    def __init__(self, engine: Engine, registry: Registry, worker_id: UUID) -> None:
        self.engine = engine
        self.registry = registry
        self.worker_id = worker_id
        self.stopping = threading.Event()

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
                following = self._run(queue, held)
            finally:
                self.registry.let_go(held)
            held = self._claim(queue) if following is Left.UNKNOWN else following

    def _claim(self, queue: str) -> Claimed | None:
        if self.stopping.is_set():
            return None
        with Session(self.engine, expire_on_commit=False) as session:
            return claim(session, self.worker_id, queue, BY_NAME, settings().step_limit)

    def _run(self, queue: str, held: Claimed) -> Claimed | Literal[Left.UNKNOWN] | None:
        """Run a job; return the next one if it was claimed along with this one's success, None: nothing is due."""
        following: Claimed | Literal[Left.UNKNOWN] | None = Left.UNKNOWN

        def take_next(session: Session) -> None:
            nonlocal following
            if not self.stopping.is_set():
                following = claim_along(session, self.worker_id, queue, BY_NAME, settings().step_limit)

        with tracing.attempt(held.id, held.kind, held.attempt, held.token) as span:
            outcome = run(self.engine, held, settings().step_limit, self.stopping.is_set, take_next)
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
        return following if outcome is AttemptOutcome.SUCCEEDED else Left.UNKNOWN


def declare(broker: RedisBroker, drain: Drain, queues: list[str]) -> None:
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
