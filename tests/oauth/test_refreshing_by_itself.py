"""Access is refreshed by itself: in time, in a line of bounded width, and nobody is asked for ever."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.database.engine import session_scope
from core.jobs.claim import Claimed
from core.models import AttemptOutcome, JobStatus
from core.oauth.answers import Tokens
from core.oauth.refreshing import KIND, due_for_refresh, room_for
from core.oauth.tokens import seal, store
from core.operations.connection import QUEUE
from core.operations.connection_upkeep import refresh_due
from core.settings import settings
from tests import driving
from tests.factories import make_user
from tests.oauth.people import Creator
from tests.oauth.proving import Proof

_MANY = text("""
    INSERT INTO platform_connections (id, user_id, platform, connection_status, access_token, refresh_token,
                                      token_expires_at, refresh_at, is_demo, created_at)
    SELECT gen_random_uuid(), :user, :platform, :status, :token, :token, now() + interval '1 hour',
           now() - make_interval(secs => n), :is_demo, now()
    FROM generate_series(1, :number) n
""")
#: Moves the ending of jobs into one statement: what the engine writes of each is not what is tried here.
_END = text("""
    WITH ended AS (UPDATE background_jobs SET status = 'cancelled', finished_at = now(), cancel_requested_at = now()
                   WHERE id = ANY(:ids) RETURNING connection_id)
    UPDATE platform_connections SET connection_status = 'connected', refresh_at = now() + interval '1 hour'
    WHERE id IN (TABLE ended)
