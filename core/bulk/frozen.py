"""The set of a bulk action: frozen when it is prepared, so that it acts on exactly what its preview has counted."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field, model_validator
from sqlmodel import Session, col

from core import clock
from core.actor import Actor
from core.audit.record import record
from core.bulk.reopening import reopened
from core.database.statements import Query, Union
from core.errors import Invalid
from core.job_list.branches import arm_ids, branches
from core.job_list.filters import JobFilter
from core.models import BackgroundJob, BulkAction, BulkRow
from core.operation import Form

#: Rows of one set at most, and of those that are named one by one.
MOST: Final = 1_000_000
MOST_NAMED: Final = 10_000
#: What is counted of its jobs.
_COUNTED: Final = ("status", "kind", "user_id", "created_at")


class BulkForm(Form):
    """One command, and the rows that it is for: all jobs that match a filter, or rows by their ids."""

    action: str = Field(max_length=100, description="The command, such as job.retry or demo.disable.")
    filter: dict[str, str] | str | None = Field(
        default=None,
        description="All jobs that match: parameters of the list of jobs, or a text, `status:failed created:<1h`.",
    )
    ids: list[UUID] | None = Field(
        default=None, max_length=MOST_NAMED, description="Instead of a filter: jobs, or what the command is for."
    )
    args: dict[str, Any] = Field(default_factory=dict, description="The command's input, the same for each row.")
    canary: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="So many rows first, the rest once their jobs have ended well; its start may say otherwise.",
    )

    @model_validator(mode="after")
    def _has_one_set(self) -> "BulkForm":
        if (self.filter is None) == (self.ids is None):
            raise ValueError("give either a filter or ids")
        return self


def freeze(
    session: Session, form: BulkForm, actor: Actor, reason: str | None, ids: Union | Query | None = None, **more: Any
) -> BulkAction:
    """Write a bulk action and its set, which nothing changes any more; or return the same that was prepared lately.

    Raises Invalid for an empty or too large one. `ids` selects the set where it is
    made of another one: no id leaves the database.
    """
    params = {"q": form.filter} if isinstance(form.filter, str) else form.filter or {}
    bulk = BulkAction(
        command=form.action,
        args=form.args,
        reason=reason,
        filter=params,
        canary=form.canary,
        **{"created_by": actor.id, "actor": actor.name, "via": actor.via, "created_at": clock.db_now(), **more},
    )
    session.add(bulk)
    session.flush()
    named = _named(form.ids) if form.ids is not None else ids
    rows = _matching(session, params) if named is None else _with_jobs(named)
    if rows is not None:
        bulk.total, bulk.consists_of = _write(session, bulk.id, rows)
    if not bulk.total:
        raise Invalid("Nothing matches: there is nothing to act on.", {"filter": "Choose another one."})
    if bulk.total > MOST:
        raise Invalid(f"More than {MOST:,} jobs match.", {"filter": "Narrow it, and act on one part after the other."})
    session.flush()
    if (earlier := reopened(session, bulk, actor)) is not None:
        return earlier
    record(session, actor, "bulk.prepared", reason=reason, bulk=str(bulk.id), command=bulk.command, rows=bulk.total)
    return bulk


def _matching(session: Session, params: dict[str, str]) -> Query | None:
    job_filter = JobFilter.from_params(params)
    selects = [
        arm_ids(arm, branch.besides(branch.counted), MOST + 1, *_COUNTED)
        for branch in branches(session, job_filter)
        for arm in branch.counted.arms
    ]
    if not selects:
        return None
    return sa.union(*selects).subquery("matching").select() if len(selects) > 1 else selects[0]


def _named(ids: Sequence[UUID]) -> Query:
    return sa.select(sa.func.unnest(sa.literal(ids, sa.ARRAY(sa.Uuid()))).label("id")).distinct()


def _with_jobs(ids: Union | Query) -> Query:
    """Return these ids with what is counted of those that are jobs; the others are what their command is for."""
    named = ids.subquery("named")
    job = (col(getattr(BackgroundJob, name)) for name in _COUNTED)
    return sa.select(named.c.id, *job).outerjoin_from(named, BackgroundJob, col(BackgroundJob.id) == named.c.id)


def _write(session: Session, bulk_id: UUID, rows: Query) -> tuple[int, dict[str, Any]]:
    """Write the set, the oldest first, and return its number of rows and what it consists of.

    Both from one reading: to look each job up again would take longer than all else. One more than allowed is too many.
    """
    chosen = rows.cte("chosen").prefix_with("MATERIALIZED", dialect="postgresql")
    place = sa.func.row_number().over(order_by=chosen.c.id)
    numbered = sa.select(sa.literal(bulk_id, sa.Uuid()), place, chosen.c.id).limit(MOST + 1)
    columns = [col(BulkRow.bulk_id), col(BulkRow.position), col(BulkRow.target)]
    made = sa.insert(BulkRow).from_select(columns, numbered).cte("made")
    status, kind, number = chosen.c.status, chosen.c.kind, sa.func.count()
    groups = sa.func.grouping_sets(sa.tuple_(status), sa.tuple_(kind), sa.tuple_())
    users = sa.func.count(sa.distinct(chosen.c.user_id))
    times = sa.func.min(chosen.c.created_at), sa.func.max(chosen.c.created_at)
    counted = sa.select(status, kind, number, users, *times).add_cte(made).group_by(groups).order_by(number.desc())
    found = session.execute(counted).all()
    by_status = {str(row[0]): row[2] for row in found if row[0] is not None}
    by_kind = {row[1]: row[2] for row in found if row[1] is not None}
    total, people, *ends = next(row[2:] for row in found if row[0] is None and row[1] is None)
    first, last = (at and at.isoformat() for at in ends)
    return total, {"status": by_status, "kind": by_kind, "users": people, "first": first, "last": last}
