"""Sources of the job list: each one is an index that holds all candidates for one part of a filter.

A list must be complete and fast at any size, even when nothing matches. By itself, PostgreSQL assumes that matches are
near the newest row, and reads the whole table when there are none. So the conditions of each source fit exactly one
index (see core/models/background_job.py), and branches.py counts each source's candidates before it reads one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.models import TERMINAL, BackgroundJob, JobStatus
from core.models.background_job import ERROR_WORDS

#: A number of candidates that is cheap to read and sort completely: about 3 ms.
FEW: Final = 3_000
#: Counting stops here; a higher number is shown as "10,000+".
CAP: Final = 10_000
#: Sources and statements that are remembered once they are made. Those of a search are never asked for again, and go.
REMEMBERED: Final = 500

Job = BackgroundJob
Union = sa.CompoundSelect[*tuple[Any, ...]]
Condition = ColumnElement[bool]
Pairs = tuple[tuple[str, str], ...]
#: Unfinished jobs: few at any time.
LIVE: Final = (JobStatus.QUEUED, JobStatus.RUNNING)
#: The index over kinds has jobs that have ended.
HAS_ENDED: Final[Condition] = col(Job.status).in_(sorted(TERMINAL))


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One scan of one index; with `each`, one scan per row of `each`."""

    where: tuple[Condition, ...] = ()
    each: FromClause | None = None
    #: Its rows are so few that they are sorted after they were read.
    few: bool = False
    #: The expression that its index is in the order of. PostgreSQL knows so little of an expression that without this
    #: order it reads the table, where it expects enough rows before long.
    order: ColumnElement[Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Arms that together hold every candidate; `ordered` if each scan yields them by time.

    Sources with equal names have equal candidates.
    """

    name: str
    arms: tuple[Arm, ...]
    ordered: bool = True
    #: Its rows are counted up to here; lower where each row needs a look at the table.
    cap: int = CAP
    #: The source to read by time instead, when this one is unordered and large.
    instead: "Source | None" = None
    #: How selective it is; among large sources, the one with the highest rank is read.
    rank: int = 0


def _by_time(*conditions: Condition) -> tuple[Arm, Arm]:
    is_running = col(Job.status) == JobStatus.RUNNING
    return Arm((col(Job.status) != JobStatus.RUNNING, *conditions)), Arm((is_running, *conditions), few=True)


#: All jobs, by time: running ones are no more than there are threads, so no index has them by time.
NEWEST: Final = Source("newest", _by_time(), rank=0)


def kinds_and_queues(session: Session) -> Pairs:
    """Return every existing (kind, queue): those of ended jobs have one index, those of live jobs another."""
    return tuple((row.kind, row.queue) for row in fetch(session, _pairs()))


@cache
def _pairs() -> Union:
    kind, queue = col(Job.kind), col(Job.queue)
    ended = _hops("ended", HAS_ENDED, kind, queue)
    live = [_hops(status.value, col(Job.status) == status, queue, kind) for status in LIVE]
    return sa.union(ended, *live).order_by("kind", "queue")


def _hops(name: str, where: Condition, *keys: Any) -> Query:
    """Select each pair of keys once, by hopping from one to the next in the index that begins with them."""
    first = sa.select(*keys).where(where).order_by(*keys).limit(1).subquery()
    hops = sa.select(*first.c).cte(f"{name}_pair", recursive=True)
    after = sa.select(*keys).where(where, sa.tuple_(*keys) > sa.tuple_(*hops.c))
    hop = after.order_by(*keys).limit(1).lateral(f"{name}_hop")
    hops = hops.union_all(sa.select(*hop.c).select_from(hops.join(hop, sa.true())))
    return sa.select(hops.c.kind, hops.c.queue)


@lru_cache(REMEMBERED)
def by_kind(pairs: Pairs) -> tuple[Condition, Source]:
    """Return the jobs with these (kind, queue) pairs, and the condition for rows from another source."""
    wheres = [HAS_ENDED, *(col(Job.status) == status for status in LIVE)]
    return _of_pairs(pairs), Source(f"kind {pairs}", tuple(_paired((where,), pairs) for where in wheres), rank=1)


def _of_pairs(pairs: Pairs) -> Condition:
    return sa.tuple_(col(Job.kind), col(Job.queue)).in_(pairs)


@lru_cache(REMEMBERED)
def by_status(statuses: frozenset[JobStatus], pairs: Pairs | None) -> tuple[Condition, Source]:
    """Return the jobs with these statuses, and with these (kind, queue) pairs unless that is None, as `by_kind`."""
    arms, narrow = [], True
    for status in sorted(statuses):
        is_status = col(Job.status) == status
        is_few = status == JobStatus.RUNNING
        arms.append(Arm((is_status,), few=is_few) if pairs is None else _paired((is_status,), pairs))
        narrow = narrow and status != JobStatus.SUCCEEDED
    source = Source(f"status {sorted(statuses)} {pairs}", tuple(arms), rank=4 if narrow else 1)
    is_in = col(Job.status).in_(sorted(statuses))
    return is_in if pairs is None else sa.and_(is_in, _of_pairs(pairs)), source


def by_error(session: Session, text: str) -> Source:
    """Return the jobs whose error has the fingerprint `text`, else those whose error contains its words."""
    same = col(Job.error_fingerprint) == text
    if fetch(session, sa.select(col(Job.id)).where(same).limit(1)):
        return Source(f"fingerprint {text}", (Arm((same,)),), rank=5)
    return Source(f"words {text}", (Arm((has_words(text),)),), ordered=False, cap=FEW, instead=_erred(), rank=5)


@cache
def _erred() -> Source:
    """Return what may have an error, by time: to collect all with a word that half of them have takes seconds."""
    _, source = by_status(frozenset(JobStatus) - {JobStatus.SUCCEEDED}, None)  # a success has none
    return replace(source, rank=2)


def of_error(source: Source, text: str) -> Condition:
    """Return the condition that `by_error` would find a job, for rows of another source, and for no index."""
    if source.ordered:
        return source.arms[0].where[0]
    return in_turn(sa.and_(*_has_letters(text), has_words(text)))


def in_turn(condition: Condition) -> Condition:
    """Return the condition so that no index is read for it, and so that PostgreSQL expects half of all rows to meet it.

    It knows so little of an expression that it would expect next to none, and read the whole table for a few rows
    where the first ones in order meet it.
    """
    return sa.case((condition, sa.true()), else_=sa.false())


def has_words(text: str) -> Condition:
    """Return the condition that every word of `text` starts a word of the error's type or message."""
    query = word_query(text)
    if not query:
        return sa.false()
    error_words: ColumnElement[Any] = sa.literal_column(f"({ERROR_WORDS})")
    matches = error_words.op("@@", is_comparison=True)(sa.func.to_tsquery("simple", query))
    return sa.and_(col(Job.error_type).is_not(None), matches)


def word_query(text: str) -> str:
    """Return a query for texts in which every word of `text` starts a word; empty without one."""
    return " & ".join(f"{word}:*" for word in re.findall(r"[^\W_]+", text))


def _has_letters(text: str) -> list[Condition]:
    """Return conditions that `has_words` implies at a tenth of its cost; they rule out most rows early."""
    error_text = sa.func.concat_ws(" ", col(Job.error_type), col(Job.error_message), type_=sa.Text())
    whole = [word for word in re.findall(r"[^\W_]+", text) if re.fullmatch(r"[A-Za-z]+|[0-9]+", word)]
    return [error_text.icontains(word, autoescape=True) for word in whole]


def by_connection(connection_id: UUID) -> Source:
    """Return the jobs of one connection."""
    same = Arm((col(Job.connection_id) == connection_id,))
    return Source("connection", (same,), ordered=False, instead=NEWEST, rank=7)


def by_time(range_: Sequence[Condition]) -> Source:
    """Return the jobs created in a time range."""
    return Source("time", _by_time(*range_), rank=0)


def by_end(range_: Sequence[Condition]) -> Source:
    """Return the jobs that ended in a time range."""
    return Source("end", (Arm(tuple(range_)),), ordered=False, instead=NEWEST, rank=0)


def by_id(first: UUID, last: UUID) -> Source:
    """Return the jobs with these ids: one, or the few of a moment."""
    return Source(f"id {first} {last}", (Arm((col(Job.id).between(first, last),)),), ordered=False, rank=8)


def _paired(where: tuple[Condition, ...], pairs: Sequence[tuple[str, str]]) -> Arm:
    if len(pairs) == 1:
        return Arm((*where, col(Job.kind) == pairs[0][0], col(Job.queue) == pairs[0][1]))
    columns = (sa.column("kind", sa.Text()), sa.column("queue", sa.Text()))
    pair_values = sa.values(*columns, name="pair").data(list(pairs))
    return Arm((*where, col(Job.kind) == pair_values.c.kind, col(Job.queue) == pair_values.c.queue), pair_values)
