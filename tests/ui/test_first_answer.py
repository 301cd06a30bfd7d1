"""A request for a page authenticates once, and its answer contains the page."""

from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import text
from sqlmodel import Session
from starlette.requests import Request

from core.actor import Actor
from core.database.engine import session_scope
from core.models import Role, User
from core.people import auth
from core.people.auth import Visitor
from tests.browsing import COOKIE, SHIFTED
from tests.factories import make_user
from tests.loops import in_a_loop
from tests.waiting import eventually
from ui import access


def a_request() -> Request:
    return Request({"type": "http", "headers": [], "path": "/", "query_string": b""})


def test_a_page_knows_its_person_from_the_request_that_was_authenticated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_engines", [])  # a query would fail
    actor = Actor(uuid4(), "ana@example.com", Role.VIEWER, "console", uuid4())
    request = a_request()
    access.note_actor(request, actor)
    assert in_a_loop(access.identify(SimpleNamespace(request=request))) is actor


@pytest.mark.browser
@pytest.mark.parametrize(("path", "last"), [("/", "Unhandled failures"), ("/queues", "Kinds of jobs")])
def test_a_slow_page_is_its_heading_until_it_is_whole(console, rows: Session, path: str, last: str) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/settings")
    page.evaluate(SHIFTED)
    with session_scope(console.engine) as session:
        session.connection().execute(text("LOCK TABLE background_jobs, job_kinds"))
        page.locator(f".side a[href='{path}']").click()
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_be_attached()
        expect(page.get_by_role("heading", name=last)).to_be_hidden()
        answer = page.request.get(path)
        assert answer.ok
        assert "aria-busy" in answer.text()
    expect(page.get_by_role("heading", name=last)).to_be_visible()
    expect(page.locator("[aria-busy]")).to_have_count(0)
    assert page.evaluate("window.shifted") == []


@pytest.mark.browser
def test_a_page_that_cannot_be_read_says_so_and_is_read_again(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    rename = "ALTER TABLE {} RENAME TO {}"
    with session_scope(console.engine) as session:
        session.connection().execute(text(rename.format("schedules", "hidden")))
    try:
        page = console.open(viewer, "/schedules")
        expect(page.get_by_role("heading", name="This page could not be shown")).to_be_visible()
        expect(page.get_by_role("heading", name="Schedules")).to_have_count(0)
    finally:
        with session_scope(console.engine) as session:
            session.connection().execute(text(rename.format("hidden", "schedules")))
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Schedules", exact=True)).to_be_visible()


@pytest.mark.browser
def test_an_address_without_a_page_shows_no_other_one(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.open(viewer, "/settings")
    page.evaluate("history.pushState({}, '', '/none'); dispatchEvent(new PopStateEvent('popstate'))")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page.locator(".side a[href='/users']").click()
    expect(page.get_by_role("heading", name="Users", exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    expect(page.locator("h1")).to_have_count(1)


def test_a_busy_console_has_half_a_minute_for_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    declared: dict[str, object] = {}

    def declare(path: str, **settings: object) -> object:
        declared.update(path=path, **settings)
        return lambda draw: draw

    monkeypatch.setattr(access.nicegui_ui, "page", declare)
    access.page("/busy")(lambda: None)
    assert declared["path"] == "/busy"
    assert declared["response_timeout"] == 30


def test_the_first_answer_contains_the_page(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    with session_scope(console.engine) as session:
        link = auth.make_link(session, session.get_one(User, viewer.id))
    with session_scope(console.engine) as session:
        token = auth.sign_in_by_link(session, link, Visitor())
    pages = {"/users": f"/users/{viewer.id}", "/users/1": "it does not contain an id"}
    with httpx.Client(base_url=console.url, cookies={COOKIE: token}, verify=False) as client:
        for path, content in pages.items():  # a busy machine may need longer than an answer waits for its page
            eventually(lambda path=path, content=content: content in client.get(path).text)
