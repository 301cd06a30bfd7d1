"""What a selection of jobs consists of: how many in each status and of each kind, and of how many users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.job_list.sources import Job


@dataclass(frozen=True, slots=True)
class Split:
    """Numbers of jobs, the largest first; those that have been deleted are in none of them."""

    by_status: Mapping[str, int]
    by_kind: Mapping[str, int]
    number: int
    users: int


def split(session: Session, ids: Sequence[UUID]) -> Split:
    """Return what these jobs are, as they are now."""
    rows = fetch(session, _groups(), ids=list(ids))
    whole = next(row for row in rows if row.status is None and row.kind is None)
    return Split(
        by_status={str(row.status): row.number for row in rows if row.status is not None},
        by_kind={row.kind: row.number for row in rows if row.kind is not None},
        number=whole.number,
        users=whole.users,
    )


@cache
def _groups() -> Query:
    status, kind, number = col(Job.status), col(Job.kind), sa.func.count().label("number")
    users = sa.func.count(sa.distinct(col(Job.user_id))).label("users")
    groups = sa.func.grouping_sets(sa.tuple_(status), sa.tuple_(kind), sa.tuple_())
    own = col(Job.id) == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid())))
    return sa.select(status, kind, number, users).where(own).group_by(groups).order_by(number.desc(), status, kind)
