"""The stage of a stuck scenario: facts in the database, and the engine's moves one at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core import clock
from core.database.engine import session_scope
from core.diagnosis.answer import Diagnosis
from core.diagnosis.customer import DemoState, demo_state
from core.diagnosis.invariants import violations
from core.diagnosis.user import diagnose_user
from core.jobs import finish
from core.jobs.failure import failure_of
from core.jobs.request import JobOptions, request
from core.models import BackgroundJob, User
from core.operation import Operation
from core.operations import demo
from core.queues import controls
from tests import driving
from tests.factories import ADMIN, SUPPORT, make_user

NO_ONE = UUID(int=0)


@dataclass
class Stage:
    """A database with one user in trouble."""

    engine: Engine
    user: UUID = NO_ONE
    job: UUID = NO_ONE

    def sql(self, statement: str, **values: Any) -> None:
        """Change rows as a person with a database client does."""
        with session_scope(self.engine) as session:
            session.connection().execute(text(statement), values)

    def new_user(self) -> UUID:
        with session_scope(self.engine) as session:
            self.user = make_user(session).id
        return self.user

    def ask(self, operation: Operation[Any, Any] = demo.enable, run_in: timedelta | None = None) -> None:
        """Request an operation for the user, who is new with the first one."""
        if self.user == NO_ONE:
            self.new_user()
        options = JobOptions(run_at=clock.now() + run_in) if run_in else JobOptions()
        with session_scope(self.engine) as session:
            form = operation.form(**driving.smallest_form(operation))
            self.job = request(session, operation, self.user, form, SUPPORT, options).id

    def enabled(self) -> None:
        """Let the user's demo mode be on."""
        self.ask()
        driving.run_next(self.engine)

    def die_at_work(self, operation: Operation[Any, Any] = demo.enable) -> None:
        """Let a worker die after its second checkpoint."""
        self.ask(operation)
        with pytest.MonkeyPatch.context() as patch:
            driving.at_checkpoint(patch, 1, after=driving.die(patch))
            with pytest.raises(driving.Killed):
                driving.run_next(self.engine)

    def die_before_work(self) -> None:
        """Let a worker claim the job and die before its first checkpoint."""
        driving.make_due(self.engine)
        driving.must_take(self.engine)
        self.sweep()

    def silence(self, **span: float) -> None:
        """Let every worker have been silent for so long."""
        self.sql("UPDATE workers SET heartbeat_at = now() - CAST(:span AS interval)", span=timedelta(**span))

    def new_worker(self) -> None:
        driving.new_worker(self.engine)

    def fail(self, error: Exception, attempts: int = 3) -> None:
        """Let attempts of the job end with an error."""
        for _ in range(attempts):
            driving.make_due(self.engine)
            held = driving.must_take(self.engine)
            with session_scope(self.engine) as session:
                finish.fail_or_retry(session, session.get_one(BackgroundJob, held.id), failure_of(error))

    def pause(self) -> None:
        with session_scope(self.engine) as session:
            controls.pause_queue(session, "demo", ADMIN, "deploying")

    def forbid(self, kind: str = "demo.enable", reason: str | None = None, most: int | None = 0) -> None:
        """Let an admin limit a kind to `most` running jobs; None ends the limit."""
        with session_scope(self.engine) as session:
            controls.limit_kind(session, controls.Limits(name=kind, max_running=most), ADMIN, reason)

    def sweep(self) -> None:
        """Let a sweep take the jobs of silent workers."""
        driving.presume_dead(self.engine)

    def work(self) -> None:
        """Let a worker run what is due."""
        self.sweep()
        while held := driving.take(self.engine):
            driving.work_on(self.engine, held)

    def diagnosis(self) -> Diagnosis:
        with Session(self.engine) as session:
            return diagnose_user(session, session.get_one(User, self.user))

    def customer(self) -> DemoState:
        with Session(self.engine) as session:
            return demo_state(session, self.user)

    def doctor(self) -> dict[str, list[Any]]:
        with Session(self.engine) as session:
            return {each.invariant.name: list(each.rows) for each in violations(session)}


Moves = Callable[[Stage], None]
