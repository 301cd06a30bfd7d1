"""Sources of the filters by who requested a job, and why; and the condition on its arguments, which no index holds."""

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import fetch
from core.job_list.sources import FEW, FEW_USERS, Arm, Condition, Job, Source, user_ids, word_query
from core.models.background_job import FOR_OTHERS, REASON_WORDS

_FOR_OTHERS: Final[Condition] = sa.literal_column(f"({FOR_OTHERS})", sa.Boolean())
_HAS_REASON: Final = col(Job.reason).is_not(None)


def by_requesters(session: Session, text: str) -> tuple[Condition, Source] | None:
    """Return the jobs requested by users whose id is `text` or whose address starts with it; None without such a user.

    What they requested for themselves is among their own jobs; an index holds what they requested for others.
    """
    people = user_ids(text)
    ids = [row.id for row in fetch(session, sa.select(people.c.id).limit(FEW_USERS + 1))]
    if not ids:
        return None
    each = people
    if len(ids) <= FEW_USERS:
        each = sa.values(sa.column("id", sa.Uuid()), name="person").data([(user_id,) for user_id in ids])  # type: ignore[assignment]
    is_theirs = col(Job.requested_by) == each.c.id
    arms = Arm((_FOR_OTHERS, is_theirs), each), Arm((col(Job.user_id) == each.c.id, is_theirs), each)
    condition = col(Job.requested_by).in_(sa.select(user_ids(text).c.id))
    return condition, Source(f"by {text}", arms, cap=FEW, rank=5)


def by_reason(text: str) -> tuple[Condition, Source]:
    """Return the jobs with a reason in which every word of `text` starts a word."""
    query = word_query(text)
    reason_words: sa.ColumnElement[Any] = sa.literal_column(f"({REASON_WORDS})")
    matches = reason_words.op("@@", is_comparison=True)(sa.func.to_tsquery("simple", query))
    condition = sa.and_(_HAS_REASON, matches) if query else sa.false()
    return condition, Source(f"reason {text}", (Arm((condition,)),), ordered=False, cap=FEW, rank=5)


def have_arguments(arguments: Iterable[tuple[str, str]]) -> Condition:
    """Return the condition that a job has these arguments, each a text, a number, or true or false.

    An index of all arguments would be written with each job. So this looks at every job that the rest of the filter
    leaves: half a second for a million of them.
    """
    plain = ("string", "number", "boolean")
    return sa.and_(
        *(
            sa.and_(
                col(Job.args)[name].astext == text,
                sa.func.jsonb_typeof(col(Job.args)[name]).in_(plain),
            )
            for name, text in sorted(arguments)
        )
    )
