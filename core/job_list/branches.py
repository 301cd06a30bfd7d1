"""From a filter to branches: one for each possible meaning of the filter's free text.

A branch is a conjunction: conditions for every row, and the sources that hold its candidates. A filter without `q` has
one branch; a filter that cannot match has none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core import clock
from core.database.statements import Query, fetch
from core.database.text import ids_beginning
from core.diagnosis.done_again import Redone, is_redone
from core.diagnosis.situation import STATUSES_OF, Situation, job_situation
from core.job_list import bulk_jobs, people, reasons_and_arguments, sources, spans
from core.job_list.filters import FEWEST_OF_ID, JobFilter, YesNo
from core.job_list.sources import FEW, NEWEST, Condition, Job, Pairs, Source
from core.jobs.labels import STATUS_OF, has_label
from core.models import JobStatus

_IS_DUE: Final = col(Job.run_at) <= clock.db_now()


@dataclass(slots=True)
class Branch:
    """Conditions that must all hold, and every source that by itself holds all candidates."""

    #: The parts of the filter that have a source, each with its condition for rows from another source.
    parts: list[tuple[Condition, Source]] = field(default_factory=list)
    #: The other parts of the filter.
    conditions: list[Condition] = field(default_factory=list)
    #: The (kind, queue) pairs of the branch; None means all.
    pairs: Pairs | None = None
    #: The number of candidates by source name, counted up to FEW + 1.
    measured: dict[str, int] = field(default_factory=dict)
    #: The number of matches if `_choose` found it out, up to the source's cap.
    size: int | None = None
    #: The sources for reading rows by time and for counting them, chosen by `_choose`.
    in_order: Source = NEWEST
    counted: Source = NEWEST

    def narrow(self, condition: Condition, source: Source) -> None:
        """Add a condition and the source of the rows that meet it."""
        self.parts.append((condition, source))

    @property
    def sources(self) -> list[Source]:
        """Return every source that by itself holds all candidates."""
        return [source for _, source in self.parts]

    def besides(self, source: Source) -> list[Condition]:
        """Return the remaining conditions for rows from `source`."""
        return [*self.conditions, *(condition for condition, other in self.parts if other is not source)]


def branches(session: Session, job_filter: JobFilter, known: Pairs | None = None) -> list[Branch]:
    """Return the branches whose union matches the filter, each with its best source chosen; `known` are all pairs."""
    return in_status(session, in_any_status(session, job_filter, known), job_filter)


def in_any_status(session: Session, job_filter: JobFilter, known: Pairs | None = None) -> list[Branch]:
    """Return the branches of the filter without its status and labels; each status can then be counted from them."""
    pairs = None
    if job_filter.is_of_kinds() or job_filter.q:
        pairs = tuple(pair for pair in known or sources.kinds_and_queues(session) if job_filter.has_kind(*pair))
        if not pairs:
            return []
    return [branch for branch in _meanings(session, job_filter, pairs) if _narrow(session, branch, job_filter)]


def in_status(session: Session, unnarrowed: list[Branch], job_filter: JobFilter) -> list[Branch]:
    """Return copies of the branches, narrowed to the filter's status and labels; empty branches are left out."""
    statuses = _statuses(job_filter)
    if statuses is not None and not statuses:
        return []
    narrowed = [replace(base, parts=[*base.parts], conditions=[*base.conditions]) for base in unnarrowed]
    for branch in narrowed:
        _narrow_by_status(branch, job_filter, statuses)
    return [branch for branch in narrowed if _choose(session, branch)]


def _statuses(job_filter: JobFilter) -> frozenset[JobStatus] | None:
    """Return the stored statuses that can match; None means all of them."""
    implied = (
        job_filter.status,
        frozenset(STATUS_OF[label] for label in job_filter.label),
        frozenset(status for each in job_filter.situation for status in STATUSES_OF[each]),
        frozenset({JobStatus.QUEUED} if job_filter.due else ()),
        frozenset({JobStatus.FAILED} if job_filter.redone in (Redone.YES, Redone.TRIED) else ()),
    )
    every = frozenset(JobStatus)
    possible = every.intersection(*(statuses for statuses in implied if statuses))
    return None if possible == every else possible


