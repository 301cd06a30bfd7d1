"""A bulk action's jobs are found by its id: those of its set, and those that it has started."""

from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.actor import Actor
from core.job_list.filters import JobFilter
from core.job_list.names import names_in
from core.job_list.queries import page
from core.models import BackgroundJob, JobStatus
from tests.bulk.test_bulk import _small_chunks, add_jobs, does, failed, prepared, ran, support

__all__ = ["_small_chunks", "failed", "support"]


def found(engine: Engine, text: str) -> set[UUID]:
    with Session(engine) as session:
        shown = page(session, JobFilter.from_text(text))
        assert shown.total.value == len(shown.items), text
        return {UUID(row["id"]) for row in shown.items}


def test_the_set_and_what_it_has_started_are_two_filters(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    add_jobs(engine, JobStatus.FAILED, 2)
    assert found(engine, f"bulk:{bulk_id}") == set(failed)
    assert found(engine, f"from_bulk:{bulk_id}") == set()
    does(engine, support, "job.retry", failed[0])  # so that the bulk action skips it
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    new = found(engine, f"from_bulk:{bulk_id}")
    with Session(engine) as session:
        assert {session.get_one(BackgroundJob, each).retry_of for each in new} == set(failed[1:])
    assert found(engine, f"bulk:{bulk_id} status:failed") == set(failed)
    assert found(engine, f"from_bulk:{bulk_id} status:failed") == set()
    assert found(engine, f"from_bulk:{bulk_id} status:queued kind:demo.*") == new


def test_many_jobs_of_a_set_are_read_by_the_time_of_their_creation(
    engine: Engine, support: Actor, failed: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    few = {text: found(engine, text) for text in (f"bulk:{bulk_id}", f"from_bulk:{bulk_id}")}
    monkeypatch.setattr("core.job_list.branches.FEW", 3)
    assert {text: found(engine, text) for text in few} == few
    assert all(len(ids) == len(failed) for ids in few.values())


def test_its_name_says_what_it_did(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    with Session(engine) as session:
        names = names_in(session, JobFilter.from_text(f"bulk:{bulk_id} from_bulk:{UUID(int=9)}"))
    assert names == {"bulk": f"retry of {len(failed)} jobs by {support.name}"}
