"""A bulk action that its first jobs have stopped: what was not tried is counted and listed, and gone on with."""

from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.actor import Actor
from core.bulk.listing import bulk_rows, bulk_state
from core.bulk.preview import preview
from core.bulk.words import RowsOf, outcomes_of, sentence_of, stop_of, title_size, undone_words
from core.errors import Invalid, NotAllowed
from core.models import BulkAction, BulkStatus, JobStatus
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
from tests.bulk.test_what_is_counted import end, started

__all__ = ["_small_chunks", "failed", "support"]


@pytest.fixture
def stopped(engine: Engine, support: Actor, failed: list[UUID]) -> UUID:
    bulk_id = prepared(engine, support, filter={"status": "failed"}, canary=1)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    end(engine, started(engine), "failed")
    look_now(engine)
    ran(engine)
    return bulk_id


def look_now(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE background_jobs SET run_at = now() WHERE kind = 'bulk.run'")


def test_what_was_not_tried_is_said_counted_and_listed(engine: Engine, stopped: UUID) -> None:
    with Session(engine) as session:
        bulk = session.get_one(BulkAction, stopped)
        assert sentence_of(bulk).endswith("1 requested. The first job failed, so the other 6 were not tried.")
        assert outcomes_of(bulk)[RowsOf.NOT_TRIED] == ("not tried", ROWS - 1)
        rest = bulk_rows(session, stopped, RowsOf.NOT_TRIED, 10)
        assert [row.position for row in rest] == list(range(2, ROWS + 1))
        assert bulk_state(session, stopped).can_start


def test_its_rest_is_gone_on_with_and_nothing_comes_first(engine: Engine, support: Actor, stopped: UUID) -> None:
    with pytest.raises(Invalid, match="first jobs were tried"):
        does(engine, support, "bulk.start", stopped, canary=1)
    does(engine, support, "bulk.start", stopped)
    ran(engine)
    assert (status_of(engine, stopped), outcomes(engine, stopped)) == ("done", {"applied": ROWS})
    assert len(started(engine)) == ROWS
    with pytest.raises(NotAllowed, match="is done"):
        does(engine, support, "bulk.start", stopped)


def test_its_rest_is_counted_as_its_jobs_are_now(engine: Engine, support: Actor) -> None:
    jobs = add_jobs(engine, JobStatus.FAILED, 103)
    bulk_id = prepared(engine, support, ids=[str(each) for each in jobs])
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE bulk_actions SET status = 'stopped', applied = 1, started_at = now()")
    with pytest.raises(Invalid, match="Type the number of jobs: 102"):
        does(engine, support, "bulk.start", bulk_id)
    end(engine, jobs[1:4], "succeeded")
    assert does(engine, support, "bulk.start", bulk_id)["status"] == "running", "99 are few"


def test_hidden_arguments_that_are_gone_are_not_gone_on_with(engine: Engine, support: Actor, stopped: UUID) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("""UPDATE bulk_actions SET args = '{"args": {"password": "(hidden)"}}'""")
    with pytest.raises(NotAllowed, match="hidden arguments were deleted"):
        does(engine, support, "bulk.start", stopped)


@pytest.mark.parametrize(
    ("jobs", "numbers", "said"),
    [
        ({"failed": 1}, {"applied": 1}, "The first job failed, so the other 11 were not tried."),
        ({}, {"failed": 1}, "The first job failed, so the other 11 were not tried."),
        ({"cancelled": 1}, {"applied": 1}, "The first job was cancelled, so the other 11 were not tried."),
        ({"failed": 11}, {"applied": 11}, "None of the first 11 jobs succeeded, so the other one was not tried."),
        (
            {"failed": 2, "succeeded": 1},
            {"applied": 3, "canary_percent": 60},
            "Only 1 of the first 3 jobs succeeded, less than 60 %, so the other 9 were not tried.",
        ),
        ({"failed": 2}, {"applied": 2, "skipped": 10}, "None of the first 2 jobs succeeded."),
    ],
)
def test_why_it_stopped_is_a_sentence(jobs: dict[str, int], numbers: dict[str, int], said: str) -> None:
    bulk = BulkAction(command="job.retry", actor="a", via="cli", status=BulkStatus.RUNNING, total=12, **numbers)
    assert stop_of(bulk, {JobStatus(status): number for status, number in jobs.items()}) == said


def test_an_undo_looks_at_its_jobs_as_they_are_now(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    undo = does(engine, support, "bulk.undo", bulk_id)
    assert undo["to_do"] == ROWS
    end(engine, started(engine)[:-1], "succeeded")
    again = does(engine, support, "bulk.prepare", action="job.cancel", ids=[str(each) for each in started(engine)])
    assert (again["to_do"], again["skipped"]) == (
        1,
        {"The job has already succeeded; it cannot be cancelled.": ROWS - 1},
    )
    with Session(engine) as session:
        assert preview(session, session.get_one(BulkAction, UUID(str(undo["id"])))).to_do == 1


def test_what_was_undone_says_by_which(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    undo = UUID(str(does(engine, support, "bulk.undo", bulk_id)["id"]))
    with Session(engine) as session:
        assert bulk_state(session, bulk_id).undone is None, "nobody has started it"
    does(engine, support, "bulk.start", undo)
    assert undone(engine, bulk_id) == (undo, f"Being undone by {support.name}", False, False)
    ran(engine)
    assert undone(engine, bulk_id) == (undo, f"Undone by {support.name}", False, False)
    changed_bulk(engine, undo, "applied = 2, skipped = 5")
    assert undone(engine, bulk_id) == (undo, f"2 of 7 undone by {support.name}", False, True)


def changed_bulk(engine: Engine, bulk_id: UUID, change: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE bulk_actions SET {change} WHERE id = '{bulk_id}'")


def undone(engine: Engine, bulk_id: UUID) -> tuple[UUID, str, bool, bool]:
    with Session(engine) as session:
        state = bulk_state(session, bulk_id)
        assert state.undone is not None
        words = undone_words(state.bulk, state.undone)
        return state.undone.id, words, state.can_undo, state.is_too_late


def test_a_title_says_how_many_it_was_done_to(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    end(engine, failed[2:], "succeeded")
    bulk_id = prepared(engine, support, ids=[str(each) for each in failed])
    titles = []
    for act in (lambda: None, lambda: does(engine, support, "bulk.start", bulk_id), lambda: ran(engine)):
        act()
        with Session(engine) as session:
            titles.append(title_size(session.get_one(BulkAction, bulk_id)))
    assert titles == ["7 jobs", "7 jobs", "2 of 7 jobs"]
