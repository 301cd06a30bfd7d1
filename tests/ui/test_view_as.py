"""Staff view a customer's own pages: the customer's data, nothing to press, and on record."""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import Session, col, select

from core.errors import NotPermitted
from core.models import BackgroundJob, DemoModeStatus, Event, Interaction, Role, User
from tests.factories import make_user
from tests.loops import in_a_loop
from ui import access

pytestmark = pytest.mark.browser
EVENT = "user.viewed_as"


@pytest.fixture
def ana(rows: Session) -> User:
    user = make_user(rows, demo_mode_status=DemoModeStatus.ENABLED)
    rows.add_all([Interaction(user_id=user.id, kind="comment", author="Zoe", is_demo=True) for _ in range(3)])
    rows.commit()
    return user


def views(rows: Session, of: User) -> list[Event]:
    rows.expire_all()
    return list(rows.exec(select(Event).where(col(Event.user_id) == of.id, col(Event.name) == EVENT)))


def test_support_sees_the_customers_own_pages_and_each_view_is_recorded_once(
    console: Any, rows: Session, ana: User
) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    rows.commit()
    page = console.open(support, f"/users/{ana.id}")
    page.get_by_role("link", name="View as they do").click()
    page.wait_for_url(f"**/users/{ana.id}/view-as/dashboard")
    bar = page.get_by_role("status", name="Viewed as the customer")
    bar.get_by_text(f"You see what {ana.email} sees").wait_for()
    page.get_by_role("heading", name="Dashboard").wait_for()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Demo mode").click()
    page.wait_for_url(f"**/users/{ana.id}/view-as/settings/demo-mode")
    page.get_by_role("button", name="Disable demo mode").wait_for()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Connections").click()
    page.wait_for_url(f"**/users/{ana.id}/view-as/settings/connections")
    bar.get_by_role("link", name="Back to the user").click()
    page.wait_for_url(f"**/users/{ana.id}")
    page.get_by_text("Viewed the customer's own pages").wait_for()
    (event,) = views(rows, ana)
    assert event.actor_id == support.id


def test_nothing_can_be_pressed_by_mouse_or_by_keyboard(console: Any, rows: Session, ana: User) -> None:
    admin = make_user(rows, role=Role.ADMIN)
    rows.commit()
    page = console.open(admin, f"/users/{ana.id}/view-as/settings/demo-mode")
    disable = page.get_by_role("button", name="Disable demo mode")
    disable.click()
    page.get_by_text(f"Only {ana.email} can do that.").wait_for()
    assert not page.get_by_role("dialog").is_visible()
    page.locator(".q-notification").wait_for(state="detached")
    disable.press("Enter")
    page.get_by_text(f"Only {ana.email} can do that.").wait_for()
    assert not page.get_by_role("dialog").is_visible()
    assert rows.exec(select(BackgroundJob)).all() == []
    page.goto(f"/users/{ana.id}/view-as/dashboard")
    page.get_by_role("link", name="Demo mode settings").click()
    page.get_by_text(f"Only {ana.email} can do that.").wait_for()
    assert page.url.endswith("/view-as/dashboard")


def test_the_server_refuses_every_command_of_such_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    page: dict[str, Any] = {"credentials": None}
    monkeypatch.setattr(access, "app", SimpleNamespace(storage=SimpleNamespace(client=page)))
    access.only_look_at(customer := uuid4())
    assert access.whose() == customer
    with pytest.raises(NotPermitted, match="only view"):
        in_a_loop(access.perform("demo.disable", customer))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_others_are_refused_and_nothing_is_recorded(console: Any, rows: Session, ana: User, role: Role) -> None:
    other = make_user(rows, role=role)
    rows.commit()
    page = console.open(other, f"/users/{ana.id}/view-as/dashboard")
    page.get_by_text("This page needs the role support").wait_for()
    assert views(rows, ana) == []
    if role is Role.VIEWER:
        page.goto(f"/users/{ana.id}")
        page.get_by_role("heading", name=ana.email).wait_for()
        assert page.get_by_role("link", name="View as they do").count() == 0


def test_an_unknown_user_is_said_to_be_none(console: Any, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    rows.commit()
    for unknown in ("00000000-0000-0000-0000-000000000000", "ana"):
        page = console.open(support, f"/users/{unknown}/view-as/dashboard")
        page.get_by_text("There is no such user").wait_for()
