"""The source of the filter by why a job was requested; and the condition on its arguments, which no index holds."""

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import col

from core.job_list.sources import FEW, Arm, Condition, Job, Source, word_query
from core.models.background_job import REASON_WORDS

_HAS_REASON: Final = col(Job.reason).is_not(None)


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
