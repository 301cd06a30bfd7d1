"""Edit and retry: a new job with other arguments, the old one as it was."""

from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core.actor import Actor
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.errors import Invalid, NotAllowed, Refused
from core.models import BackgroundJob, Event, JobStatus, Role
from core.redact import HIDDEN
from tests import driving
from tests.factories import SUPPORT, make_user
from tests.security.stage import ready


def failed(engine: Engine) -> UUID:
    with Session(engine, expire_on_commit=False) as session:
        user = make_user(session)
        session.commit()
    job_id = ready(engine, "job failed", user.id).id
    assert job_id is not None
    return job_id


def edit(engine: Engine, job: UUID, **args: object) -> UUID:
    answer = perform(engine, SUPPORT, CommandRequest(name="job.edit_and_retry", target=job, args={"args": args}))
    return UUID(answer["job_id"])


def test_the_retry_has_the_new_value_and_its_event_says_what_changed(engine: Engine) -> None:
    job = failed(engine)
    was = driving.job_row(engine, job)
    new = driving.job_row(engine, edit(engine, job, preset="nano"))
    assert (new.args["preset"], new.retry_of) == ("nano", job)
    assert driving.job_row(engine, job) == was
    with Session(engine) as session:
        event = session.exec(select(Event).where(col(Event.name) == "job.edited")).one()
    assert event.job_id == new.id
    assert (event.data["was"], event.data["now"]) == ({"preset": was.args["preset"]}, {"preset": "nano"})


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"preset": "no such"}, "preset: should be"),
        ({"presets": "nano"}, "presets: unknown field"),
        ({}, "No argument has another value"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_starts(engine: Engine, args: dict, problem: str) -> None:
    job = failed(engine)
    with pytest.raises(Invalid, match=problem):
        edit(engine, job, **args)
    edit(engine, job, preset="nano")


def test_who_was_faster_is_told(engine: Engine) -> None:
    job = failed(engine)
    edit(engine, job, preset="nano")
    with pytest.raises(Refused):
        edit(engine, job, preset="nano")


@pytest.mark.parametrize("guess", ["hunter2", "wrong"])
@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.SUCCEEDED])
def test_no_answer_tells_a_hidden_argument(engine: Engine, guess: str, status: JobStatus) -> None:
    with session_scope(engine) as session:
        job = BackgroundJob(kind="another.kind", queue="demo", status=status, args={"token": "hunter2"})
        session.add(job)
        session.flush()
        job_id = job.id
    expected = "has no kind another.kind" if status is JobStatus.FAILED else "Only a failed or cancelled job"
    with pytest.raises(NotAllowed, match=expected):
        edit(engine, job_id, token=guess)


def test_what_is_shown_of_a_hidden_argument_is_no_value(engine: Engine) -> None:
    with pytest.raises(Invalid, match="No argument has another value"):
        edit(engine, failed(engine), token=HIDDEN)


def failed_task(engine: Engine, **args: object) -> UUID:
    with session_scope(engine) as session:
        job = BackgroundJob(kind="maintenance.delete_old_jobs", queue="maintenance", status=JobStatus.FAILED, args=args)
        job.token, job.started_at, job.finished_at = 1, job.run_at, job.run_at
        session.add(job)
        session.flush()
        return job.id


def edit_task(engine: Engine, job: UUID, **args: object) -> UUID:
    admin = Actor(None, "admin", Role.ADMIN, "cli")
    request = CommandRequest(name="job.edit_and_retry", target=job, args={"args": args}, reason="too many")
    return UUID(perform(engine, admin, request)["job_id"])


@pytest.mark.parametrize("same", [{"days": "5"}, {"days": 5.0}, {"status": None}, {"days": "5", "kind": None}])
def test_a_value_that_the_form_reads_as_the_old_one_is_no_change(engine: Engine, same: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="No argument has another value"):
        edit_task(engine, failed_task(engine, days=5), **same)


def test_the_event_has_what_changed_as_the_form_reads_it(engine: Engine) -> None:
    new = edit_task(engine, failed_task(engine, days=5, kind="a.kind"), days="6", kind="a.kind")
    with Session(engine) as session:
        event = session.exec(select(Event).where(col(Event.name) == "job.edited")).one()
    assert (event.data["was"], event.data["now"]) == ({"days": 5}, {"days": 6})
    assert driving.job_row(engine, new).args["days"] == 6


def test_a_form_may_leave_out_what_has_its_usual_value(engine: Engine) -> None:
    new = edit(engine, failed(engine), email_when_ready=True)
    assert driving.job_row(engine, new).args["email_when_ready"] is True
    with engine.begin() as connection:
        end = "UPDATE background_jobs SET status = 'failed', finished_at = now(), token = 1 WHERE id = :id"
        connection.execute(text(end), {"id": new})
        connection.execute(text("UPDATE users SET demo_mode_status = 'failed'"))
    assert "email_when_ready" not in driving.job_row(engine, edit(engine, new, email_when_ready=False)).args
