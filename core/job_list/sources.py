"""Where a list of jobs is read from: each source is one index that holds all candidates for one part of a filter.

A list must be complete and quick at any size, also when nothing matches. PostgreSQL, left to itself, bets that matches
lie close to the newest row; when there are none it reads the whole table. So every source names its index by the shape
of its conditions (see core/models/background_job.py), and branches.py measures how many candidates each has before one
is read.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause
from sqlmodel import Session, col

from core.models import BackgroundJob, JobStatus, User
from core.models.background_job import ERROR_WORDS

#: Candidates that are cheap to read in full and to sort: about 3 ms.
FEW: Final = 3_000
#: Nobody reads further than this; beyond it a number is shown as "10,000+".
CAP: Final = 10_000
#: Users whose jobs can be merged in order of time, one index descent each; beyond, they are collected and sorted.
FEW_USERS: Final = 200

Job = BackgroundJob
Query = sa.Select[*tuple[Any, ...]]
Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Arm:
    """One scan of one index; with `each`, one scan for every row of it."""

    where: tuple[Condition, ...] = ()
    each: FromClause | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Arms that together hold every candidate; `ordered` when each scan yields them by time.

    Equal names mean equal candidates.
    """

    name: str
    arms: tuple[Arm, ...]
    ordered: bool = True
    #: How far its rows are counted; where each costs a look at the table, not further than it is measured anyway.
    cap: int = CAP
    #: What is read by time in its place, when it is not ordered and holds many.
    instead: "Source | None" = None
    #: How much it narrows, when it has many candidates: the highest is read.
    rank: int = 0


#: All jobs, by time.
NEWEST: Final = Source("newest", (Arm(),), rank=0)


def fetch(session: Session, statement: Query) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Run a Core statement in the session's transaction, after what the session still holds."""
    session.flush()
    return session.connection().execute(statement).all()


def kinds_and_queues(session: Session) -> list[tuple[str, str]]:
    """Return every (kind, queue) that any job has, by hopping from one to the next in the index."""
    kind, queue = col(Job.kind), col(Job.queue)
    first = sa.select(kind, queue).order_by(kind, queue).limit(1).subquery()
    hops = sa.select(first.c.kind, first.c.queue).cte("pair", recursive=True)
    after = sa.select(kind, queue).where(sa.tuple_(kind, queue) > sa.tuple_(hops.c.kind, hops.c.queue))
    hop = after.order_by(kind, queue).limit(1).lateral("hop")
    hops = hops.union_all(sa.select(hop.c.kind, hop.c.queue).select_from(hops.join(hop, sa.true())))
    return [(row.kind, row.queue) for row in fetch(session, sa.select(hops.c.kind, hops.c.queue))]


def by_kind(pairs: Sequence[tuple[str, str]]) -> Source:
    """Return the jobs of some (kind, queue) pairs."""
    return Source(f"kind {pairs}", (_paired((), pairs),), rank=1)


def by_status(statuses: Iterable[JobStatus], pairs: Sequence[tuple[str, str]] | None) -> Source:
    """Return the jobs of some statuses, and of some (kind, queue) pairs unless that is None."""
    arms, narrow = [], True
    for status in sorted(statuses):
        is_status = col(Job.status) == status
        arms.append(Arm((is_status,)) if pairs is None else _paired((is_status,), pairs))
        narrow = narrow and status != JobStatus.SUCCEEDED
    return Source(f"status {sorted(statuses)} {pairs}", tuple(arms), rank=4 if narrow else 1)


def by_users(session: Session, text: str) -> Source | None:
    """Return the jobs of the users whose id is `text` or whose e-mail address begins with it; None: no such user."""
    found = _user_ids(text)
    ids = [row.id for row in fetch(session, sa.select(found.c.id).limit(FEW_USERS + 1))]
    if not ids:
        return None
    if len(ids) == 1:
        return Source(f"user {text}", (Arm((col(Job.user_id) == ids[0],)),), rank=6)
    if len(ids) <= FEW_USERS:
        some = sa.values(sa.column("id", sa.Uuid()), name="person").data([(user_id,) for user_id in ids])
        return Source(f"user {text}", (Arm((col(Job.user_id) == some.c.id,), some),), rank=6)
    return Source(
        f"user {text}", (Arm((col(Job.user_id) == found.c.id,), found),), ordered=False, instead=NEWEST, rank=2
    )


def of_users(text: str) -> Condition:
    """Return the condition that a job's user is one that `by_users` finds."""
    return col(Job.user_id).in_(sa.select(_user_ids(text).c.id))


def by_error(session: Session, text: str) -> Source:
    """Return the jobs whose error has the fingerprint `text`, or else the words of it."""
    same = col(Job.error_fingerprint) == text
    if fetch(session, sa.select(col(Job.id)).where(same).limit(1)):
        return Source(f"fingerprint {text}", (Arm((same,)),), rank=5)
    return Source(f"words {text}", (Arm((has_words(text),)),), ordered=False, cap=FEW, rank=5)


def of_error(source: Source, text: str) -> Condition:
    """Return the condition that a job is one that `by_error` finds, for rows that come from elsewhere."""
    return source.arms[0].where[0] if source.ordered else sa.and_(*_has_letters(text), has_words(text))


def has_words(text: str) -> Condition:
    """Return the condition that every word of `text` begins a word of the error's type or message."""
    query = " & ".join(f"{word}:*" for word in re.findall(r"[^\W_]+", text))
    if not query:
        return sa.false()
    words: ColumnElement[Any] = sa.literal_column(f"({ERROR_WORDS})")
    matches = words.op("@@", is_comparison=True)(sa.func.to_tsquery("simple", query))
    return sa.and_(col(Job.error_type).is_not(None), matches)


def _has_letters(text: str) -> list[Condition]:
    """Return conditions that `has_words` implies and that cost a tenth: they spare most rows the taking apart."""
    said = sa.func.concat_ws(" ", col(Job.error_type), col(Job.error_message), type_=sa.Text())
    whole = [word for word in re.findall(r"[^\W_]+", text) if re.fullmatch(r"[A-Za-z]+|[0-9]+", word)]
    return [said.icontains(word, autoescape=True) for word in whole]


def by_connection(connection_id: UUID) -> Source:
    """Return the jobs of one connection."""
    same = Arm((col(Job.connection_id) == connection_id,))
    return Source("connection", (same,), ordered=False, instead=NEWEST, rank=7)


def by_time(range_: Sequence[Condition]) -> Source:
    """Return the jobs that were created in a range of time."""
    return Source("time", (Arm(tuple(range_)),), rank=0)


def by_id(job_id: UUID) -> Source:
    """Return one job."""
    return Source("id", (Arm((col(Job.id) == job_id,)),), ordered=False, rank=8)


def _paired(where: tuple[Condition, ...], pairs: Sequence[tuple[str, str]]) -> Arm:
    if len(pairs) == 1:
        return Arm((*where, col(Job.kind) == pairs[0][0], col(Job.queue) == pairs[0][1]))
    columns = (sa.column("kind", sa.Text()), sa.column("queue", sa.Text()))
    some = sa.values(*columns, name="pair").data(list(pairs))
    return Arm((*where, col(Job.kind) == some.c.kind, col(Job.queue) == some.c.queue), some)


def _user_ids(text: str) -> sa.Subquery:
    person: Query = sa.select(col(User.id).label("id"))
    try:
        return person.where(col(User.id) == UUID(text)).subquery("person")
    except ValueError:
        email = sa.func.lower(col(User.email), type_=sa.Text())
        return person.where(email.startswith(text.lower(), autoescape=True)).subquery("person")
