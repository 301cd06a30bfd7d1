"""The sources of the filters by why a job was requested, and by its arguments."""

import json
import re
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import col

from core.job_list.sources import FEW, LIVE, NEWEST, Arm, Condition, Job, Source, in_turn, word_query
from core.models.background_job import HAS_ARGUMENTS, REASON_WORDS
from core.models.columns import Json

_HAS_REASON: Final = col(Job.reason).is_not(None)


def by_reason(text: str) -> tuple[Condition, Source]:
    """Return the jobs with a reason in which every word of `text` starts a word."""
    query = word_query(text)
    reason_words: sa.ColumnElement[Any] = sa.literal_column(f"({REASON_WORDS})")
    matches = reason_words.op("@@", is_comparison=True)(sa.func.to_tsquery("simple", query))
    condition = sa.and_(_HAS_REASON, matches) if query else sa.false()
    return condition, Source(f"reason {text}", (Arm((condition,)),), ordered=False, cap=FEW, rank=5)


def by_arguments(arguments: Iterable[tuple[str, str]]) -> tuple[Condition, Source]:
    """Return the jobs that have these arguments, each a text, a number, or true or false.

    The index is written as a job ends, not as it is requested: those that wait or run are looked at one by one.
    """
    given = sorted(arguments)
    has = sa.and_(*(_has(name, text) for name, text in given))
    contain = (sa.or_(*(col(Job.args).contains(each) for each in _documents(name, text))) for name, text in given)
    ended = Arm((sa.literal_column(f"({HAS_ARGUMENTS})", sa.Boolean()), *contain, has))
    live = (Arm((col(Job.status) == status, has)) for status in LIVE)
    return in_turn(has), Source(f"arguments {given}", (ended, *live), ordered=False, cap=FEW, instead=NEWEST, rank=2)


def _has(name: str, text: str) -> Condition:
    value = col(Job.args)[name]
    return sa.and_(value.astext == text, sa.func.jsonb_typeof(value).in_(("string", "number", "boolean")))


def _documents(name: str, text: str) -> list[sa.ColumnElement[Any]]:
    """Return what the index may know such an argument as: a text, and what is written the same without quotes."""
    is_plain = re.fullmatch(r"true|false|-?(0|[1-9][0-9]*)([.][0-9]+)?", text)
    values = [json.dumps(text), *([text] if is_plain else [])]
    return [sa.cast(sa.literal(f"{{{json.dumps(name)}: {value}}}", sa.Text()), Json) for value in values]
