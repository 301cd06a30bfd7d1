"""Failures by their cause: what counts, what is open, whom it hit, and one press to what deals with it."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core import clock
from core.database.engine import session_scope
from core.errors import NotFound
from core.failures.groups import Shelf, groups_of_hours
from core.failures.one_group import failure_detail
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.models import BackgroundJob, DemoModeStatus, JobStatus, Role, User
from tests.factories import make_user


def fails(
    session: Session, user: User | None, *, hours: float = 1, error: str = "busy", message: str = "503"
) -> BackgroundJob:
    at = clock.now() - timedelta(hours=hours)
    job = BackgroundJob(kind="demo.enable", queue="demo", status=JobStatus.FAILED, args={"preset": "nano"})
    job.user_id = user.id if user else None
    job.machine, job.came_from = ("users.demo_mode_status", "disabled") if user else (None, None)
    job.token, job.attempt, job.error_type, job.error_message, job.error_fingerprint = 1, 3, "TryAgain", message, error
    job.created_at = job.started_at = job.run_at = job.finished_at = at
    session.add(job)
    session.flush()
    return job


@pytest.fixture
def hit(engine: Engine) -> list[str]:
    """Two users whose failure is open, one who has succeeded since, an old failure, and one of another error."""
    with session_scope(engine) as session:
        users = [make_user(session, demo_mode_status=DemoModeStatus.FAILED) for _ in range(4)]
        for user in users[:3]:
            fails(session, user, message=f"503 of {user.email}")
        users[2].demo_mode_status = DemoModeStatus.ENABLED
        done = fails(session, users[2], hours=0.5)
        done.status, done.error_fingerprint, done.error_type = JobStatus.SUCCEEDED, None, None
        fails(session, users[3], hours=30)
        fails(session, None, error="other", message="no space left")
        return [user.email for user in users]


def test_a_group_counts_its_failures_what_is_open_and_its_users(engine: Engine, hit: list[str]) -> None:
    with Session(engine) as session:
        busy, other = groups_of_hours(session, 24).on(Shelf.OPEN)
        assert (busy.fingerprint, busy.count, busy.open, busy.users) == ("busy", 3, 2, 3)
        assert (other.fingerprint, other.count, other.open, other.users) == ("other", 1, 1, 0)
        assert groups_of_hours(session, 24 * 7).groups[0].count == 4


def test_its_numbers_open_what_they_count(engine: Engine, hit: list[str]) -> None:
    with Session(engine) as session:
        found = failure_detail(session, "busy", 24)
        where = {"error": "busy", "finished_after": found.since.isoformat()}
        for which, number in (({"situation": "failed"}, found.group.open), ({"status": "failed"}, found.group.count)):
            assert page(session, JobFilter.from_params(where | which), limit=100).total.value == number
        assert (sum(found.parts), found.parts[-2]) == (3, 3)
        assert [(each.email, each.is_open) for each in found.users if not each.is_open] == [(hit[2], False)]
        assert len(found.users) == 3
        with pytest.raises(NotFound):
            failure_detail(session, "nothing", 24)


def test_the_open_ones_are_retried_from_the_page(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    for _ in range(3):
        fails(rows, make_user(rows, demo_mode_status=DemoModeStatus.FAILED))
    fails(rows, make_user(rows, demo_mode_status=DemoModeStatus.FAILED), hours=30)  # not of these 24 hours
    rows.commit()
    tab = console.open(support, "/failures")
    tab.get_by_role("link", name="3 open").click()
    tab.get_by_text("Users hit").wait_for()
    tab.get_by_role("button", name="Retry the open ones …").click()
    tab.get_by_text("It is prepared for 3 rows, and not started.").wait_for()
