"""A bulk action does its command to exactly the frozen set, each row once, under the right of who asked."""

from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core.actor import Actor
from core.bulk.listing import bulk_state
from core.bulk.preview import preview
from core.bulk.words import sentence_of
from core.commands import bulk_run
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.errors import Invalid, NotAllowed, NotPermitted
from core.models import BackgroundJob, BulkAction, BulkRow, DemoModeStatus, JobStatus, Role
from tests import driving
from tests.factories import make_user

ROWS = 7


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    bulk_run.lend_work()
    monkeypatch.setattr(bulk_run, "CHUNK", 2)


@pytest.fixture
def support(engine: Engine) -> Actor:
    with session_scope(engine) as session:
        person = make_user(session, role=Role.SUPPORT)
        return Actor(person.id, person.email, Role.SUPPORT, "console")


@pytest.fixture
def failed(engine: Engine) -> list[UUID]:
    """Return failed jobs, each of a user of its own."""
    return add_jobs(engine, JobStatus.FAILED, ROWS)


def add_jobs(engine: Engine, status: JobStatus, number: int) -> list[UUID]:
    with session_scope(engine) as session:
        jobs = [_job(session, status) for _ in range(number)]
        return [job.id for job in jobs]


def _job(session: Session, status: JobStatus) -> BackgroundJob:
    is_failed = status is JobStatus.FAILED
    user = make_user(session, demo_mode_status=DemoModeStatus.FAILED if is_failed else DemoModeStatus.ENABLING)
    job = BackgroundJob(kind="demo.enable", queue="demo", status=status, user_id=user.id, args={"preset": "nano"})
    job.machine, job.came_from = "users.demo_mode_status", "disabled"
    if is_failed:
        job.token, job.attempt, job.error_type, job.started_at, job.finished_at = (
            1,
            3,
            "TryAgain",
            job.run_at,
            job.run_at,
        )
    session.add(job)
    session.flush()
    return job


def does(engine: Engine, actor: Actor, command: str, target: UUID | None = None, **args: object) -> dict[str, object]:
    return perform(engine, actor, CommandRequest(name=command, target=target, args=args))


def prepared(engine: Engine, actor: Actor, action: str = "job.retry", **where: object) -> UUID:
    where = where or {"filter": {"status": "failed"}}
    return UUID(str(does(engine, actor, "bulk.prepare", action=action, **where)["id"]))


def ran(engine: Engine) -> object:
    held = driving.take(engine, queue="maintenance")
    return driving.work_on(engine, held) if held else None


def outcomes(engine: Engine, bulk_id: UUID) -> Counter[str | None]:
    with Session(engine) as session:
        rows = session.exec(select(BulkRow).where(BulkRow.bulk_id == bulk_id)).all()
        return Counter(row.outcome and row.outcome.value for row in rows)


def retries_of(engine: Engine, ids: Sequence[UUID]) -> Counter[UUID]:
    with Session(engine) as session:
        return Counter(session.exec(select(BackgroundJob.retry_of).where(col(BackgroundJob.retry_of).in_(ids))).all())


def status_of(engine: Engine, bulk_id: UUID) -> str:
    with Session(engine) as session:
        return session.get_one(BulkAction, bulk_id).status.value


def test_it_acts_on_what_was_counted_and_on_nothing_that_came_later(
    engine: Engine, support: Actor, failed: list[UUID]
) -> None:
    bulk_id = prepared(engine, support)
    later = add_jobs(engine, JobStatus.FAILED, 2)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    assert (status_of(engine, bulk_id), outcomes(engine, bulk_id)) == ("done", {"applied": ROWS})
    assert retries_of(engine, [*failed, *later]) == dict.fromkeys(failed, 1)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_that_dies_at_any_checkpoint_repeats_and_loses_no_row(
    engine: Engine, support: Actor, failed: list[UUID], moment: str
) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    for number in (1, 0, 0):
        with pytest.MonkeyPatch.context() as patch:
            driving.at_checkpoint(patch, number, **{moment: driving.die(patch)})
            with pytest.raises(driving.Killed):
                ran(engine)
        driving.presume_dead(engine)
    ran(engine)
    assert (status_of(engine, bulk_id), outcomes(engine, bulk_id)) == ("done", {"applied": ROWS})
    assert retries_of(engine, failed) == dict.fromkeys(failed, 1)


