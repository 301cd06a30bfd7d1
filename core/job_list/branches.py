"""From a filter to what is read: one branch for each way in which its free text can be meant.

A branch is a conjunction: conditions that every row must meet, and the sources that hold its candidates. A filter
without `q` has one branch; one that cannot match has none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.job_list import sources
from core.job_list.filters import JobFilter
from core.job_list.sources import FEW, NEWEST, Condition, Job, Query, Source, fetch
from core.jobs.labels import STATUS_OF, has_label
from core.models import JobStatus

Pairs = list[tuple[str, str]]


@dataclass(slots=True)
class Branch:
    """Conditions that all must hold, and every source that alone holds all candidates."""

    #: Each part of the filter that has a source: what it demands of rows that come from another one.
    parts: list[tuple[Condition, Source]] = field(default_factory=list)
    #: The rest of the filter.
    conditions: list[Condition] = field(default_factory=list)
    #: The (kind, queue) pairs that it is narrowed to; None: all.
    pairs: Pairs | None = None
    #: How many candidates a source has, by its name, up to one more than few.
    measured: dict[str, int] = field(default_factory=dict)
    #: How many rows match, when choosing told: up to the cap of the source.
    size: int | None = None
    #: Where rows are read by time, and where they are counted: chosen by `_choose`.
    in_order: Source = NEWEST
    counted: Source = NEWEST

    def narrow(self, condition: Condition, source: Source) -> None:
        """Add a condition and the source of the rows that meet it."""
        self.parts.append((condition, source))

    @property
    def sources(self) -> list[Source]:
        """Return every source that alone holds all candidates."""
        return [source for _, source in self.parts]

    def besides(self, source: Source) -> list[Condition]:
        """Return what is left to demand of rows that come from `source`."""
        return [*self.conditions, *(condition for condition, other in self.parts if other is not source)]


def branches(session: Session, wanted: JobFilter) -> list[Branch]:
    """Return the branches whose union is what `wanted` asks for, each with its best source chosen."""
    return in_status(session, anyhow(session, wanted), wanted)


def anyhow(session: Session, wanted: JobFilter) -> list[Branch]:
    """Return the branches for all of `wanted` but its status and labels: what many statuses can be counted from."""
    pairs = None
    if wanted.kind or wanted.queue or wanted.q:
        pairs = [pair for pair in sources.kinds_and_queues(session) if _fits(pair, wanted)]
        if not pairs:
            return []
    return [branch for branch in _meanings(session, wanted, pairs) if _narrow(session, branch, wanted)]


def in_status(session: Session, found: list[Branch], wanted: JobFilter) -> list[Branch]:
    """Return copies of branches, narrowed to the status and labels of `wanted`, without those that hold nothing."""
    statuses = _statuses(wanted)
    if statuses is not None and not statuses:
        return []
    narrowed = [replace(one, parts=[*one.parts], conditions=[*one.conditions]) for one in found]
    for branch in narrowed:
        _narrow_by_status(branch, wanted, statuses)
    return [branch for branch in narrowed if _choose(session, branch)]


def _statuses(wanted: JobFilter) -> frozenset[JobStatus] | None:
    """Return the stored statuses that can match; None means all of them."""
    implied = frozenset(STATUS_OF[label] for label in wanted.label)
    both = wanted.status & implied if wanted.status and implied else wanted.status or implied
    if not both and (wanted.status or implied):
        return frozenset()
    return None if not both or both == frozenset(JobStatus) else both


def _fits(pair: tuple[str, str], wanted: JobFilter) -> bool:
    kind, queue = pair
    return (not wanted.kind or kind in wanted.kind) and (not wanted.queue or queue in wanted.queue)


def _meanings(session: Session, wanted: JobFilter, pairs: Pairs | None) -> Iterator[Branch]:
    """Yield one branch for each thing that `q` can be: an id, a user, a kind, the words of an error."""
    narrowed = pairs if wanted.kind or wanted.queue else None
    if wanted.q is None:
        yield Branch(pairs=narrowed)
        return
    if (job_id := _as_id(wanted.q)) is not None:
        branch = Branch(pairs=narrowed)
        branch.narrow(col(Job.id) == job_id, sources.by_id(job_id))
        yield branch
    for narrow in (_narrow_by_user, _narrow_by_error):
        branch = Branch(pairs=narrowed)
        if narrow(session, branch, wanted.q):
            yield branch
    if named := [pair for pair in pairs or () if wanted.q.lower() in pair[0].lower()]:
        yield Branch(pairs=named)


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _narrow(session: Session, branch: Branch, wanted: JobFilter) -> bool:
    """Apply all but status, kind and queue; tell whether anything can match."""
    if range_ := _time_range(wanted):
        branch.narrow(sa.and_(*range_), sources.by_time(range_))
    if wanted.connection:
        branch.narrow(col(Job.connection_id) == wanted.connection, sources.by_connection(wanted.connection))
    return (wanted.user is None or _narrow_by_user(session, branch, wanted.user)) and (
        wanted.error is None or _narrow_by_error(session, branch, wanted.error)
    )


def _time_range(wanted: JobFilter) -> list[Condition]:
    after = [col(Job.created_at) >= wanted.created_after] if wanted.created_after else []
    before = [col(Job.created_at) < wanted.created_before] if wanted.created_before else []
    return after + before


def _narrow_by_user(session: Session, branch: Branch, text: str) -> bool:
    source = sources.by_users(session, text)
    if source is None:
        return False
    branch.narrow(sources.of_users(text), source)
    return True


def _narrow_by_error(session: Session, branch: Branch, text: str) -> bool:
    source = sources.by_error(session, text)
    branch.narrow(sources.of_error(source, text), source)
    return True


def _narrow_by_status(branch: Branch, wanted: JobFilter, statuses: frozenset[JobStatus] | None) -> None:
    if wanted.label:
        branch.conditions.append(sa.or_(*(has_label(label) for label in sorted(wanted.label))))
    if branch.pairs is not None:
        kind_and_queue = sa.tuple_(col(Job.kind), col(Job.queue))
        branch.narrow(kind_and_queue.in_(branch.pairs), sources.by_kind(branch.pairs))
    if statuses is not None:
        branch.narrow(col(Job.status).in_(sorted(statuses)), sources.by_status(statuses, branch.pairs))


def _choose(session: Session, branch: Branch) -> bool:
    """Choose the source with the fewest candidates, or else the one of the highest rank; tell whether it holds any."""
    if not branch.sources or (len(branch.sources) == 1 and branch.sources[0].ordered):
        branch.in_order = branch.counted = branch.sources[0] if branch.sources else NEWEST
        return True
    sizes = [(_size(session, branch, source), -source.rank, source) for source in branch.sources]
    fewest, _, source = min(sizes, key=lambda one: one[:2])
    if len(branch.parts) == 1 and not branch.conditions and (fewest <= FEW or source.cap == FEW):
        branch.size = fewest
    if fewest <= FEW:
        branch.in_order = branch.counted = source
    else:
        branch.counted = max(branch.sources, key=lambda one: one.rank)
        branch.in_order = max((one.instead or one for one in branch.sources), key=lambda one: one.rank)
    return fewest > 0


def _size(session: Session, branch: Branch, source: Source) -> int:
    """Count a source's candidates, up to one more than few; once for all copies of the branch."""
    if source.name not in branch.measured:
        ids = [arm_ids(arm, [], FEW + 1) for arm in source.arms]
        branch.measured[source.name] = count(session, ids, FEW + 1)
    return branch.measured[source.name]


def arm_ids(arm: sources.Arm, conditions: list[Condition], limit: int) -> Query:
    """Select the ids of an arm's rows that meet the conditions, in no order, `limit` of each scan at most."""
    inner = sa.select(col(Job.id)).where(*arm.where, *conditions).limit(limit)
    if arm.each is None:
        return inner
    hit = inner.lateral("hit")
    return sa.select(hit.c.id).select_from(arm.each.join(hit, sa.true())).limit(limit)


def count(session: Session, selects: list[Query], limit: int) -> int:
    """Count the distinct ids of all selects, up to `limit`."""
    if not selects:
        return 0
    every = sa.union(*selects) if len(selects) > 1 else selects[0]
    some = sa.select(every.subquery().c.id).limit(limit).subquery()
    return int(fetch(session, sa.select(sa.func.count()).select_from(some))[0][0])
