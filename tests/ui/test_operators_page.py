"""Admins manage people: their access, their roles and their present sessions."""

import os
import re

import pytest
from sqlmodel import Session, select

from core.clock import now
from core.models import Event, Role, SecondFactor, User
from core.people.second_factor import state_of
from tests.factories import make_user
from tests.repeats import mostly_slow
from tests.waiting import eventually
from ui.pages import PAGES


@pytest.fixture
def admin(rows: Session) -> User:
    made = make_user(rows, role=Role.ADMIN, email=f"ada.{os.urandom(3).hex()}@unstuck.example")
    rows.commit()
    return made


@pytest.fixture
def sam(rows: Session) -> User:
    made = make_user(rows, role=Role.SUPPORT, email=f"sam.{os.urandom(3).hex()}@unstuck.example")
    rows.commit()
    return made


def line_of(page: object, user: User) -> object:
    return page.get_by_role("row").filter(has_text=user.email)


def test_a_new_operator_signs_in_by_the_link_that_is_shown_once(console, rows: Session, admin: User) -> None:
    email = f"nina.{os.urandom(3).hex()}@unstuck.example"
    page = console.open(admin, "/operators")
    page.get_by_role("button", name="Add operator").click()
    form = page.get_by_role("dialog")
    form.get_by_label("E-mail address").fill("nobody")
    form.get_by_role("button", name="Add operator").click()
    form.get_by_role("alert").get_by_text("E-mail address").wait_for()
    form.get_by_label("E-mail address").fill(email)
    form.get_by_role("button", name="Add operator").click()
    link = page.get_by_role("dialog", name=f"Sign-in link for {email}").locator("pre").inner_text()
    assert link.startswith(f"{console.url}/login/")
    page.get_by_role("button", name="I have saved it").click()
    nina = page.get_by_role("row").filter(has_text=email)
    nina.get_by_text("invited").wait_for()
    nina.get_by_role("button", name="Change role").click()
    form.get_by_label("Reason").fill("she reads only")
    form.get_by_role("combobox", name="Role").click()
    page.get_by_role("option", name="Viewer").click()
    form.get_by_role("button", name="Change role").click()
    nina.get_by_text("viewer").wait_for()
    assert nina.get_by_text("invited").count() == 1, "a new role does not sign anybody in"
    nina.get_by_role("button", name="Sign-in link").click()
    link = page.get_by_role("dialog", name=f"Sign-in link for {email}").locator("pre").inner_text()
    page.get_by_role("button", name="I have saved it").click()

    theirs = console.tabs.lend()
    theirs.goto(link)
    theirs.get_by_role("button", name="Continue").click()
    theirs.get_by_role("link", name="Schedules").wait_for()
    nina.get_by_text("1 session").wait_for()
    nina.get_by_text("active").wait_for()
    assert page.wrong == []


def test_a_role_is_changed_for_a_reason_and_the_persons_open_pages_close(
    console, rows: Session, admin: User, sam: User
) -> None:
    theirs = console.open(sam, "/jobs")
    theirs.get_by_role("grid", name="Jobs").wait_for()
    page = console.open(admin, "/operators")
    line_of(page, sam).get_by_role("button", name="Change role").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Role").click()
    page.get_by_role("option", name="Viewer").click()
    form.get_by_label("Reason").fill("moves to another team")
    form.get_by_role("button", name="Change role").click()
    changed = select(Event).where(Event.user_id == sam.id, Event.name == "operator.role_changed")
    event = eventually(lambda: rows.exec(changed).one_or_none())
    line_of(page, sam).get_by_text("Viewer").wait_for()
    theirs.wait_for_url("**/login**")
    assert (event.reason, event.data["was"], event.data["now"]) == ("moves to another team", "support", "viewer")


