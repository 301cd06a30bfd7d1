"""Each command asks the same wherever its button stands: its question, what it changes, and its reason."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core import clock
from core.commands.registry import COMMANDS
from core.jobs.request import JobOptions, request
from core.models import BackgroundJob, JobKind, JobStatus, Queue
from core.operations import OPERATIONS, demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user
from tests.loops import in_a_loop
from ui import access
from ui.components.base.asking import question_before
from ui.components.base.confirm import Question

REASON = "deploy in progress, do not touch"


def asked(engine: Engine, command: str, target: UUID | None = None, **args: object) -> Question | None:
    access.use(engine)
    asked = question_before(command, target, args, label=COMMANDS[command].label, effect="what it does here")
    return in_a_loop(asked)


def wait_for(session: Session, *kinds: str, **options: object) -> None:
    """Let a job of each kind wait in the queue demo, each for a user of its own."""
    for kind in kinds:
        job = request(session, demo.enable, make_user(session).id, EnableForm(), SUPPORT, JobOptions(**options))
        job.kind = kind


@pytest.mark.parametrize("row", [Queue(name="demo"), JobKind(kind="demo.enable")], ids=["queue", "kind"])
def test_resuming_says_why_it_was_paused_and_how_many_users_jobs_it_starts(
    session: Session, engine: Engine, row: Queue | JobKind
) -> None:
    row.paused_at, row.paused_by, row.paused_reason = clock.now(), "Ana", REASON
    noun, name = ("queue", "demo") if isinstance(row, Queue) else ("kind", "demo.enable")
    session.add(type(row)(**row.model_dump()))
    wait_for(session, "demo.enable", "demo.enable")
    wait_for(session, "demo.enable", run_at=clock.now() + timedelta(hours=2))
    session.commit()
    question = asked(engine, f"{noun}.resume", name=name)
    assert question.title == f"Resume the {noun} {name}?"
    assert question.consequences[0].startswith("Ana paused it at ")
    assert question.consequences[0].endswith(REASON)
    assert question.consequences[1:] == ["This starts 2 jobs of 2 users."]


def test_resuming_a_queue_does_not_count_jobs_whose_kind_stays_paused(session: Session, engine: Engine) -> None:
    session.add(Queue(name="demo", paused_at=clock.now(), paused_by="Ana"))
    session.add(JobKind(kind="demo.disable", paused_at=clock.now(), paused_by="Ana"))
    wait_for(session, "demo.enable", "demo.disable", "demo.disable")
    session.commit()
    question = asked(engine, "queue.resume", name="demo")
    assert question.consequences[0].endswith("without a reason")
    assert question.consequences[1:] == ["This starts 1 job of 1 user."]


def test_what_was_resumed_meanwhile_is_not_asked_about(engine: Engine) -> None:
    assert asked(engine, "queue.resume", name="demo") is None


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_that_deletes_asks_first(engine: Engine, operation: object) -> None:
    question = asked(engine, operation.name)
    assert (question is not None and question.takes_away) == (operation is not demo.enable)


@pytest.mark.parametrize(("kind", "needs"), [("maintenance.delete_old_jobs", True), ("demo.enable", False)])
def test_a_retry_asks_for_a_reason_where_its_kind_needs_one(
    session: Session, engine: Engine, kind: str, needs: bool
) -> None:
    job = BackgroundJob(kind=kind, queue="demo", status=JobStatus.FAILED, finished_at=clock.now())
    session.add(job)
    session.commit()
    question = asked(engine, "job.retry", job.id)
    assert (question is not None and question.needs_reason) == needs


def test_a_cancel_says_what_it_leaves(engine: Engine) -> None:
    question = asked(engine, "job.cancel")
    assert (list(question.consequences), question.takes_away) == (["what it does here"], True)
