"""The first rows of the jobs are painted before the grid is there, asked for once, and act like the grid's."""

import pytest
from sqlmodel import Session

from core.jobs.request import request
from core.models import Role
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user

pytestmark = pytest.mark.browser

AG_GRID = "**/assets/aggrid.js*"


def test_the_first_rows_are_painted_before_the_grid_is_loaded(console, rows: Session) -> None:
    job = request(rows, demo.enable, make_user(rows).id, EnableForm(), SUPPORT)
    viewer = make_user(rows, role=Role.VIEWER)
    rows.commit()
    page = console.signed_in(viewer)
    held, lists = [], []
    page.route(AG_GRID, lambda route: held.append(route))
    page.on("request", lambda sent: lists.append(sent.url) if "/api/jobs?" in sent.url else None)
    page.goto("/jobs")
    plain = page.locator(".jg-first-row")
    plain.locator(".jg-status", has_text="queued").wait_for()
    assert page.locator(".ag-row").count() == 0
    plain.first.click()
    page.wait_for_url(f"**/jobs?job={job.id}")

    page.get_by_role("button", name="Refresh").click()  # waits for the grid
    for route in held:
        route.continue_()
    page.locator(".ag-row .jg-status", has_text="queued").wait_for()
    plain.wait_for(state="detached")
    assert lists[0].endswith("/api/jobs?limit=100")
    assert not page.wrong
