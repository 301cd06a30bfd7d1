"""The creator's page follows what happens to the job also when nothing is committed that would tell it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from core.models import BackgroundJob, DemoModeStatus, JobStatus, PlatformConnection, Worker
from core.models.columns import new_id
from core.operations.demo import demo_mode
from tests.factories import make_user

pytestmark = pytest.mark.browser


def test_the_creators_page_says_by_itself_that_the_worker_has_gone(console: Any, rows: Session) -> None:
    person = make_user(rows, demo_mode_status=DemoModeStatus.ENABLING)
    worker = Worker(id=new_id(), host="mill", pid=1, threads=1, queues=["demo"])
    earlier = datetime.now(UTC) - timedelta(seconds=30)
    job = BackgroundJob(kind="demo.enable", queue="demo", machine=demo_mode.name, status=JobStatus.RUNNING, attempt=1)
    job.worker_id, job.user_id, job.updated_at = worker.id, person.id, earlier
    rows.add_all([worker, job])
    rows.commit()
    page = console.open(person, "/settings/demo-mode")
    page.locator("html[data-server=live]").wait_for(state="attached")
    rows.execute(text("SET LOCAL session_replication_role = replica"))  # events are append-only
    rows.execute(text("DELETE FROM events"))  # of the sign-in, which polls would tell the page for two seconds
    rows.commit()
    page.reload()
    words = page.locator(".card-big .lead")
    words.wait_for()
    before = words.inner_text()
    bar = page.get_by_role("progressbar")
    bar.wait_for()
    rows.execute(text("UPDATE workers SET lost_at = now()"))
    rows.commit()
    words.filter(has_not_text=before).wait_for()
    bar.wait_for(state="hidden")  # a bar that moves would say that work goes on


def test_platforms_keep_their_order_whatever_becomes_of_them(console: Any, rows: Session) -> None:
    person = make_user(rows)
    rows.commit()
    page = console.open(person, "/settings/connections")
    names = page.locator(".platforms h2")
    names.first.wait_for()
    before = names.all_inner_texts()
    assert before == sorted(before, key=str.casefold)
    assert len(before) > 1
    last = before[-1].lower()
    rows.add(PlatformConnection(user_id=person.id, platform=last, connection_status="connected", handle="ana"))
    rows.commit()
    page.reload()
    page.get_by_text("ana", exact=False).first.wait_for()
    assert names.all_inner_texts() == before
