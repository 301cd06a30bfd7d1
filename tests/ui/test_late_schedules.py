"""A schedule whose time has passed says so on its page as `doctor` does, and why."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core import clock
from core.health import health_summary
from core.lateness import late_schedules
from core.models import Schedule, Worker
from core.schedules.listing import ScheduleLine, schedule_lines
from ui import live
from ui.pages.schedules import why_late


def lines_of(session: Session, late_by: float, **values: Any) -> ScheduleLine:
    due = clock.now() - timedelta(seconds=late_by)
    session.add(
        Schedule(name="nightly", kind="maintenance.expire_sessions", cron="* * * * *", next_due_at=due, **values)
    )
    session.flush()
    [line] = schedule_lines(session)
    return line


def test_a_schedule_that_no_worker_looks_at_is_late_and_says_why(
    engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "hub", live.Hub())
    line = lines_of(session, late_by=112)
    assert [each.name for each in late_schedules(session)] == ["nightly"]
    live.hub._health = health_summary(session)
    assert (line.state, why_late(line)) == ("late", "No worker is alive: workers look at the schedules.")
    session.add(Worker(host="w", pid=1, threads=1, queues=["demo"]))
    session.flush()
    live.hub._health = health_summary(session)
    assert "see their logs" in why_late(line)


@pytest.mark.parametrize(
    ("late_by", "values", "state"),
    [(2, {}, "active"), (112, {"paused_at": clock.now(), "paused_by": "Ana"}, "paused")],
    ids=["due just now", "paused"],
)
def test_a_schedule_is_not_late_before_a_minute_nor_while_it_is_paused(
    session: Session, late_by: float, values: dict[str, Any], state: str
) -> None:
    line = lines_of(session, late_by, **values)
    assert (line.state, why_late(line)) == (state, "")
