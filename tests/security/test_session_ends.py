"""A session ends while a person works: their page closes, and after the sign-in it is as they left it."""

import re
from typing import Any

import pytest
from sqlmodel import Session, select

from core.database.engine import session_scope
from core.models import Role, User, UserSession
from core.people import passwords, sessions
from tests.browsing import Tabs
from tests.factories import ADMIN, make_user
from tests.security.conftest import Site
from tests.waiting import eventually

pytestmark = pytest.mark.browser
PASSWORD = "a long and lonely password"


def opened(site: Site, tabs: Tabs, user: User, path: str) -> Any:
    page = tabs.lend(site.token(user=user))
    page.goto(path)
    return page


def end_all(site: Site, user: User) -> None:
    with session_scope(site.engine) as session:
        for each in session.exec(select(UserSession).where(UserSession.user_id == user.id)):
            sessions.end(session, each.id, ADMIN, "revoked")


@pytest.fixture
def support(rows: Session) -> User:
    user = make_user(rows, role=Role.SUPPORT)
    user.hashed_password = passwords.hash_password(PASSWORD)
    rows.commit()
    return user


def test_an_open_page_leaves_when_its_session_is_revoked(site: Site, tabs: Tabs, support: User) -> None:
    page = opened(site, tabs, support, "/jobs?status=failed")
    page.get_by_role("grid").or_(page.get_by_role("treegrid")).first.wait_for()
    end_all(site, support)
    page.wait_for_url(re.compile("/login.next="), timeout=15_000)
    assert page.get_by_label("Password").is_visible()


def test_a_person_who_signs_in_again_is_back_and_has_lost_nothing_typed(site: Site, tabs: Tabs, support: User) -> None:
    page = opened(site, tabs, support, "/users")
    field = page.get_by_placeholder("E-mail, name or id").or_(page.locator("main input")).first
    field.wait_for()
    field.fill("a customer who")
    eventually(lambda: "customer" in field.input_value())
    end_all(site, support)
    page.wait_for_url(re.compile("/login.next="), timeout=15_000)
    page.get_by_label("E-mail").fill(support.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/users"))
    eventually(lambda: page.locator("main input").first.input_value() == "a customer who")
    assert page.evaluate("sessionStorage.getItem('typed')") is None
