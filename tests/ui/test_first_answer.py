"""A request for a page authenticates once, and its answer contains the page."""

import asyncio
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from sqlmodel import Session
from starlette.requests import Request

from core.actor import Actor
from core.database.engine import session_scope
from core.models import Role, User
from core.people import auth
from core.people.auth import Visitor
from tests.browsing import COOKIE
from tests.factories import make_user
from tests.loops import in_a_loop
from tests.waiting import eventually
from ui import access, console_pages


def a_request() -> Request:
    return Request({"type": "http", "headers": [], "path": "/", "query_string": b""})


def test_a_page_knows_its_person_from_the_request_that_was_authenticated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_engines", [])  # a query would fail
    actor = Actor(uuid4(), "ana@example.com", Role.VIEWER, "console", uuid4())
    request = a_request()
    access.note_actor(request, actor)
    assert in_a_loop(access.identify(SimpleNamespace(request=request))) is actor


def test_an_answer_waits_for_its_page_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_pages, "PATIENCE", 0.01)
    pages = console_pages.ConsolePages.__new__(console_pages.ConsolePages)

    async def wait() -> None:
        drawing = asyncio.create_task(asyncio.Event().wait())
        pages._active_tasks = {drawing}
        await pages.drawn()
        assert not drawing.done()

    in_a_loop(wait())


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
