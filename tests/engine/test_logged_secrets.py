"""Of a task that a person requests, the audit log has the arguments without secrets; its job has them all."""

import pytest
from sqlmodel import Session, col, select

from core.jobs.request import JobOptions, request_task, request_tasks
from core.models import BackgroundJob, Event, Role
from core.operation import Form, Progress, Steps, Task, TaskWork
from core.redact import HIDDEN
from tests.factories import ADMIN


class KeyForm(Form):
    api_key: str
    days: int = 1


def _run(_: TaskWork[KeyForm]) -> Steps:
    yield Progress(1, 1)
    return None


TASK = Task(name="test.key", label="Key", form=KeyForm, run=_run, role=Role.ADMIN, queue="demo")


@pytest.mark.parametrize("is_many", [True, False])
def test_a_secret_argument_is_in_no_event(session: Session, *, is_many: bool) -> None:
    form = KeyForm(api_key="hunter2")
    if is_many:
        request_tasks(session, TASK, [form, form], ADMIN, JobOptions(reason="why"))
    else:
        request_task(session, TASK, form, ADMIN)
    jobs = {row.id: row.args for row in session.exec(select(BackgroundJob)).all()}
    events = session.exec(select(Event).where(col(Event.name) == "job.requested")).all()
    assert list(jobs.values()) == [{"api_key": "hunter2", "days": 1}] * (2 if is_many else 1)
    assert {event.job_id for event in events} == set(jobs)
    assert all(event.data["args"] == {"api_key": HIDDEN, "days": 1} for event in events)
