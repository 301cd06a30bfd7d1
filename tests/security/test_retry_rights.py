"""A retry is no way around rights: it needs the right to start the job."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, func, select

from core import clock
from core.actor import Actor
from core.commands.gateway import CommandRequest, perform
from core.errors import Invalid, NotPermitted
from core.models import BackgroundJob, Role
from core.operation import Operation
from core.operations import BY_NAME
from tests.factories import ADMIN, SUPPORT, make_user

TASKS = [name for name, kind in BY_NAME.items() if not isinstance(kind, Operation) and kind.role is Role.ADMIN]


@pytest.mark.parametrize("task", TASKS)
def test_a_task_is_retried_only_by_people_who_may_start_it(engine: Engine, task: str) -> None:
    later = clock.now() + timedelta(days=30)
    args = {"maintenance.delete_old_jobs": {"days": 3650}, "bulk.run": {"bulk": str(UUID(int=0))}}.get(task, {})
    job = perform(engine, ADMIN, CommandRequest(name=task, args=args, reason="a test", run_at=later))
    again = CommandRequest(name="job.retry", target=job["job_id"])
    perform(engine, SUPPORT, CommandRequest(name="job.cancel", target=job["job_id"]))
    with pytest.raises(NotPermitted, match="needs the role admin"):
        perform(engine, SUPPORT, again)
    with Session(engine) as session:
        assert session.exec(select(func.count()).select_from(BackgroundJob)).one() == 1
    if BY_NAME[task].needs_reason:
        with pytest.raises(Invalid, match="needs a reason"):
            perform(engine, ADMIN, again)
    assert perform(engine, ADMIN, replace(again, reason="a test"))["kind"] == task


def test_support_and_the_customer_may_retry_an_operation(engine: Engine) -> None:
    with Session(engine, expire_on_commit=False) as session:
        user = make_user(session)
        session.commit()
    customer = Actor(user.id, user.email, Role.MEMBER, "console")
    job = perform(engine, SUPPORT, CommandRequest(name="demo.enable", target=user.id))
    for person in (SUPPORT, customer):
        perform(engine, person, CommandRequest(name="job.cancel", target=job["job_id"]))
        job = perform(engine, person, CommandRequest(name="job.retry", target=job["job_id"]))
        assert job["kind"] == "demo.enable"
