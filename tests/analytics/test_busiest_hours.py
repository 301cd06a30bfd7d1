"""Busiest hours are those of a zone, whose clock is put forward and back."""

import random
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.analytics.buckets import DAY
from core.analytics.reading import _week, analytics
from core.analytics.spans import Choice, TimeRange
from tests.analytics.ended_jobs import add_jobs, ended_between, roll_up

SATURDAY, SUNDAY, MONDAY = 5, 6, 0


def test_an_hour_is_that_of_the_clock_on_the_wall_before_and_after_it_is_put_back() -> None:
    outcomes = {
        datetime(2026, 10, 24, 14, tzinfo=UTC): (1, 0, 0),  # 16:00 in Berlin
        datetime(2026, 10, 25, 0, tzinfo=UTC): (2, 0, 0),  # 02:00, and an hour later once more
        datetime(2026, 10, 25, 1, tzinfo=UTC): (0, 3, 0),
        datetime(2026, 10, 25, 14, tzinfo=UTC): (0, 0, 4),  # 15:00
        datetime(2026, 3, 29, 1, tzinfo=UTC): (5, 0, 0),  # 03:00, as there is no 02:00
        datetime(2026, 10, 25, 23, tzinfo=UTC): (6, 0, 0),  # Monday
    }
    week = _week(outcomes, "Europe/Berlin")
    assert (week[SATURDAY][16], week[SUNDAY][2], week[SUNDAY][15]) == (1, 5, 4)
    assert (week[SUNDAY][3], week[MONDAY][0], sum(map(sum, week))) == (5, 6, 21)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"])
def test_they_are_those_of_the_rows(engine: Engine, zone: str) -> None:
    dice = random.Random(3)
    add_jobs(engine, dice, 300, lambda: 90 * DAY * dice.random())
    roll_up(engine)
    with Session(engine) as session:
        found = analytics(session, Choice(TimeRange.QUARTER), zone=zone)
    assert found is not None
    assert found.week is not None
    local = [
        job.finished_at.astimezone(ZoneInfo(zone)) for job in ended_between(engine, found.span.start, found.span.stop)
    ]
    exact = Counter((at.weekday(), at.hour) for at in local)
    assert {(day, hour): n for day, hours in enumerate(found.week) for hour, n in enumerate(hours) if n} == exact
