"""Each rule is raised by a real situation: one message, and one when it is over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core import clock
from core.alerts.rules import RULES
from core.audit.record import record
from core.database.engine import session_scope
from core.models import BackgroundJob, DemoModeStatus, JobStatus, NotificationChannel, Queue, Schedule, Worker
from tests.alerts.looking import alerts, look, pass_time, tell
from tests.alerts.receiver import json_way, receiver, set_ways
from tests.factories import ADMIN, make_user

Change = Callable[[Session], object]
HOUR = timedelta(hours=1)


def sql(statement: str) -> Change:
    return lambda session: session.connection().execute(text(statement))


@dataclass(frozen=True)
class Situation:
    """How something comes to be wrong, what is said of it, and how it comes to be right again."""

    begin: Change
    sentence: str
    end: Change


def add_job(session: Session, **values: object) -> BackgroundJob:
    at = clock.now()
    made = BackgroundJob(
        **{"kind": "demo.enable", "queue": "demo", "args": {}, "created_at": at, "run_at": at, **values}
    )
    session.add(made)
    session.flush()
    return made


def add_ended(session: Session, status: JobStatus, number: int) -> None:
    now = clock.now()
    for _ in range(number):
        add_job(session, status=status, started_at=now, finished_at=now, error_type="GiveUp", error_message="No.")


def add_worker(session: Session, *queues: str) -> None:
    now = clock.now()
    session.add(
        Worker(id=uuid4(), host="here", pid=1, threads=4, queues=list(queues), started_at=now, heartbeat_at=now)
    )
    session.flush()


def half_fail(session: Session) -> None:
    add_ended(session, JobStatus.SUCCEEDED, 18)
    add_ended(session, JobStatus.FAILED, 2)


def wait_for_long(session: Session) -> None:
    add_worker(session, "demo")
    add_job(session, run_at=clock.now() - timedelta(minutes=11))


def fail_anew(session: Session, **values: object) -> None:
    user = make_user(session)
    now = clock.now()
    given = {"finished_at": now, "error_type": "GiveUp", "error_message": "The demo service refused us.\nmore"}
    add_job(session, status=JobStatus.FAILED, user_id=user.id, error_fingerprint="4f1c", **{**given, **values})


def strand(session: Session) -> None:
    make_user(session, demo_mode_status=DemoModeStatus.ENABLING)


def refuse_mail(session: Session) -> None:
    session.add(
        NotificationChannel(
            channel="email",
            way="mail.example.com:25",
            refusal="mail.example.com:25 refuses the connection.",
            refused_at=clock.now() - timedelta(minutes=9),
        )
    )


def act_unsealed(session: Session) -> None:
    record(session, ADMIN, "queue.paused", reason="a test", name="demo", was="active", now="paused")
    session.flush()
    session.connection().execute(text("SET LOCAL session_replication_role = replica"))
    session.connection().execute(text("UPDATE events SET at = now() - interval '9 min'"))


SITUATIONS = {
    "users_stuck": Situation(
        strand, "1 user is stuck: nothing moves them any more", sql("UPDATE users SET demo_mode_status = 'disabled'")
    ),
    "success_rate": Situation(
        half_fail,
        "90 % of the jobs that ended within an hour succeeded (2 of 20 failed); the target is 95 %",
        sql("UPDATE background_jobs SET finished_at = finished_at - interval '2 h'"),
    ),
    "long_wait": Situation(
        wait_for_long, "The oldest of 1 job in the queue demo has waited 11 min", sql("DELETE FROM background_jobs")
    ),
    "no_worker": Situation(
        add_job, "No worker serves the queue demo: 1 job waits", lambda session: add_worker(session, "demo")
    ),
    "long_pause": Situation(
        lambda session: session.add(
            Queue(name="demo", paused_at=clock.now() - 5 * HOUR, paused_by="ada@x.example", paused_reason="a deploy")
        ),
        "The queue demo has been paused by ada@x.example for 5 h: a deploy · 0 jobs wait",
        sql("UPDATE queues SET paused_at = NULL"),
    ),
    "schedule_missed": Situation(
        lambda session: session.add(
            Schedule(
                name="nightly",
                kind="maintenance.expire_sessions",
                cron="0 3 * * *",
                created_by="a test",
                next_due_at=clock.now() - timedelta(minutes=10),
            )
        ),
        "The schedule nightly is late by 10 min",
        sql("UPDATE schedules SET next_due_at = now() + interval '1 h' WHERE name = 'nightly'"),
    ),
    "new_error": Situation(
        fail_anew,
        "New error of demo.enable: The demo service refused us · 1 job, 1 user",
        sql("UPDATE background_jobs SET finished_at = finished_at - interval '2 h'"),
    ),
    "outbox_failing": Situation(
        refuse_mail,
        "Messages do not leave: mail.example.com:25 refuses the connection",
        sql("DELETE FROM notification_channels"),
    ),
    "audit_unsealed": Situation(
        act_unsealed,
        "Entries of the audit log have waited 9 min for their seal",
        sql("SET LOCAL session_replication_role = replica; DELETE FROM events"),
    ),
}


def test_every_rule_has_its_situation() -> None:
    assert list(SITUATIONS) == [rule.name for rule in RULES]


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_rule_tells_once_and_once_more_when_it_is_over(
    name: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    situation = SITUATIONS[name]
    with receiver() as told:
        set_ways(monkeypatch, alerts=json_way(told), public_url="https://unstuck.example")
        tell(engine)  # from now on
        with session_scope(engine) as session:
            add_worker(session, "messages")
        look(engine, name)
        assert alerts(engine) == []
        with session_scope(engine) as session:
            situation.begin(session)
        for _ in range(3):
            look(engine, name)
            tell(engine)
            pass_time(engine, timedelta(minutes=6))
        assert len(told.said) == 1, told.said
        assert situation.sentence in told.said[0]["message"]
        assert "https://unstuck.example/" in told.said[0]["message"]
        with session_scope(engine) as session:
            situation.end(session)
        for _ in range(3):
            look(engine, name)
            tell(engine)
            pass_time(engine, timedelta(minutes=3))
    assert len(told.said) == 2, told.said
    assert told.said[1]["title"].startswith("Over: ")
    assert situation.sentence in told.said[1]["message"]
    [alert] = alerts(engine)
    assert alert.over_at is not None
    assert isinstance(alert.id, UUID)


WORSE = {
    "success_rate": ("DELETE FROM background_jobs WHERE status = 'succeeded'", "0 % of the jobs"),
    "long_wait": ("UPDATE workers SET stopped_at = now()", "has waited"),
    "no_worker": ("UPDATE workers SET stopped_at = now()", "No worker"),
    "new_error": (
        "INSERT INTO background_jobs (id, kind, queue, status, created_at, run_at, finished_at, error_fingerprint) "
        "SELECT gen_random_uuid(), 'demo.enable', 'demo', 'failed', now(), now(), now(), i / 3 "
        "FROM generate_series(3, 50) i",
        "New error",
    ),
}


@pytest.mark.parametrize("name", WORSE)
def test_an_alert_is_not_over_because_it_has_become_worse(name: str, engine: Engine) -> None:
    worse, sentence = WORSE[name]
    with session_scope(engine) as session:
        add_worker(session, "messages")
        SITUATIONS[name].begin(session)
    look(engine, name)
    [first] = alerts(engine)
    with session_scope(engine) as session:
        session.connection().execute(text(worse))
    for _ in range(3):
        look(engine, name)
        pass_time(engine, timedelta(minutes=3))
    [now] = [each for each in alerts(engine) if each.id == first.id]
    assert (now.missing_since, now.over_at) == (None, None)
    assert sentence in now.sentence


def test_what_only_the_customer_can_mend_is_no_alert(engine: Engine) -> None:
    with session_scope(engine) as session:
        fail_anew(session)
        session.connection().execute(text("UPDATE background_jobs SET error_type = 'OnlyTheOwner'"))
    look(engine, "new_error")
    assert alerts(engine) == []


def test_an_error_of_the_week_before_is_not_new(engine: Engine) -> None:
    with session_scope(engine) as session:
        for days in (0, 3):
            at = clock.now() - timedelta(days=days)
            fail_anew(session, created_at=at - timedelta(days=20), finished_at=at)
    look(engine, "new_error")
    assert alerts(engine) == []
