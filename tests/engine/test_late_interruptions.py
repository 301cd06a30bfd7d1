"""An interruption that comes as a job ends costs neither the thread nor the next job, wherever it lands."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from core.jobs.batch import Ended
from core.jobs.claim import Claimed
from core.jobs.run import Interrupted
from core.models import AttemptOutcome
from tasks import actors
from tasks import registry as registry_module
from tasks.actors import Drain
from tasks.handed import Handed
from tasks.heartbeat import Heartbeat
from tasks.registry import Registry
from tests.carrying import QUEUE


class Thread:
    """A job thread whose jobs do what `attempt` does, and the heartbeat of its process; no database."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, attempt: Callable[[Claimed, Any], AttemptOutcome]) -> None:
        monkeypatch.setattr(actors, "run", lambda _engine, held, _limit, _stopping, end_well: attempt(held, end_well))
        self.drain = Drain(cast(Any, None), Registry(1), uuid4())
        self.heartbeat = Heartbeat(self.drain, [QUEUE], "1", lambda: None)
        self.thread = threading.Thread(target=self.drain._work, daemon=True)

    def hand(self, number: int) -> list[UUID]:
        """Hand jobs to the thread, and tell it to end after them."""
        jobs = [Claimed(uuid4(), 1, 1, "test", {}, 0, datetime.now(UTC)) for _ in range(number)]
        for held in jobs:
            self.drain.carrier._handed.put(Handed(QUEUE, held))
        self.drain.carrier._handed.put(None)
        return [held.id for held in jobs]

    def interrupt(self) -> None:
        self.heartbeat._interrupt(self.drain.registry.held())

    def given_back(self) -> list[UUID]:
        """Return the jobs whose places are free again: the carrier writes their success, or they ended alone."""
        carrier = self.drain.carrier
        handed = [*carrier._freed, *(ending.handed for ending in carrier._endings)]
        return [each.held.id for each in handed if each.held]


def succeed(held: Claimed, end_well: Callable[[Ended], None]) -> AttemptOutcome:
    """End as a task does, whose success the carrier writes."""
    end_well(Ended(held.id, held.token, None))
    return AttemptOutcome.SUCCEEDED


def end_alone(_held: Claimed, _end_well: Callable[[Ended], None]) -> AttemptOutcome:
    """End as an operation does, whose success is written."""
    return AttemptOutcome.SUCCEEDED


class Decided:
    """An interruption between the heartbeat's look at the thread and the moment at which Python is asked for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Plain locks: an interruption may land as one is waited for, and leaves them as they are.
        self.is_near, self._go, self._is_raised = (threading.Lock() for _ in range(3))
        for lock in (self.is_near, self._go, self._is_raised):
            lock.acquire()
        self.is_pending = False
        self._interrupt = registry_module.raise_thread_exception
        monkeypatch.setattr(registry_module, "raise_thread_exception", self._wait_and_interrupt)

    def _wait_and_interrupt(self, *values: Any) -> None:
        self.is_pending = True
        self.is_near.release()
        self._go.acquire(timeout=5)
        self._interrupt(*values)  # type: ignore[no-untyped-call]
        self._is_raised.release()

    def land(self, value: Any = None) -> Any:
        """Let it land in here, if it was decided and has not landed; return the value."""
        if self.is_pending:
            self.is_pending = False
            self._go.release()
            self._is_raised.acquire(timeout=5)
        return value


@pytest.mark.parametrize("end", [succeed, end_alone])
def test_an_interruption_that_was_decided_before_the_job_ended_costs_neither_the_thread_nor_the_next_job(
    monkeypatch: pytest.MonkeyPatch, end: Callable[[Claimed, Any], AttemptOutcome]
) -> None:
    ran: list[UUID] = []
    decided = Decided(monkeypatch)

    def attempt(held: Claimed, end_well: Callable[[Ended], None]) -> AttemptOutcome:
        ran.append(held.id)
        if len(ran) == 1:
            threading.Thread(target=thread.interrupt, daemon=True).start()
            assert decided.is_near.acquire(timeout=5)
        return end(held, end_well)

    thread = Thread(monkeypatch, attempt)
    following = thread.drain.carrier.next
    monkeypatch.setattr(registry_module, "time", SimpleNamespace(sleep=decided.land, monotonic=time.monotonic))
    monkeypatch.setattr(thread.drain.carrier, "next", lambda: decided.land(following()))
    jobs = thread.hand(2)
    thread.thread.start()
    thread.thread.join(5)
    assert ran == jobs
    assert sorted(thread.given_back()) == sorted(jobs)
    assert len(thread.drain.carrier._endings) == (2 if end is succeed else 0), "a success taken over is written"


def test_a_thread_runs_every_job_while_it_is_interrupted_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "AGAIN", 0.005)
    ran: list[UUID] = []

    def attempt(held: Claimed, end_well: Callable[[Ended], None]) -> AttemptOutcome:
        ran.append(held.id)
        try:
            return end_alone(held, end_well)
        except Interrupted:
            return AttemptOutcome.ERROR

    thread = Thread(monkeypatch, attempt)
    jobs = thread.hand(500)
    thread.thread.start()
    until = time.monotonic() + 20
    while thread.thread.is_alive() and time.monotonic() < until:
        thread.interrupt()
    assert thread.given_back() == jobs
    assert not thread.drain.registry.held()
