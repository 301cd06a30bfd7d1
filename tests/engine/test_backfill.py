"""Backfill: each tick of a past time runs once, whoever asks, how often and at the same time as whom."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core import clock
from core.database.engine import session_scope
from core.errors import Invalid, NotAllowed, NotFound
from core.models import BackgroundJob, Event, Schedule, ScheduleTick
from core.operations import demo
from core.schedules import backfill, scheduling
from core.schedules.backfill import Backfill, BackfillForm
from tests.factories import ADMIN, make_user

UTC = clock.UTC
#: Long ago enough that its days have passed, and remembered.
DAY = (clock.now() - timedelta(days=9)).replace(hour=0, minute=0, second=0, microsecond=0)


def add(engine: Engine, cron: str = "0 */6 * * *", **values: Any) -> UUID:
    form = {"name": f"s-{uuid4().hex[:6]}", "kind": "maintenance.delete_old_jobs", "args": {"days": 90}, "cron": cron}
    with session_scope(engine) as session:
        return scheduling.add(session, scheduling.NewSchedule(**(form | values)), ADMIN, None).id


def run(engine: Engine, schedule: UUID, since: datetime = DAY, days: float = 1, at_most: int | None = None) -> Backfill:
    form = BackfillForm(since=since, until=since + timedelta(days=days), at_most=at_most)
    with session_scope(engine) as session:
        return backfill.backfill(session, schedule, form, ADMIN, "the scheduler was down")


def jobs(engine: Engine, schedule: UUID) -> list[BackgroundJob]:
    with Session(engine) as session:
        own = col(BackgroundJob.schedule_id) == schedule
        return list(session.exec(select(BackgroundJob).where(own).order_by(col(BackgroundJob.id))))


def ticks(engine: Engine, schedule: UUID) -> list[ScheduleTick]:
    with Session(engine) as session:
        own = col(ScheduleTick.schedule_id) == schedule
        return list(session.exec(select(ScheduleTick).where(own).order_by(col(ScheduleTick.due_at))))


def write_tick(engine: Engine, schedule: UUID, due: datetime, outcome: str) -> None:
    with session_scope(engine) as session:
        session.add(ScheduleTick(schedule_id=schedule, due_at=due, outcome=outcome))


def test_each_tick_gets_its_job_the_oldest_first_and_one_event_says_so(engine: Engine) -> None:
    schedule = add(engine)
    assert len(run(engine, schedule).due) == 5, "both ends are included"
    made, written = jobs(engine, schedule), ticks(engine, schedule)
    assert [tick.due_at for tick in written] == [DAY + timedelta(hours=6 * each) for each in range(5)]
    assert [tick.job_id for tick in written] == [job.id for job in made]
    assert {(tick.outcome, tick.detail) for tick in written} == {("fired", f"backfilled by {ADMIN.name}")}
    assert {(job.args["days"], job.reason) for job in made} == {(90, "the scheduler was down")}
    with Session(engine) as session:
        [event] = session.exec(select(Event).where(Event.name == "schedule.backfilled")).all()
        assert (event.data["requested"], event.data["already"], event.reason) == (5, 0, "the scheduler was down")


def test_a_tick_that_has_run_is_skipped_and_one_that_was_missed_or_refused_runs(engine: Engine) -> None:
    schedule = add(engine)
    for hour, outcome in ((0, "fired"), (6, "missed"), (12, "refused")):
        write_tick(engine, schedule, DAY + timedelta(hours=hour), outcome)
    with Session(engine) as session:
        form = BackfillForm(since=DAY, until=DAY + timedelta(days=1))
        said = backfill.preview(session, schedule, form)
    done = run(engine, schedule)
    assert (len(done.due), done.already) == (4, 1)
    assert said == done, "the preview says what it does"
    assert {tick.outcome for tick in ticks(engine, schedule)} == {"fired"}


def test_who_repeats_it_or_overlaps_requests_nothing_twice(engine: Engine) -> None:
    schedule = add(engine)
    run(engine, schedule)
    again = run(engine, schedule)
    assert (again.due, again.already) == ((), 5)
    assert run(engine, schedule, DAY + timedelta(hours=12)).already == 3
    assert len(jobs(engine, schedule)) == 7
    with Session(engine) as session:
        assert len(session.exec(select(Event).where(Event.name == "schedule.backfilled")).all()) == 2


def test_many_at_once_request_each_job_once(engine: Engine) -> None:
    schedule = add(engine, "*/5 * * * *")
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: run(engine, schedule), range(8)))
    assert sorted(len(each.due) for each in done) == [0] * 7 + [289]
    assert len(jobs(engine, schedule)) == len(ticks(engine, schedule)) == 289


def test_the_scheduler_does_not_fire_a_tick_again_that_was_backfilled_while_it_was_late(engine: Engine) -> None:
    schedule = add(engine, "0 * * * *")
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE schedules SET next_due_at = :due"), {"due": DAY})
    run(engine, schedule, days=2 / 24)
    with session_scope(engine) as session:
        fired = scheduling.tick(session)
        assert fired
        assert fired.outcome == "repeated"
    assert len(jobs(engine, schedule)) == 3
    with Session(engine) as session:
        row = session.get_one(Schedule, schedule)
        assert row.next_due_at
        assert row.next_due_at > clock.now()


def test_what_ends_before_the_commit_leaves_neither_ticks_nor_jobs(engine: Engine) -> None:
    schedule = add(engine)
    form = BackfillForm(since=DAY, until=DAY + timedelta(days=1))
    with Session(engine) as session:
        assert len(backfill.backfill(session, schedule, form, ADMIN, None).due) == 5  # and no commit
    assert (jobs(engine, schedule), ticks(engine, schedule)) == ([], [])
    assert len(run(engine, schedule).due) == 5


def test_more_than_a_thousand_are_refused_with_the_time_up_to_which_they_are_few_enough(engine: Engine) -> None:
    schedule = add(engine, "* * * * *")
    with pytest.raises(Invalid, match=r"more than 1,000 runs") as refused:
        run(engine, schedule)
    last = DAY + timedelta(minutes=999)
    assert refused.value.fields["until"].startswith(f"Choose {last:%Y-%m-%dT%H:%M:%S}Z or an earlier time")
    assert jobs(engine, schedule) == []
    assert len(run(engine, schedule, days=999 / 1440).due) == 1_000
    assert len({job.id for job in jobs(engine, schedule)}) == 1_000


def test_no_more_are_requested_than_the_preview_has_said(engine: Engine) -> None:
    schedule = add(engine)
    with pytest.raises(NotAllowed, match="It would request 5 jobs now, more than 4"):
        run(engine, schedule, at_most=4)
    assert jobs(engine, schedule) == []
    assert len(run(engine, schedule, at_most=5).due) == 5
    assert run(engine, schedule, at_most=5).due == (), "an answer that was lost may be asked for again"


def test_a_paused_schedule_is_backfilled_and_stays_paused(engine: Engine) -> None:
    schedule = add(engine)
    with session_scope(engine) as session:
        scheduling.pause(session, schedule, ADMIN, "holiday")
    assert len(run(engine, schedule).due) == 5
    with Session(engine) as session:
        assert session.get_one(Schedule, schedule).paused_at


@pytest.mark.parametrize(
    ("since", "days", "field"),
    [(clock.now(), 1, "until"), (DAY, -1, "since"), (clock.now() - timedelta(days=31), 2, "since")],
    ids=["not past", "backwards", "longer ago than runs are remembered"],
)
def test_only_a_remembered_past_is_backfilled(engine: Engine, since: datetime, days: float, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        run(engine, add(engine), since, days)
    assert refused.value.fields.keys() == {field}


def test_what_has_no_past_ticks_is_refused_with_what_to_do(engine: Engine) -> None:
    once = add(engine, at=clock.now() + timedelta(days=1), cron=None)
    unknown, unreadable = add(engine), add(engine)
    with session_scope(engine) as session:
        user = make_user(session)
        odd = "UPDATE schedules SET {} WHERE id = :id"
        session.connection().execute(text(odd.format("kind = 'demo.of_another_release'")), {"id": unknown})
        session.connection().execute(text(odd.format("timezone = 'localtyme'")), {"id": unreadable})
    of_a_user = add(engine, kind=demo.enable.name, args={}, target_id=user.id)
    for schedule, why in (
        (once, "has a single time: use Run now"),
        (of_a_user, "changes the state of one user, whose jobs never overlap"),
        (unknown, "demo.of_another_release"),
        (unreadable, "'localtyme' cannot be loaded"),
    ):
        with pytest.raises(NotAllowed, match=why):
            run(engine, schedule)
    with pytest.raises(NotFound):
        run(engine, uuid4())


def of_zone(cron: str, since: datetime, hours: float) -> list[str]:
    schedule = Schedule(name="", kind="", cron=cron, timezone="Europe/Berlin")
    form = BackfillForm(since=since, until=since + timedelta(hours=hours))
    return [f"{tick:%d %H:%M}" for tick in backfill._ticks(schedule, form)]


@pytest.mark.parametrize(
    ("cron", "day", "expected"),
    [
        ("30 2 * * *", datetime(2026, 10, 24, 12, tzinfo=UTC), ["25 00:30"]),
        ("30 * * * *", datetime(2026, 10, 24, 22, tzinfo=UTC), ["24 22:30", "24 23:30", "25 00:30", "25 01:30"]),
        ("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=UTC), ["29 01:00"]),
        ("30 * * * *", datetime(2026, 3, 28, 23, tzinfo=UTC), ["28 23:30", "29 00:30", "29 01:30", "29 02:30"]),
    ],
    ids=["twice, at a fixed time", "twice, each hour", "left out, at a fixed time", "left out, each hour"],
)
def test_the_hours_that_come_twice_or_not_at_all_have_the_ticks_that_the_scheduler_gives_them(
    cron: str, day: datetime, expected: list[str]
) -> None:
    assert of_zone(cron, day, 24)[: len(expected)] == expected


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/30 2,3 * * *", "30 * * * *"])
@pytest.mark.parametrize("night", [datetime(2026, 10, 24, 20, tzinfo=UTC), datetime(2026, 3, 28, 20, tzinfo=UTC)])
def test_wherever_a_range_begins_it_has_the_same_ticks(cron: str, night: datetime) -> None:
    whole = of_zone(cron, night, 12)
    for quarter in range(1, 48):
        since = night + timedelta(minutes=15 * quarter)
        assert of_zone(cron, since, 12 - quarter / 4) == [tick for tick in whole if tick >= f"{since:%d %H:%M}"]
