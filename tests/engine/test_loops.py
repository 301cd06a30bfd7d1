"""Our threads: no error ends one, each error is logged once, and one that stands is named."""

import logging
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from core import rounds
from core.database.engine import session_scope
from core.jobs import workers
from core.lateness import stalled_threads
from tasks.actors import Drain
from tasks.heartbeat import Heartbeat
from tasks.loop import Loop
from tasks.registry import Registry
from tests.waiting import eventually


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PATIENCE", 0.05)


@pytest.fixture
def hangs() -> Iterator[threading.Event]:
    """Return the event that ends a hanging round."""
    released = threading.Event()
    yield released
    released.set()


@pytest.mark.parametrize("error", [ValueError("odd row"), SystemExit(3), MemoryError(), KeyboardInterrupt()], ids=repr)
def test_a_loop_outlives_every_error_and_logs_it_once(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def once() -> None:
        calls.append(1)
        if len(calls) < 4:
            raise error

    loop = Loop("tried", once, lambda: 0.001, missed="round missed")
    with caplog.at_level(logging.INFO, logger="core.rounds"):
        loop.start()
        eventually(lambda: len(calls) > 5)
        loop.stop()
    assert [record.message for record in caplog.records] == ["round missed", "works again"]
    assert caplog.records[0].__dict__["error"].startswith(type(error).__name__)
    assert loop.rounds
    assert loop.rounds.failures == 3


@pytest.mark.usefixtures("no_patience")
def test_a_thread_that_hangs_or_fails_each_time_is_stalled_and_one_in_an_outage_is_not(hangs: threading.Event) -> None:
    def fail() -> None:
        raise ValueError("each time")

    def miss() -> None:
        raise OSError("away")

    loops = [Loop("hangs", hangs.wait, lambda: 0.001, missed="missed", at_once=True)]
    loops += [Loop(name, once, lambda: 0.001, missed="missed") for name, once in (("fails", fail), ("misses", miss))]
    for loop in loops:
        loop.start()
    eventually(lambda: {"fails", "hangs"} <= set(rounds.stalled()))
    assert "misses" not in rounds.stalled()
    hangs.set()
    for loop in loops:
        loop.stop()
    assert not {"fails", "hangs"} & set(rounds.stalled()), "a thread that was stopped is none that stands"


@pytest.mark.usefixtures("no_patience")
@pytest.mark.parametrize("is_there", [True, False], ids=["reaches it", "misses it"])
def test_a_thread_that_misses_the_database_is_stalled_only_while_the_heartbeat_reaches_it(*, is_there: bool) -> None:
    def miss() -> None:
        raise OperationalError("a statement", None, Exception("away"))

    beat = Loop("heartbeat", (lambda: None) if is_there else miss, lambda: 0.001, missed="missed", at_once=True)
    misses = Loop("misses", miss, lambda: 0.001, missed="missed")
    beat.start()
    eventually(lambda: beat.is_well is is_there)
    misses.start()
    eventually(lambda: misses.rounds is not None and misses.rounds.failures > 100)
    assert ("misses" in rounds.stalled()) is is_there
    for loop in (beat, misses):
        loop.stop()


@pytest.mark.usefixtures("no_patience")
def test_a_heartbeat_names_the_threads_that_stand(engine: Engine, hangs: threading.Event) -> None:
    with session_scope(engine) as session:
        worker = workers.register(session, threads=1, queues=[], version="1")
    loop = Loop("scheduler", hangs.wait, lambda: 0.001, missed="missed", at_once=True)
    loop.start()
    eventually(lambda: "scheduler" in rounds.stalled())
    Heartbeat(Drain(engine, Registry(1), worker), [], "1", lambda: None).once()
    hangs.set()
    loop.stop()
    with Session(engine) as session:
        assert [each.thread for each in stalled_threads(session) if each.worker != "this process"] == ["scheduler"]


def test_a_worker_that_is_gone_has_no_stalled_threads(engine: Engine) -> None:
    with session_scope(engine) as session:
        worker = workers.register(session, threads=1, queues=[], version="1")
        assert workers.beat(session, worker, None, ["sealer"])
        workers.deregister(session, worker)
        assert stalled_threads(session) == []
        assert not workers.beat(session, uuid4(), None, ["sealer"])
