"""What a person reads after pressing a button is what became of it, also when somebody else was faster."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.actor import Actor
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.errors import NotAllowed
from core.jobs import finish
from core.jobs.request import JobOptions, request
from core.models import Role
from core.operations import demo
from core.operations.demo import EnableForm
from core.people import auth
from core.people.auth import Visitor
from tests import driving
from tests.factories import ADMIN, SUPPORT, make_user
from ui.components.base.outcome import OUTCOMES, cancel_outcomes


def do(engine: Engine, name: str, target: UUID, actor: Actor = SUPPORT, **args: Any) -> dict[str, Any]:
    return perform(engine, actor, CommandRequest(name=name, target=target, args=args, reason="asked by phone"))


def outcome(engine: Engine, name: str, job: UUID) -> str:
    return OUTCOMES[name](do(engine, name, job))


def ask(engine: Engine, run_at: datetime | None = None) -> UUID:
    with session_scope(engine) as session:
        user = make_user(session)
        return request(session, demo.enable, user.id, EnableForm(), SUPPORT, JobOptions(run_at=run_at)).id


def test_a_cancel_says_whether_it_ended_the_job_or_asked_it_to_stop_or_came_second(engine: Engine) -> None:
    running = ask(engine)
    driving.must_take(engine)
    waiting = ask(engine)
    assert outcome(engine, "job.cancel", running) == "Cancel requested."
    assert outcome(engine, "job.cancel", running) == "It had been asked to stop already."
    assert outcome(engine, "job.cancel", waiting) == "Cancelled."
    with pytest.raises(NotAllowed, match="has already been cancelled"):
        do(engine, "job.cancel", waiting)


def test_a_cancel_whose_clean_up_fails_is_not_called_cancelled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    job = ask(engine)
    driving.must_take(engine)
    with session_scope(engine) as session:
        finish.release(session, session.get_one(driving.BackgroundJob, job))
    monkeypatch.setattr(finish, "work_of", lambda *_: 1 / 0)
    assert outcome(engine, "job.cancel", job) == "It ended as failed."


def test_the_outcomes_of_several_cancels_are_counted_apart(engine: Engine) -> None:
    running = ask(engine)
    driving.must_take(engine)
    answers = [do(engine, "job.cancel", job) for job in (running, running, ask(engine), ask(engine))]
    assert cancel_outcomes(answers) == (
        "1 job: Cancel requested. 1 job: It had been asked to stop already. 2 jobs: Cancelled."
    )


def test_start_now_says_whether_the_job_was_due_before(engine: Engine) -> None:
    job = ask(engine, datetime.now(UTC) + timedelta(hours=3))
    assert outcome(engine, "job.start_now", job) == "It is due now."
    assert outcome(engine, "job.start_now", job) == "It was due already."


def test_what_has_been_done_to_a_person_is_not_done_again(engine: Engine) -> None:
    with session_scope(engine) as session:
        person = make_user(session, role=Role.SUPPORT).id
        auth.sign_in_by_link(session, auth.make_link(session, session.get_one(driving.User, person)), Visitor())
    with Session(engine) as session:
        [open_one] = session.exec(driving.select(auth.UserSession)).all()
    do(engine, "session.revoke", open_one.id, ADMIN)
    for name, target, args, problem in (
        ("session.revoke", open_one.id, {}, "already ended"),
        ("operator.role", person, {"role": "support"}, "already has the role support"),
    ):
        with pytest.raises(NotAllowed, match=problem):
            do(engine, name, target, ADMIN, **args)
    do(engine, "operator.disable", person, ADMIN)
    with pytest.raises(NotAllowed, match="already disabled"):
        do(engine, "operator.disable", person, ADMIN)
