"""A user's page says who else fails alike, and what the outside service answers now; so does the strip for many."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.engine import connect
from core.jobs.failure import failure_of
from core.models import BackgroundJob, DemoModeStatus, JobStatus, Role, User
from core.operations.demo import demo_mode, demo_service
from tests.browsing import Tabs
from tests.conftest import _fresh
from tests.demo.fake_service import FakeService, status, well
from tests.factories import make_user
from tests.ui.conftest import Console, _serve

pytestmark = pytest.mark.browser


def fail(session: Session, message: str, kind: str = "TryAgain") -> User:
    """Add a user whose job failed with this error."""
    user = make_user(session, demo_mode_status=DemoModeStatus.FAILED)
    failure = failure_of(RuntimeError(message))
    ended = {"status": JobStatus.FAILED, "attempt": 3, "finished_at": datetime.now(UTC)}
    error = {"error_type": kind, "error_message": message, "error_fingerprint": failure.fingerprint}
    session.add(BackgroundJob(kind="demo.enable", machine=demo_mode.name, user_id=user.id, **ended, **error))
    return user


def people(engine: Engine, message: str) -> tuple[User, User, User]:
    """Add four users who failed alike; return a support person, the first of them, and one who failed for good."""
    with Session(engine, expire_on_commit=False) as session:
        support = make_user(session, role=Role.SUPPORT)
        first, *_ = [fail(session, message) for _ in range(4)]
        refused = fail(session, f"{demo_service.name} at http://127.0.0.1:9 sent an invalid response.", "GiveUp")
        session.commit()
    return support, first, refused


@pytest.mark.slow
def test_support_sees_that_a_failure_is_one_of_several_and_when_the_service_answers_again(
    server: str, template: str, browser: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = f"{demo_service.name} at http://127.0.0.1:9 answered with an error (503)."
    with FakeService(status(503)) as service:
        monkeypatch.setenv("DEMO_SERVICE_URL", service.url)
        for database_url in _fresh(server, template):
            engine = connect(database_url)
            support, first, refused = people(engine, message)
            with _serve(database_url) as url:
                console = Console(url, engine, Tabs(browser, url))
                page = console.open(support, "/users")
                strip = page.get_by_role("status", name="Incidents")
                strip.get_by_role("link", name="4 users failed since").get_by_text(message).wait_for()
                assert service.seen == [], "it is asked where a page is about its failure"
                page.goto(f"/users/{first.id}")
                diagnosis = page.get_by_label("Diagnosis")
                diagnosis.get_by_text("The demo service answers 503 (checked").wait_for()
                diagnosis.get_by_text("The demo service answers 503 now. A new job starts").wait_for()
                assert diagnosis.locator(".primary").count() == 0, "a fault is not asked again by the main button"
                creator = console.open(refused, "/settings/demo-mode")
                creator.get_by_text("trying again does not help").wait_for()
                assert creator.get_by_role("button", name="Retry").count() == 0
                service.answers[:] = [well]
                diagnosis.get_by_text("The demo service answers a first request now (checked").wait_for()
                diagnosis.locator(".primary").get_by_text("Retry").wait_for()
                creator.get_by_role("button", name="Retry").wait_for()
                creator.get_by_text("answers now").wait_for()
                detail = console.open(support, f"/jobs?user={refused.id}")
                detail.locator(".jg-row[row-id]").first.click()
                detail.locator(".detail-body .btn.primary").get_by_text("Retry").wait_for()
                tell = detail.get_by_role("button", name="Tell the admins")
                assert "primary" not in (tell.get_attribute("class") or ""), "as on the user's page"
                assert len(service.seen) <= 5, "five seconds are between two questions"
                diagnosis.get_by_role("link", name="3 other users failed for the same reason since").click()
                page.get_by_role("button", name="Remove filter other_than").get_by_text(first.email).wait_for()
                rows = page.locator(".jg-row[row-id]")
                rows.nth(2).wait_for()
                assert rows.count() == 3
                assert page.wrong == []
                console.tabs.clear()
            engine.dispose()
