"""Editing a schedule: what is given changes, the rest stays, and what could not be added is refused."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core import clock
from core.database.engine import session_scope
from core.errors import Invalid, NotAllowed, NotFound
from core.models import Event, Schedule, ScheduleTick
from core.operations import demo
from core.schedules import editing, scheduling
from tests.factories import ADMIN, make_user


@pytest.fixture
def nightly(engine: Engine) -> UUID:
    form = scheduling.NewSchedule(
        name="nightly", kind="maintenance.delete_old_jobs", args={"days": 90}, cron="0 3 * * *"
    )
    with session_scope(engine) as session:
        return scheduling.add(session, form, ADMIN, None).id


def edit(engine: Engine, schedule: UUID, **given: Any) -> Schedule:
    with session_scope(engine) as session:
        return editing.edit(session, schedule, editing.ScheduleEdit(**given), ADMIN, "too early")


def edits(engine: Engine) -> list[Event]:
    with Session(engine) as session:
        return list(session.exec(select(Event).where(Event.name == "schedule.edited").order_by(col(Event.id))))


def test_another_time_has_its_next_tick_from_now_on_and_the_event_says_what_changed(
    engine: Engine, nightly: UUID
) -> None:
    row = edit(engine, nightly, cron="30 4 * * *", timezone="Europe/Berlin")
    assert row.next_due_at
    assert clock.now() < row.next_due_at <= clock.now() + timedelta(days=1)
    assert row.next_due_at.minute == 30
    assert (row.name, row.args, row.missed) == ("nightly", {"days": 90}, "skip")
    [event] = edits(engine)
    assert event.data["was"] == {"cron": "0 3 * * *", "timezone": "UTC"}
    assert event.data["now"] == {"cron": "30 4 * * *", "timezone": "Europe/Berlin"}
    assert (event.reason, event.data["name"]) == ("too early", "nightly")


def test_other_arguments_leave_a_tick_that_is_due_just_now(engine: Engine, nightly: UUID) -> None:
    with session_scope(engine) as session:
        due = session.get_one(Schedule, nightly)
        due.next_due_at = before = clock.now() - timedelta(seconds=1)
    row = edit(engine, nightly, args={"kind": "demo.enable"}, missed="once")
    assert (row.next_due_at, row.args, row.missed) == (before, {"kind": "demo.enable"}, "once")
    [event] = edits(engine)
    assert event.data["was"] == {"args": {"days": 90}, "missed": "skip"}


def test_a_cron_expression_takes_the_place_of_a_time_and_the_reverse(engine: Engine, nightly: UUID) -> None:
    at = clock.now() + timedelta(days=2)
    row = edit(engine, nightly, at=at)
    assert (row.cron, row.at, row.next_due_at) == (None, at, at)
    row = edit(engine, nightly, cron="0 5 * * *")
    assert (row.cron, row.at) == ("0 5 * * *", None)
    assert row.next_due_at
    assert row.next_due_at.hour == 5


def test_a_time_that_is_over_can_come_again_and_what_has_run_stays_in_the_history(engine: Engine) -> None:
    at = clock.now() - timedelta(minutes=2)
    form = scheduling.NewSchedule(name="once", kind="maintenance.expire_sessions", at=at)
    with session_scope(engine) as session:
        once = scheduling.add(session, form, ADMIN, None).id
    with session_scope(engine) as session:
        fired = scheduling.tick(session)
        assert fired
        assert fired.outcome == "fired"
    later = clock.now() + timedelta(hours=1)
    assert edit(engine, once, at=later).next_due_at == later
    with Session(engine) as session:
        assert [tick.due_at for tick in session.exec(select(ScheduleTick))] == [at]


def test_a_paused_schedule_stays_paused_and_goes_on_from_its_new_time(engine: Engine, nightly: UUID) -> None:
    with session_scope(engine) as session:
        scheduling.pause(session, nightly, ADMIN, "holiday")
    assert edit(engine, nightly, cron="0 5 * * *").paused_at
    with session_scope(engine) as session:
        scheduling.resume(session, nightly, ADMIN, None)
        due = session.get_one(Schedule, nightly).next_due_at
        assert due
        assert due.hour == 5


def test_an_unreadable_time_is_mended_by_an_edit(engine: Engine, nightly: UUID) -> None:
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE schedules SET timezone = 'localtyme', next_due_at = now()"))
        assert scheduling.tick(session)
    with pytest.raises(NotAllowed, match="Edit it first"), session_scope(engine) as session:
        scheduling.resume(session, nightly, ADMIN, None)
    edit(engine, nightly, timezone="Europe/Berlin")
    with session_scope(engine) as session:
        scheduling.resume(session, nightly, ADMIN, None)
        assert session.get_one(Schedule, nightly).paused_at is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cron": "often"}, "cron"),
        ({"cron": "0 3 * * *", "at": clock.now()}, "cron"),
        ({"timezone": "localtyme"}, "timezone"),
        ({"at": clock.now() + timedelta(days=9_999)}, "at"),
        ({"args": {"colour": "red"}}, "args.colour"),
    ],
    ids=["cron", "both", "zone", "far away", "arguments"],
)
def test_what_could_not_be_added_is_refused_and_nothing_changes(
    engine: Engine, nightly: UUID, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        edit(engine, nightly, **given)
    assert field in refused.value.fields
    with Session(engine) as session:
        row = session.get_one(Schedule, nightly)
        assert (row.cron, row.timezone, row.args) == ("0 3 * * *", "UTC", {"days": 90})
    assert edits(engine) == []


@pytest.mark.parametrize("given", [{}, {"cron": "0 3 * * *", "missed": "skip"}, {"args": {"days": 90}}], ids=str)
def test_an_edit_that_changes_nothing_is_refused_and_has_no_event(
    engine: Engine, nightly: UUID, given: dict[str, Any]
) -> None:
    with pytest.raises(NotAllowed, match="nightly has these settings already"):
        edit(engine, nightly, **given)
    assert edits(engine) == []


def test_an_operation_keeps_its_target_and_a_schedule_of_an_unknown_kind_is_left_alone(
    engine: Engine, nightly: UUID
) -> None:
    with session_scope(engine) as session:
        user = make_user(session).id
        form = scheduling.NewSchedule(name="fair", kind=demo.enable.name, target_id=user, cron="0 3 * * *")
        fair = scheduling.add(session, form, ADMIN, None).id
    assert edit(engine, fair, args={"preset": "nano"}).target_id == user
    with session_scope(engine) as session:
        session.connection().execute(text("UPDATE schedules SET kind = 'demo.of_another_release'"))
    with pytest.raises(NotFound, match="of_another_release"):
        edit(engine, nightly, cron="0 5 * * *")
