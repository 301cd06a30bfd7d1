"""The list's jobs over time: each match is in exactly one bar, or none is drawn."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from core.job_list import over_time
from core.job_list.filters import JobFilter
from core.job_list.over_time import MOST_BARS, ODD, TOO_MANY, JobsOverTime, jobs_over_time
from core.job_list.queries import page
from core.models import TERMINAL, BackgroundJob, JobStatus, User
from tests.engine.test_filter_rows import many  # noqa: F401
from tests.engine.test_job_queries import nodes, rows_read, statements

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
#: Of both ways to count: by an index alone, and by a look at each row.
FILTERS = [
    "", "status:failed", "status:succeeded,queued", "label:failed,succeeded", "kind:demo.enable", "kind:demo.*",
    "-kind:demo.*", "kind:demo.enable status:succeeded", "queue:mail", "created:>=2026-11-20T14:30:00Z", "user:ana",
    "status:failed -kind:mail.send", "label:queued", "kind:nothing", "error:late", "attempt:>1", "demo", "took:>5s",
    "status:running,failed created:2026-11-20T14:00:00Z..2026-11-20T14:30:00Z", "situation:failed", "-user:ana",
]  # fmt: skip


def job_filter(text: str) -> JobFilter:
    name, _, value = text.partition(":")
    return JobFilter.from_params({name: value} if name == "label" else {"q": text} if text else {})


def add_jobs(session: Session, moments: list[datetime], seed: int = 1) -> None:
    dice, ana = random.Random(seed), User(email="ana@example.com")
    session.add(ana)
    session.flush()
    for at in moments:
        status = dice.choice([*JobStatus])
        ended = min(at, NOW) + timedelta(seconds=dice.choice((1, 9))) if status in TERMINAL else None
        session.add(
            BackgroundJob(
                kind=dice.choice(("demo.enable", "demo.disable", "mail.send")),
                queue=dice.choice(("demo", "mail")),
                status=status,
                user_id=dice.choice((ana.id, None)),
                attempt=dice.choice((0, 1)) if status is JobStatus.QUEUED else dice.choice((1, 2)),
                created_at=at,
                run_at=min(at, NOW),
                started_at=at if status is not JobStatus.QUEUED else None,
                finished_at=ended,
                **({"error_type": "TooLate", "error_message": "late"} if status is JobStatus.FAILED else {}),
            )
        )
    session.flush()


def agree(session: Session, found: JobsOverTime, wanted: JobFilter) -> int:
    """Check each bar against what the list shows once the filter is narrowed to it; return the number of jobs."""
    total = 0
    for status, numbers in found.counts.items():
        for place, number in enumerate(numbers):
            if not number:
                continue  # the sum of the others says that there is no job
            assert found.start
            start = found.start + place * found.width
            after, before = wanted.created_after or start, wanted.created_before or start + found.width
            narrowed = {"created_after": max(start, after), "created_before": min(start + found.width, before)}
            bar = wanted.but(**narrowed, status=frozenset({status}))
            assert page(session, bar, limit=1).total.value == number, (status, start)
            total += number
    return total


@pytest.mark.parametrize("text", FILTERS)
def test_each_match_is_in_one_bar(session: Session, text: str) -> None:
    dice, edge, by = random.Random(text), NOW, timedelta(microseconds=1)
    spread = [NOW + dice.uniform(-1, 1) * timedelta(minutes=50) for _ in range(40)]
    add_jobs(session, [*spread, *[at for at in (edge - by, edge, edge + by) for _ in range(5)]])
    wanted = job_filter(text)
    found = jobs_over_time(session, wanted)
    assert found.problem == ""
    number = page(session, wanted, limit=1).total.value
    assert sum(map(sum, found.counts.values())) == number
    assert all(len(numbers) <= MOST_BARS for numbers in found.counts.values())
    assert agree(session, found, wanted) == number
    assert bool(number) == (text != "kind:nothing")


@pytest.mark.parametrize(
    "length", [timedelta(), timedelta(seconds=119), timedelta(seconds=120), timedelta(days=3), timedelta(days=9000)]
)
def test_bars_hold_the_first_and_the_last_job_of_any_time(session: Session, length: timedelta) -> None:
    add_jobs(session, [NOW - length, NOW])
    found = jobs_over_time(session, JobFilter())
    totals = [sum(numbers) for numbers in zip(*found.counts.values(), strict=True)]
    assert found.start
    assert found.start <= NOW - length < found.start + found.width
    assert len(totals) <= MOST_BARS
    assert (sum(totals), bool(totals[0]), bool(totals[-1])) == (2, True, True)


def test_no_job_has_no_bar(session: Session) -> None:
    assert jobs_over_time(session, JobFilter()) == JobsOverTime()


@pytest.mark.parametrize(("text", "limit"), [("", "MOST_BY_INDEX"), ("user:ana", "MOST_READ")])
def test_too_many_jobs_are_not_drawn_in_part(
    session: Session, text: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_jobs(session, [NOW + number * timedelta(minutes=1) for number in range(30)])
    number = page(session, job_filter(text), limit=1).total.value
    monkeypatch.setattr(over_time, limit, number)
    assert agree(session, jobs_over_time(session, job_filter(text)), job_filter(text)) == number
    monkeypatch.setattr(over_time, limit, number - 1)
    assert jobs_over_time(session, job_filter(text)) == TOO_MANY


def test_a_count_that_takes_too_long_is_given_up_and_the_session_goes_on(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_jobs(session, [NOW])
    slow = over_time.sa.select(over_time.sa.func.pg_sleep(30))
    monkeypatch.setattr(over_time, "PATIENCE", 50)
    monkeypatch.setattr(over_time, "_numbers", lambda *_: slow)
    assert jobs_over_time(session, JobFilter()) == TOO_MANY
    assert page(session, JobFilter()).total.value == 1
    limit = session.connection().exec_driver_sql("SHOW statement_timeout").scalar_one()
    assert limit != "50ms"


def test_a_time_that_no_bar_can_hold_is_said(session: Session) -> None:
    add_jobs(session, [NOW, datetime.max.replace(tzinfo=UTC)])
    assert jobs_over_time(session, JobFilter()) == ODD


@pytest.mark.slow
@pytest.mark.parametrize("text", [each for each in FILTERS if each.partition(":")[0] in ("", "status", "kind")])
def test_many_jobs_are_counted_by_an_index_alone(many: Callable[[], Session], text: str) -> None:  # noqa: F811
    with many() as session, statements(session.get_bind()) as executed:
        over_time._counted(session, job_filter(text))  # what it sets for its statements holds for the plans below
        for statement, parameters in [each for each in executed if "date_bin" in each[0]]:
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            (answer,) = session.connection().exec_driver_sql(explain, parameters).one()
            for node in nodes(answer[0]["Plan"]):
                assert not rows_read(node) or node["Node Type"] == "Index Only Scan" or rows_read(node) <= 1_000, (
                    statement,
                    node,
                )
