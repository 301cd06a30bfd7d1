"""Alerts as people see them: those that are there now, and those that are over."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import clock
from core.alerts.rules import BY_NAME
from core.models import Alert, AlertSnooze

#: Alerts that are over on one page.
OVER_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert as a line."""

    id: UUID
    rule: str
    label: str
    subject: str
    sentence: str
    href: str
    since: datetime
    told_at: datetime | None
    #: Since when it is not there any more; it is over if that lasts.
    gone_since: datetime | None
    is_over: bool
    #: While nobody is told of it.
    snoozed_until: datetime | None
    snoozed_by: str | None
    snooze_reason: str | None


def open_alerts(session: Session) -> list[AlertLine]:
    """Return the alerts that are there now, the oldest first; those that are too young to be told are not."""
    where = (col(Alert.over_at).is_(None), col(Alert.raised_at).is_not(None))
    return [_line(row) for row in session.execute(_lines().where(*where).order_by(col(Alert.since), col(Alert.id)))]


def over_alerts(session: Session, limit: int = OVER_SHOWN) -> list[AlertLine]:
    """Return the alerts that were over last, the latest first."""
    newest = (col(Alert.found_at).desc(), col(Alert.id).desc())
    rows = session.execute(_lines().where(col(Alert.over_at).is_not(None)).order_by(*newest).limit(limit))
    return [_line(row) for row in rows]


def _lines() -> Any:
    snooze = sa.and_(
        col(AlertSnooze.rule) == col(Alert.rule),
        col(AlertSnooze.subject) == col(Alert.subject),
        col(AlertSnooze.until) > clock.db_now(),
    )
    return sa.select(Alert, AlertSnooze).join(AlertSnooze, snooze, isouter=True)


def _line(row: Any) -> AlertLine:
    alert, snooze = row
    rule, is_snoozed = BY_NAME.get(alert.rule), snooze is not None and alert.over_at is None
    return AlertLine(
        id=alert.id,
        rule=alert.rule,
        label=rule.label if rule else alert.rule,
        subject=alert.subject,
        sentence=alert.sentence,
        href=alert.href,
        since=alert.since,
        told_at=alert.told_at,
        gone_since=alert.missing_since,
        is_over=alert.over_at is not None,
        snoozed_until=snooze.until if is_snoozed else None,
        snoozed_by=snooze.snoozed_by if is_snoozed else None,
        snooze_reason=snooze.reason if is_snoozed else None,
    )
