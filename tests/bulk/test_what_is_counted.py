"""The numbers of a bulk action: what is typed to start it, what its rate is about, and how its jobs have ended."""

import time
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.actor import Actor
from core.bulk.listing import bulk_actions, bulk_state, started_jobs
from core.bulk.words import sentence_of, stage_of
from core.errors import Invalid
from core.models import BulkAction, JobStatus
from tests.bulk.test_bulk import ROWS, _small_chunks, add_jobs, does, failed, prepared, ran, support

__all__ = ["_small_chunks", "failed", "support"]


def end(engine: Engine, ids: list[UUID], status: str) -> None:
    with engine.begin() as connection:
        change = "UPDATE background_jobs SET status = :status, finished_at = now(), token = 1 WHERE id = ANY(:ids)"
        connection.execute(text(change), {"status": status, "ids": ids})


def started(engine: Engine) -> list[UUID]:
    with engine.begin() as connection:
        new = connection.execute(text("SELECT id FROM background_jobs WHERE retry_of IS NOT NULL ORDER BY id"))
        return list(new.scalars())


def shown(engine: Engine, bulk_id: UUID) -> tuple[str, str]:
    """Return the stage and the sentence of its page; those of its line in the list are the same."""
    with Session(engine) as session:
        state = bulk_state(session, bulk_id)
        own = stage_of(state.bulk, state.jobs), sentence_of(state.bulk, state.halted, state.jobs)
        jobs = started_jobs(session, bulk_actions(session, 10)).get(bulk_id, {})
        assert (stage_of(state.bulk, jobs), sentence_of(state.bulk, state.halted, jobs)) == own
        return own


def test_few_that_would_be_done_are_not_typed_however_many_there_are(engine: Engine, support: Actor) -> None:
    jobs = add_jobs(engine, JobStatus.FAILED, 121)
    end(engine, jobs[9:], "succeeded")
    ids = [str(each) for each in jobs]
    first, second, third = (prepared(engine, support, ids=ids, canary=each) for each in (None, 1, 2))
    for count in (8, 120):
        with pytest.raises(Invalid, match="is to do 9 jobs"):
            does(engine, support, "bulk.start", first, count=count)
    does(engine, support, "bulk.start", first)
    does(engine, support, "bulk.start", second, count=9)
    does(engine, support, "bulk.start", third, count=121)  # as before


def test_many_that_would_be_done_are_typed(engine: Engine, support: Actor) -> None:
    jobs = add_jobs(engine, JobStatus.FAILED, 121)
    end(engine, jobs[:20], "succeeded")
    seen = does(engine, support, "bulk.prepare", action="job.retry", ids=[str(each) for each in jobs])
    assert (seen["count"], seen["to_do"]) == (121, 101)
    with pytest.raises(Invalid, match="Type the number of jobs: 101"):
        does(engine, support, "bulk.start", UUID(str(seen["id"])))
    does(engine, support, "bulk.start", UUID(str(seen["id"])), count=101)


def test_the_rate_is_about_what_is_done(engine: Engine, support: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = add_jobs(engine, JobStatus.FAILED, 6)
    end(engine, jobs[:4], "succeeded")
    bulk_id = prepared(engine, support, ids=[str(each) for each in jobs])
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    does(engine, support, "bulk.start", bulk_id, per_second=1)
    ran(engine)
    assert shown(engine, bulk_id)[1].startswith("6 of 6 jobs: 2 requested, 4 skipped")
    assert len([seconds for seconds in slept if seconds > 0.5]) == 2, slept


def test_a_retry_says_how_its_jobs_have_ended(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    end(engine, failed[:1], "succeeded")
    bulk_id = prepared(engine, support, ids=[str(each) for each in failed])
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    new = started(engine)
    whole = f"{ROWS} of {ROWS} jobs: {ROWS - 1} requested, 1 skipped; of those requested"
    assert shown(engine, bulk_id) == ("requested", f"{whole} {ROWS - 1} still waiting or running.")
    end(engine, new[:2], "succeeded")
    assert shown(engine, bulk_id) == ("requested", f"{whole} 2 succeeded, {ROWS - 3} still waiting or running.")
    end(engine, new[2:], "failed")
    assert shown(engine, bulk_id) == ("some failed", f"{whole} 2 succeeded, {ROWS - 3} failed.")
    end(engine, new, "failed")
    assert shown(engine, bulk_id) == ("failed", f"{whole} {ROWS - 1} failed.")


def test_all_that_was_requested_is_said_once(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    end(engine, started(engine), "succeeded")
    assert shown(engine, bulk_id) == ("succeeded", f"All {ROWS} requested: {ROWS} succeeded.")


def test_a_list_counts_the_jobs_of_the_newest_ones(
    engine: Engine, support: Actor, failed: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    for ids in (failed[:5], failed[5:]):
        does(engine, support, "bulk.start", prepared(engine, support, ids=[str(each) for each in ids]))
        ran(engine)
    monkeypatch.setattr("core.bulk.listing.MOST_COUNTED", 3)
    with Session(engine) as session:
        listed: list[BulkAction] = list(bulk_actions(session, 10))
        assert {key: sum(jobs.values()) for key, jobs in started_jobs(session, listed).items()} == {listed[0].id: 2}
