"""Preparing the same again: a press goes on with what was prepared and not started, instead of adding another one."""

from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from core import clock
from core.actor import Actor
from core.bulk.ending import end, note_move
from core.models import BulkAction, BulkRow, BulkStatus

#: What was prepared within this time is gone on with.
LATELY: Final = timedelta(hours=1)
_SAME: Final = ("command", "args", "filter", "reason", "canary", "undoes", "repeats")


def reopened(session: Session, bulk: BulkAction, actor: Actor) -> BulkAction | None:
    """Return the action that was prepared lately for the same set, and forget this one; None: this one is new.

    If the set of its origin has changed since, the earlier one is discarded: who still looks at it, starts nothing that
    they have not seen. Scripts prepare as often as they ask to; they have Idempotency-Key.
    """
    if actor.via != "console" and not (bulk.undoes or bulk.repeats):
        return None
    found = session.exec(_prepared_lately(bulk)).all()
    same = next((earlier for earlier in found if _has_same_rows(session, earlier, bulk)), None)
    if same is not None:
        same.consists_of = bulk.consists_of
        session.execute(sa.delete(BulkRow).where(col(BulkRow.bulk_id) == bulk.id))
        session.delete(bulk)
        session.flush()
    for earlier in found[: found.index(same) if same else None] if bulk.filter or bulk.undoes or bulk.repeats else ():
        note = f"Prepared again by {actor.name}, as its set has changed: bulk action {(same or bulk).id}."
        end(session, earlier, BulkStatus.ABORTED, note)
        note_move(session, actor, "bulk.aborted", earlier, BulkStatus.READY)
    return same


def _prepared_lately(bulk: BulkAction) -> SelectOfScalar[BulkAction]:
    same = [col(getattr(BulkAction, name)).is_not_distinct_from(getattr(bulk, name)) for name in _SAME]
    if not (bulk.undoes or bulk.repeats):  # of these, whoever comes second goes on with the first one's
        same.append(col(BulkAction.created_by).is_not_distinct_from(bulk.created_by))
    is_lately = col(BulkAction.created_at) > clock.db_now() - LATELY
    is_ready = sa.and_(col(BulkAction.status) == BulkStatus.READY, col(BulkAction.id) != bulk.id)
    newest = select(BulkAction).where(is_lately, is_ready, *same).order_by(col(BulkAction.created_at).desc())
    return newest.with_for_update().execution_options(populate_existing=True)


def _has_same_rows(session: Session, one: BulkAction, other: BulkAction) -> bool:
    """Tell whether two sets are equal; each is in the order of its ids."""
    first, second = aliased(BulkRow), aliased(BulkRow)
    pairs = sa.select(sa.true()).join_from(first, second, col(first.position) == col(second.position))
    differ = pairs.where(
        col(first.bulk_id) == one.id, col(second.bulk_id) == other.id, col(first.target) != col(second.target)
    )
    return one.total == other.total and not session.scalar(sa.select(differ.exists()))
