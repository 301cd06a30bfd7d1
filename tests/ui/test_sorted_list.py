"""The list of jobs in other orders: by its titles, by keys, and where too many match."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from core.models import BackgroundJob, Role
from tests.factories import make_user
from tests.waiting import eventually

pytestmark = pytest.mark.browser
NOW = datetime.now(UTC)
MANY = """
    INSERT INTO background_jobs (id, kind, queue, status, created_at, run_at, started_at, finished_at)
    SELECT gen_random_uuid(), 'bulk.mail', 'mail', 'succeeded', at, at, at, at + interval '0.1 s' * (i % 40)
    FROM (SELECT i, now() - i * interval '1 s' AS at FROM generate_series(1, 10100) i) x
"""


def order_of(page: Any) -> list[str]:
    rows = page.locator(".jg-row").evaluate_all(
        "rows => rows.map(row => [Number(row.getAttribute('row-index')), row.getAttribute('row-id')])"
    )
    return [job_id for _, job_id in sorted(rows)]


def test_a_list_is_sorted_by_a_press_on_a_title_and_another_turns_it(console, rows: Session) -> None:
    jobs = [
        BackgroundJob(
            kind="sort.it", queue="sort", status="succeeded", attempt=number % 3, max_attempts=3,
            created_at=NOW - timedelta(minutes=number), run_at=NOW - timedelta(minutes=number),
            started_at=NOW, finished_at=NOW + timedelta(seconds=(7 * number) % 10),
        )
        for number in range(10)
    ]  # fmt: skip
    rows.add_all(jobs)
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/jobs?kind=sort.it")
    by_length = [str(job.id) for job in sorted(jobs, key=lambda job: job.finished_at)]
    title = page.get_by_role("columnheader", name="Duration")
    for order, expected in (("descending", by_length[::-1]), ("ascending", by_length)):
        title.click()
        eventually(lambda expected=expected: order_of(page) == expected)
        assert title.get_attribute("aria-sort") == order
    assert page.url.endswith("sort=took")
    page.reload()
    eventually(lambda: order_of(page) == by_length)
    # Shift selects in the order that is seen.
    for place, keys in ((2, ["Control"]), (6, ["Shift"])):
        page.locator(f'.jg-row[row-id="{by_length[place]}"] [data-name=queue]').click(modifiers=keys)
    page.get_by_text("5 selected").wait_for()
    page.get_by_text("10 jobs, by duration, shortest first").wait_for()
    title.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")  # Requested
    eventually(lambda: order_of(page) == [str(job.id) for job in jobs])


def test_a_list_that_opens_in_an_order_shows_which(console, rows: Session) -> None:
    ana, zoe = make_user(rows, email="ana@order.example"), make_user(rows, email="zoe@order.example")
    for user in (zoe, ana):
        rows.add(BackgroundJob(kind="order.it", queue="order", status="succeeded", user_id=user.id, started_at=NOW))
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/jobs?kind=order.it&sort=-waited")
    page.get_by_text("2 jobs, by wait, longest first").wait_for()
    assert page.get_by_role("columnheader", name="Waited").get_attribute("aria-sort") == "descending"
    title = page.get_by_role("columnheader", name="User")
    for order, first in (("ascending", ana), ("descending", zoe)):  # a name is looked for from A on
        title.click()
        page.locator('.jg-row[row-index="0"]', has_text=first.email).wait_for()
        assert title.get_attribute("aria-sort") == order


def test_of_a_list_that_is_too_long_the_longest_are_shown_and_other_orders_offer_the_newest(
    console, rows: Session
) -> None:
    rows.connection().execute(sa.text(MANY))
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/jobs?kind=bulk.mail")
    page.get_by_text("10,000+ jobs").wait_for()
    page.get_by_role("columnheader", name="Duration").click()
    page.get_by_text("the first 1,000 jobs of more").wait_for()
    page.locator('.jg-row[row-index="0"]', has_text="3.9 s").wait_for()

    # A file has all of them, so it is in the order of their requests.
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as started:
        page.get_by_text("Export as CSV").click()
    assert Path(started.value.path()).read_text().count("\n") == 10_101

    page.get_by_role("columnheader", name="Attempt").click()
    said = page.get_by_role("alert").filter(has_text="too many to sort by attempt")
    assert "attempt:>1" in said.inner_text()
    page.get_by_role("button", name="Newest first").click()
    page.get_by_text("10,000+ jobs").wait_for()
    eventually(lambda: page.url.endswith("/jobs?q=kind:bulk.mail"))
    assert not said.is_visible()
