"""Who was written to of an error within a day: how many of those hit, when and by whom, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import Session, col

from core import clock
from core.database.statements import Query, fetch
from core.failures.groups import FINGERPRINT, failed
from core.messages.outbox import SAME_FOR
from core.models import BackgroundJob, Notification, NotificationStatus, User
from core.wording import counted

#: So many of the newest failures of a time are looked at.
DEPTH: Final = 1_000
#: What became of messages, in the words of a list.
_BECAME: Final = {
    NotificationStatus.SENT: "sent",
    NotificationStatus.WAITING: "waiting to be sent",
    NotificationStatus.FAILED: "failed",
    NotificationStatus.DROPPED: "dropped",
}


@dataclass(frozen=True, slots=True)
class Told:
    """The users hit who were written to of an error within a day; a user may have been written to twice."""

    users: int
    #: When the last of them was, and by whom.
    at: datetime
    by: str
    #: How many messages are in each state.
    messages: tuple[tuple[NotificationStatus, int], ...]

    @property
    def sentence(self) -> str:
        """How many, and what became of their messages."""
        became = ", ".join(f"{number:,} {_BECAME[status]}" for status, number in self.messages)
        return f"{counted(self.users, 'user')} written to within a day: {became}."


def told_of(session: Session, fingerprint: str, since: datetime) -> Told | None:
    """Return who of those hit since then was written to; None: nobody."""
    values = {"fingerprint": fingerprint, "since": since, "same_for": SAME_FOR}
    [(users, at, by, *numbers)] = fetch(session, _told(), **values)
    if not users:
        return None
    messages = [(status, number) for status, number in zip(_BECAME, numbers, strict=True) if number]
    person = session.get(User, by) if by else None
    name = ((person.name or "").strip() or person.email)[:100] if person else "somebody"
    return Told(users, at, name, tuple(messages))


@cache
def _told() -> Query:
    job, row = BackgroundJob, Notification
    is_this = col(job.error_fingerprint) == FINGERPRINT
    latest = sa.select(col(job.user_id)).where(*failed(), is_this, col(job.user_id).is_not(None))
    hit = latest.order_by(col(job.finished_at).desc()).limit(DEPTH).scalar_subquery()
    is_of_it = sa.func.starts_with(col(row.dedupe_key), sa.func.concat("failure:", FINGERPRINT, ":"))
    is_late = col(row.created_at) >= clock.db_now() - sa.bindparam("same_for", type_=sa.Interval())
    by: Any = sa.func.array_agg(
        aggregate_order_by(col(row.requested_by), col(row.created_at).desc()), type_=sa.ARRAY(sa.Uuid())
    )
    users, at = sa.func.count(sa.distinct(col(row.user_id))), sa.func.max(col(row.created_at))
    numbers = (sa.func.count().filter(col(row.status) == status) for status in _BECAME)
    return sa.select(users, at, by[1], *numbers).where(col(row.user_id).in_(hit), is_of_it, is_late)
