"""Preparing the same again goes on with what was prepared, as long as nobody has started it and its set is the same."""

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from core.actor import Actor
from core.bulk.listing import prepared_actions
from core.bulk.words import sentence_of
from core.errors import NotAllowed
from core.models import BulkAction, BulkRow, JobStatus, Role
from tests.bulk.test_bulk import ROWS, _small_chunks, add_jobs, does, failed, prepared, ran, support
from tests.bulk.test_odd_bulk import changed
from tests.factories import make_user

__all__ = ["_small_chunks", "failed", "support"]
ONE_FIRST = {"filter": {"status": "failed"}, "canary": 1}


def waiting(engine: Engine) -> list[UUID]:
    with Session(engine) as session:
        return [each.id for each in prepared_actions(session, 10)]


def of_someone_else(engine: Engine) -> Actor:
    with Session(engine) as session:
        person = make_user(session, role=Role.SUPPORT)
        session.commit()
        return Actor(person.id, person.email, Role.SUPPORT, "console")


def test_the_same_set_of_the_same_person_is_opened_again(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    first = prepared(engine, support, **ONE_FIRST)
    assert prepared(engine, support, **ONE_FIRST) == first
    assert waiting(engine) == [first]
    with Session(engine) as session:
        assert set(session.exec(select(BulkRow.bulk_id))) == {first}, "nothing of the second one is left"


def test_another_plan_another_person_and_a_script_have_their_own(
    engine: Engine, support: Actor, failed: list[UUID]
) -> None:
    actors = support, of_someone_else(engine), replace(support, via="api"), replace(support, via="api")
    ids = [prepared(engine, actor, **ONE_FIRST) for actor in actors] + [prepared(engine, support)]
    assert len(set(ids)) == len(ids) == len(waiting(engine))


def test_what_was_prepared_an_hour_ago_stays_as_it_is(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    first = prepared(engine, support, **ONE_FIRST)
    with engine.begin() as connection:
        connection.execute(text("UPDATE bulk_actions SET created_at = now() - interval '61 minutes'"))
    second = prepared(engine, support, **ONE_FIRST)
    assert waiting(engine) == [second, first]


def test_of_a_set_that_has_changed_only_the_new_one_can_be_started(
    engine: Engine, support: Actor, failed: list[UUID]
) -> None:
    first = prepared(engine, support, **ONE_FIRST)
    add_jobs(engine, JobStatus.FAILED, 1)
    second = prepared(engine, support, **ONE_FIRST)
    assert waiting(engine) == [second]
    with Session(engine) as session:
        sentence = sentence_of(session.get_one(BulkAction, first))
    said = f"Prepared again by {support.name}, as its set has changed: bulk action {second}."
    assert sentence == f"{said} Nothing was done."
    with pytest.raises(NotAllowed, match=f"is aborted; it cannot be started. {said}"):
        does(engine, support, "bulk.start", first)


def test_another_selection_of_jobs_discards_none(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    chosen = [
        prepared(engine, support, ids=[str(each) for each in ids]) for ids in (failed[:2], failed[2:4], failed[:2])
    ]
    assert chosen[0] == chosen[2]
    assert len(waiting(engine)) == 2


def test_a_second_undo_goes_on_with_the_first_one_s(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    first = does(engine, support, "bulk.undo", bulk_id)
    assert does(engine, of_someone_else(engine), "bulk.undo", bulk_id)["id"] == first["id"]
    assert first["count"] == first["to_do"] == ROWS


def test_an_undo_counts_only_what_there_is(engine: Engine, support: Actor) -> None:
    queued = add_jobs(engine, JobStatus.QUEUED, 3)
    bulk_id = prepared(engine, support, "job.cancel", ids=[str(each) for each in queued])
    does(engine, support, "bulk.start", bulk_id)
    ran(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM background_jobs WHERE id = :id"), {"id": queued[0]})
    undo = does(engine, support, "bulk.undo", bulk_id)
    assert (undo["count"], undo["to_do"], undo["skipped"]) == (2, 2, {})
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM background_jobs WHERE id = :id"), {"id": queued[1]})
    assert does(engine, support, "bulk.undo", bulk_id)["count"] == 1


def test_a_preview_says_what_was_deleted_since(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    ids = [str(each) for each in (*failed, UUID(int=1))]
    for action, to_do, skipped in (
        ("job.retry", ROWS, {"The job has been deleted.": 1}),
        (
            "job.cancel",
            0,
            {"The job has already failed; it cannot be cancelled.": ROWS, "The job has been deleted.": 1},
        ),
    ):
        seen = does(engine, support, "bulk.prepare", action=action, ids=ids)
        assert (seen["count"], seen["to_do"], seen["skipped"]) == (ROWS + 1, to_do, skipped)


def test_the_failed_ones_that_were_deleted_are_not_retried(engine: Engine, support: Actor, failed: list[UUID]) -> None:
    bulk_id = prepared(engine, support)
    does(engine, support, "bulk.start", bulk_id)
    for each in failed[:2]:
        with engine.begin() as connection:
            why = {"id": bulk_id, "target": each}
            change = "UPDATE bulk_rows SET outcome = 'failed' WHERE bulk_id = :id AND target = :target"
            connection.execute(text(change), why)
            connection.execute(text("UPDATE bulk_actions SET status = 'done', failed = 2"))
    changed(engine, failed[0], "status = 'failed'")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM background_jobs WHERE id = :id"), {"id": failed[1]})
    assert does(engine, support, "bulk.repeat", bulk_id)["count"] == 1
