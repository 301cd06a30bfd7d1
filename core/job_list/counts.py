"""How many jobs there are: exact while that is cheap, and honest about it when it is not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import SQLColumnExpression
from sqlmodel import Session, col

from core.job_list.branches import Branch, anyhow, arm_ids, branches, count, in_status
from core.job_list.filters import JobFilter
from core.job_list.sources import CAP, FEW, NEWEST, Job, Query, fetch, kinds_and_queues
from core.jobs.labels import STATUS_OF, Label, label_column
from core.models import JobStatus

#: Unfinished jobs: few at any time, so each is looked at.
LIVE: Final = (JobStatus.QUEUED, JobStatus.RUNNING)
LIVE_LABELS: Final = tuple(label for label in Label if STATUS_OF[label] in LIVE)
#: The bulk of a table, counted as what the others leave.
_MOSTLY: Final = (JobStatus.SUCCEEDED,)
#: A limit that no backlog reaches.
EVERY: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Total:
    """A number of jobs; when not `exact`, an estimate of all jobs, or where counting stopped: 10,001 for "10,000+"."""

    value: int
    exact: bool


def total_of_branches(session: Session, found: list[Branch]) -> Total:
    """Count the distinct rows of branches, up to one more than the cap."""
    cap = min((branch.counted.cap for branch in found), default=CAP)
    if len(found) == 1 and found[0].size is not None:
        return capped(found[0].size, cap)
    return capped(_counted(session, found, cap + 1), cap)


def all_jobs(session: Session) -> Total:
    """Count all jobs exactly up to the cap, and estimate beyond it: rows per page times pages, as the planner does."""
    total = capped(count(session, [arm_ids(NEWEST.arms[0], [], CAP + 1)], CAP + 1), CAP)
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


Facets = dict[str, dict[str, Total]]


def facets(session: Session, wanted: JobFilter) -> Facets:
    """Count a filter's matches by `status`, by `label` of the unfinished, and by `kind`.

    Each number is what choosing that one word, in place of those chosen now, would show. A kind is left out where its
    number would take longer than a person waits: in a search that very many jobs match.
    """
    base = anyhow(session, wanted.but(kind=frozenset()))
    every = in_status(session, base, JobFilter())
    # Matches that are looked at in the table are looked at once, rather than once for each number.
    costly = any(branch.counted.cap < CAP for branch in every)
    if costly or _counted(session, every, FEW + 1) <= FEW:
        return _facets_in_one_pass(session, every, wanted)
    if wanted.kind:
        base = anyhow(session, wanted)
    by_status = {status.value: _in_status(session, base, status) for status in JobStatus if status not in _MOSTLY}
    for status in _MOSTLY:
        by_status[status.value] = _the_rest(session, base, by_status) or _in_status(session, base, status)
    searched = wanted.user or wanted.error or wanted.q
    return {
        "status": by_status,
        "label": _live_labels(session, base),
        "kind": {} if searched else _by_kind(session, wanted),
    }


def _facets_in_one_pass(session: Session, found: list[Branch], wanted: JobFilter) -> Facets:
    """Look at every row: status and label of the kinds chosen, kind of the statuses and labels chosen."""
    rows = _grouped(session, found, EVERY, col(Job.status), label_column().label("label"), col(Job.kind))
    by_status, by_label, by_kind = Counter[str](), Counter[str](), Counter[str]()
    for status, word, kind, number in rows:
        if not wanted.kind or kind in wanted.kind:
            by_status[status.value] += number
            by_label[word] += number
        if (not wanted.status or status in wanted.status) and (not wanted.label or word in wanted.label):
            by_kind[kind] += number
    return {
        "status": {status.value: Total(by_status[status.value], exact=True) for status in JobStatus},
        "label": {label.value: Total(by_label[label.value], exact=True) for label in LIVE_LABELS},
        "kind": {kind: Total(by_kind[kind], exact=True) for kind in sorted(by_kind)},
    }


def _in_status(session: Session, base: list[Branch], status: JobStatus) -> Total:
    return total_of_branches(session, in_status(session, base, JobFilter(status=frozenset({status}))))


def _the_rest(session: Session, base: list[Branch], others: dict[str, Total]) -> Total | None:
    """Return what is left of all matches: that needs no look at their status. None when another number is capped."""
    if not all(total.exact for total in others.values()):
        return None
    known = sum(total.value for total in others.values())
    return capped(_counted(session, in_status(session, base, JobFilter()), CAP + 1 + known) - known, CAP)


def _by_kind(session: Session, wanted: JobFilter) -> dict[str, Total]:
    kinds = sorted({kind for kind, _ in kinds_and_queues(session)})
    return {kind: total_of_branches(session, branches(session, wanted.but(kind=frozenset({kind})))) for kind in kinds}


def _live_labels(session: Session, base: list[Branch]) -> dict[str, Total]:
    """Count the unfinished by label: all of them, not up to a cap."""
    shown = dict.fromkeys(LIVE_LABELS, 0)
    live = in_status(session, base, JobFilter(status=frozenset(LIVE)))
    for word, number in _grouped(session, live, EVERY, label_column().label("label")):
        shown[Label(word)] = number
    return {label.value: Total(number, exact=True) for label, number in shown.items()}


def _counted(session: Session, found: list[Branch], limit: int) -> int:
    return count(session, _selects(found, limit), limit)


def _grouped(
    session: Session, found: list[Branch], limit: int, *columns: SQLColumnExpression[Any]
) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return how many rows there are for each value of the columns."""
    selects = _selects(found, limit)
    if not selects:
        return []
    every = (sa.union(*selects) if len(selects) > 1 else selects[0]).subquery()
    rows = sa.select(*columns, sa.func.count()).join(every, every.c.id == col(Job.id))
    return fetch(session, rows.group_by(*columns))


def _selects(found: list[Branch], limit: int) -> list[Query]:
    return [arm_ids(arm, one.besides(one.counted), limit) for one in found for arm in one.counted.arms]


def capped(number: int, cap: int) -> Total:
    """Return a count that was stopped at one more than the cap."""
    return Total(min(number, cap + 1), exact=number <= cap)
