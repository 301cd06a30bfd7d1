"""The carrier: one thread of a worker process writes the endings of its tasks and claims jobs, for all its threads.

It takes a turn when a job ended or may be due: one statement, which commits itself, for whatever has come together.
While jobs stream, turns are `PACE` or `EASY_PACE` apart, unless every thread has ended its job. So a busy worker writes
in groups, and an idle one starts a job at once. It waits for a locked row no longer than `LOCK_WAIT`, and no thread
waits for it: the process holds a job until its success is written. A success is never thrown away: after any error its
thread writes it alone, as soon as the database answers, so that one which cannot be sent keeps no others waiting.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Final
from uuid import UUID

from sqlalchemy import Engine

from core import bus
from core.crash import crash_point
from core.database.statement import for_one_statement
from core.database.transient import is_about_a_lock
from core.jobs.batch import BatchResult, Ended, finish_and_claim
from core.jobs.claim import Claimed
from core.models import AttemptOutcome
from core.operations import BY_NAME
from core.settings import settings
from tasks.calls import Calls
from tasks.handed import Ending, Handed, all_of, note_end
from tasks.loop import Loop
from tasks.refusals import is_about_rows, is_about_the_connection
from tasks.registry import Registry
from tasks.solitude import LOOK, Solitude
from tasks.turns import Turns

log = logging.getLogger(__name__)

#: Seconds between two turns while jobs wait for threads: enough to write several endings together.
PACE: Final = 0.003
#: Seconds between two turns while jobs stream and each finds a free thread: a turn for one costs as much as for four.
EASY_PACE: Final = 0.006
#: Milliseconds that a turn waits for a locked row; then each thread writes its own ending, and waits alone.
LOCK_WAIT: Final = 500
#: Seconds from a turn that ended with an error to the next one, which writes what that one could not.
RETRY: Final = 1.0
#: Seconds that the carrier waits for news before it comes round.
IDLE: Final = 20.0


class Carrier:
    """Hands jobs of the process's queues to its threads; `next`, `end` and `free` are for them."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        turns: Turns,
        worker: Callable[[], UUID],
        stopping: threading.Event,
        quiet: threading.Event,
    ) -> None:
        self._engine, self._registry, self._turns, self._worker = engine, registry, turns, worker
        self._stopping, self._quiet = stopping, quiet
        self._starts_none: Callable[[], bool] = lambda: stopping.is_set() or quiet.is_set()
        self._handed: SimpleQueue[Handed | None] = SimpleQueue()
        self._endings: deque[Ending] = deque()
        self._freed: deque[Handed] = deque()
        self._due: deque[tuple[str, int | None]] = deque()
        #: What the threads have, from the claim to the end.
        self._running: set[Handed] = set()
        #: Set when something happened; and when every thread waits, so that a turn need not wait for more.
        self._news, self._all_ended = threading.Event(), threading.Event()
        self._turn_at = 0.0
        self._solitude = Solitude(engine, worker)
        self._calls = Calls()
        missed = "jobs neither claimed nor ended yet"
        self._loop = Loop("carrier", self._once, lambda: 0, missed=missed, at_once=True, every=IDLE)

    def start(self) -> None:
        """Begin to take turns."""
        self._loop.start()

    def stop(self) -> None:
        """End after the present turn, and let the threads end."""
        self._loop.finish()
        self._news.set()
        for _ in range(self._registry.threads):
            self._handed.put(None)
        self._loop.stop()

    def wake(self, queue: str, urgency: int | None = None) -> None:
        """Note that a queue may have due jobs, and the priority of the first one where it is known."""
        self._due.append((queue, urgency))
        self._news.set()

    def next(self) -> Handed | None:
        """Wait for a job to run; None: the process stops."""
        return self._handed.get()

    def end(self, handed: Handed, held: Claimed, ended: Ended) -> None:
        """Take over the success of a job; the next turn writes it, and its thread goes on.

        What a turn cannot write is handed to a thread again. Until it is written, the process holds the job.
        """
        handed.left = ended
        self._endings.append(Ending(handed, held, ended))
        self._registry.let_go(held)
        self._note_end()

    def free(self, handed: Handed) -> None:
        """Note that a thread has ended a job by itself."""
        self._freed.append(handed)
        self._note_end()

    def unwritten(self) -> list[tuple[Claimed, Ended]]:
        """Return the successes that are left to be written, with their jobs."""
        return [(handed.held, handed.left) for handed in list(self._running) if handed.held and handed.left]

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing runs and nothing is known to be due."""
        return not (self._registry.busy or self._endings or self._freed or self._due or self._turns.due)

    def _note_end(self) -> None:
        if len(self._endings) + len(self._freed) >= self._registry.threads:
            self._all_ended.set()
        if not self._news.is_set():
            self._news.set()

    def _once(self) -> None:
        holds_up = bool(self._turns.due) and self._solitude.is_on
        if not self._news.wait(LOOK if holds_up else IDLE) and not holds_up:
            return
        left = self._turn_at + (PACE if self._turns.due else EASY_PACE) - time.monotonic()
        if left > 0:
            self._all_ended.wait(left)
        self._all_ended.clear()
        self._news.clear()
        self._turn_at = time.monotonic()
        self._registry.set_busy(self._registry.threads)  # as long as a claim is under way
        try:
            self._turn()
        except BaseException:
            self._turn_at += RETRY
            self._news.set()
            raise
        finally:
            is_deaf = self._quiet.is_set() and not self._stopping.is_set()  # others hear the wake-ups
            self._registry.set_busy(self._registry.threads if is_deaf else len(self._running))

    def _turn(self) -> None:
        freed, was_full = all_of(self._freed), len(self._running) >= self._registry.threads
        self._running.difference_update(freed)
        waiting = all_of(self._endings)
        alone = [ending for ending in waiting if ending.handed.refused]
        endings = [ending for ending in waiting if not ending.handed.refused]
        leaving = {ending.handed for ending in endings}
        try:
            self._learn([*freed, *leaving], look_around=was_full)
            while plan := self._plan(leaving) or {ending.handed.queue: 0 for ending in (endings or alone)[:1]}:
                for queue, claims in plan.items():
                    to_write, endings, leaving = endings, [], set()
                    self._batch(queue, to_write, claims)
                    self._return(alone)  # the database answers
                    alone = []
        except BaseException as error:
            self._save([*endings, *alone], error)
            raise

    def _learn(self, ended: list[Handed], *, look_around: bool) -> None:
        """Learn which queues are due, from what has ended and from wake-ups, and take suspects of those just swept."""
        if ended and look_around:
            self._turns.look_around()
        for queue, urgency in (due := all_of(self._due)):
            self._turns.learn(queue, urgency)
        for handed in ended:
            if handed.held:
                self._turns.remind(handed.queue, handed.held.priority)
        self._try_suspects(queue for queue, urgency in due if urgency is not None)

    def _try_suspects(self, swept: Iterable[str]) -> None:
        """While nothing runs here, take one job of a queue that a sweep says is due, also if it may kill its worker."""
        for queue in swept:
            if not (self._running or self._starts_none()):
                self._batch(queue, [], 1, alone=True)

    def _plan(self, leaving: set[Handed]) -> Counter[str]:
        """Share the free threads among the queues that are due."""
        suspects = {handed.queue for handed in self._running if handed.is_alone}
        if self._starts_none() or self._solitude.lasts(suspects, self._turns.due):
            return Counter()
        staying = Counter(handed.queue for handed in self._running - leaving)
        return self._turns.plan(self._registry.threads - staying.total(), staying)

    def _batch(self, queue: str, endings: list[Ending], claims: int, *, alone: bool = False) -> None:
        """Write endings, claim jobs of one queue, and hand them to the threads."""
        try:
            result = self._write(queue, [ending.ended for ending in endings], claims, alone=alone)
        except BaseException as error:
            self._save(endings, error)
            if not endings or not is_about_rows(error):
                raise
            busy = len(endings) if is_about_a_lock(error) else 0  # their threads wait for it
            return self._batch(queue, [], max(0, claims - busy), alone=alone)
        # All of this is known before anything is done that may fail.
        written = [ending for ending in endings if ending.ended.id in result.succeeded]
        for ending in written:
            self._running.discard(ending.handed)
            self._registry.forget(ending.held)
        self._return([ending for ending in endings if ending.ended.id not in result.succeeded])
        handed = self._hand_over(queue, result, alone=alone)
        for ending in written:
            crash_point("after_finish")
            note_end(ending.handed, self._worker(), AttemptOutcome.SUCCEEDED)
        return self._note_claims(queue, result, handed, claims)

    def _save(self, endings: list[Ending], error: BaseException) -> None:
        """Let each of the endings be written alone, once the database answers: one of them may break connections."""
        if is_about_the_connection(error):
            for ending in endings:
                ending.handed.refused = ending.ended
            self._endings.extend(endings)
        else:
            self._return(endings)

    def _return(self, refused: list[Ending]) -> None:
        """Hand endings to threads, each of which writes one alone or finds out what became of its job."""
        for ending in refused:
            ending.handed.refused = ending.ended
            self._handed.put(ending.handed)

    def _write(self, queue: str, ended: list[Ended], claims: int, *, alone: bool) -> BatchResult:
        ended.sort(key=lambda job: job.id)
        limit = settings().step_limit
        with for_one_statement(self._engine) as connection:
            return finish_and_claim(connection, self._worker(), queue, BY_NAME, limit, ended, claims, alone=alone)

    def _hand_over(self, queue: str, result: BatchResult, *, alone: bool) -> int:
        """Hand what was claimed to the threads, and return how many there are."""
        claimed = (*result.claimed, *[None] * result.limited)
        handed = [Handed(queue, held, is_alone=held.is_suspect if held else alone) for held in claimed]
        if alone and handed:
            self._solitude.begin()
        self._running.update(handed)
        for each in handed:
            self._handed.put(each)
        return len(handed)

    def _note_claims(self, queue: str, result: BatchResult, handed: int, claims: int) -> None:
        """Note what a batch says of its queue, and tell others."""
        if claims:
            is_full = handed == claims
            self._turns.note(queue, is_due=is_full, claimed=[held.priority for held in result.claimed])
            if is_full and self._calls.may_call(queue):
                result.changes.wakeups.add(queue)
        bus.publish(result.changes)
