"""Undo of an entry of the audit log: by the inverse command, until the same thing is changed again."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import col, select

from core import clock
from core.audit.search import AuditFilter, find_events
from core.audit.undoing import undoable
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.errors import Invalid, NotAllowed, NotFound, NotPermitted
from core.jobs.request import JobOptions, request
from core.models import BackgroundJob, Event, JobKind, Queue, Role, Schedule, User, Worker
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import ADMIN, SUPPORT, make_user

WHY = "because"


def do(engine: Engine, name: str, target: UUID | None = None, /, why: str = WHY, **args: Any) -> int:
    """Run a command, and return the number of its entry."""
    perform(engine, ADMIN, CommandRequest(name=name, target=target, args=args, reason=why))
    with session_scope(engine) as session:
        return session.exec(select(Event.id).order_by(col(Event.id).desc())).first()


def undo(engine: Engine, event: int, by: Any = ADMIN, reason: str | None = WHY) -> dict[str, Any]:
    return perform(engine, by, CommandRequest(name="event.undo", args={"event": event}, reason=reason))


def offered(engine: Engine) -> set[int]:
    with session_scope(engine) as session:
        return set(undoable(session, find_events(session, AuditFilter()).lines))


def test_a_pause_a_limit_and_a_role_are_as_they_were(engine: Engine) -> None:
    with session_scope(engine) as session:
        support = make_user(session, role=Role.SUPPORT)
        person, email = support.id, support.email
        session.add(worker := Worker(host="mill", pid=1, threads=1, queues=["demo"], heartbeat_at=clock.now()))
        session.flush()
        worker_id = worker.id
        schedule = Schedule(name="nightly", kind="maintenance.expire_sessions", cron="0 3 * * *", args={})
        schedule.next_due_at = clock.now() + timedelta(hours=1)
        session.add(schedule)
        session.flush()
        schedule_id = schedule.id
    do(engine, "kind.limit", name="demo.enable", max_running=5)
    done = [
        do(engine, "queue.pause", name="demo"), do(engine, "kind.pause", name="demo.disable"),
        do(engine, "kind.limit", name="demo.enable", max_running=1), do(engine, "schedule.pause", schedule_id),
        do(engine, "operator.role", person, role="admin"), do(engine, "worker.quiet", worker_id),
    ]  # fmt: skip
    assert offered(engine) >= set(done)
    assert [undo(engine, event)["holds"] for event in done] == [
        "Queue demo runs again.",
        "Kind demo.disable runs again.",
        "Kind demo.enable has its earlier limits again.",
        "Schedule nightly runs again.",
        f"{email} is support again.",
        "The worker starts jobs again.",
    ]
    assert not offered(engine) & set(done)
    with session_scope(engine) as session:
        assert session.get_one(Queue, "demo").paused_at is None
        assert session.get_one(JobKind, "demo.disable").paused_at is None
        assert session.get_one(JobKind, "demo.enable").max_running == 5
        assert session.get_one(Schedule, schedule_id).paused_at is None
        assert session.get_one(User, person).role == Role.SUPPORT
        assert session.get_one(Worker, worker_id).quiet_at is None


def test_what_was_changed_again_since_stays_and_an_undo_can_be_undone(engine: Engine) -> None:
    first = do(engine, "queue.pause", name="demo")
    other = do(engine, "queue.pause", name="messages")
    resumed = do(engine, "queue.resume", name="demo")
    assert offered(engine) == {other, resumed}
    with pytest.raises(NotAllowed, match=f"changed again since, by #{resumed}"):
        undo(engine, first)
    answer = undo(engine, resumed)
    assert (answer["undone"], answer["command"]) == (resumed, "queue.pause")
    assert answer["holds"] == "Queue demo is paused again."
    with session_scope(engine) as session:
        assert (
            session.get_one(Queue, "demo").paused_reason
            == f"{WHY} (entry {resumed} of the audit log was undone: {WHY})"
        )


def test_what_holds_again_says_why_it_held_before(engine: Engine) -> None:
    do(engine, "kind.limit", why="the provider is slow", name="demo.enable", max_running=2)
    lifted = do(engine, "kind.limit", name="demo.enable")
    undo(engine, lifted, reason="too early")
    do(engine, "kind.pause", why="d" * 500, name="demo.enable")
    resumed = do(engine, "kind.resume", name="demo.enable")
    undo(engine, resumed, reason="n" * 500)
    with session_scope(engine) as session:
        kind = session.get_one(JobKind, "demo.enable")
        assert kind.limited_reason == f"the provider is slow (entry {lifted} of the audit log was undone: too early)"
        assert kind.paused_reason.startswith("d" * 200)
        assert f"… (entry {resumed} of the audit log was undone: {'n' * 200}" in kind.paused_reason
        assert len(kind.paused_reason) <= 500


def test_undone_again_and_again_a_reason_names_the_last_undo_only(engine: Engine) -> None:
    do(engine, "queue.pause", why="deploy", name="demo")
    for _ in range(3):
        resumed = do(engine, "queue.resume", name="demo")
        undo(engine, resumed, reason="too early")
    with session_scope(engine) as session:
        assert (
            session.get_one(Queue, "demo").paused_reason
            == f"deploy (entry {resumed} of the audit log was undone: too early)"
        )


@pytest.mark.parametrize("odd", [5, ["a"], {"a": 1}, None, "", "   "])
def test_an_odd_reason_of_another_release_is_left_out(engine: Engine, odd: object) -> None:
    data = {"name": "demo", "was": "paused", "now": "active", "was_because": odd}
    with session_scope(engine) as session:
        session.add(event := Event(name="queue.resumed", actor="ana", via="api", data=data))
        session.flush()
        number = event.id
    undo(engine, number, reason="too early")
    with session_scope(engine) as session:
        assert session.get_one(Queue, "demo").paused_reason == f"entry {number} of the audit log was undone: too early"


def test_a_job_is_due_again_when_it_was(engine: Engine) -> None:
    with session_scope(engine) as session:
        user = make_user(session)
        at = clock.now() + timedelta(hours=2)
        job_id = request(session, demo.enable, user.id, EnableForm(), SUPPORT, JobOptions(run_at=at)).id
    event = do(engine, "job.reschedule", job_id, at=(at + timedelta(hours=5)).isoformat())
    undo(engine, event, SUPPORT, None)
    with session_scope(engine) as session:
        assert session.get_one(BackgroundJob, job_id).run_at == at


def test_it_needs_the_right_and_the_reason_of_what_takes_it_back(engine: Engine) -> None:
    paused = do(engine, "queue.pause", name="demo")
    with pytest.raises(NotPermitted, match="Resume queue needs the role admin"):
        undo(engine, paused, SUPPORT)
    resumed = do(engine, "queue.resume", name="demo")
    with pytest.raises(Invalid, match="Pause queue needs a reason"):
        undo(engine, resumed, reason=None)


def test_what_nothing_takes_back_says_so(engine: Engine) -> None:
    with session_scope(engine) as session:
        person = make_user(session, role=Role.SUPPORT).id
    with pytest.raises(NotAllowed, match="nothing takes it back"):
        undo(engine, do(engine, "operator.link", person))
    with pytest.raises(NotFound, match="no entry #999999"):
        undo(engine, 999_999)


def test_a_link_changes_nothing_of_a_role_and_a_pause_nothing_of_a_limit(engine: Engine) -> None:
    with session_scope(engine) as session:
        person = make_user(session, role=Role.SUPPORT).id
    role = do(engine, "operator.role", person, role="admin")
    do(engine, "operator.link", person)
    limit = do(engine, "kind.limit", name="demo.enable", max_running=1)
    do(engine, "kind.pause", name="demo.enable")
    assert {role, limit} <= offered(engine)


@pytest.mark.parametrize("by_hand", ["role = 'member'", "disabled_at = now()"])
def test_who_was_changed_by_hand_since_stays_so(engine: Engine, by_hand: str) -> None:
    with session_scope(engine) as session:
        person = make_user(session, role=Role.ADMIN).id
    event = do(engine, "operator.role", person, role="viewer")
    limit = do(engine, "kind.limit", name="demo.enable", max_running=1)
    with session_scope(engine) as session:
        session.connection().execute(text(f"UPDATE users SET {by_hand} WHERE id = :id"), {"id": person})
        session.connection().execute(text("UPDATE job_kinds SET max_running = 0"))
    for each in (event, limit):
        with pytest.raises(NotAllowed, match="no longer as this entry has left it"):
            undo(engine, each)


def test_of_two_undos_at_once_one_is_done(engine: Engine) -> None:
    do(engine, "kind.limit", name="demo.enable", max_running=5)
    event = do(engine, "kind.limit", name="demo.enable", max_running=1)

    def try_it(_: int) -> bool:
        try:
            undo(engine, event)
        except NotAllowed:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(try_it, range(4))) == 1


def test_a_job_whose_former_time_has_passed_is_not_offered(engine: Engine) -> None:
    with session_scope(engine) as session:
        user = make_user(session)
        job_id = request(session, demo.enable, user.id, EnableForm(), SUPPORT).id
    event = do(engine, "job.reschedule", job_id, at=(clock.now() + timedelta(hours=5)).isoformat())
    assert event not in offered(engine)


ODD = [
    {}, {"name": 5}, {"worker": "x"}, {"worker": {"id": 5}}, {"schedule": 5}, {"schedule": {"a": 1}}, None, 7, "x",
    {"was": {"role": 1}}, {"name": "demo.enable", "was": {"name": "demo.disable", "max_running": 1}},
    {"name": "demo.enable", "was": {"max_running": True, "max_per_worker": 1, "rate_count": 1, "rate_seconds": 1}},
]  # fmt: skip


@pytest.mark.parametrize("data", ODD)
def test_an_odd_entry_of_another_release_breaks_nothing(engine: Engine, data: Any) -> None:
    names = (
        "queue.paused",
        "worker.quieted",
        "kind.limited",
        "operator.role_changed",
        "schedule.paused",
        "job.rescheduled",
    )
    with session_scope(engine) as session:
        add = "INSERT INTO events (name, actor, via, data) VALUES (:name, 'ana', 'console', CAST(:data AS jsonb))"
        session.connection().execute(text(add), [{"name": name, "data": json.dumps(data)} for name in names])
    offered(engine)
    with session_scope(engine) as session:
        odd = col(Event.name).in_(("kind.limited", "job.rescheduled"))
        events = session.exec(select(Event.id).where(odd)).all()
    for event in events:
        with pytest.raises(NotAllowed, match="nothing takes it back"):
            undo(engine, event)
