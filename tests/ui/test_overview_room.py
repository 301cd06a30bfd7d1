"""Overview groups users by why they need help, with what helps them all, and shows what is at work."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text
from sqlmodel import Session

from core.diagnosis.situation import Situation
from core.errors import Invalid
from core.job_list.filters import JobFilter
from core.job_list.queries import page as page_of_jobs
from core.jobs.request import request
from core.models import BackgroundJob, DemoModeStatus, JobKind, JobStatus, Queue, Role, Worker
from core.operations import demo
from core.operations.demo import EnableForm
from core.people.in_need import need_groups
from core.people.users import find_users
from tests.factories import SUPPORT, make_user

NOW = datetime.now(UTC)


def fails(session: Session, name: str, fingerprint: str, hours: int = 1) -> None:
    user = make_user(session, email=f"{name}@example.com", demo_mode_status=DemoModeStatus.FAILED)
    error = {"error_type": "X", "error_message": f"{fingerprint} of {name}", "error_fingerprint": fingerprint}
    failed = {"kind": "demo.enable", "machine": demo.demo_mode.name, "status": JobStatus.FAILED, **error}
    session.add(BackgroundJob(user_id=user.id, finished_at=NOW - timedelta(hours=hours), **failed))


def is_held(session: Session, name: str) -> None:
    user = make_user(session, email=f"{name}@example.com")
    request(session, demo.enable, user.id, EnableForm(), SUPPORT)


def pause(session: Session) -> None:
    session.merge(Queue(name="demo", paused_at=NOW, paused_by="Ana", paused_reason="deploy"))
    session.flush()


def test_users_are_grouped_by_why_they_need_help_and_each_number_opens_its_users(session: Session) -> None:
    for number, (name, fingerprint) in enumerate([("a", "one"), ("b", "two"), ("c", "two"), ("d", "two")]):
        fails(session, name, fingerprint, hours=number + 1)
    for name in ("e", "f"):
        is_held(session, name)
    pause(session)
    groups = need_groups(session, most=9)
    assert [(each.latest.situation, each.latest.because, each.number) for each in groups] == [
        (Situation.FAILED, "two", 3),
        (Situation.FAILED, "one", 1),
        (Situation.HELD, "demo", 2),
    ]
    assert [bool(each.paused_at) for each in groups] == [False, False, True]
    for group in groups:
        found = find_users(session, "", group.latest.situation, because=group.latest.because or "")
        assert (len(found), group.latest.id in {line.id for line in found}) == (group.number, True)
    assert [line.email for line in find_users(session, "c@", Situation.FAILED, because="two")] == ["c@example.com"]
    assert not find_users(session, "a@", Situation.FAILED, because="two")
    for odd in ("\x00", " ", "tw\x00o"):
        with pytest.raises(Invalid, match="such characters"):
            find_users(session, "", Situation.FAILED, because=odd)
    for odd in ("tw%", "x" * 999):
        assert not [line for line in find_users(session, "", Situation.FAILED, because=odd) if line.email == "b@"]


def test_users_behind_two_paused_kinds_of_one_queue_are_two_groups_each_with_its_pause(session: Session) -> None:
    for name, kind in (("a", "demo.enable"), ("b", "demo.enable"), ("c", "demo.disable")):
        is_held(session, name)
        session.execute(
            text("UPDATE background_jobs SET kind = :kind WHERE user_id = (SELECT id FROM users WHERE email = :email)"),
            {"kind": kind, "email": f"{name}@example.com"},
        )
    for kind in ("demo.enable", "demo.disable"):
        session.merge(JobKind(kind=kind, paused_at=NOW, paused_by="Ana"))
    session.flush()
    groups = need_groups(session, most=9)
    assert [(each.paused, each.number, each.paused_at) for each in groups] == [
        (("kind", "demo.enable"), 2, NOW),
        (("kind", "demo.disable"), 1, NOW),
    ]
    for group in groups:
        found = find_users(session, "", Situation.HELD, because=group.latest.because or "")
        assert (len(found), group.latest.id in {line.id for line in found}) == (group.number, True)
    pause(session)
    assert [each.paused for each in need_groups(session, most=9)] == [("queue", "demo")]


@pytest.mark.browser
def test_one_button_helps_a_group_and_lanes_and_squares_open_their_jobs(console, rows: Session) -> None:
    for table in ("workers", "queues", "background_jobs", "users", "job_rollup_states"):
        rows.connection().execute(text(f"DELETE FROM {table}"))
    for name in ("b", "c"):
        fails(rows, name, "two")
    fails(rows, "alone", "one")
    for name in ("e", "f"):
        is_held(rows, name)
    pause(rows)
    rows.add(worker := Worker(host="mill", pid=42, threads=3, queues=["demo"], heartbeat_at=datetime.now(UTC)))
    rows.flush()
    begun = {"status": JobStatus.RUNNING, "started_at": NOW, "token": 1, "attempt": 1}
    rows.add(running := BackgroundJob(kind="demo.enable", queue="demo", worker_id=worker.id, **begun))
    admin = make_user(rows, role=Role.ADMIN)
    rows.commit()
    page = console.open(admin, "/")

    lane = page.locator(".lanes .row-line").filter(has_text="demo")
    for shown in ("1 of 3", "2 waiting"):
        params = parse_qs(urlsplit(lane.get_by_role("link", name=shown).get_attribute("href")).query)
        params.pop("sort", None)
        assert page_of_jobs(rows, JobFilter.from_params(params)).total.value == int(shown[0])
    assert "paused by Ana: deploy" in lane.inner_text()
    assert page.locator(".squares .square").count() == 3
    page.get_by_text("Not added up yet").wait_for()
    page.get_by_role("link", name="Enable demo mode").and_(page.locator(".square")).click()
    page.wait_for_url(f"**/jobs/{running.id}")
    page.go_back()

    lefts = """(what) => [...document.querySelectorAll(`.need-group ${what}`)].map((each) =>
        Math.round(each.getBoundingClientRect().left))"""
    page.get_by_role("button", name="Help … alone@example.com").wait_for()
    for columns in (("a > :first-child", "a > :nth-child(2)", ".btn"), ("a > :first-child", ".btn")):
        found = [page.evaluate(lefts, each) for each in columns]
        assert [(len(each), len(set(each))) for each in found] == [(3, 1)] * len(columns), "they stand below each other"
        page.set_viewport_size({"width": 390, "height": 844})
    page.set_viewport_size({"width": 1280, "height": 720})

    page.get_by_role("button", name="Help … alone@example.com").click()
    asked = page.get_by_role("dialog", name="Retry for alone@example.com?")
    asked.get_by_text("one of alone").wait_for()
    asked.get_by_role("button", name="Go back").click()
    page.get_by_text("The queue demo is paused", exact=True).wait_for()
    held = page.locator(".need-group").filter(has_text="2 users held")
    held.get_by_role("button", name="Resume").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    page.get_by_text("demo resumed.").wait_for()
    failed = page.locator(".need-group").filter(has_text="2 users failed")
    failed.get_by_role("link").click()
    page.get_by_text("2 shown, the longest first, all for one reason").wait_for()
    page.go_back()
    failed.get_by_role("button", name="Retry one").click()
    page.get_by_text("Start acts on the first job").wait_for()
    assert not page.wrong


@pytest.mark.browser
def test_zero_opens_nothing(console, rows: Session) -> None:
    for table in ("workers", "queues", "background_jobs", "users", "job_rollup_states"):
        rows.connection().execute(text(f"DELETE FROM {table}"))
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/")
    for zero in ("0 of 0", "0 waiting"):
        page.locator(".lanes").get_by_text(zero, exact=True).first.wait_for()
    for zero in ("0 running", "0 waiting", "no stuck users"):
        page.locator(".foot").get_by_text(zero, exact=True).wait_for()
    zeros = page.locator("a:visible").filter(has_text=re.compile(r"^(0 of \d+|0 \w+|no stuck users)$"))
    assert zeros.all_inner_texts() == []
