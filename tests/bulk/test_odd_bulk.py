"""Bulk actions that meet odd rows, other people, and jobs that end: nothing is done twice, and each end is said."""

from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.actor import ENGINE, Actor
from core.bulk.listing import bulk_rows, bulk_state
from core.bulk.words import sentence_of, stage_of
from core.database.engine import session_scope
from core.errors import Invalid, NotAllowed, NotFound
from core.jobs.request import request_task
from core.models import BackgroundJob, BulkAction, JobStatus, Role
from core.operation import NoForm
from core.operations import BY_NAME
from tests.bulk.test_bulk import (
    ROWS,
    _small_chunks,
    add_jobs,
    does,
    failed,
    outcomes,
    prepared,
    ran,
    status_of,
    support,
)
from tests.factories import make_user

__all__ = ["_small_chunks", "failed", "support"]


def changed(engine: Engine, job_id: UUID, change: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE background_jobs SET {change} WHERE id = :id"), {"id": job_id})


def sentence(engine: Engine, bulk_id: UUID) -> str:
    with Session(engine) as session:
        state = bulk_state(session, bulk_id)
        return sentence_of(state.bulk, state.halted, state.jobs)


def job_of(engine: Engine, bulk_id: UUID) -> UUID:
    with Session(engine) as session:
        job_id = session.get_one(BulkAction, bulk_id).job_id
        assert job_id
        return job_id


def test_it_has_the_right_of_who_starts_it(engine: Engine, support: Actor) -> None:
    with session_scope(engine) as session:
        person = make_user(session, role=Role.ADMIN)
        admin = Actor(person.id, person.email, Role.ADMIN, "console")
        task = BY_NAME["maintenance.expire_sessions"]
        job = request_task(session, task, NoForm(), ENGINE)
    changed(engine, job.id, "status = 'failed', finished_at = now(), token = 1")
    bulk_id = prepared(engine, admin)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    assert outcomes(engine, bulk_id) == {"skipped": 1}
    with Session(engine) as session:
        assert session.get_one(BulkAction, bulk_id).actor == support.name
        assert "needs the role admin" in bulk_rows(session, bulk_id, None, 5)[0].why


@pytest.mark.parametrize("args", ["null", "[1]", '"text"'])
def test_a_job_whose_arguments_are_no_object_is_left_out(
    engine: Engine, support: Actor, failed: list[UUID], args: str
) -> None:
    changed(engine, failed[3], f"args = '{args}'")
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    assert outcomes(engine, bulk_id) == {"applied": ROWS - 1, "skipped": 1}


def test_a_row_that_is_locked_holds_up_no_other(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    with engine.begin() as other:
        other.execute(text("SELECT FROM background_jobs WHERE id = :id FOR UPDATE"), {"id": failed[3]})
        ran(engine)
    assert (status_of(engine, bulk_id), outcomes(engine, bulk_id)) == ("done", {"applied": ROWS - 1, "failed": 1})
    assert does(engine, support, "bulk.repeat", bulk_id)["count"] == 1


def test_what_is_skipped_is_none_of_the_first_rows(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    for job_id in sorted(failed)[:3]:
        changed(engine, job_id, "status = 'succeeded'")
    does(engine, support, "bulk.start", bulk_id, canary=1)
    ran(engine)
    assert (status_of(engine, bulk_id), outcomes(engine, bulk_id)) == (
        "running",
        {"skipped": 3, "applied": 1, None: ROWS - 4},
    )


def test_if_all_is_skipped_it_is_over(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    for job_id in failed:
        changed(engine, job_id, "status = 'succeeded'")
    does(engine, support, "bulk.start", bulk_id, canary=1)
    ran(engine)
    assert (status_of(engine, bulk_id), outcomes(engine, bulk_id)) == ("done", {"skipped": ROWS})
    assert sentence(engine, bulk_id) == f"Nothing was done: of {ROWS} jobs, {ROWS} skipped."
    with Session(engine) as session:
        assert stage_of(session.get_one(BulkAction, bulk_id)) == "nothing done"


def test_while_the_first_jobs_go_on_it_says_so(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id, canary=2)
    ran(engine)
    assert sentence(engine, bulk_id).endswith("It waits for 2 jobs of the first ones.")


def test_what_starts_no_jobs_has_no_first_rows(engine: Engine, support: Actor) -> None:
    add_jobs(engine, JobStatus.QUEUED, 3)
    bulk_id = prepared(engine, support, "job.cancel", filter={"status": "queued"})
    with pytest.raises(Invalid, match="starts no jobs"):
        does(engine, support, "bulk.start", bulk_id, canary=1)
    with pytest.raises(Invalid, match="Type the number of jobs: 3"):
        does(engine, support, "bulk.start", bulk_id, count=4)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_the_end_of_its_job_is_said_and_its_retry_goes_on_alone(
    engine: Engine, support: Actor, failed: list[UUID], end: str
) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    first = job_of(engine, bulk_id)
    assert sentence(engine, bulk_id).endswith("Its job waits to be run.")
    changed(engine, first, f"status = '{end}', finished_at = now(), error_message = 'Out of memory.'")
    said = {"failed": "ended before the last one: Out of memory. Go on", "cancelled": "Its job was cancelled: go on"}
    assert said[end] in sentence(engine, bulk_id)
    with session_scope(engine) as session:
        admin = make_user(session, role=Role.ADMIN)
    again = Actor(admin.id, admin.email, Role.ADMIN, "console")
    retried = UUID(str(does(engine, again, "job.retry", first)["job_id"]))
    does(engine, support, "bulk.start", bulk_id)  # both are queued now
    assert job_of(engine, bulk_id) != retried
    ran(engine)
    assert outcomes(engine, bulk_id) == {None: ROWS}, "its job does the rows, at its rate; the retried one leaves them"
    ran(engine)
    assert outcomes(engine, bulk_id) == {"applied": ROWS}
    with Session(engine) as session:
        assert session.get_one(BackgroundJob, retried).status is JobStatus.SUCCEEDED


def test_a_retry_of_its_job_takes_it_over(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    changed(engine, job_of(engine, bulk_id), "status = 'failed', finished_at = now()")
    with session_scope(engine) as session:
        person = make_user(session, role=Role.ADMIN)
    admin = Actor(person.id, person.email, Role.ADMIN, "console")
    retried = UUID(str(does(engine, admin, "job.retry", job_of(engine, bulk_id))["job_id"]))
    ran(engine)
    assert (job_of(engine, bulk_id), outcomes(engine, bulk_id)) == (retried, {"applied": ROWS})


def test_only_what_has_not_ended_can_be_taken_back(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    with Session(engine) as session:
        rows = bulk_rows(session, bulk_id, None, ROWS)
    for row in rows[1:]:
        changed(engine, row.job_id, "status = 'succeeded', finished_at = now()")
    assert does(engine, support, "bulk.undo", bulk_id)["count"] == 1
    changed(engine, rows[0].job_id, "status = 'succeeded', finished_at = now()")
    with Session(engine) as session:
        assert not bulk_state(session, bulk_id).can_undo
    with pytest.raises(NotAllowed, match="nothing left to do"):
        does(engine, support, "bulk.undo", bulk_id)


def test_a_preview_counts_what_will_be_skipped(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    with engine.begin() as connection:  # two failed jobs of one user: the second retry finds the first one active
        same = (
            "UPDATE background_jobs SET user_id = (SELECT user_id FROM background_jobs WHERE id = :one) WHERE id = :two"
        )
        connection.execute(text(same), {"one": failed[0], "two": failed[1]})
    seen = does(engine, support, "bulk.prepare", action="job.retry", filter={"status": "failed"})
    assert sum(seen["skipped"].values()) == 1
    does(engine, support, "bulk.start", UUID(str(seen["id"])))
    ran(engine)
    assert outcomes(engine, UUID(str(seen["id"]))) == {"applied": ROWS - 1, "skipped": 1}
    seen = does(engine, support, "bulk.prepare", action="job.cancel", ids=[str(each) for each in failed])
    assert seen["skipped"] == {"The job has already failed; it cannot be cancelled.": ROWS}


def test_after_its_last_row_nothing_is_left_to_abort(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    with engine.begin() as connection:
        connection.execute(text("UPDATE bulk_actions SET applied = total"))
    with pytest.raises(NotAllowed, match="nothing is left"):
        does(engine, support, "bulk.abort", bulk_id)


def test_rows_of_none_are_not_found(engine: Engine, support: Actor) -> None:
    with Session(engine) as session, pytest.raises(NotFound):
        bulk_rows(session, UUID(int=1), None, 5)
