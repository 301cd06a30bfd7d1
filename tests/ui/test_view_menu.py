"""Saving a view of the list of jobs, going to it, and removing it, in a browser."""

from sqlmodel import Session, select

from core.models import Role, SavedView
from tests.factories import make_user


def test_a_view_is_saved_opened_and_removed(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    rows.commit()
    page = console.open(support, "/jobs?q=status:failed+kind:demo.*")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="Failed, unhandled").wait_for()
    page.get_by_role("button", name="Save this view …").click()
    dialog = page.get_by_role("dialog", name="Save this view")
    dialog.get_by_text("status:failed kind:demo.*").wait_for()
    assert dialog.get_by_label("For everyone").count() == 0  # who shares views is an admin
    dialog.get_by_label("Name").fill("demo failures")
    dialog.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("The view demo failures is saved.").wait_for()
    row = rows.exec(select(SavedView)).one()
    assert (row.name, row.filter, row.owner_id) == ("demo failures", "status:failed kind:demo.*", support.id)

    page = console.open(support, "/jobs")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("link", name="demo failures").click()
    page.wait_for_url("**/jobs?*q=*")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("button", name="Remove the view demo failures").click()
    page.get_by_text("The view demo failures is removed.").wait_for()
    assert rows.rollback() or rows.exec(select(SavedView)).all() == []
