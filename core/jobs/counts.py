"""How many jobs there are: exact while that is cheap, and honest about it when it is not."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core.jobs.branches import Branch, arm_ids, branches, count
from core.jobs.filters import JobFilter
from core.jobs.labels import Label, label_column
from core.jobs.sources import NEWEST, Job, fetch, kinds_and_queues
from core.models import JobStatus

#: Nobody reads further than this; beyond it a number is shown as "10,000+".
CAP: Final = 10_000
#: Unfinished jobs: few at any time, so each is looked at.
LIVE: Final = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Total:
    """A number of jobs; when not `exact`, an estimate of all jobs, or one more than the cap: "10,000+"."""

    value: int
    exact: bool


def total_of(session: Session, wanted: JobFilter) -> Total:
    """Count what a filter matches; of all jobs, beyond the cap, return PostgreSQL's estimate."""
    if wanted.is_empty():
        return all_jobs(session)
    return total_of_branches(session, branches(session, wanted))


def total_of_branches(session: Session, found: list[Branch]) -> Total:
    """Count the distinct rows of branches, up to one more than the cap."""
    selects = [arm_ids(arm, branch.conditions, CAP + 1) for branch in found for arm in branch.counted.arms]
    return capped(count(session, selects, CAP + 1))


def all_jobs(session: Session) -> Total:
    """Count all jobs exactly up to the cap, and estimate beyond it: rows per page times pages, as the planner does."""
    total = capped(count(session, [arm_ids(NEWEST.arms[0], [], CAP + 1)], CAP + 1))
    if total.exact:
        return total
    table = sa.table("pg_class", sa.column("oid"), sa.column("reltuples"), sa.column("relpages"))
    name = sa.func.to_regclass(Job.__tablename__)
    pages = sa.func.pg_relation_size(name) / sa.func.current_setting("block_size").cast(sa.BigInteger)
    rows = sa.select(table.c.reltuples / sa.func.nullif(table.c.relpages, 0) * pages).where(table.c.oid == name)
    estimate = fetch(session, rows)[0][0] or 0
    return Total(max(round(estimate), CAP + 1), exact=False)


def exactly_all_jobs(session: Session) -> Total:
    """Count all jobs, however many: 50 ms per million."""
    return Total(int(fetch(session, sa.select(sa.func.count()).select_from(Job))[0][0]), exact=True)


def facets(session: Session, wanted: JobFilter) -> dict[str, dict[str, Total]]:
    """Count a filter's matches by status, by label of the unfinished, and by kind.

    Each number is what choosing that one word, in place of those chosen now, would show.
    """
    base = wanted.but(status=frozenset(), label=frozenset())
    labels = _live_labels(session, base)
    by_status = {status.value: _with(session, base, status=frozenset({status})) for status in JobStatus}
    kinds = sorted({kind for kind, _ in kinds_and_queues(session)})
    by_kind = {kind: _with(session, wanted, kind=frozenset({kind})) for kind in kinds}
    return {"status": by_status, "label": labels, "kind": by_kind}


def _with(session: Session, wanted: JobFilter, **changes: Any) -> Total:
    return total_of_branches(session, branches(session, wanted.but(**changes)))


def _live_labels(session: Session, base: JobFilter) -> dict[str, Total]:
    """Count the unfinished by label: all of them, not up to a cap."""
    live = base.but(status=frozenset(LIVE))
    ids = [
        arm_ids(arm, branch.conditions, 10 * CAP) for branch in branches(session, live) for arm in branch.counted.arms
    ]
    shown = {label: 0 for label in Label if label.value not in {status.value for status in JobStatus} - set(LIVE)}
    if ids:
        every = sa.union(*ids).subquery() if len(ids) > 1 else ids[0].subquery()
        label = label_column().label("label")
        grouped = sa.select(label, sa.func.count()).where(col(Job.id).in_(sa.select(every.c.id))).group_by(label)
        shown |= {Label(word): number for word, number in fetch(session, grouped)}
    return {word.value: Total(number, exact=True) for word, number in shown.items()}


def capped(number: int) -> Total:
    """Return a count that was stopped at one more than the cap."""
    return Total(number, exact=number <= CAP)
