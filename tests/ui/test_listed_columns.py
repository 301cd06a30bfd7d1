"""The columns of the list of jobs: each person's own wherever they sign in, and those of a view in its address."""

from typing import Any

import pytest
from sqlmodel import Session, select

from core import clock
from core.models import BackgroundJob, Event, ListColumns, Role, SavedView, User
from tests.factories import make_user
from tests.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture
def viewer(rows: Session) -> User:
    viewer = make_user(rows, role=Role.VIEWER)
    done = {"status": "succeeded", "user_id": viewer.id, "finished_at": clock.db_now()}
    rows.add(BackgroundJob(kind="demo.enable", queue="columns", **done))
    rows.commit()
    return viewer


def titles(page: Any) -> list[str]:
    return page.get_by_role("columnheader").evaluate_all("all => all.map(each => each.dataset.name).filter(Boolean)")


def toggle(page: Any, name: str) -> None:
    page.get_by_role("button", name="Columns", exact=True).click()
    page.get_by_role("checkbox", name=name).click()
    page.keyboard.press("Escape")


def test_columns_are_a_persons_own_in_any_browser_until_they_are_reset(console, rows: Session, viewer: User) -> None:
    page = console.open(viewer, "/jobs")
    page.get_by_role("columnheader", name="Queue").wait_for()
    usual = titles(page)
    toggle(page, "Queue")
    page.get_by_role("columnheader", name="Kind").press("Shift+ArrowLeft")
    page.get_by_role("columnheader", name="Kind").press("Alt+ArrowRight")
    own = ["kind", "label", *(name for name in usual[2:] if name != "queue")]
    eventually(lambda: titles(page) == own)

    def kept() -> list[dict]:
        rows.rollback()
        row = rows.get(ListColumns, viewer.id)
        return [each for each in row.columns if not each["hide"]] if row else []

    eventually(lambda: [each["name"] for each in kept()] == own and kept()[0]["width"] != 140)
    page.evaluate("localStorage.clear()")  # as in another browser
    page.reload()
    page.get_by_role("columnheader", name="Kind").wait_for()
    assert titles(page) == own
    page.get_by_role("button", name="Columns", exact=True).click()
    assert page.get_by_role("checkbox", name="Queue").get_attribute("aria-checked") == "false"
    page.get_by_role("button", name="Reset columns").click()
    eventually(lambda: titles(page) == usual)
    eventually(lambda: page.get_by_role("checkbox", name="Queue").get_attribute("aria-checked") == "true")
    eventually(lambda: not kept())


def test_a_view_has_its_columns_in_its_address_and_leaves_a_persons_own(console, rows: Session, viewer: User) -> None:
    page = console.open(viewer, "/jobs?queue=columns&columns=user_email,waited,gone,waited")
    page.get_by_role("columnheader", name="Waited").wait_for()
    assert titles(page) == ["user_email", "waited"]
    toggle(page, "Attempt")
    eventually(lambda: page.evaluate("location.href").endswith("columns=user_email,waited,attempt"))

    page.get_by_role("button", name="Views").click()
    page.get_by_role("button", name="Save this view").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("waits of columns")
    assert dialog.get_by_role("switch", name="With these columns").get_attribute("aria-checked") == "true"
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="detached")
    assert rows.exec(select(SavedView.columns)).all() == [["user_email", "waited", "attempt"]]

    page.get_by_role("button", name="Columns", exact=True).click()
    page.get_by_role("button", name="Back to my columns").click()
    eventually(lambda: page.evaluate("location.href").endswith("/jobs?q=queue:columns"))
    eventually(lambda: "queue" in titles(page))
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="waits of columns").click()
    eventually(lambda: titles(page) == ["user_email", "waited", "attempt"])
    chip = page.get_by_role("button", name="Remove columns of this link")
    chip.click()
    eventually(lambda: "queue" in titles(page) and not chip.is_visible())
    assert rows.get(ListColumns, viewer.id) is None


def test_an_order_and_a_column_that_there_are_not_are_said(console, viewer: User) -> None:
    page = console.open(viewer, "/jobs?sort=size")
    page.get_by_text("The list has no order 'size'").wait_for()
    page = console.open(viewer, "/jobs?columns=label,size")
    page.get_by_text("The list has no column 'size'").wait_for()


def test_the_column_of_the_order_is_shown_and_not_kept(console, rows: Session, viewer: User) -> None:
    page = console.open(viewer, "/jobs?sort=-waited")
    page.get_by_role("columnheader", name="Waited").wait_for()
    page.get_by_role("button", name="Columns", exact=True).click()
    box = page.get_by_role("checkbox", name="Waited")
    eventually(lambda: (box.get_attribute("aria-checked"), box.get_attribute("aria-disabled")) == ("true", "true"))
    page.keyboard.press("Escape")
    page.get_by_role("columnheader", name="Kind").press("Alt+ArrowRight")
    page.get_by_role("link", name="Users", exact=True).first.click()  # at once: what was arranged is kept all the same

    def is_hidden() -> bool:
        rows.rollback()
        row = rows.get(ListColumns, viewer.id)
        return row is not None and {each["name"]: each["hide"] for each in row.columns}["waited"]

    eventually(is_hidden)


def test_a_reset_right_after_a_change_is_the_last_word(console, rows: Session, viewer: User) -> None:
    page = console.open(viewer, "/jobs")
    page.get_by_role("columnheader", name="Queue").wait_for()
    page.get_by_role("button", name="Columns", exact=True).click()
    page.get_by_role("checkbox", name="Queue").click()
    page.get_by_role("columnheader", name="Queue").wait_for(state="detached")
    page.get_by_role("button", name="Reset columns").click()
    page.get_by_role("columnheader", name="Queue").wait_for()

    def names() -> list[str]:
        rows.rollback()
        return [
            each.name
            for each in rows.exec(select(Event).where(Event.name == "columns.kept", Event.actor_id == viewer.id))
        ]

    eventually(lambda: names() == ["columns.kept", "columns.kept"])
    assert rows.get(ListColumns, viewer.id) is None
