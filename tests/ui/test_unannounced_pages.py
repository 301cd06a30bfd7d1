"""Lists, chips and tiles of open pages follow what no commit announces, in a real browser."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, col, update

from core import clock
from core.jobs.request import request
from core.models import BackgroundJob, Queue, Role, Worker
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user

pytestmark = pytest.mark.browser


def test_a_pause_and_a_due_time_written_by_sql_are_on_all_pages_within_seconds(console, rows: Session) -> None:
    viewer, ana = make_user(rows, role=Role.VIEWER), make_user(rows, email="ana@example.com")
    later = datetime.now(UTC) + timedelta(hours=1)
    rows.add(Worker(host="w", pid=1, threads=1, queues=["demo"], heartbeat_at=later))
    job = request(rows, demo.enable, ana.id, EnableForm(), SUPPORT)
    rows.commit()
    users, overview, jobs = (console.open(viewer, path) for path in ("/users?situation=held", "/", "/jobs?due=no"))
    users.get_by_text("No users are held").wait_for()
    overview.locator(".tile .three > div", has_text=re.compile(r"0\s*held")).wait_for()

    # Without a change of a job or user, and without an event.
    rows.add(Queue(name="demo", paused_at=datetime.now(UTC), paused_by="Ana"))
    rows.commit()
    users.get_by_role("link", name="ana@example.com").wait_for()
    overview.locator(".tile").get_by_role("link", name="1 held").wait_for()

    planned = update(BackgroundJob).where(col(BackgroundJob.id) == job.id)
    rows.exec(planned.values(run_at=clock.db_now() + timedelta(hours=1)))
    rows.commit()
    jobs.get_by_role("link", name="Enable demo mode").or_(jobs.get_by_text("Enable demo mode")).first.wait_for()
    users.get_by_text("No users are held").wait_for()
