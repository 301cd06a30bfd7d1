"""Counts of jobs: exact while that is cheap, else marked as an estimate or a lower bound."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import SQLColumnExpression
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.job_list.branches import Branch, arm_ids, branches, count, in_any_status, in_status
from core.job_list.filters import JobFilter
from core.job_list.sources import CAP, FEW, LIVE, NEWEST, Job, kinds_and_queues
from core.jobs.labels import STATUS_OF, Label, label_column
from core.models import JobStatus
from core.operations import BY_NAME

LIVE_LABELS: Final = tuple(label for label in Label if STATUS_OF[label] in LIVE)
#: The bulk of the table, counted as total minus the others.
_MOSTLY: Final = (JobStatus.SUCCEEDED,)
#: So many kinds are counted, each by itself; rows of other programs may name thousands. The others are only numbered.
MOST_KINDS: Final = 50
#: Filters with which each kind would have to be counted row by row.
_SEARCHES: Final = ("user", "error", "q", "by", "reason", "arg", "took", "waited", "attempt")
#: A limit above any backlog.
EVERY: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Total:
    """A number of jobs; if not `exact`, an estimate, or the number at which counting stopped: 10,001."""

    value: int
    exact: bool


def total_of_branches(session: Session, branch_list: list[Branch]) -> Total:
    """Count the distinct rows of branches, up to cap + 1."""
    cap = min((branch.counted.cap for branch in branch_list), default=CAP)
    if len(branch_list) == 1 and branch_list[0].size is not None:
        return capped(branch_list[0].size, cap)
    return capped(_count(session, branch_list, cap + 1), cap)


def all_jobs(session: Session) -> Total:
    """Count all jobs exactly up to the cap; beyond it, estimate rows per page times pages, as the planner does."""
    total = capped(count(session, [arm_ids(arm, [], CAP + 1) for arm in NEWEST.arms], CAP + 1, apart=True), CAP)
    if total.exact:
        return total
    table = sa.table("pg_class", sa.column("oid"), sa.column("reltuples"), sa.column("relpages"))
    name = sa.func.to_regclass(Job.__tablename__)
    pages = sa.func.pg_relation_size(name) / sa.func.current_setting("block_size").cast(sa.BigInteger)
    rows = sa.select(table.c.reltuples / sa.func.nullif(table.c.relpages, 0) * pages).where(table.c.oid == name)
    estimate = fetch(session, rows)[0][0] or 0
    return Total(max(round(estimate), CAP + 1), exact=False)


def exactly_all_jobs(session: Session) -> Total:
    """Count all jobs exactly: 50 ms per million."""
    return Total(int(fetch(session, sa.select(sa.func.count()).select_from(Job))[0][0]), exact=True)


Facets = dict[str, dict[str, Total]]


def facets(session: Session, job_filter: JobFilter) -> Facets:
    """Count a filter's matches by `status`, by `label` of the unfinished, and by `kind`.

    Each number is the list's length if that value alone were selected in its facet. Kinds are left out where counting
    them would take too long: in a search with very many matches, and beyond MOST_KINDS; `more` says how many these are.
    """
    base = in_any_status(session, job_filter.but(kind=frozenset()))
    within = job_filter.but(status=frozenset(), label=frozenset())  # the two that are counted
    every = in_status(session, base, within)
    # Where each match needs a look at the table, one pass replaces one count per number.
    costly = any(branch.counted.cap < CAP for branch in every)
    if costly or _count(session, every, FEW + 1) <= FEW:
        return _facets_by_reading(session, every, job_filter, EVERY if costly else FEW)
    if job_filter.kind:
        base = in_any_status(session, job_filter)
    by_status = {each.value: _in_status(session, base, within, each) for each in JobStatus if each not in _MOSTLY}
    for each in _MOSTLY:
        by_status[each.value] = _the_rest(session, base, within, by_status) or _in_status(session, base, within, each)
    searched = any(getattr(job_filter, name) for name in _SEARCHES)
    return {
        "status": by_status,
        "label": _live_labels(session, base, within),
        **({"kind": {}, "more": {}} if searched else _by_kind(session, job_filter)),
    }


def _facets_by_reading(session: Session, branch_list: list[Branch], job_filter: JobFilter, most: int) -> Facets:
    """Read every match once; count statuses and labels of the chosen kinds, and kinds of the chosen statuses.

    `most` matches are known to be the most; then PostgreSQL looks each up, instead of reading the table.
    """
    rows = _grouped(session, branch_list, most, col(Job.status), label_column().label("label"), col(Job.kind))
    by_status, by_label, by_kind = Counter[str](), Counter[str](), Counter[str]()
    for status, label, kind, number in rows:
        if not job_filter.kind or job_filter.names_kind(kind):
            by_status[status.value] += number
            by_label[label] += number
        if (not job_filter.status or status in job_filter.status) and (
            not job_filter.label or label in job_filter.label
        ):
            by_kind[kind] += number
    most_frequent = sorted(by_kind, key=lambda kind: (-by_kind[kind], kind))
    return {
        "status": {status.value: Total(by_status[status.value], exact=True) for status in JobStatus},
        "label": {label.value: Total(by_label[label.value], exact=True) for label in LIVE_LABELS},
        **_kinds(job_filter, most_frequent, lambda kind: Total(by_kind[kind], exact=True)),
    }


def _in_status(session: Session, base: list[Branch], within: JobFilter, status: JobStatus) -> Total:
    return total_of_branches(session, in_status(session, base, within.but(status=frozenset({status}))))


def _the_rest(session: Session, base: list[Branch], within: JobFilter, others: dict[str, Total]) -> Total | None:
    """Return all matches minus the others, without reading their status; None when another number is capped."""
    if not all(total.exact for total in others.values()):
        return None
    counted = sum(total.value for total in others.values())
    return capped(_count(session, in_status(session, base, within), CAP + 1 + counted) - counted, CAP)


def _by_kind(session: Session, job_filter: JobFilter) -> Facets:
    pairs = kinds_and_queues(session)
    kinds = sorted({kind for kind, _ in pairs}, key=lambda kind: (kind not in BY_NAME, kind))

    def number(kind: str) -> Total:
        return total_of_branches(session, branches(session, job_filter.but(kind=frozenset({kind})), pairs))

    return _kinds(job_filter, kinds, number)


def _kinds(job_filter: JobFilter, kinds: list[str], number: Callable[[str], Total]) -> Facets:
    """Return the facet of the chosen and the first other kinds, and how many `more` there are."""
    first = sorted(kinds, key=lambda kind: not job_filter.names_kind(kind))[:MOST_KINDS]
    more = {"kind": Total(len(kinds) - MOST_KINDS, exact=True)} if len(kinds) > MOST_KINDS else {}
    return {"kind": {kind: number(kind) for kind in sorted(first)}, "more": more}


def _live_labels(session: Session, base: list[Branch], within: JobFilter) -> dict[str, Total]:
    """Count all unfinished jobs by label, without a cap."""
    counts = dict.fromkeys(LIVE_LABELS, 0)
    live = in_status(session, base, within.but(status=frozenset(LIVE)))
    for label, number in _grouped(session, live, EVERY, label_column().label("label")):
        counts[Label(label)] = number
    return {label.value: Total(number, exact=True) for label, number in counts.items()}


def _count(session: Session, branch_list: list[Branch], limit: int) -> int:
    return count(session, _selects(branch_list, limit), limit, apart=len(branch_list) == 1)


def _grouped(
    session: Session, branch_list: list[Branch], limit: int, *columns: SQLColumnExpression[Any]
) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return the number of rows for each combination of the columns' values."""
    selects = _selects(branch_list, limit)
    if not selects:
        return []
    every = (sa.union(*selects) if len(selects) > 1 else selects[0]).subquery()
    rows = sa.select(*columns, sa.func.count()).join(every, every.c.id == col(Job.id))
    return fetch(session, rows.group_by(*columns))


def _selects(branch_list: list[Branch], limit: int) -> list[Query]:
    return [
        arm_ids(arm, branch.besides(branch.counted), limit) for branch in branch_list for arm in branch.counted.arms
    ]


def capped(number: int, cap: int) -> Total:
    """Return a count that stopped at cap + 1."""
    return Total(min(number, cap + 1), exact=number <= cap)
