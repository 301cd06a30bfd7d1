"""A worker process's threads: each runs one job after the other that the carrier hands to it. One actor per queue.

A wake-up of a queue only makes the carrier look; Dramatiq receives it, and hosts the process.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from functools import partial
from uuid import UUID

import dramatiq
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from core import tracing
from core.crash import crash_point
from core.database.engine import session_scope
from core.jobs import workers
from core.jobs.batch import Ended
from core.jobs.claim import Claimed, claim
from core.jobs.due import DEPTH, DueQueue, due_queues
from core.jobs.run import EndWell, Interrupted, end_alone, run
from core.models import AttemptOutcome
from core.operations import BY_NAME
from core.rounds import OUTAGES
from core.settings import settings
from tasks.broker import WakeupBroker, actor_name
from tasks.carrier import RETRY, Carrier
from tasks.handed import Handed, note_end
from tasks.registry import Registry
from tasks.turns import Turns

log = logging.getLogger(__name__)


class Drain:
    """What runs the jobs of a worker process. `worker_id` is the process's present identity."""

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
        #: Set while this process is to start no jobs, though it goes on with those that it has.
        self.quiet = threading.Event()
        self._batch_engine = batches or engine
        turns = Turns(self._look, settings().weights, queues)
        self._queues = tuple(queues)
        self.carrier = Carrier(self._batch_engine, registry, turns, lambda: self.worker_id, self.stopping, self.quiet)

    def start(self) -> None:
        """Begin to run due jobs."""
        for number in range(self.registry.threads):
            threading.Thread(target=self._work, name=f"jobs-{number}", daemon=True).start()
        self.carrier.start()

    def set_quiet(self, *, is_quiet: bool) -> None:
        """Start no more jobs, or start them again."""
        if is_quiet:
            self.quiet.set()
        else:
            self.quiet.clear()
        for queue in self._queues:
            self.carrier.wake(queue)

    def _work(self) -> None:
        while handed := self.carrier.next():
            is_left = False
            try:
                is_left = self._run(handed)
            except SQLAlchemyError as error:
                log.warning("database away, job not given back yet", extra={"error": str(error).split("\n")[0]})
                self._give_back(handed.held)
            except BaseException as error:  # noqa: BLE001 - an interruption as it ended must not end the thread
                log.warning("job left to the sweep", extra={"error": f"{type(error).__name__}: {error}".split("\n")[0]})
            finally:
                if not is_left:
                    self.carrier.free(handed)

    def _give_back(self, held: Claimed | None) -> None:
        """Release a job as soon as the database answers; the thread takes no other one until then.

        It is ours for as long as we beat, so threads that went on would claim the whole queue and work on none of it.
        """
        while held and not self.stopping.wait(RETRY):
            try:
                with session_scope(self.engine) as session:
                    workers.release(session, held.id, held.token)
            except OUTAGES:
                continue
            except SQLAlchemyError as error:
                log.warning("job not given back", extra={"job": str(held.id), "error": str(error).split("\n")[0]})
            return  # with an error, the heartbeat gives it back: no thread holds it

    def _run(self, handed: Handed) -> bool:
        """Run what was handed; tell whether the carrier has its ending to write."""
        if handed.held is None:
            handed.held = self._claim(handed.queue, alone=handed.is_alone)
            handed.is_alone &= handed.held is not None and handed.held.is_suspect
        if (held := handed.held) is None:
            return False
        crash_point("after_claim")
        left: list[Ended] = []
        outcomes: list[AttemptOutcome] = []
        is_left = False
        try:
            self._work_on(handed, held, left, outcomes)
            if left:
                self.carrier.end(handed, held, left[0])
                is_left = True
        finally:
            if not is_left:
                self.registry.forget(held)
                note_end(handed, self.worker_id, next(iter(outcomes), None))
        return is_left

    def _work_on(self, handed: Handed, held: Claimed, left: list[Ended], outcomes: list[AttemptOutcome]) -> None:
        """Make an attempt. Only in here is the thread interrupted, wherever it is then; never after this.

        What the attempt came to is in `left` or `outcomes`, also if it was interrupted as it ended.
        """
        try:
            try:
                self.registry.take(held)
                span = handed.span = handed.span or tracing.begin_attempt(held.id, held.kind, held.attempt, held.token)
                with tracing.under(span):
                    outcomes.append(self._attempt(held, handed.refused, left.append))
            finally:
                self.registry.let_go(held)
        except Interrupted:
            self.registry.let_go(held)
            if not (left or outcomes):
                raise

    def _attempt(self, held: Claimed, refused: Ended | None, end_well: EndWell) -> AttemptOutcome:
        if refused:
            return self._end_alone(held, refused, end_well)
        return run(self.engine, held, settings().step_limit, self.stopping.is_set, end_well)

    def _end_alone(self, held: Claimed, ended: Ended, end_well: EndWell) -> AttemptOutcome:
        """Write a success that the carrier could not; it has it again while the database does not answer."""
        try:
            return end_alone(self.engine, held, ended)
        except OUTAGES as error:
            log.warning("success not written yet", extra={"job": str(held.id), "error": str(error).split("\n")[0]})
            time.sleep(RETRY)
            end_well(ended)
            return AttemptOutcome.SUCCEEDED

    def _claim(self, queue: str, *, alone: bool) -> Claimed | None:
        """Claim the next job of a queue, whose kind may have a limit."""
        if self.stopping.is_set() or self.quiet.is_set():
            return None
        with Session(self.engine, expire_on_commit=False) as session:
            return claim(session, self.worker_id, queue, BY_NAME, settings().step_limit, alone=alone)

    def _look(self, queues: Iterable[str]) -> Iterable[DueQueue]:
        with self._batch_engine.connect() as connection:
            return due_queues(connection, self.worker_id, list(queues), BY_NAME, most=1, depth=DEPTH)


def declare(broker: WakeupBroker, drain: Drain, queues: list[str]) -> None:
    """Declare one actor per queue, which answers its wake-ups. Nothing is retried: a sweep wakes again."""
    for queue in queues:
        dramatiq.Actor(
            partial(drain.carrier.wake, queue),
            broker=broker,
            actor_name=actor_name(queue),
            queue_name=queue,
            priority=0,
            options={},
        )
