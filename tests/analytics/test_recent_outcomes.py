"""Bars of what has ended lately: each job is in exactly one, and each bar's link lists exactly its jobs."""

import random
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.analytics import recent
from core.analytics.recent import RecentOutcomes, RecentTime, recent_outcomes
from core.database.engine import session_scope
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.models import RollupState
from tests.analytics.ended_jobs import a_job, add_jobs, db_now, ended_between, roll_up
from ui.components.analytics.recent_chart import OUTCOMES, jobs_between

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def add_at(engine: Engine, dice: random.Random, moments: list[datetime]) -> None:
    with session_scope(engine) as session:
        session.add_all(a_job(dice, at) for at in moments)


def number_behind(session: Session, href: str | None) -> int:
    assert href
    return page(session, JobFilter.from_params(parse_qs(urlsplit(href).query)), limit=1).total.value


def agree(engine: Engine, found: RecentOutcomes) -> int:
    """Check each bar against the rows of the database and against what its links list; return the number of jobs."""
    with Session(engine) as session:
        for part in found.parts:
            ended = [job.status.value for job in ended_between(engine, part.start, part.stop)]
            for outcome, where in OUTCOMES.items():
                assert getattr(part, outcome) == ended.count(outcome), (part, outcome)
                if number := getattr(part, outcome):
                    assert number_behind(session, jobs_between(found, where, part.start, part.stop)) == number
    for one, following in zip(found.parts, found.parts[1:], strict=False):
        assert one.stop == following.start
    return sum(found.total(outcome) for outcome in OUTCOMES)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("time", RecentTime)
def test_each_job_is_in_one_bar_whose_links_list_it(engine: Engine, time: RecentTime, zone: str) -> None:
    dice, length = random.Random(f"{time}{zone}"), time.length
    add_jobs(engine, dice, 60, lambda: 1.5 * length * dice.random())
    now = db_now(engine)
    edges = [recent.floor_to(now - part * time.width, time.width) for part in (1, 2, 5)]
    add_at(engine, dice, [at + by for at in edges for by in (-MICROSECOND, timedelta(), MICROSECOND)])
    roll_up(engine)
    add_at(engine, dice, [now - timedelta(seconds=seconds) for seconds in (0, 1, 30)])
    with Session(engine) as session:
        session.connection().execute(text(f"SET LOCAL TIME ZONE '{zone}'"))
        found = recent_outcomes(session, time)
    assert found.is_whole
    assert found.stop - found.start - time.width <= length <= found.stop - found.start
    assert agree(engine, found) == len(ended_between(engine, found.start, found.stop)) >= 12


@pytest.mark.parametrize("time", [RecentTime.HOUR, RecentTime.SIX_HOURS, RecentTime.DAY])
def test_bars_say_the_same_wherever_the_buckets_end(engine: Engine, time: RecentTime) -> None:
    """No bucket yet, all that can be written, and some that are left from a clock that was ahead."""
    dice, now = random.Random(5), db_now(engine)
    edge = recent.floor_to(now - timedelta(minutes=30), timedelta(minutes=5))
    add_at(engine, dice, [edge + step * MICROSECOND for step in (-1, 0, 1)])
    add_jobs(engine, dice, 40, lambda: timedelta(minutes=55) * dice.random())
    for until in ("none", "all", "edge"):
        if until == "all":
            roll_up(engine)
        if until == "edge":
            with session_scope(engine) as session:
                session.get_one(RollupState, 1).until = edge
        with Session(engine) as session:
            found = recent_outcomes(session, time)
        assert agree(engine, found) == 43, until


def test_more_than_can_be_counted_is_left_out_and_said(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(6)
    add_jobs(engine, dice, 40, lambda: timedelta(hours=1) + 20 * timedelta(hours=1) * dice.random())
    roll_up(engine)
    add_at(engine, dice, [db_now(engine)] * 4)
    monkeypatch.setattr(recent, "MOST_ROWS", 3)
    with Session(engine) as session:
        found = recent_outcomes(session, RecentTime.DAY)
        state = session.get_one(RollupState, 1)
        assert (found.is_whole, found.stop) == (False, state.until)
    assert agree(engine, found) == 40


def test_a_bar_of_which_jobs_may_be_gone_leads_nowhere(engine: Engine) -> None:
    with session_scope(engine) as session:
        found = recent_outcomes(session, RecentTime.WEEK)
        session.add(RollupState(gone_before=found.parts[3].start + MICROSECOND))
    with Session(engine) as session:
        found = recent_outcomes(session, RecentTime.WEEK)
    links = [jobs_between(found, {}, part.start, part.stop) for part in found.parts]
    assert [bool(href) for href in links[:6]] == [False] * 4 + [True] * 2
