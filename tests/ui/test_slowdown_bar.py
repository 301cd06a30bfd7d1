"""The status bar tells admins, and only them, what slows the program down."""

import pytest
from sqlalchemy import text
from sqlmodel import Session

from core.models import Role
from tests.factories import make_user

SENTENCE = "Events of the audit log have waited 7 min for their seal"


@pytest.mark.browser
@pytest.mark.slow
def test_the_status_bar_tells_admins_what_slows_the_program_down(console, rows: Session) -> None:
    admin, viewer = make_user(rows, role=Role.ADMIN), make_user(rows, role=Role.VIEWER)
    event = "INSERT INTO events (name, via, at) VALUES ('job.cancelled', 'api', now() - interval '7.5 min')"
    rows.connection().execute(text(event))
    rows.commit()
    page = console.open(admin, "/workers")
    page.get_by_text(SENTENCE).wait_for()
    assert "main.py worker" in (page.locator(".foot .slow").get_attribute("title") or "")
    other = console.open(viewer, "/workers")
    other.locator(".foot").get_by_text("live", exact=True).wait_for()
    assert other.get_by_text(SENTENCE).count() == 0
