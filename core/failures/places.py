"""Where an error happens: on one host or with one version alone, if others have done the same work without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.failures.groups import SINCE, FailureGroup
from core.models import BackgroundJob, JobStatus, Worker

#: So few failures are on one worker by chance.
FEWEST: Final = 3
#: So many of the newest successes of the same kinds are looked at.
LOOKED_AT: Final = 500
_KINDS: Final = sa.bindparam("kinds", type_=sa.ARRAY(sa.Text))


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """Jobs by the host and version of the worker that ran their last attempt."""

    host: str
    version: str
    number: int

    @property
    def name(self) -> str:
        """The host and version in a line."""
        return f"{self.host} · {self.version}" if self.version else self.host


def confined_to(session: Session, group: FailureGroup, places: Sequence[PlaceCount], since: datetime) -> str:
    """Return where alone an error happens; empty unless each failure's worker is known and others have succeeded.

    An unknown version is none that could be at fault.
    """
    hosts, versions = {each.host for each in places}, {each.version for each in places}
    if (
        group.count < FEWEST
        or sum(each.number for each in places) < group.count
        or (len(hosts) > 1 and len(versions) > 1)
    ):
        return ""
    succeeded = [(row[0], row[1]) for row in fetch(session, _successes(), since=since, kinds=list(group.kinds))]
    is_of_host = len(hosts) == 1 and any(host not in hosts for host, _ in succeeded)
    is_of_version = len(versions) == 1 and any(versions) and any(version not in versions for _, version in succeeded)
    others = "the same kind of job has succeeded in this time"
    if is_of_host and is_of_version:
        return f"Only on {min(hosts)} with version {min(versions)}: elsewhere, {others}."
    if is_of_host:
        return f"Only on {min(hosts)}: on other workers, {others}."
    return f"Only with version {min(versions)}: with others, {others}." if is_of_version else ""


@cache
def _successes() -> Query:
    """Select the hosts and versions of the newest successes of `kinds`."""
    job: Any = BackgroundJob
    newest = (
        sa.select(col(job.worker_id))
        .where(col(job.kind) == sa.any_(_KINDS), col(job.status) == JobStatus.SUCCEEDED, col(job.finished_at) >= SINCE)
        .order_by(col(job.created_at).desc(), col(job.id).desc())
        .limit(LOOKED_AT)
        .subquery("newest")
    )
    host, version = sa.func.left(col(Worker.host), 100), sa.func.left(col(Worker.version), 50)
    return sa.select(host, version).join(newest, col(Worker.id) == newest.c.worker_id).distinct()