def test_a_form_that_was_refused_is_sent_again(console, rows: Session, admin: User, sam: User) -> None:
    page = console.open(admin, "/operators")
    line_of(page, sam).get_by_role("button", name="Change role").click()
    form = page.get_by_role("dialog")
    form.get_by_role("button", name="Change role").click()
    form.get_by_role("alert").get_by_text("reason", exact=False).wait_for()
    sam.role = Role.VIEWER
    rows.commit()
    form.get_by_label("Reason").fill("moves to another team")
    form.get_by_role("button", name="Change role").click()
    form.wait_for(state="detached")


def test_an_operator_is_disabled_and_enabled_again(console, rows: Session, admin: User, sam: User) -> None:
    page = console.open(admin, "/operators")
    line_of(page, sam).get_by_role("button", name="Disable").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("left us")
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    line_of(page, sam).get_by_text("disabled").wait_for()
    line_of(page, sam).get_by_role("button", name="Sign-in link").wait_for(state="detached")
    page.goto(f"/users/{sam.id}")
    page.get_by_text("account disabled", exact=True).wait_for()
    page.get_by_role("region", name="Access").get_by_role("button", name="Enable").click()
    page.get_by_text("account disabled", exact=True).wait_for(state="detached")


def test_a_customers_sessions_are_seen_and_ended_from_their_page(console, rows: Session, admin: User) -> None:
    ana = make_user(rows)
    rows.commit()
    theirs = console.open(ana, "/dashboard")
    theirs.get_by_role("heading", level=1).wait_for()
    page = console.open(admin, f"/users/{ana.id}")
    access = page.get_by_role("region", name="Access")
    access.get_by_role("button", name=re.compile("^Sign out Unknown")).click()
    page.get_by_role("dialog").get_by_label("Reason").fill("a lost phone")
    page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    access.get_by_text("Not signed in anywhere.").wait_for()
    theirs.wait_for_url("**/login**")
    event = rows.exec(select(Event).where(Event.user_id == ana.id, Event.name == "session.ended")).one()
    assert (event.reason, event.actor) == ("a lost phone", admin.email)


@pytest.mark.slow
def test_a_lost_phone_is_reset(console, rows: Session, admin: User, sam: User) -> None:
    rows.add(SecondFactor(user_id=sam.id, secret="sealed", confirmed_at=now()))
    rows.commit()
    page = console.open(admin, "/operators")
    line_of(page, sam).get_by_role("button", name="Reset factor").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("they called; the voice is known")
    page.get_by_role("dialog").get_by_role("button", name="Reset").click()
    line_of(page, sam).get_by_role("button", name="Reset factor").wait_for(state="detached")
    rows.rollback()
    assert not state_of(rows, sam.id).on


@pytest.mark.parametrize("path", mostly_slow([page.route for page in PAGES if page.role is Role.ADMIN], fast=1))
def test_a_page_for_admins_is_not_reached_from_within_the_console_either(console, sam: User, path: str) -> None:
    """A link that support does not have, put into the page by hand, is followed without a request."""
    page = console.open(sam, "/")
    page.get_by_role("link", name="Schedules").wait_for()
    page.evaluate("path => document.querySelector('a[href=\"/schedules\"]').setAttribute('href', path)", path)
    page.get_by_role("link", name="Schedules").click()
    page.get_by_text("This needs the role admin").wait_for()
    assert page.url.endswith(path)
    assert page.get_by_role("heading", level=1).inner_text() not in ("Operators", "Audit")


def test_admins_cannot_disable_themselves_and_support_does_not_see_the_page(
    console, rows: Session, admin: User, sam: User
) -> None:
    page = console.open(admin, "/operators")
    line_of(page, admin).wait_for()
    eventually(lambda: line_of(page, admin).get_by_role("button").all_inner_texts() == ["Change role"])
    line_of(page, admin).get_by_role("button").click(force=True)
    page.get_by_text("ask another admin").first.wait_for()
    page = console.open(sam, f"/users/{admin.id}")
    page.get_by_role("region", name="Diagnosis").wait_for()
    assert page.get_by_role("region", name="Access").count() == 0
    assert page.get_by_role("link", name="Operators").count() == 0
    page.goto("/operators")
    page.get_by_text("admin").first.wait_for()
    assert page.get_by_role("table").count() == 0