def _meanings(session: Session, job_filter: JobFilter, pairs: Pairs | None) -> Iterator[Branch]:
    """Yield one branch for each meaning of `q`: an id, a user, a kind, words of an error."""
    narrowed = pairs if job_filter.is_of_kinds() else None
    if job_filter.q is None:
        yield Branch(pairs=narrowed)
        return
    if len(job_filter.q) >= FEWEST_OF_ID and (ids := ids_beginning(job_filter.q)):
        branch = Branch(pairs=narrowed)
        branch.narrow(col(Job.id).between(*ids), sources.by_id(*ids))
        yield branch
    for narrow in (_narrow_by_user, _narrow_by_error):
        branch = Branch(pairs=narrowed)
        if narrow(session, branch, job_filter.q):
            yield branch
    if named := tuple(pair for pair in pairs or () if job_filter.q.lower() in pair[0].lower()):
        yield Branch(pairs=named)


def _narrow(session: Session, branch: Branch, job_filter: JobFilter) -> bool:
    """Apply the filter without status, kind and queue; return whether anything can match."""
    if range_ := spans.times(job_filter, "created"):
        branch.narrow(sa.and_(*range_), sources.by_time(range_))
    if range_ := spans.times(job_filter, "finished"):
        branch.narrow(sa.and_(*range_), sources.by_end(range_))
    if job_filter.other_than:
        branch.conditions.append(col(Job.user_id) != job_filter.other_than)
    if job_filter.not_user:
        branch.conditions.append(sa.func.coalesce(sa.not_(people.of_users(session, job_filter.not_user)), sa.true()))
    if job_filter.arg:
        branch.narrow(*reasons_and_arguments.by_arguments(job_filter.arg))
    _narrow_by_figures_and_sets(session, branch, job_filter)
    if job_filter.id and (ids := ids_beginning(job_filter.id)):
        branch.narrow(col(Job.id).between(*ids), sources.by_id(*ids))
    if job_filter.connection:
        branch.narrow(col(Job.connection_id) == job_filter.connection, sources.by_connection(job_filter.connection))
    return all(
        text is None or narrow(session, branch, text)
        for text, narrow in (
            (job_filter.user, _narrow_by_user),
            (job_filter.by, _narrow_by_requester),
            (job_filter.reason, _narrow_by_reason),
            (job_filter.error, _narrow_by_error),
        )
    )


def _narrow_by_figures_and_sets(session: Session, branch: Branch, job_filter: JobFilter) -> None:
    asked = (
        spans.took(job_filter.took) if job_filter.took else None,
        spans.waited(job_filter.waited) if job_filter.waited else None,
        spans.tried(job_filter.attempt) if job_filter.attempt else None,
        *bulk_jobs.of_bulk_actions(session, job_filter),
    )
    for condition, source in filter(None, asked):
        if source is None:
            branch.conditions.append(condition)
        else:
            branch.narrow(condition, source)


def _narrow_by_requester(session: Session, branch: Branch, text: str) -> bool:
    return _narrow_by_people(branch, people.by_requesters(session, text))


def _narrow_by_reason(_: Session, branch: Branch, text: str) -> bool:
    branch.narrow(*reasons_and_arguments.by_reason(text))
    return True


def _narrow_by_user(session: Session, branch: Branch, text: str) -> bool:
    return _narrow_by_people(branch, people.by_users(session, text))


def _narrow_by_people(branch: Branch, found: tuple[Condition, Source] | None) -> bool:
    if found is not None:
        branch.narrow(*found)
    return found is not None


def _narrow_by_error(session: Session, branch: Branch, text: str) -> bool:
    source = sources.by_error(session, text)
    branch.narrow(sources.of_error(source, text), source)
    return True


