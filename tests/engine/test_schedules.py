"""Schedules that another program wrote, or that no host can tell the time of: they stop alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core import clock
from core.database.engine import session_scope
from core.errors import Invalid, NotAllowed
from core.lateness import late_schedules
from core.models import Schedule, ScheduleTick
from core.schedules import scheduling, timing
from core.schedules.listing import schedule_lines
from migrations import run as migrations
from tasks.actors import Drain
from tasks.registry import Registry
from tasks.scheduler import Scheduler
from tests.conftest import SECRET
from tests.factories import ADMIN
from tests.repeats import mostly_slow
from tests.waiting import eventually
from ui.cli.doctor import examine

UTC = clock.UTC


def add(engine: Engine, name: str, **odd: str) -> Schedule:
    """Add an overdue schedule, and give columns of its row SQL expressions."""
    form = scheduling.NewSchedule(name=name, kind="maintenance.delete_old_jobs", cron="0 3 * * *")
    values = {"next_due_at": "now() - interval '1 second'", **odd}
    with session_scope(engine) as session:
        schedule = scheduling.add(session, form, ADMIN, None)
        sets = ", ".join(f"{column} = {value}" for column, value in values.items())
        session.connection().execute(text(f"UPDATE schedules SET {sets} WHERE id = :id"), {"id": schedule.id})
    return schedule


@pytest.fixture
def scheduler(engine: Engine) -> Iterator[Scheduler]:
    running = Scheduler(Drain(engine, Registry(1), uuid4()))
    yield running
    running.stop()


def outcomes(engine: Engine, schedule: Schedule) -> list[str]:
    with Session(engine) as session:
        return list(session.exec(select(ScheduleTick.outcome).where(col(ScheduleTick.schedule_id) == schedule.id)))


@pytest.mark.parametrize(
    "odd",
    mostly_slow(
        [
            {"timezone": "'localtyme'"},
            {"timezone": "'../../etc/passwd'"},
            {"cron": "'often'"},
            {"cron": "'* * * * * *'"},
            {"cron": "'R * * * *'"},
            {"cron": "'0 0 31 2 *'"},
            {"args": "'[1]'"},
            {"args": '\'{"colour": "red"}\''},
            {"kind": "'demo.of_another_release'"},
            {"next_due_at": "'-infinity'", "timezone": "'localtyme'"},
        ],
        fast=3,
    ),
    ids=str,
)
def test_a_schedule_that_cannot_fire_says_why_and_the_healthy_one_beside_it_fires(
    engine: Engine, scheduler: Scheduler, odd: dict[str, str]
) -> None:
    bad = add(engine, "bad", next_due_at=odd.pop("next_due_at", "now() - interval '1 minute'"), **odd)
    healthy = add(engine, "healthy")
    scheduler.start()
    eventually(lambda: outcomes(engine, healthy) == ["fired"])
    assert outcomes(engine, bad) == ["refused"]


def test_a_schedule_without_a_time_is_paused_with_the_reason_and_resumes_only_when_it_can_fire(engine: Engine) -> None:
    bad = add(engine, "bad", timezone="'localtyme'")
    with session_scope(engine) as session:
        assert scheduling.tick(session)
    with session_scope(engine) as session:
        line = schedule_lines(session)[0]
        assert line.schedule.paused_reason == "The time zone 'localtyme' cannot be loaded on this host."
        assert line.problem == line.schedule.paused_reason
        session.connection().execute(text("UPDATE schedules SET next_due_at = now() + interval '1 hour'"))
        assert [str(each) for each in late_schedules(session)] == [f"schedule bad: {line.problem}"]
        assert late_schedules(session)[0].seconds == 0, "no metric of lateness is below zero"
        with pytest.raises(NotAllowed, match="cannot be loaded"):
            scheduling.resume(session, bad.id, ADMIN, None)


def test_a_schedule_of_six_fields_from_an_older_release_is_paused_and_named_before(
    engine: Engine, database_url: str
) -> None:
    add(engine, "each second", cron="'* * * * * *'", next_due_at="now() + interval '1 hour'")
    reason = "The cron expression '* * * * * *' is not one of five fields, such as 0 3 * * *."
    assert reason in " ".join(map(str, migrations.check(database_url, secret=SECRET)))
    assert reason in " ".join(map(str, migrations.upgrade(database_url, secret=SECRET).warnings))
    with session_scope(engine) as session:
        assert f"schedule each second: {reason}".removesuffix(".") in {finding.says for finding in examine(session)}
        session.connection().execute(text("UPDATE schedules SET next_due_at = now()"))
        assert scheduling.tick(session)
        assert session.exec(select(Schedule.paused_reason)).one() == reason
        assert reason in str(late_schedules(session)[0])


def test_a_schedule_that_no_scheduler_looks_at_is_late(engine: Engine) -> None:
    add(engine, "late", next_due_at="now() - interval '5 minutes'")
    add(engine, "due")
    with Session(engine) as session:
        assert [str(each) for each in late_schedules(session)] == ["schedule late: late by 300 s"]


def ticks(cron: str, zone: str, start: datetime, count: int) -> list[str]:
    schedule = Schedule(name="", kind="", cron=cron, timezone=zone)
    schedule.next_due_at = timing.next_after(schedule, start)
    return [f"{tick:%d %H:%M}" for tick in timing.next_ticks(schedule, count)]


@pytest.mark.parametrize(
    ("cron", "runs"),
    [
        ("30 2 * * *", ["25 00:30", "26 01:30", "27 01:30"]),
        ("*/30 2 * * *", ["25 00:00", "25 00:30", "26 01:00"]),
        ("30 * * * *", ["25 00:30", "25 01:30", "25 02:30"]),
    ],
)
def test_a_fixed_time_in_the_hour_that_comes_twice_fires_once(cron: str, runs: list[str]) -> None:
    assert ticks(cron, "Europe/Berlin", datetime(2026, 10, 24, 23, 50, tzinfo=UTC), 3) == runs


def test_a_fixed_time_in_the_hour_that_is_left_out_fires_once(engine: Engine) -> None:
    start = datetime(2026, 3, 28, 23, 50, tzinfo=UTC)
    assert ticks("30 2 * * *", "Europe/Berlin", start, 2) == ["29 01:00", "30 00:30"]


@pytest.mark.parametrize(
    "cron", ["0 0 3 * * *", "0 3 * * * 2027", "R * * * *", "R(1-9) 3 * * *", "H 3 * * *", "@reboot"]
)
def test_cron_has_five_fields_or_a_word(cron: str) -> None:
    with pytest.raises(Invalid) as refusal:
        timing.check_time(cron, None, "UTC")
    assert "five fields" in refusal.value.fields["cron"]


@pytest.mark.parametrize("cron", ["0 3 * * *", "@daily", "0 3 * jan-MAR mon", "0 3 L * *", "*/5 1,2 * * 5#2"])
def test_cron_may_use_names_words_and_last_days(cron: str) -> None:
    timing.check_time(cron, None, "Europe/Berlin")


@pytest.mark.parametrize("zone", ["localtime", "Factory", "posixrules", "", "/etc/passwd"])
def test_a_time_zone_that_differs_from_host_to_host_is_refused(zone: str) -> None:
    with pytest.raises(Invalid) as refusal:
        timing.check_time("0 3 * * *", None, zone)
    assert "timezone" in refusal.value.fields


def test_missed_ticks_are_counted_in_a_blink() -> None:
    schedule = Schedule(name="", kind="", cron="* * * * *", timezone="Europe/Berlin")
    now = clock.now()
    assert scheduling._missed(schedule, now - timedelta(days=9), now) == scheduling.MOST_MISSED


def test_a_tick_that_was_set_back_by_hand_fires_no_second_time_and_keeps_no_schedule_from_firing(
    engine: Engine, scheduler: Scheduler
) -> None:
    repeated, healthy = add(engine, "repeated"), add(engine, "healthy")
    with session_scope(engine) as session:
        again = session.get_one(Schedule, repeated.id)
        assert again.next_due_at
        session.add(ScheduleTick(schedule_id=again.id, due_at=again.next_due_at, outcome="fired"))
    scheduler.start()
    eventually(lambda: outcomes(engine, healthy) == ["fired"])
    with Session(engine) as session:
        again = session.get_one(Schedule, repeated.id)
        assert again.paused_at is None
        assert again.next_due_at
        assert again.next_due_at > clock.now()
    assert outcomes(engine, repeated) == ["fired"]
