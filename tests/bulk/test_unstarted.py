"""A bulk action that is prepared and that nobody starts: in no list but its own, discarded, and deleted after a day."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core.actor import ENGINE, Actor
from core.bulk.listing import bulk_actions, prepared_actions
from core.bulk.words import sentence_of, stage_of
from core.database.engine import session_scope
from core.jobs.request import request_task
from core.models import BulkAction, BulkRow, JobStatus
from core.operations.maintenance import DeleteForm, delete_old_jobs
from tests.bulk.test_bulk import add_jobs, does, prepared, ran
from tests.bulk.test_bulk import support as support  # a fixture

FAILED = {"filter": {"status": "failed"}}


@pytest.fixture
def three(engine: Engine, support: Actor) -> Sequence[UUID]:
    """Return one that nobody has started, one that was discarded, and one that was started."""
    add_jobs(engine, JobStatus.FAILED, 2)
    waiting, discarded, started = (prepared(engine, support, **FAILED, canary=each) for each in (None, 1, 2))
    does(engine, support, "bulk.abort", discarded)
    does(engine, support, "bulk.start", started)
    return waiting, discarded, started


def test_only_what_was_started_is_listed(engine: Engine, three: Sequence[UUID]) -> None:
    waiting, _, started = three
    with Session(engine) as session:
        assert [each.id for each in bulk_actions(session, 10)] == [started]
        assert [each.id for each in prepared_actions(session, 10)] == [waiting]


def test_what_was_started_and_aborted_stays_in_the_list(
    engine: Engine,
    support: Actor,
    three: Sequence[UUID],
) -> None:
    does(engine, support, "bulk.abort", three[2])
    with Session(engine) as session:
        assert [stage_of(each) for each in bulk_actions(session, 10)] == ["aborted"]


def test_the_discarded_one_says_who_did_it(engine: Engine, support: Actor, three: Sequence[UUID]) -> None:
    with Session(engine) as session:
        discarded = session.get_one(BulkAction, three[1])
        assert stage_of(discarded) == "discarded"
        assert sentence_of(discarded) == f"Discarded by {support.name}. Nothing was done."


@pytest.mark.parametrize(("hours", "left"), [(23, 3), (25, 1)])
def test_maintenance_deletes_what_was_never_started_after_a_day(
    engine: Engine, three: Sequence[UUID], hours: int, left: int
) -> None:
    with session_scope(engine) as session:
        ago = {"hours": hours}
        session.connection().execute(
            text("UPDATE bulk_actions SET created_at = now() - make_interval(hours => :hours)"), ago
        )
        session.connection().execute(text("DELETE FROM background_jobs WHERE kind = 'bulk.run'"))
        request_task(session, delete_old_jobs, DeleteForm(), ENGINE)
    ran(engine)
    with Session(engine) as session:
        kept = set(session.exec(select(BulkAction.id)).all())
        assert (len(kept), three[2] in kept) == (left, True)
        assert set(session.exec(select(BulkRow.bulk_id)).all()) == kept


@pytest.mark.parametrize(("status", "days", "left"), [("running", None, 3), ("done", 40, 2), ("done", 20, 3)])
def test_maintenance_keeps_what_runs_and_what_ended_lately_however_old_it_is(
    engine: Engine, three: Sequence[UUID], status: str, days: int | None, left: int
) -> None:
    with session_scope(engine) as session:
        session.connection().execute(
            text("""
                UPDATE bulk_actions SET status = :status, created_at = now() - interval '90 days',
                    started_at = now() - interval '90 days', finished_at = now() - make_interval(days => :days)
                WHERE id = :id"""),
            {"status": status, "days": days, "id": three[2]},
        )
        session.connection().execute(text("DELETE FROM background_jobs WHERE kind = 'bulk.run'"))
        request_task(session, delete_old_jobs, DeleteForm(), ENGINE)
    ran(engine)
    with Session(engine) as session:
        assert len(session.exec(select(BulkAction.id)).all()) == left
