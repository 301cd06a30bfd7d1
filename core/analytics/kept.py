"""Answers that are kept until more is added up: a hundred open pages add up the same buckets once."""

import time
from datetime import datetime
from typing import Final

from sqlmodel import Session, select

from core.analytics.figures import Analytics, By
from core.analytics.reading import analytics
from core.analytics.spans import Choice
from core.models import RollupState

#: Seconds for which an answer holds: its marks come from tables that change in between.
HOLDS: Final = 60.0
MOST: Final = 100
_Key = tuple[Choice, By, str, datetime | None, datetime | None, datetime | None]
_kept: dict[_Key, tuple[float, Analytics | None]] = {}


def kept_analytics(session: Session, choice: Choice, by: By, zone: str) -> Analytics | None:
    """Return the figures of a choice, read within the last minute and of all buckets that there are. Raises Invalid."""
    state = session.exec(select(RollupState)).first()
    state = state or RollupState()
    key = (choice, by, zone, state.until, state.written_at, state.gone_before)
    now = time.monotonic()
    if (last := _kept.get(key)) and now - last[0] < HOLDS:
        return last[1]
    found = analytics(session, choice, by, zone)
    _kept[key] = now, found
    for old in list(_kept)[:-MOST]:
        _kept.pop(old, None)
    return found
