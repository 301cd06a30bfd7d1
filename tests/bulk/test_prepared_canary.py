"""A bulk action that is prepared with first rows of its own: its start keeps them, unless it says otherwise."""

from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.actor import Actor
from core.bulk.words import plan_of
from core.errors import Invalid
from core.models import BulkAction, JobStatus
from tests.bulk.test_bulk import add_jobs, does, prepared, support  # noqa: F401 - a fixture

FAILED = {"filter": {"status": "failed"}}


def bulk(engine: Engine, bulk_id: UUID) -> BulkAction:
    with Session(engine) as session:
        return session.get_one(BulkAction, bulk_id)


def test_a_start_keeps_the_first_rows_that_were_prepared(engine: Engine, support: Actor) -> None:  # noqa: F811
    add_jobs(engine, JobStatus.FAILED, 3)
    bulk_id = prepared(engine, support, **FAILED, canary=1)
    assert plan_of(bulk(engine, bulk_id)) == (
        "Start acts on the first job. Once its job has succeeded, the other 2 jobs follow by themselves. "
        "If not, it stops by itself, and they stay as they are."
    )
    does(engine, support, "bulk.start", bulk_id)
    assert bulk(engine, bulk_id).canary == 1
    assert plan_of(bulk(engine, bulk_id)).startswith("Once its job has succeeded")


def test_a_start_that_says_none_goes_through_all_at_once(engine: Engine, support: Actor) -> None:  # noqa: F811
    add_jobs(engine, JobStatus.FAILED, 3)
    bulk_id = prepared(engine, support, **FAILED, canary=1)
    does(engine, support, "bulk.start", bulk_id, canary=None)
    assert (bulk(engine, bulk_id).canary, plan_of(bulk(engine, bulk_id))) == (None, "")


def test_first_rows_of_what_starts_no_jobs_are_refused(engine: Engine, support: Actor) -> None:  # noqa: F811
    add_jobs(engine, JobStatus.QUEUED, 2)
    with pytest.raises(Invalid, match="starts no jobs"):
        prepared(engine, support, "job.cancel", filter={"status": "queued"}, canary=1)
