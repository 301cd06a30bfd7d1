"""Telling what has happened: alerts to operators, alerts and ended jobs to webhooks, each once for each way out.

Whoever comes round looks at what was committed since the last look, so that nothing is written twice and raising an
alert or ending a job waits for nobody. A process without such a way looks at nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, select

from core import clock
from core.alerts import shared_round
from core.alerts.rules import BY_NAME
from core.messages.operators_channel import OPERATORS, operator_ways
from core.messages.outbox import Message, put
from core.messages.webhook_channel import WEBHOOK, webhook_ways
from core.settings import settings
from core.wording import clock_time, shortened

#: How often it is looked; the first process that is due does it.
EVERY: Final = timedelta(seconds=4)
#: Events of one look; the next goes on where it ended.
MOST: Final = 500
#: What was written so long before a look is committed, unless a transaction is open for longer.
COMMITTED: Final = timedelta(seconds=10)
#: Nobody waits for a transaction that is open for longer.
LONGEST_OPEN: Final = timedelta(hours=1)

#: The template of each event of an alert.
_TEMPLATES: Final = {"alert.raised": "alert", "alert.over": "alert_over"}

#: Open transactions that have written: what they wrote may appear with a time that was looked at.
_OLDEST = text("""
    SELECT least(statement_timestamp() - CAST(:committed AS interval), min(xact_start)) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
      AND backend_xid IS NOT NULL AND xact_start > statement_timestamp() - CAST(:longest AS interval)
""")
_ALERTS = text("""
    SELECT * FROM (
        SELECT 'alert.raised' AS event, told_at AS at, a.* FROM alerts a
        WHERE told_at >= :since OR (CAST(:is_first AS boolean) AND told_at IS NOT NULL AND over_at IS NULL)
        UNION ALL
        SELECT 'alert.over', over_at, a.* FROM alerts a WHERE over_at >= :since AND told_at IS NOT NULL
    ) news ORDER BY at, id LIMIT :most
""")
_JOBS = text("""
    SELECT 'job.' || status AS event, finished_at AS at, id, kind, status, queue, user_id, connection_id, retry_of,
           attempt, created_at, started_at, error_type, left(error_message, 1000) AS error_message, error_fingerprint
    FROM background_jobs j
    WHERE finished_at BETWEEN :since AND statement_timestamp() + interval '1 day' AND status = ANY(:statuses)
      AND isfinite(created_at) AND NOT EXISTS (
        SELECT FROM notifications n WHERE n.dedupe_key = 'webhook:job:' || j.id || ':' || CAST(:last AS text))
    ORDER BY finished_at, id LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class _News:
    """One thing to tell, by all ways of a channel; `key` names it."""

    at: datetime
    key: str
    template: str
    data: dict[str, Any]
    job_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    """What is looked at: from when on; the first look finds alerts that are there already. `last`: the last way."""

    since: datetime
    is_first: bool
    last: str


_Find = Callable[[Session, _Look], Iterator[_News]]


def tell_operators(session: Session) -> None:
    """Put a message to operators for each alert that is to be told or over, if this process has a way to them."""
    _tell(session, OPERATORS.name, "alerts", operator_ways(), _of_alerts)


def tell_webhooks(session: Session) -> None:
    """Put a delivery for each event that webhooks want, if this process has any."""
    _tell(session, WEBHOOK.name, "webhook alerts", webhook_ways(), _alert_events)
    _tell(session, WEBHOOK.name, "webhook jobs", webhook_ways(), _job_events)


def _tell(session: Session, channel: str, round_name: str, ways: list[str], find: _Find) -> None:
    if not ways:
        return
    is_due, before = shared_round.take(session, round_name, EVERY)
    if not is_due:
        return
    now = session.exec(select(clock.db_now())).one()
    look = _Look(since=min(before or now, now), is_first=before is None, last=ways[-1])
    news = list(find(session, look))
    for each in news:
        for way in ways:
            message = Message(
                template=each.template,
                channel=channel,
                address=way,
                data=each.data,
                dedupe_key=f"{channel}:{each.key}:{way}",
                job_id=each.job_id,
            )
            put(session, message)
    until = news[-1].at if len(news) >= MOST else max(look.since, _committed(session))
    shared_round.note(session, round_name, until)


def _committed(session: Session) -> datetime:
    """Return until when all that was written is committed."""
    values = {"committed": COMMITTED, "longest": LONGEST_OPEN}
    at: datetime = session.connection().execute(_OLDEST, values).scalar_one()
    return at


def _of_alerts(session: Session, look: _Look) -> Iterator[_News]:
    for row in _alerts(session, look):
        rule = BY_NAME.get(row.rule)
        data = {
            "label": rule.label if rule else row.rule,
            "environment": settings().environment,
            "sentence": row.sentence,
            "href": row.href,
            "since": clock_time(row.since, row.at),
            "at": clock_time(row.at, row.at),
            "seconds": (row.at - row.since).total_seconds(),
        }
        yield _News(row.at, _key_of_alert(row), _TEMPLATES[row.event], data)


def _alert_events(session: Session, look: _Look) -> Iterator[_News]:
    wanted = settings().webhook_event_names
    for row in _alerts(session, look):
        if row.event in wanted:
            yield _News(row.at, _key_of_alert(row), row.event, _event(row, _alert_data(row)))


def _job_events(session: Session, look: _Look) -> Iterator[_News]:
    statuses = [name.removeprefix("job.") for name in settings().webhook_event_names if name.startswith("job.")]
    values = {"since": look.since, "statuses": statuses, "last": look.last, "most": MOST}
    for row in session.connection().execute(_JOBS, values) if statuses else ():
        yield _News(row.at, f"job:{row.id}", row.event, _event(row, _job_data(row)), row.id)


def _alerts(session: Session, look: _Look) -> Any:
    values = {"since": look.since, "is_first": look.is_first, "most": MOST}
    return session.connection().execute(_ALERTS, values).all()


def _key_of_alert(row: Any) -> str:
    return f"{row.event}:{row.id}:{row.at.timestamp():.6f}"


def _event(row: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Return an event as the Standard Webhooks convention wants it: what, when, and its data."""
    return {"type": row.event, "timestamp": row.at.isoformat(), "data": data}


def _alert_data(row: Any) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "rule": row.rule,
        "subject": row.subject,
        "sentence": row.sentence,
        "since": row.since.isoformat(),
        "url": _url(row.href),
    }


def _job_data(row: Any) -> dict[str, Any]:
    error = {
        "type": row.error_type,
        "message": shortened((row.error_message or "").partition("\n")[0], 500),
        "fingerprint": row.error_fingerprint,
    }
    return {
        "id": str(row.id),
        "kind": row.kind,
        "status": row.status,
        "queue": row.queue,
        **{name: _text(getattr(row, name)) for name in ("user_id", "connection_id", "retry_of")},
        "attempts": row.attempt,
        **{name: _time(getattr(row, name)) for name in ("created_at", "started_at")},
        "finished_at": row.at.isoformat(),
        "error": error if row.status == "failed" else None,
        "url": _url(f"/jobs/{row.id}"),
    }


def _time(at: datetime | None) -> str | None:
    """Return a time as JSON has it."""
    return at.isoformat() if at else None


def _text(value: UUID | None) -> str | None:
    return str(value) if value else None


def _url(path: str) -> str | None:
    base = (settings().public_url or "").rstrip("/")
    return base + path if base else None