def _narrow_by_status(branch: Branch, job_filter: JobFilter, statuses: frozenset[JobStatus] | None) -> None:
    if job_filter.label:
        branch.conditions.append(sa.or_(*(has_label(label) for label in sorted(job_filter.label))))
    if job_filter.due:
        branch.conditions.append(_IS_DUE if job_filter.due is YesNo.YES else sa.not_(_IS_DUE))
    if job_filter.redone:
        branch.conditions.append(is_redone(job_filter.redone))
    if job_filter.situation:
        branch.conditions.append(_is_in(job_situation(), job_filter.situation))
    if statuses is not None:
        branch.narrow(*sources.by_status(statuses, branch.pairs))
    elif branch.pairs is not None:
        branch.narrow(*sources.by_kind(branch.pairs))


@lru_cache(sources.REMEMBERED)
def _is_in(situation: sa.ColumnElement[str], situations: frozenset[Situation]) -> Condition:
    return situation.in_(sorted(situations))


def _choose(session: Session, branch: Branch) -> bool:
    """Choose the source with the fewest candidates, else the one with the highest rank; return whether it has any."""
    if not branch.sources or (len(branch.sources) == 1 and branch.sources[0].ordered):
        branch.in_order = branch.counted = branch.sources[0] if branch.sources else NEWEST
        return True
    sizes = [(_size(session, branch, source), -source.rank, source) for source in branch.sources]
    fewest, _, source = min(sizes, key=lambda size: size[:2])
    if len(branch.parts) == 1 and not branch.conditions and (fewest <= FEW or source.cap == FEW):
        branch.size = fewest
    if fewest <= FEW:
        branch.in_order = branch.counted = source
    else:
        branch.counted = max(branch.sources, key=lambda candidate: candidate.rank)
        branch.in_order = max(
            (candidate.instead or candidate for candidate in branch.sources), key=lambda candidate: candidate.rank
        )
    return fewest > 0


def _size(session: Session, branch: Branch, source: Source) -> int:
    """Count a source's candidates up to FEW + 1, once for all copies of the branch."""
    if source.name not in branch.measured:
        ids = [arm_ids(arm, [], FEW + 1) for arm in source.arms]
        branch.measured[source.name] = count(session, ids, FEW + 1, apart=True)
    return branch.measured[source.name]


def arm_ids(arm: sources.Arm, conditions: list[Condition], limit: int, *more: str) -> Query:
    """Select the ids of an arm's rows that meet the conditions, unordered, at most `limit` per scan; `more` columns."""
    return _arm_ids(arm, tuple(conditions), limit, more)


@lru_cache(sources.REMEMBERED)
def _arm_ids(arm: sources.Arm, conditions: tuple[Condition, ...], limit: int, more: tuple[str, ...]) -> Query:
    columns = [col(getattr(Job, name)) for name in ("id", *more)]
    inner = sa.select(*columns).where(*arm.where, *conditions).order_by(arm.order).limit(limit)
    if arm.each is None:
        return inner
    hit = inner.lateral("hit")
    return sa.select(*hit.c).select_from(arm.each.join(hit, sa.true())).limit(limit)


def count(session: Session, selects: list[Query], limit: int, *, apart: bool = False) -> int:
    """Count the distinct ids of all selects, up to `limit`; `apart` are selects that have no row in common."""
    if not selects:
        return 0
    return int(fetch(session, _number_of(tuple(selects), limit, apart))[0][0])


@lru_cache(sources.REMEMBERED)
def _number_of(selects: tuple[Query, ...], limit: int, apart: bool) -> Query:  # noqa: FBT001 - only called above
    merge = sa.union_all if apart else sa.union
    # Each select stops at the limit by itself.
    ids = selects[0] if len(selects) == 1 else sa.select(merge(*selects).subquery().c.id).limit(limit)
    return sa.select(sa.func.count()).select_from(ids.subquery())
