"""Telling what has happened: alerts to operators, alerts and ended jobs to webhooks, each once for each way out.

Whoever comes round looks at what was committed since the last look, so that raising an alert or ending a job waits for
nobody. Each way has its own round: a process without it looks at nothing, and keeps nothing from others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from core.alerts import shared_round
from core.alerts.rules import BY_NAME
from core.alerts.shared_round import Round
from core.messages.operators_channel import OPERATORS
from core.messages.outbox import Message, put
from core.messages.sending import Line
from core.settings import settings
from core.wording import clock_time, shortened, spoken, with_visible_marks

#: How often it is looked; the first process that is due does it.
EVERY: Final = timedelta(seconds=4)
#: Events of one look; the next takes those that are left.
MOST: Final = 500
#: The template of each event of an alert.
_TEMPLATES: Final = {"alert.raised": "alert", "alert.over": "alert_over"}

# What is told already is found again for a while, since others may be committed late; it keeps no others out.
_ALERTS = text("""
    SELECT * FROM (
        SELECT *, concat_ws(':', CAST(:line AS text), event, id, extract(epoch FROM at)) AS key
        FROM (
            SELECT 'alert.raised' AS event, told_at AS at, a.* FROM alerts a
            WHERE told_at >= :since OR (CAST(:is_first AS boolean) AND told_at IS NOT NULL AND over_at IS NULL)
            UNION ALL
            SELECT 'alert.over', over_at, a.* FROM alerts a WHERE over_at >= :since AND told_at IS NOT NULL
        ) news WHERE event = ANY(:events) AND isfinite(at) AND isfinite(since)
    ) keyed WHERE NOT EXISTS (SELECT FROM notifications n WHERE n.dedupe_key = key)
    ORDER BY at, id LIMIT :most
""")
_JOBS = text("""
    SELECT 'job.' || status AS event, finished_at AS at, CAST(:line AS text) || ':job:' || id AS key,
           id, kind, status, queue, user_id, connection_id, retry_of, attempt, created_at, started_at, error_type,
           error_fingerprint, left(error_message, 1000) AS error_message
    FROM background_jobs j
    WHERE finished_at BETWEEN :since AND statement_timestamp() + interval '1 day' AND status = ANY(:statuses)
      AND NOT EXISTS (SELECT FROM notifications n WHERE n.dedupe_key = CAST(:line AS text) || ':job:' || j.id)
    ORDER BY finished_at, id LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class _News:
    """One thing to tell."""

    at: datetime
    key: str
    template: str
    data: dict[str, Any]
    job_id: UUID | None = None


_Find = Callable[[Session, Line, Round], list[_News]]


def tell(session: Session, line: Line) -> bool:
    """Write what is to be told by one way out; return whether there is more, for another transaction."""
    finds = (_of_alerts,) if line.channel is OPERATORS else (_alert_events, _job_events)
    is_more = [_tell(session, line, find) for find in finds]
    return any(is_more)


def _tell(session: Session, line: Line, find: _Find) -> bool:
    name = f"{line.key}: {find.__name__.strip('_')}"
    made = shared_round.take(session, name, EVERY)
    if made is None:
        return False
    news = find(session, line, made)
    for each in news:
        message = Message(
            template=each.template,
            channel=line.channel.name,
            address=line.address or "",
            data=each.data,
            dedupe_key=each.key,
            is_kept=True,
            job_id=each.job_id,
        )
        put(session, message)
    if len(news) < MOST:
        return False
    shared_round.go_on(session, name)
    return True


def _of_alerts(session: Session, line: Line, made: Round) -> list[_News]:
    return [
        _News(row.at, row.key, _TEMPLATES[row.event], _words(row))
        for row in _alerts(session, line, made, list(_TEMPLATES))
    ]


def _alert_events(session: Session, line: Line, made: Round) -> list[_News]:
    wanted = [name for name in settings().webhook_event_names if name in _TEMPLATES]
    return [
        _News(row.at, row.key, row.event, _event(row, _alert_data(row))) for row in _alerts(session, line, made, wanted)
    ]


def _job_events(session: Session, line: Line, made: Round) -> list[_News]:
    statuses = [name.removeprefix("job.") for name in settings().webhook_event_names if name.startswith("job.")]
    if not statuses:
        return []
    values = {"line": line.key, "since": made.since, "statuses": statuses, "most": MOST}
    rows = session.connection().execute(_JOBS, values)
    return [_News(row.at, row.key, row.event, _event(row, _job_data(row)), row.id) for row in rows]


def _alerts(session: Session, line: Line, made: Round, events: list[str]) -> Any:
    values = {"line": line.key, "since": made.since, "is_first": made.is_first, "events": events, "most": MOST}
    return session.connection().execute(_ALERTS, values).all()


def _words(row: Any) -> dict[str, Any]:
    """Return an alert as people read it."""
    rule, ended_at = BY_NAME.get(row.rule), row.missing_since or row.at
    return {
        "label": rule.label if rule else row.rule,
        "environment": settings().environment,
        "sentence": with_visible_marks(shortened(row.sentence, 1_000)),
        "href": row.href,
        "since": clock_time(row.since, row.at),
        "at": clock_time(ended_at, row.at),
        "lasted": spoken(ended_at - row.since),
    }


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
        "until": _time(row.missing_since) if row.event == "alert.over" else None,
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
    return at.isoformat() if at else None


def _text(value: UUID | None) -> str | None:
    return str(value) if value else None


def _url(path: str) -> str | None:
    base = (settings().public_url or "").rstrip("/")
    return base + path if base else None
