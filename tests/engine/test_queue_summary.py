"""The pages of workers, queues and schedules show true figures, from cheap queries."""

from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core import clock
from core.database.engine import session_scope
from core.errors import Invalid, NotFound
from core.models import JobKind, Queue, Worker
from core.queues.last_day import HourlyEndings
from core.queues.summary import queue_summary
from core.queues.workers import WorkerState, worker_listing
from core.schedules import scheduling, timing
from core.schedules.listing import in_words, schedule_lines, targets
from tests import driving
from tests.factories import ADMIN, make_user
from ui.design import TONES

ENABLE = driving.BY_NAME["demo.enable"]


def ask(engine: Engine) -> None:
    with session_scope(engine) as session:
        user = make_user(session).id
    driving.ask(engine, ENABLE, user, {"preset": "nano"})


def add_worker(session: Session, silent: timedelta, **values: object) -> Worker:
    row = Worker(**{"host": "w", "pid": 1, "threads": 8, "heartbeat_at": clock.now() - silent, **values})
    session.add(row)
    return row


def test_workers_are_listed_by_presence_and_old_ones_are_forgotten(session: Session) -> None:
    ago, lately = timedelta(0), clock.now() - timedelta(hours=2)
    alive = add_worker(session, ago)
    silent = add_worker(session, timedelta(seconds=24))
    beyond = add_worker(session, timedelta(minutes=5))
    stopped = add_worker(session, timedelta(hours=2), stopped_at=lately)
    lost = add_worker(session, timedelta(hours=3), lost_at=lately - timedelta(hours=1))
    add_worker(session, timedelta(days=3), lost_at=clock.now() - timedelta(days=3))
    session.flush()

    listing = worker_listing(session)

    assert {line.worker.id: line.presence for line in listing.alive} == {
        alive.id: WorkerState.ALIVE,
        silent.id: WorkerState.SILENT,
    }
    gone = [(line.worker.id, line.presence) for line in listing.gone]
    assert gone == [(beyond.id, WorkerState.LOST), (stopped.id, WorkerState.STOPPED), (lost.id, WorkerState.LOST)]


def test_a_worker_is_listed_with_the_jobs_that_it_runs_and_no_others(engine: Engine) -> None:
    ask(engine)
    ask(engine)
    busy, idle = driving.new_worker(engine), driving.new_worker(engine)
    held = driving.take(engine, busy)
    assert held is not None
    with Session(engine) as session:
        jobs_of = {line.worker.id: [row["id"] for row in line.jobs] for line in worker_listing(session).alive}
    assert jobs_of == {busy: [str(held.id)], idle: []}


def numbers(ended: HourlyEndings) -> dict[str, int]:
    return {status: ended.total(status) for status in ended.hours}


def test_endings_are_read_from_counters_by_queue_and_kind(engine: Engine) -> None:
    ask(engine)
    driving.run_next(engine)
    with session_scope(engine) as session:
        session.connection().execute(text("DELETE FROM background_jobs"))
        session.connection().execute(
            text("""INSERT INTO job_counters (hour, kind, queue, status, shard, jobs, ran_seconds)
                    VALUES (now() - interval '3 days', 'demo.enable', 'demo', 'failed', 0, 9, 0)""")
        )
    with Session(engine) as session:
        summary = queue_summary(session)
    in_queues = {
        queue.line.name: {each: queue.ended.total(each) for each in queue.ended.hours} for queue in summary.queues
    }
    assert in_queues == {
        "demo": {"succeeded": 1},
        **{queue: {} for queue in ("connections", "maintenance", "messages")},
    }
    assert {kind.kind.kind: kind.ended.total("succeeded") for kind in summary.kinds if kind.ended.hours} == {
        "demo.enable": 1
    }


def test_waiting_jobs_are_counted_due_or_not(engine: Engine) -> None:
    ask(engine)
    ask(engine)
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE background_jobs SET run_at = now() + interval '1 hour'"))
    ask(engine)
    with Session(engine) as session:
        assert queue_summary(session).queued == 3


@pytest.mark.parametrize(
    ("cron", "description"),
    [
        ("30 2 * * 1-5", "At 02:30, Monday through Friday"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("@daily", ""),
        ("0 3 * * * 5", ""),
        ("0 3 * *", ""),
    ],
)
def test_cron_is_described_in_words_where_they_surely_mean_the_same(cron: str, description: str) -> None:
    assert in_words(cron) == description


def test_a_schedule_is_listed_with_its_person_its_next_runs_and_its_latest_ticks(session: Session) -> None:
    user = make_user(session, email="Ana@example.com")
    target = targets(session, "demo.enable", " ana@example.COM ")[0]
    assert target.id == user.id
    # Yearly: a tick a second ago is then the latest one; with minutes, one in sixty runs would find it missed.
    form = scheduling.NewSchedule(name="nightly", kind="demo.enable", target_id=target.id, cron="0 0 1 1 *")
    row = scheduling.add(session, form, ADMIN, None)
    for _ in range(7):
        row.next_due_at = clock.now() - timedelta(seconds=1)
        session.flush()
        scheduling.tick(session)

    [line] = schedule_lines(session)

    assert line.target == target
    assert len(line.next) == 3
    assert [tick.due_at for tick in line.ticks] == sorted((tick.due_at for tick in line.ticks), reverse=True)
    assert [tick.outcome for tick in line.ticks] == ["refused"] * 5
    scheduling.pause(session, row.id, ADMIN, "holiday")
    session.flush()
    assert schedule_lines(session)[0].next == ()


def test_an_unknown_user_is_no_target(session: Session) -> None:
    with pytest.raises(NotFound, match=r"nobody@example\.com"):
        targets(session, "demo.enable", "nobody@example.com")


def test_the_next_runs_are_shown_before_a_schedule_is_added() -> None:
    runs = timing.upcoming("0 3 * * *", None, "UTC", 3)
    assert [later - earlier for earlier, later in pairwise(runs)] == [timedelta(days=1)] * 2
    with pytest.raises(Invalid) as refusal:
        timing.upcoming("0 0 31 2 *", None, "UTC", 3)
    assert "is not a valid cron expression, or never due" in refusal.value.fields["cron"]


def states(session: Session) -> dict[str, str]:
    session.flush()
    summary = queue_summary(session)
    return {
        **{each.line.name: each.line.state for each in summary.queues},
        **{each.kind.kind: each.state for each in summary.kinds},
    }


def test_a_queue_is_active_only_while_a_living_worker_serves_it(session: Session) -> None:
    assert states(session)["demo"] == states(session)["demo.enable"] == "no worker"
    add_worker(session, timedelta(hours=1), queues=["demo"])
    assert states(session)["demo"] == "no worker"
    add_worker(session, timedelta(seconds=25), queues=["demo"])
    assert states(session)["demo"] == states(session)["demo.enable"] == "workers silent"
    add_worker(session, timedelta(0), queues=["demo"])
    assert states(session)["demo"] == states(session)["demo.enable"] == "active"


def test_a_kind_is_active_only_if_it_and_its_queue_start_jobs(session: Session) -> None:
    add_worker(session, timedelta(0), queues=["demo"])
    session.add_all([JobKind(kind="demo.enable", max_per_worker=0), JobKind(kind="demo.switch", max_running=0)])
    assert (states(session)["demo.enable"], states(session)["demo.switch"]) == ("starts none", "starts none")
    session.add(Queue(name="demo", paused_at=clock.now(), paused_by="Ana"))
    assert states(session)["demo"] == "paused"
    assert states(session)["demo.disable"] == "queue paused"
    assert set(states(session).values()) <= set(TONES)
