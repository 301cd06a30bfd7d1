"""What a bulk action came from: the filter that chose its jobs, and the one user whom all of them are for."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col

from core.errors import Invalid
from core.job_list.filters import JobFilter
from core.job_list.names import names_in
from core.models import BackgroundJob, BulkAction, BulkRow, User


@dataclass(frozen=True, slots=True)
class Origin:
    """The filter as parameters of the list of jobs, and what people call the ids in it; its only user, if it has one.

    Without parameters the rows were named one by one, or by a filter that this release no longer reads.
    """

    params: Mapping[str, str]
    names: Mapping[str, str]
    user: User | None

    @property
    def fingerprint(self) -> str:
        """The error that all its jobs have failed with; empty: it is not about one."""
        return self.params["error"] if "error" in self.names else ""


def origin(session: Session, bulk: BulkAction) -> Origin:
    """Return what a bulk action came from."""
    user = _only_user(session, bulk) if bulk.consists_of.get("users") == 1 else None
    try:
        job_filter = JobFilter.from_params(bulk.filter)
    except Invalid:
        return Origin({}, {}, user)
    return Origin(job_filter.to_params(), names_in(session, job_filter), user)


def _only_user(session: Session, bulk: BulkAction) -> User | None:
    rows = sa.select(User).join(BackgroundJob, col(BackgroundJob.user_id) == col(User.id))
    rows = rows.join(BulkRow, col(BulkRow.target) == col(BackgroundJob.id)).where(col(BulkRow.bulk_id) == bulk.id)
    return session.scalars(rows.limit(1)).first()
