"""Pausing, limits, rates, counters, schedules and retention."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, func, select

from core import clock
from core.actor import ENGINE
from core.database.engine import session_scope
from core.errors import Invalid, NotAllowed
from core.jobs.request import request_task
from core.models import BackgroundJob, Event, JobCounter, JobStatus, Schedule, ScheduleTick
from core.queues import controls
from core.schedules import scheduling, timing
from tests import driving
from tests.factories import ADMIN, make_user

ENABLE = driving.BY_NAME["demo.enable"]
TASK = "maintenance.expire_sessions"
#: No second tick comes due while a test looks at the first.
YEARLY = "0 0 1 1 *"


def ask_for(engine: Engine, count: int) -> None:
    for _ in range(count):
        with session_scope(engine) as session:
            user = make_user(session).id
        driving.ask(engine, ENABLE, user, {"preset": "nano"})


def limit(engine: Engine, **values: int) -> None:
    with session_scope(engine) as session:
        controls.limit_kind(session, controls.Limits(name="demo.enable", **values), ADMIN, "too much for the service")


def test_a_paused_queue_starts_nothing_until_it_is_resumed(engine: Engine) -> None:
    ask_for(engine, 1)
    with session_scope(engine) as session:
        controls.pause_queue(session, "demo", ADMIN, "deploying")
    assert driving.take(engine) is None
    with session_scope(engine) as session, pytest.raises(NotAllowed, match="already paused, by ada"):
        controls.pause_queue(session, "demo", ADMIN, "again")
    with session_scope(engine) as session:
        [line] = [line for line in controls.queue_lines(session) if line.name == "demo"]
        assert (line.waiting, line.paused_reason) == (1, "deploying")
        controls.resume_queue(session, "demo", ADMIN, None)
    assert driving.take(engine) is not None


def test_a_paused_kind_waits_while_others_of_its_queue_go_on(engine: Engine) -> None:
    ask_for(engine, 1)
    with session_scope(engine) as session:
        controls.pause_kind(session, "demo.enable", ADMIN, "service is down")
        user = make_user(session, demo_mode_status="enabled").id
    driving.ask(engine, driving.BY_NAME["demo.disable"], user)
    assert driving.must_take(engine).kind == "demo.disable"
    assert driving.take(engine) is None


def test_no_more_jobs_of_a_kind_run_at_once_than_its_limit(engine: Engine) -> None:
    ask_for(engine, 4)
    limit(engine, max_running=2)
    held = [driving.take(engine) for _ in range(4)]
    assert [h is not None for h in held] == [True, True, False, False]
    assert held[0] is not None
    driving.work_on(engine, held[0])
    assert driving.take(engine) is not None


def test_one_worker_runs_no_more_jobs_of_a_kind_than_its_share(engine: Engine) -> None:
    ask_for(engine, 3)
    limit(engine, max_per_worker=1)
    first, second = driving.new_worker(engine), driving.new_worker(engine)
    assert driving.take(engine, first) is not None
    assert driving.take(engine, first) is None
    assert driving.take(engine, second) is not None


def test_jobs_of_a_kind_start_no_faster_than_its_rate(engine: Engine) -> None:
    ask_for(engine, 4)
    limit(engine, rate_count=2, rate_seconds=3600)
    assert [driving.take(engine) is not None for _ in range(3)] == [True, True, False]
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE job_kinds SET rate_at = rate_at - interval '1 hour'"))
    assert driving.take(engine) is not None


def test_every_ending_is_counted_once(engine: Engine) -> None:
    ask_for(engine, 3)
    driving.run_next(engine)
    held = driving.must_take(engine)
    driving.ask_to_cancel(engine, held.id)
    driving.work_on(engine, held)
    driving.run_next(engine)
    with Session(engine) as session:
        rows = session.exec(select(JobCounter.status, func.sum(JobCounter.jobs)).group_by(JobCounter.status)).all()
    assert dict(rows) == {"succeeded": 2, "cancelled": 1}


def add_schedule(engine: Engine, **values: object) -> Schedule:
    form = scheduling.NewSchedule(**{"name": "nightly", "kind": TASK, "cron": "0 3 * * *", **values})
    with session_scope(engine) as session:
        return scheduling.add(session, form, ADMIN, "keep the house")


def make_overdue(engine: Engine, by: timedelta) -> None:
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE schedules SET next_due_at = now() - :by"), {"by": by})


def ticks(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return [tick.outcome for tick in session.exec(select(ScheduleTick).order_by(ScheduleTick.due_at))]


def jobs_of(engine: Engine, schedule: Schedule) -> int:
    with Session(engine) as session:
        number_of_jobs = select(func.count()).select_from(BackgroundJob).where(BackgroundJob.schedule_id == schedule.id)
        return session.exec(number_of_jobs).one()


def test_a_tick_fires_once_and_the_next_one_lies_ahead(engine: Engine) -> None:
    schedule = add_schedule(engine, cron=YEARLY)
    make_overdue(engine, timedelta(seconds=1))
    with session_scope(engine) as session:
        assert scheduling.tick(session)
    with session_scope(engine) as session:
        assert scheduling.tick(session) is None
        assert session.get_one(Schedule, schedule.id).next_due_at > clock.now()
    assert (ticks(engine), jobs_of(engine, schedule)) == (["fired"], 1)


def test_two_schedulers_at_once_fire_a_tick_once(engine: Engine) -> None:
    schedule = add_schedule(engine, cron=YEARLY)
    make_overdue(engine, timedelta(seconds=1))
    with session_scope(engine) as first, session_scope(engine) as second:
        assert scheduling.tick(first)
        assert scheduling.tick(second) is None
    assert jobs_of(engine, schedule) == 1


@pytest.mark.parametrize(("policy", "outcome", "jobs"), [("skip", "missed", 0), ("once", "fired", 1)])
def test_missed_ticks_are_skipped_or_caught_up_once_never_in_a_burst(
    engine: Engine, policy: str, outcome: str, jobs: int
) -> None:
    far_from_now = (clock.now().minute + 30) % 60
    schedule = add_schedule(engine, cron=f"{far_from_now} * * * *", missed=policy)
    make_overdue(engine, timedelta(hours=5))
    with session_scope(engine) as session:
        scheduling.tick(session)
    with session_scope(engine) as session:
        assert scheduling.tick(session) is None
    assert (ticks(engine), jobs_of(engine, schedule)) == ([outcome], jobs)


def test_a_schedule_at_a_time_fires_then_and_never_again(engine: Engine) -> None:
    schedule = add_schedule(engine, cron=None, at=clock.now() + timedelta(days=1))
    with session_scope(engine) as session:
        assert scheduling.tick(session) is None
    make_overdue(engine, timedelta(seconds=1))
    with session_scope(engine) as session:
        assert scheduling.tick(session)
    with session_scope(engine) as session:
        assert session.get_one(Schedule, schedule.id).next_due_at is None
    assert jobs_of(engine, schedule) == 1


def test_a_paused_schedule_fires_nothing_and_a_refused_tick_says_why(engine: Engine) -> None:
    with session_scope(engine) as session:
        user = make_user(session, demo_mode_status="enabled").id
    schedule = add_schedule(engine, kind="demo.enable", target_id=user, cron=YEARLY)
    make_overdue(engine, timedelta(seconds=1))
    with session_scope(engine) as session:
        scheduling.pause(session, schedule.id, ADMIN, "holiday")
    with session_scope(engine) as session:
        assert scheduling.tick(session) is None
        scheduling.resume(session, schedule.id, ADMIN, None)
    make_overdue(engine, timedelta(seconds=1))
    with session_scope(engine) as session:
        scheduling.tick(session)
    with Session(engine) as session:
        [tick] = session.exec(select(ScheduleTick)).all()
    assert tick.outcome == "refused"
    assert "cannot start from enabled" in (tick.detail or "")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"cron": "every day"}, "cron"),
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"cron": None}, "cron"),
        ({"cron": None, "at": "0001-01-01T00:00:00+14:00"}, "at"),
        ({"cron": None, "at": "9999-12-31T23:59:59-12:00"}, "at"),
        ({"kind": "demo.enable"}, "target_id"),
        ({"args": {"colour": "red"}}, "args.colour"),
    ],
)
def test_a_schedule_that_cannot_work_is_refused_with_the_field(
    engine: Engine, values: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        add_schedule(engine, **values)
    assert field in refusal.value.fields


def test_cron_follows_the_clocks_of_its_zone(engine: Engine) -> None:
    schedule = add_schedule(engine, cron="30 2 * * *", timezone="Europe/Berlin")
    spring = clock.datetime(2027, 3, 27, 12, 0, tzinfo=clock.UTC)
    after = timing.next_after(schedule, spring)
    assert after is not None
    assert after > spring
    assert after - spring < timedelta(days=2)


def test_retention_deletes_old_finished_jobs_and_nothing_else(engine: Engine) -> None:
    ask_for(engine, 3)
    driving.run_next(engine)
    young = driving.must_take(engine)
    driving.work_on(engine, young)
    with session_scope(engine) as session:
        session.connection().execute(
            text("""UPDATE background_jobs SET created_at = created_at - interval '40 days',
                    finished_at = finished_at - CASE WHEN id = :young THEN interval '0' ELSE interval '40 days' END"""),
            {"young": young.id},
        )
        task = driving.BY_NAME["maintenance.delete_old_jobs"]
        job = request_task(session, task, task.form(), ENGINE).id
    held = driving.take(engine, queue="maintenance")
    assert held is not None
    driving.work_on(engine, held)
    result = driving.job_row(engine, job).result
    assert result is not None
    assert (result["jobs_deleted"], result["events_deleted"]) == (1, 1)
    with Session(engine) as session:
        left = session.exec(select(BackgroundJob.status).where(BackgroundJob.kind == "demo.enable")).all()
        assert sorted(left) == [JobStatus.QUEUED, JobStatus.SUCCEEDED]
        requested = select(func.count()).where(Event.name == "job.requested", Event.via != "engine")
        assert session.exec(requested).one() == 3, "what people asked for stays in the audit log"