def test_who_has_lost_the_right_since_does_nothing_more(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    with engine.begin() as connection:
        connection.execute(text("UPDATE users SET role = 'viewer' WHERE id = :id"), {"id": support.id})
    ran(engine)
    assert outcomes(engine, bulk_id) == {"skipped": ROWS}
    assert retries_of(engine, failed) == {}
    with Session(engine) as session:
        why = session.exec(select(BulkRow.why).where(BulkRow.bulk_id == bulk_id)).first()
    assert why == "Retry needs the role support; you are viewer."


def test_nobody_prepares_what_they_may_not_do(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    viewer = Actor(support.id, support.name, Role.VIEWER, "console")
    with pytest.raises(NotPermitted):
        prepared(engine, viewer)
    with pytest.raises(Invalid, match="cannot be done to many"):
        prepared(engine, support, "operator.disable", ids=[str(failed[0])])
    with pytest.raises(Invalid, match="Nothing matches"):
        prepared(engine, support, filter={"status": "cancelled"})


def test_an_abort_leaves_the_rest(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    with pytest.MonkeyPatch.context() as patch:
        driving.at_checkpoint(patch, 1, after=lambda: does(engine, support, "bulk.abort", bulk_id))
        ran(engine)
    assert (status_of(engine, bulk_id), outcomes(engine, bulk_id)) == ("aborted", {"applied": 4, None: 3})
    assert len(retries_of(engine, failed)) == 4
    with pytest.raises(NotAllowed, match="aborted already"):
        does(engine, support, "bulk.abort", bulk_id)


def test_what_cannot_be_done_to_a_row_is_said_beside_it(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "job.retry", failed[0])
    with Session(engine) as session:
        seen = preview(session, session.get_one(BulkAction, bulk_id))
    assert (seen.by_status, seen.users, sum(seen.skipped.values())) == ({"failed": ROWS}, ROWS, 1)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    assert outcomes(engine, bulk_id) == {"applied": ROWS - 1, "skipped": 1}
    with Session(engine) as session:
        skipped = session.exec(select(BulkRow).where(BulkRow.bulk_id == bulk_id, BulkRow.outcome == "skipped")).one()
        assert (skipped.target, "is already active" in skipped.why) == (failed[0], True)
        assert sentence_of(session.get_one(BulkAction, bulk_id)) == "7 of 7 jobs: 6 requested, 1 skipped."


def test_above_a_hundred_rows_their_number_is_typed(engine: Engine, support: Actor) -> None:
    add_jobs(engine, JobStatus.FAILED, 101)
    bulk_id = prepared(engine, support)
    for count in (None, 100):
        with pytest.raises(Invalid, match="Type the number of jobs: 101"):
            does(engine, support, "bulk.start", bulk_id, count=count)
    assert does(engine, support, "bulk.start", bulk_id, count=101)["status"] == "running"
    with pytest.raises(NotAllowed, match="cannot be started"):
        does(engine, support, "bulk.start", bulk_id, count=101)


@pytest.mark.parametrize("goes_well", [True, False])
def test_the_rest_follows_only_if_the_first_rows_go_well(
    engine: Engine, support: Actor, failed: list[UUID], *, goes_well: bool
) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id, canary=3, canary_percent=60)
    ran(engine)
    assert outcomes(engine, bulk_id) == {"applied": 3, None: ROWS - 3}
    with engine.begin() as connection:
        end = "UPDATE background_jobs SET status = :status, finished_at = now() WHERE id = ANY(:ids)"
        new = connection.execute(text("SELECT id FROM background_jobs WHERE retry_of IS NOT NULL")).scalars().all()
        connection.execute(text(end), {"status": "succeeded" if goes_well else "failed", "ids": new[:2]})
        connection.execute(text(end), {"status": "failed", "ids": new[2:]})
        connection.execute(text("UPDATE background_jobs SET run_at = now() WHERE kind = 'bulk.run'"))
    ran(engine)
    if goes_well:
        assert (status_of(engine, bulk_id), outcomes(engine, bulk_id)) == ("done", {"applied": ROWS})
        return
    assert (status_of(engine, bulk_id), outcomes(engine, bulk_id)) == ("stopped", {"applied": 3, None: ROWS - 3})
    with Session(engine) as session:
        note = session.get_one(BulkAction, bulk_id).note
    assert note == "None of the first 3 jobs succeeded, so the other 4 were not tried."
    again = does(engine, support, "bulk.repeat", bulk_id)
    assert again["count"] == 3


def test_a_cancel_of_many_is_undone(engine: Engine, support: Actor) -> None:
    queued, over = add_jobs(engine, JobStatus.QUEUED, 3), add_jobs(engine, JobStatus.FAILED, 2)
    bulk_id = prepared(engine, support, "job.cancel", ids=[str(each) for each in (*queued, *over)])
    with pytest.raises(NotAllowed, match="is ready"):
        does(engine, support, "bulk.undo", bulk_id)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    undo = does(engine, support, "bulk.undo", bulk_id)
    assert undo["count"] == 3  # what had failed was skipped, and is no matter of the undo
    does(engine, support, "bulk.start", UUID(str(undo["id"])))
    ran(engine)
    assert retries_of(engine, [*queued, *over]) == dict.fromkeys(queued, 1)


def test_one_whose_job_was_cancelled_goes_on(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    job = does(engine, support, "bulk.start", bulk_id)["job_id"]
    does(engine, Actor(None, "admin", Role.ADMIN, "cli"), "job.cancel", UUID(str(job)))
    with Session(engine) as session:
        assert bulk_state(session, bulk_id).can_start
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    assert outcomes(engine, bulk_id) == {"applied": ROWS}


def test_a_row_that_the_database_refuses_does_not_stop_the_others(
    engine: Engine, support: Actor, failed: list[UUID]
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "ALTER TABLE background_jobs ADD CONSTRAINT odd CHECK (retry_of <> CAST(:id AS uuid))".replace(
                    ":id", f"'{failed[2]}'"
                )
            )
        )
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    assert outcomes(engine, bulk_id) == {"applied": ROWS - 1, "failed": 1}


@pytest.fixture(autouse=True)
def _no_odd_constraint(engine: Engine) -> Iterator[None]:
    yield
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE background_jobs DROP CONSTRAINT IF EXISTS odd"))


def test_operations_take_their_rows_by_id_and_input_that_fits(engine: Engine, support: Actor) -> None:
    with session_scope(engine) as session:
        users = [make_user(session).id for _ in range(3)]
    ids = [str(each) for each in users]
    with pytest.raises(Invalid, match="preset"):
        prepared(engine, support, "demo.enable", ids=ids, args={"preset": "no such creator"})
    with pytest.raises(Invalid, match="name its rows by ids"):
        prepared(engine, support, "demo.enable", filter={"status": "failed"})
    bulk_id = prepared(engine, support, "demo.enable", ids=ids, args={"preset": "nano"})
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    assert outcomes(engine, bulk_id) == {"applied": 3}
    with Session(engine) as session:
        assert bulk_state(session, bulk_id).jobs == {"queued": 3}