""")


@pytest.fixture
def proof(creator: Creator) -> Proof:
    return Proof(creator)


def many(engine: Engine, number: int, platform: str = "sandbox", status: str = "connected", **more: bool) -> UUID:
    """Add connections that are due, without tokens that the provider knows; return their owner."""
    with session_scope(engine) as session:
        user = make_user(session).id
        values = {"user": user, "platform": platform, "status": status, "number": number, "token": seal("t")}
        session.connection().execute(_MANY, {**values, "is_demo": False, **more})
    return user


def under_way(engine: Engine, platform: str = "sandbox") -> int:
    with Session(engine) as session:
        return settings().provider_refreshes - room_for(session, platform)


def run_task(proof: Proof) -> None:
    """Run connections.refresh_due, and nothing else of its queue."""
    proof.task(refresh_due)
    held = _take(proof.engine, refresh_due.name)
    assert driving.work_on(proof.engine, held) is AttemptOutcome.SUCCEEDED


def _take(engine: Engine, kind: str) -> Claimed:
    with Session(engine, expire_on_commit=False) as session:
        held = driving.claim(session, driving.new_worker(engine, [QUEUE]), QUEUE, [kind], driving.STEP)
    assert held is not None
    return held


def requests_of(engine: Engine) -> dict[UUID, int]:
    query = text("SELECT connection_id, count(*) FROM background_jobs WHERE kind = :kind GROUP BY 1")
    with Session(engine) as session:
        rows = session.connection().execute(query, {"kind": KIND})
        return {row[0]: row[1] for row in rows}


@contextmanager
def at_once(*acts: object) -> Iterator[None]:
    """Run functions in threads that start together."""
    barrier = threading.Barrier(len(acts))

    def run(act: object) -> None:
        barrier.wait()
        act()  # type: ignore[operator]

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield


def test_ten_thousand_are_requested_one_after_another_never_too_many_at_once(proof: Proof) -> None:
    many(proof.engine, 10_000)
    most, rounds = settings().provider_refreshes, 0
    run_task(proof)
    requested = requests_of(proof.engine)
    assert len(requested) == under_way(proof.engine) == most, "no burst"
    # Each that ends requests the next, as the work of a refresh does: the line is as long as it was.
    while rounds < 10:
        with session_scope(proof.engine) as session:
            ids = session.connection().execute(text("SELECT id FROM background_jobs WHERE status = 'queued' LIMIT 1"))
            session.connection().execute(_END, {"ids": list(ids.scalars())})
            for row in due_for_refresh(session, "sandbox", min(1, room_for(session, "sandbox"))):
                driving.request(session, driving.BY_NAME[KIND], row, driving.BY_NAME[KIND].form(), driving.SUPPORT)
        rounds += 1
        assert under_way(proof.engine) == most
    assert max(requests_of(proof.engine).values()) == 1
    assert len(requests_of(proof.engine)) == most + rounds


def test_the_line_moves_on_by_itself_and_by_no_more_than_one(proof: Proof, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSTUCK_PROVIDER_REFRESHES", "2")
    settings.cache_clear()
    rows = [proof.connected(f"{proof.creator.id.hex[-8:]}-{number}") for number in range(5)]
    with session_scope(proof.engine) as session:
        session.connection().execute(text("UPDATE platform_connections SET refresh_at = now() - interval '1 s'"))
    run_task(proof)
    for done in range(len(rows)):
        assert under_way(proof.engine) == min(2, len(rows) - done)
        assert driving.work_on(proof.engine, _take(proof.engine, KIND)) is AttemptOutcome.SUCCEEDED
    assert requests_of(proof.engine) == dict.fromkeys(rows, 1)
    assert proof.faults() == []


def test_what_people_refresh_does_not_lengthen_the_line(proof: Proof, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSTUCK_PROVIDER_REFRESHES", "1")
    settings.cache_clear()
    mine = proof.connected()
    proof.creator.asks(KIND, mine)
    held = _take(proof.engine, KIND)
    many(proof.engine, 5)
    proof.creator.asks(KIND, due(proof.engine))
    assert driving.work_on(proof.engine, held) is AttemptOutcome.SUCCEEDED
    assert under_way(proof.engine) == 1


def due(engine: Engine) -> UUID:
    with Session(engine) as session:
        return due_for_refresh(session, "sandbox", 1)[0]


def test_two_schedules_at_once_request_each_once_and_no_more_than_there_is_room_for(proof: Proof) -> None:
    many(proof.engine, 200)
    for _ in range(2):
        proof.task(refresh_due)
    held = [_take(proof.engine, refresh_due.name) for _ in range(2)]
    with at_once(*(lambda each=each: driving.work_on(proof.engine, each) for each in held)):
        requested = requests_of(proof.engine)
    assert len(requested) == settings().provider_refreshes
    assert set(requested.values()) == {1}


def test_demo_connections_and_what_nobody_set_up_are_left_alone(proof: Proof) -> None:
    many(proof.engine, 3, is_demo=True)
    many(proof.engine, 3, platform="myspace")
    run_task(proof)
    assert requests_of(proof.engine) == {}


def test_a_withdrawn_one_fails_once_and_is_never_tried_again(proof: Proof) -> None:
    row = proof.failed(withdrawn=True)
    used = [each["uses"] for each in proof.sandbox.ledger() if each["account"] in proof.accounts]
    for _ in range(3):
        with session_scope(proof.engine) as session:
            session.connection().execute(text("UPDATE platform_connections SET refresh_at = now()"))
        run_task(proof)
    assert list(requests_of(proof.engine).values()) == [1]
    assert [each["uses"] for each in proof.sandbox.ledger() if each["account"] in proof.accounts] == used
    ended = proof.creator.connection(row)
    assert (ended.refresh_at, ended.withdrawn_at is not None) == (None, True)


def test_one_whose_provider_is_away_is_tried_again_later_and_mends_by_itself(proof: Proof) -> None:
    row = proof.connected()
    job = proof.creator.asks(KIND, row)
    proof.sandbox.behave("503", endpoint="token")
    attempts = 0
    while proof.creator.job(job).status is not JobStatus.FAILED:
        assert proof.run_next() is AttemptOutcome.ERROR
        attempts += 1
    assert attempts == 5
    failed = proof.creator.connection(row)
    assert failed.connection_status == "failed"
    assert failed.refresh_at is not None, "it is tried again without anybody's help"
    run_task(proof)
    assert list(requests_of(proof.engine).values()) == [1], "and not at once"
    proof.sandbox.behave()
    with session_scope(proof.engine) as session:
        session.connection().execute(text("UPDATE platform_connections SET refresh_at = now()"))
    run_task(proof)
    assert proof.run_next() is AttemptOutcome.SUCCEEDED
    assert proof.creator.connection(row).connection_status == "connected"
    assert proof.faults() == []


@pytest.mark.parametrize("hours", [1, 24 * 60])
def test_what_was_issued_together_is_not_refreshed_together(proof: Proof, hours: int) -> None:
    from datetime import timedelta

    from core import clock

    row = proof.creator.connection(proof.connected())
    ends, times = clock.now() + timedelta(hours=hours), set()
    for _ in range(20):
        store(row, Tokens("a", "r", ends))
        assert row.refresh_at is not None
        left = ends - row.refresh_at
        assert timedelta(minutes=5) <= left <= max(timedelta(hours=hours) * 0.15, timedelta(minutes=9)), left
        times.add(row.refresh_at)
    assert len(times) == 20
