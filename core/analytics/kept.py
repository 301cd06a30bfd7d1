"""Answers that are kept until more is added up: a hundred open pages add up the same buckets once."""

import time
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

from sqlmodel import Session, select

from core.analytics.figures import Analytics, By, JobFigures
from core.analytics.reading import analytics, figures_by_hour
from core.analytics.spans import Choice, Span
from core.models import RollupState

T = TypeVar("T")

#: Seconds for which an answer holds: its marks come from tables that change in between.
HOLDS: Final = 60.0
MOST: Final = 100
_kept: dict[Hashable, tuple[float, Any]] = {}


def kept_analytics(session: Session, choice: Choice, by: By, zone: str) -> Analytics | None:
    """Return the figures of a choice, read within the last minute and of all buckets that there are. Raises Invalid."""
    return _kept_of(session, (choice, by, zone), lambda: analytics(session, choice, by, zone))


def kept_hours(session: Session, span: Span) -> tuple[JobFigures, ...]:
    """Return the figures of each hour of the clock that a time is in, as they were at most a minute ago."""
    return _kept_of(session, (span.start, span.stop), lambda: figures_by_hour(session, span))


def _kept_of(session: Session, question: Hashable, read: Callable[[], T]) -> T:
    state = session.exec(select(RollupState)).first() or RollupState()
    key = (question, state.until, state.written_at, state.gone_before)
    now = time.monotonic()
    if (last := _kept.get(key)) and now - last[0] < HOLDS:
        answer: T = last[1]
        return answer
    found = read()
    _kept[key] = now, found
    for old in list(_kept)[:-MOST]:
        _kept.pop(old, None)
    return found
