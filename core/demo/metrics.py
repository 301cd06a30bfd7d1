"""The dashboard's figures for one user: interactions of the last 90 days, grouped in several ways.

Generated interactions and the user's own are never added together. All groupings come from one statement, so each of
them sums to the total.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.demo.batch import WINDOW_DAYS
from core.models import Interaction, PlatformConnection

#: The group of rows without a value, such as interactions whose connection was deleted.
UNKNOWN = "unknown"
MOST_ACTIVE = 5

_KIND, _SENTIMENT = col(Interaction.kind), col(Interaction.sentiment)
_PLATFORM, _AUTHOR = col(PlatformConnection.platform), col(Interaction.author)
_DAY: sa.ColumnElement[date] = sa.cast(sa.func.timezone("UTC", col(Interaction.created_at)), sa.Date)
_GROUPED_BY = (_KIND, _SENTIMENT, _PLATFORM, _DAY)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Interactions of the 90 days that end today, in UTC; the largest group comes first."""

    total: int
    by_kind: Mapping[str, int]
    by_sentiment: Mapping[str, int]
    by_platform: Mapping[str, int]
    #: All 90 days, oldest first, including days without interactions.
    by_day: Mapping[date, int]
    #: The most active authors; interactions without an author are left out.
    top_authors: Mapping[str, int]


def metrics_of(session: Session, user_id: UUID, today: date, *, generated: bool) -> Metrics:
    """Return the figures of a user's generated rows, or of their own, for the 90 days that end with `today`, in UTC."""
    days = [today - timedelta(days=ago) for ago in reversed(range(WINDOW_DAYS))]
    in_window = sa.and_(
        col(Interaction.user_id) == user_id,
        col(Interaction.is_demo).is_(generated),
        col(Interaction.created_at) >= datetime.combine(days[0], time(), UTC),
        col(Interaction.created_at) < datetime.combine(today + timedelta(days=1), time(), UTC),
    )
    kinds, sentiments, platforms, counted = _groupings(session, in_window)
    return Metrics(
        total=sum(counted.values()),
        by_kind=kinds,
        by_sentiment=sentiments,
        by_platform=platforms,
        by_day={day: counted.get(day, 0) for day in days},
        top_authors=_authors(session, in_window),
    )


def _groupings(session: Session, in_window: sa.ColumnElement[bool]) -> tuple[dict[Any, int], ...]:
    """Return value -> count for each grouping, from one pass over the rows."""
    which = sa.func.grouping(*_GROUPED_BY)
    value = sa.func.coalesce(_KIND, _SENTIMENT, _PLATFORM)
    count = sa.func.count()
    sets = sa.func.grouping_sets(*(sa.tuple_(column) for column in _GROUPED_BY))
    rows = session.connection().execute(
        sa.select(which, value, _DAY, count)
        .select_from(Interaction)
        .join(PlatformConnection, col(PlatformConnection.id) == col(Interaction.connection_id), isouter=True)
        .where(in_window)
        .group_by(sets)
        .order_by(count.desc(), value)
    )
    groups: dict[int, dict[Any, int]] = {_mask(number): {} for number in range(len(_GROUPED_BY))}
    for mask, text, day, number in rows:
        part = day or text or UNKNOWN
        groups[mask][part] = groups[mask].get(part, 0) + number
    return tuple(groups.values())


def _mask(index: int) -> int:
    """Return GROUPING() for the rows of one grouping: bit 0 for itself, 1 for the others, the first one highest."""
    return (1 << len(_GROUPED_BY)) - 1 - (1 << (len(_GROUPED_BY) - 1 - index))


def _authors(session: Session, in_window: sa.ColumnElement[bool]) -> dict[str, int]:
    count = sa.func.count()
    rows = session.connection().execute(
        sa.select(_AUTHOR, count)
        .where(in_window, _AUTHOR.is_not(None))
        .group_by(_AUTHOR)
        .order_by(count.desc(), _AUTHOR)
        .limit(MOST_ACTIVE)
    )
    return {author: number for author, number in rows if author}
