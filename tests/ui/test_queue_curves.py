"""Curves of queues and kinds: each hour's finished jobs, and the times that 95 % of them did not exceed."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlmodel import Session

from core.analytics import rolling
from core.jobs.request import request
from core.models import BackgroundJob, Role, Worker
from core.operations import demo
from core.operations.demo import EnableForm
from core.queues.last_day import HOURS, ended_jobs, job_times
from tests.factories import SUPPORT, make_user
from tests.waiting import eventually

COUNT = text(
    "INSERT INTO job_counters (kind, queue, status, shard, hour, jobs, ran_seconds)"
    " VALUES ('demo.enable', 'demo', :status, :shard,"
    " date_trunc('hour', now(), 'UTC') - :hours * interval '1 hour', :jobs, 0)"
)


def count(session: Session, *lines: tuple[str, int, int]) -> None:
    for shard, (status, hours, jobs) in enumerate(lines):
        session.connection().execute(COUNT, {"status": status, "hours": hours, "jobs": jobs, "shard": shard})


def finished(session: Session, waited: float, ran: float) -> None:
    due = datetime.now(UTC) - timedelta(hours=2)
    begun = due + timedelta(seconds=waited)
    times = {"created_at": due, "run_at": due, "started_at": begun, "finished_at": begun + timedelta(seconds=ran)}
    session.add(BackgroundJob(kind="demo.enable", queue="demo", status="succeeded", attempt=1, token=1, **times))
    session.flush()


def test_each_hour_has_its_own_jobs_and_the_bars_add_up_to_the_columns(session: Session) -> None:
    count(
        session, ("succeeded", 0, 3), ("succeeded", 24, 5), ("failed", 24, 2), ("succeeded", 25, 9), ("failed", -2, 1)
    )
    found = ended_jobs(session)
    queue = found.by_queue["demo"]
    assert queue.of_hours("succeeded") == [5, *[0] * (HOURS - 2), 3]
    assert queue.of_hours("failed") == [2, *[0] * (HOURS - 2), 1]  # the hour of a clock that was ahead is the last one
    assert queue.of_hours("cancelled") == [0] * HOURS
    assert (queue.total("succeeded"), queue.total("failed"), queue.total("cancelled")) == (8, 3, 0)
    assert found.by_kind["demo.enable"].hours == queue.hours


def test_times_are_those_of_the_last_day_by_queue_and_by_kind(session: Session) -> None:
    assert job_times(session).by_queue == {}
    for number in range(20):
        finished(session, waited=10 if number else 500, ran=2)
    for stretch in rolling.stretches(session):
        rolling.write(session, stretch)
    times = job_times(session)
    assert times.by_queue["demo"].wait.p95 == pytest.approx(10, rel=0.05)
    assert times.by_kind["demo.enable"].run.p95 == pytest.approx(2, rel=0.05)


@pytest.mark.browser
def test_the_bars_of_a_queue_say_what_they_count_and_open_its_figures(console, rows: Session) -> None:
    count(rows, ("succeeded", 1, 1_200), ("failed", 3, 34))
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/queues")
    bars = page.get_by_role("table", name="Queues").get_by_role(
        "link", name="Figures: 1,234 jobs finished in the last day"
    )
    bars.wait_for()
    assert bars.locator("path").count() == 2
    for hours, said in ((1, "1,200 succeeded"), (3, "34 failed"), (2, "none")):
        width = bars.bounding_box()["width"]
        bars.hover(position={"x": (HOURS - 0.5 - hours) / HOURS * width, "y": 3})
        eventually(lambda said=said: bars.get_attribute("title").endswith(f" · {said}"))
    bars.click()
    page.wait_for_url("**/analytics?queue=demo")


@pytest.mark.browser
def test_the_memory_of_a_worker_has_its_curve(console, rows: Session) -> None:
    rows.add(Worker(host="mill", pid=7, threads=1, queues=["demo"], memory_mb=97, memory_curve=[90, 132, 97, 97]))
    rows.add(Worker(host="mint", pid=8, threads=1, queues=["demo"], memory_mb=50, memory_curve=[50, None]))
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/workers")
    page.get_by_role("img", name="90 to 132 MB in the last 60 min").wait_for()
    page.get_by_text("50 MB").wait_for()
    assert page.locator(".memory-curve").count() == 1
    assert not page.wrong


@pytest.mark.browser
def test_a_figure_changes_in_place_and_keeps_the_focus(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/queues")
    line = page.get_by_role("table", name="Queues").locator("tr").filter(has_text="demo")
    figure = line.locator("td[data-label='Waiting'] a")
    figure.get_by_text("0", exact=True).wait_for()
    figure.focus()
    request(rows, demo.enable, make_user(rows).id, EnableForm(), SUPPORT)
    rows.commit()
    figure.get_by_text("1", exact=True).wait_for()
    assert figure.evaluate("it => it === document.activeElement")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs?q=queue:demo+due:yes")
    assert page.wrong == []
