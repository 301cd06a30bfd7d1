"""What a job's menu does, pressed in a browser; how its attempts and tracebacks are folded."""

from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, select

from core.jobs.request import request
from core.models import BackgroundJob, DemoModeStatus, JobAttempt, JobStatus, Role, User
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user
from tests.waiting import eventually
from ui.components.base.traceback_text import folded
from ui.components.jobs.attempt_lines import _repeats as repeats

OWN = '  File "/srv/app/core/demo/remote.py", line 8, in call\n    answer = post()\n'
LIBRARY = '  File "/srv/.venv/lib/python3.11/site-packages/httpx/_client.py", line 1, in post\n    raise it\n    ^^^^\n'
BEGIN, END = "Traceback (most recent call last):\n", "httpx.ConnectError: no route\n"


def test_a_failed_job_is_retried_with_another_argument(console, rows: Session) -> None:
    user = make_user(rows, demo_mode_status=DemoModeStatus.FAILED)
    job = request_failed(rows, user.id)
    page = console.open(person(rows, Role.SUPPORT), f"/jobs/{job.id}")
    page.get_by_role("button", name="More").click()
    page.get_by_text("Edit and retry …").click()
    dialog = page.get_by_role("dialog", name="Edit and retry")
    dialog.get_by_role("button", name="Retry", exact=True).click()
    dialog.get_by_text("No argument has another value; use Retry.").wait_for()
    dialog.get_by_label("Tell the creator when it is ready").click()
    dialog.get_by_label("Reason").fill("they asked for a message")
    dialog.get_by_role("button", name="Retry", exact=True).click()
    page.get_by_text("Retry queued.").wait_for()
    new = rows.exec(select(BackgroundJob).where(col(BackgroundJob.retry_of) == job.id)).one()
    assert new.args == {**job.args, "email_when_ready": True}
    assert new.reason == "they asked for a message"


def person(rows: Session, role: Role) -> User:
    user = make_user(rows, role=role)
    rows.commit()
    return user


def request_failed(rows: Session, user_id: object) -> BackgroundJob:
    job = BackgroundJob(kind="demo.enable", queue="demo", status=JobStatus.FAILED, user_id=user_id)
    job.machine, job.came_from = "users.demo_mode_status", "disabled"
    job.args = EnableForm(preset="nano").model_dump(mode="json")
    job.token, job.attempt, job.started_at, job.finished_at = 1, 3, job.run_at, job.run_at
    rows.add(job)
    rows.commit()
    return job


def test_a_waiting_job_is_given_another_time(console, rows: Session) -> None:
    user = make_user(rows)
    job = request(rows, demo.enable, user.id, EnableForm(), SUPPORT)
    rows.commit()
    page = console.open(person(rows, Role.SUPPORT), f"/jobs/{job.id}")
    page.get_by_role("button", name="More").click()
    page.get_by_text("Reschedule …").click()
    dialog = page.get_by_role("dialog", name="Reschedule the job")
    dialog.get_by_role("button", name="Reschedule", exact=True).click()
    dialog.get_by_text("Choose a date and a time.").wait_for()
    later = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT12:00")
    dialog.get_by_label("Start at").fill(later)
    dialog.get_by_role("button", name="Reschedule", exact=True).click()
    page.get_by_text("Rescheduled.").first.wait_for()
    eventually(lambda: rows.refresh(job) or job.run_at > datetime.now(UTC) + timedelta(days=1))
    assert rows.refresh(user) or user.demo_mode_status is DemoModeStatus.DISABLED


def test_a_viewer_is_told_which_role_it_takes(console, rows: Session) -> None:
    job = request(rows, demo.enable, make_user(rows).id, EnableForm(), SUPPORT)
    rows.commit()
    page = console.open(person(rows, Role.VIEWER), f"/jobs/{job.id}")
    page.get_by_role("button", name="More").click()
    page.get_by_text("Reschedule …").click()
    page.get_by_text("Reschedule needs the role support; you are viewer.").wait_for()


def test_frames_of_libraries_are_folded_between_those_of_the_program() -> None:
    parts = list(folded(BEGIN + OWN + LIBRARY + LIBRARY + OWN + END))
    assert parts == [(True, [BEGIN, OWN]), (False, [LIBRARY, LIBRARY]), (True, [OWN, END])]


def test_nothing_of_an_odd_traceback_is_lost() -> None:
    for odd in ("", "no frames\nat all", LIBRARY, END + BEGIN + OWN + "During handling…\n\n" + BEGIN + LIBRARY):
        assert "".join(part for _, parts in folded(odd) for part in parts) == odd


def test_an_error_that_repeats_is_shown_once_with_its_number() -> None:
    errors = ["no route", "no route", "too slow", None, None, "no route"]
    attempts = [
        JobAttempt(token=at, attempt=at, error_type="OSError" if error else None, error_message=error)
        for at, error in enumerate(errors, 1)
    ]
    assert repeats(attempts) == [0, 2, 1, 1, 1, 1]
