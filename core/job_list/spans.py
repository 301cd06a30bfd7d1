"""The filters by time: when, how long a job took, how long it waited, and how often it was tried.

Indexes hold the ended jobs of which this is worth a question: those that took a second, waited for a minute, or were
tried again. A thread adds to the first once a second at most. What took or waited less is found by the blocks that
have such jobs; or, as most match, from the newest on.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import col

from core import clock
from core.job_list.filters import JobFilter
from core.job_list.ranges import NumberRange, SpanRange
from core.job_list.sources import FEW, NEWEST, Arm, Condition, Job, Source, in_turn
from core.models import JobStatus
from core.models.background_job import ENDED, LONG_WAIT, LONG_WORK, TOOK, TRIED_AGAIN, WAITED

_Span = ColumnElement[timedelta]
_TOOK: Final[_Span] = sa.literal_column(TOOK, sa.Interval())
_WAITED: Final[_Span] = sa.literal_column(WAITED, sa.Interval())
_HAS_ENDED: Final[Condition] = sa.literal_column(f"({ENDED})", sa.Boolean())
#: The shortest spans that the indexes hold.
LEAST_WORK: Final = timedelta(seconds=1)
LEAST_WAIT: Final = timedelta(minutes=1)
_IS_RUNNING: Final = col(Job.status) == JobStatus.RUNNING
#: Those that can be without an attempt; the first mostly are, so that counting ends soon.
_MAY_LACK_ATTEMPTS: Final = [col(Job.status) == each for each in ("cancelled", "queued", "failed")]
_IS_QUEUED: Final = col(Job.status) == JobStatus.QUEUED


def times(job_filter: JobFilter, name: Literal["created", "finished"]) -> list[Condition]:
    """Return the range of times that a filter's moments and ages mean now."""
    at, now, age = col(getattr(Job, f"{name}_at")), clock.db_now(), getattr(job_filter, name)
    after, before = (getattr(job_filter, f"{name}_{end}") for end in ("after", "before"))
    return [
        *([at >= after] if after else []),
        *([at < before] if before else []),
        *([at >= now - sa.literal(age.most, sa.Interval())] if age and age.most is not None else []),
        *([at < now - sa.literal(age.least, sa.Interval())] if age and age.least is not None else []),
    ]


def took(range_: SpanRange) -> tuple[Condition, Source]:
    """Return the condition that a job's work lasted so long, or has so far, and its source."""
    so_far = clock.db_now() - col(Job.started_at)
    condition = in_turn(_within(sa.case((_IS_RUNNING, so_far), else_=_TOOK), range_))
    running = Arm((_IS_RUNNING, _within(so_far, range_)), few=True)
    if range_.least is None or range_.least < LEAST_WORK:
        blocks = Arm((_HAS_ENDED, _within(_TOOK, range_)))
        return condition, replace(_source(f"took {range_}", blocks, running), cap=FEW)
    ended = Arm((_HAS_ENDED, _literal(LONG_WORK), _within(_TOOK, range_)), order=_TOOK)
    return condition, _source(f"took {range_}", ended, running)


def waited(range_: SpanRange) -> tuple[Condition, Source]:
    """Return the condition that a job was due so long before its work began, or has been, and its source."""
    has_waited = sa.and_(_IS_QUEUED, col(Job.started_at).is_(None), col(Job.run_at) <= clock.db_now())
    so_far = clock.db_now() - col(Job.run_at)
    condition = in_turn(_within(sa.case((has_waited, so_far), else_=_WAITED), range_))
    live = (Arm((each, condition)) for each in (_IS_QUEUED, _IS_RUNNING))
    if range_.least is None or range_.least < LEAST_WAIT:
        blocks = Arm((_HAS_ENDED, _within(_WAITED, range_)))
        return condition, replace(_source(f"waited {range_}", blocks, *live), cap=FEW)
    ended = Arm((_HAS_ENDED, _literal(LONG_WAIT), _within(_WAITED, range_)), order=_WAITED)
    return condition, _source(f"waited {range_}", ended, *live)


def tried(range_: NumberRange) -> tuple[Condition, Source | None]:
    """Return the condition that a job had so many attempts, and its source if it had more than one."""
    number = col(Job.attempt)
    condition = _between(number, range_.least, range_.most)
    if range_.most == 0:  # a success, and what runs, has had one
        return condition, _source(f"tried {range_}", *(Arm((each, condition)) for each in _MAY_LACK_ATTEMPTS))
    if range_.least is None or range_.least < 2:
        return condition, None
    ended = Arm((_HAS_ENDED, _literal(TRIED_AGAIN), condition))
    arms = (ended, Arm((_IS_QUEUED, condition)), Arm((_IS_RUNNING, condition), few=True))
    return condition, Source(f"tried {range_}", arms, rank=3)


def _source(name: str, *arms: Arm) -> Source:
    return Source(name, arms, ordered=False, instead=NEWEST, rank=3)


def _within(span: Any, range_: SpanRange) -> Condition:
    """Return the condition on a span; without a lower bound it is zero, which what has not begun is below."""
    bounds = [sa.literal(bound, sa.Interval()) if bound is not None else None for bound in (range_.least, range_.most)]
    return _between(span, bounds[0] if bounds[0] is not None else sa.literal(timedelta(), sa.Interval()), bounds[1])


def _between(value: Any, least: Any, most: Any) -> Condition:
    bounds = ([value >= least] if least is not None else []) + ([value <= most] if most is not None else [])
    return sa.and_(*bounds)


def _literal(condition: str) -> Condition:
    """Return a condition as the index has it, so that the planner sees that the index holds all candidates."""
    return sa.literal_column(f"({condition})", sa.Boolean())


#: By filter, the ended jobs that its index holds, in the order of what follows, and the others that it can be about.
LONG: Final[Mapping[str, tuple[tuple[Condition, Condition], _Span]]] = {
    "took": ((_HAS_ENDED, _literal(LONG_WORK)), _TOOK),
    "waited": ((_HAS_ENDED, _literal(LONG_WAIT)), _WAITED),
}
IS_UNDER_WAY: Final[Mapping[str, tuple[Condition, ...]]] = {
    "took": (_IS_RUNNING,),
    "waited": (_IS_RUNNING, sa.and_(_IS_QUEUED, col(Job.run_at) <= clock.db_now())),
}
