"""Each command asks the same wherever its button stands: its question, what it changes, and its reason."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core import clock
from core.commands.registry import COMMANDS
from core.jobs.request import JobOptions, request
from core.models import WORKER_LOST, BackgroundJob, JobKind, JobStatus, Queue, Worker
from core.operations import OPERATIONS, demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT, make_user
from tests.loops import in_a_loop
from ui import access
from ui.components.base.asking import question_before
from ui.components.base.confirm import Question
from ui.components.queues.limits_form import limits_in_words

REASON = "deploy in progress, do not touch"

#: Longer than the longest patience.
OLD = timedelta(hours=2)

#: Operations that take nothing from anybody.
ADDS = {"demo.enable", "connection.connect", "connection.refresh"}


def asked(engine: Engine, command: str, target: UUID | None = None, **args: object) -> Question | None:
    access.use(engine)
    asked = question_before(command, target, args, label=COMMANDS[command].label, effect="what it does here")
    return in_a_loop(asked)


def wait_for(session: Session, *kinds: str, **options: object) -> None:
    """Let a job of each kind wait in the queue demo, each for a user of its own."""
    for kind in kinds:
        job = request(session, demo.enable, make_user(session).id, EnableForm(), SUPPORT, JobOptions(**options))
        job.kind = kind


def serve(session: Session) -> Worker:
    session.add(worker := Worker(host="w", pid=1, threads=9, queues=["demo"], heartbeat_at=clock.now()))
    session.flush()
    return worker


def run_one(session: Session, worker: Worker) -> None:
    values = {"worker_id": worker.id, "token": 1, "attempt": 1, "started_at": clock.now()}
    session.add(BackgroundJob(kind="demo.enable", queue="demo", status=JobStatus.RUNNING, **values))


def paused_and(session: Session, **of_kind: object) -> None:
    """Pause the queue demo, and set its kind demo.enable."""
    session.add(Queue(name="demo", paused_at=clock.now(), paused_by="Ana"))
    session.add(JobKind(kind="demo.enable", **of_kind))


def effect(session: Session, engine: Engine, command: str = "queue.resume", name: str = "demo") -> str:
    session.commit()
    question = asked(engine, command, name=name)
    assert question is not None
    return " ".join(question.consequences[1:])


@pytest.mark.parametrize("row", [Queue(name="demo"), JobKind(kind="demo.enable")], ids=["queue", "kind"])
def test_resuming_says_why_it_was_paused_and_how_many_users_jobs_it_starts(
    session: Session, engine: Engine, row: Queue | JobKind
) -> None:
    row.paused_at, row.paused_by, row.paused_reason = clock.now(), "Ana", REASON
    serve(session)
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


def test_resuming_a_queue_says_which_jobs_another_pause_still_holds(session: Session, engine: Engine) -> None:
    session.add(Queue(name="demo", paused_at=clock.now(), paused_by="Ana"))
    session.add(JobKind(kind="demo.disable", paused_at=clock.now(), paused_by="Bo"))
    serve(session)
    wait_for(session, "demo.enable", "demo.disable", "demo.disable")
    session.commit()
    question = asked(engine, "queue.resume", name="demo")
    assert question.consequences[0].endswith("without a reason")
    assert question.consequences[1:] == [
        "3 jobs of 3 users wait, and 1 of them can start now. "
        "The others still wait: kind demo.disable is paused, by Bo."
    ]


ONE_AT_ONCE = "at most 1 job of demo.enable runs at once"
SPENT = {"rate_count": 1, "rate_seconds": 300, "rate_left": 0.0}
HOLDS = {
    "the kind is paused": ({"paused_at": clock.now(), "paused_by": "Bo"}, 1, 0, "kind demo.enable is paused, by Bo"),
    "its limit is 0": ({"max_running": 0}, 1, 0, "kind demo.enable is limited to 0"),
    "all it may run is running": ({"max_running": 1}, 4, 1, f"{ONE_AT_ONCE}, and 1 is running"),
    "its rate is used up": (SPENT, 2, 0, "at most 1 job of demo.enable starts in 5 min; the next one can start in"),
}


@pytest.mark.parametrize("case", HOLDS)
def test_resuming_promises_no_start_that_something_else_prevents(session: Session, engine: Engine, case: str) -> None:
    of_kind, jobs, running, hold = HOLDS[case]
    worker = serve(session)
    paused_and(session, **of_kind, **({"rate_at": clock.now()} if "rate_count" in of_kind else {}))
    wait_for(session, *["demo.enable"] * jobs)
    for _ in range(running):
        run_one(session, worker)
    said = effect(session, engine)
    many = f"{jobs} jobs of {jobs} users wait, and none of them can start yet: {hold}"
    assert said.startswith(many if jobs > 1 else f"1 job of 1 user waits, and cannot start yet: {hold}")


def test_resuming_a_kind_starts_as_many_as_its_limit_has_room_for(session: Session, engine: Engine) -> None:
    worker = serve(session)
    session.add(JobKind(kind="demo.enable", max_running=3, paused_at=clock.now(), paused_by="Ana"))
    wait_for(session, *["demo.enable"] * 4)
    run_one(session, worker)
    assert effect(session, engine, "kind.resume", "demo.enable") == (
        "4 jobs of 4 users wait, and 2 of them can start now. "
        "The others still wait: at most 3 jobs of demo.enable run at once."
    )


def test_resuming_without_a_worker_or_for_an_unknown_kind_starts_nothing(session: Session, engine: Engine) -> None:
    paused_and(session)
    wait_for(session, "demo.enable", "of.tomorrow")
    said = effect(session, engine)
    assert said.startswith("2 jobs of 2 users wait, and none of them can start yet: ")
    assert "no worker is alive for the queue demo" in said
    assert "this release does not know the kind of 1 job" in said


@pytest.mark.parametrize(("limit", "says"), [(None, True), (0, False)], ids=["else free", "limited to 0"])
def test_resuming_without_a_worker_says_which_jobs_end_as_failed(
    session: Session, engine: Engine, limit: int | None, *, says: bool
) -> None:
    paused_and(session, max_running=limit)
    wait_for(session, "demo.enable", "demo.enable")
    begun = session.exec(select(BackgroundJob)).first()
    begun.token, begun.started_at, begun.error_type = 1, clock.now(), WORKER_LOST
    said = effect(session, engine)
    assert ("One is half done, and ends as failed " in said) is says
    assert ("unless a worker starts." in said) is says


def half_done(session: Session, kind: str = "demo.enable", queue: str = "demo", seen: timedelta = OLD) -> None:
    """Let a half-done job wait, due when the last worker of its queue was seen, so long ago."""
    wait_for(session, "demo.enable")
    job = session.exec(select(BackgroundJob).where(col(BackgroundJob.token) == 0)).one()
    job.kind, job.queue, job.token, job.started_at, job.error_type = kind, queue, 1, clock.now(), WORKER_LOST
    at = job.run_at = clock.now() - seen
    session.add(Worker(host="h", pid=1, threads=1, queues=[queue], heartbeat_at=at, stopped_at=at))


def test_resuming_a_kind_names_the_earliest_end_of_its_queues(session: Session, engine: Engine) -> None:
    session.add(JobKind(kind="demo.enable", paused_at=clock.now(), paused_by="Ana"))
    half_done(session)
    half_done(session, queue="slow", seen=timedelta(seconds=5))
    said = effect(session, engine, "kind.resume", "demo.enable")
    assert "2 are half done, and end as failed within " in said, said


def test_resuming_a_queue_counts_half_done_jobs_of_another_release(session: Session, engine: Engine) -> None:
    session.add(Queue(name="demo", paused_at=clock.now(), paused_by="Ana"))
    half_done(session, "of.tomorrow")
    said = effect(session, engine)
    assert "One is half done, and ends as failed within " in said, said


def test_what_was_resumed_meanwhile_is_not_asked_about(engine: Engine) -> None:
    assert asked(engine, "queue.resume", name="demo") is None


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_that_deletes_asks_first(engine: Engine, operation: object) -> None:
    question = asked(engine, operation.name)
    assert (question is not None and question.takes_away) == (operation.name not in ADDS)


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


def test_one_start_is_not_several() -> None:
    assert limits_in_words(JobKind(kind="demo.enable", rate_count=1, rate_seconds=300)) == ["1 start per 5 min"]
