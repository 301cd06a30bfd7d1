"""The outbox as people see it: the messages, newest first, why each of them waits, and what holds all of them up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from core import clock
from core.database.place import place_of, read_place
from core.errors import NotFound
from core.messages.channels import CHANNELS, lines
from core.messages.preferences import why_not_again
from core.messages.sending import Line
from core.messages.writing import TEMPLATES
from core.models import MessagePreference, Notification, NotificationChannel, NotificationStatus, User
from core.wording import ago, clock_time, spoken

#: Messages are counted up to here; a longer list is just "more".
COUNTED: Final = 1_000
#: The queue of the job that sends; the operations declare it.
QUEUE: Final = "messages"
#: Said of a message where no way is set: of e-mail, since the other channels have only ways that are.
NOT_SET: Final = "It waits: no mail server is set."
#: Stands for an operator who wrote a message.
_AUTHOR: Final = sa.orm.aliased(User)

_HELD: Final = sa.text("""
    SELECT (SELECT coalesce(paused_by, 'somebody') || coalesce(': ' || paused_reason, '') FROM queues
            WHERE name = :queue AND paused_at IS NOT NULL) AS paused,
           EXISTS (SELECT FROM workers
                   WHERE stopped_at IS NULL AND lost_at IS NULL AND :queue = ANY(queues)) AS is_served,
           EXISTS (SELECT FROM notifications WHERE status = 'waiting') AS is_waiting
""")


@dataclass(frozen=True, slots=True)
class OutboxLine:
    """One message as a line: to whom, about what, its state, and why it is in it."""

    id: UUID
    channel: str
    template: str
    about: str
    status: NotificationStatus
    user_id: UUID | None
    #: Where it goes: a fixed address, or the user's present one; empty if the account is gone.
    address: str
    written_by: str | None
    created_at: datetime
    #: While it waits: when it is due.
    next_at: datetime | None
    sent_at: datetime | None
    finished_at: datetime | None
    attempts: int
    #: Why it waits, failed or was dropped.
    why: str
    job_id: UUID | None
    message_id: str
    is_being_sent: bool
    #: Why it is not to be sent again; empty: it may be.
    no_resend: str


@dataclass(frozen=True, slots=True)
class OutboxResults:
    """One page of messages, newest first; `next` is where older ones begin, None at the end."""

    lines: list[OutboxLine]
    next: str | None


@dataclass(frozen=True, slots=True)
class WayOut:
    """A channel: the way that is set here, what it refused since when, and when it took a message."""

    channel: str
    way: str
    #: Why messages wait, in sentences; empty: they do not.
    problem: str
    #: Why it takes no messages, and since when; empty: it does.
    refusal: str
    refused_at: datetime | None
    accepted_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutboxFilter:
    """A filter on messages; what is None matches all."""

    status: NotificationStatus | None = None
    user_id: UUID | None = None
    channel: str | None = None


def find_messages(
    session: Session, chosen: OutboxFilter, *, limit: int = 50, after: str | None = None
) -> OutboxResults:
    """Return one page of messages; `after` is the `next` of the page before. Raises Invalid for another one."""
    query = _lines().where(*_conditions(chosen))
    if after:
        at, last = read_place(after)
        query = query.where(sa.tuple_(col(Notification.created_at), col(Notification.id)) < sa.tuple_(at, last))
    newest = (col(Notification.created_at).desc(), col(Notification.id).desc())
    rows = session.execute(query.order_by(*newest).limit(limit + 1)).all()
    refusals, now = _refusals(session), session.exec(select(clock.db_now())).one()
    lines = [_line(row, refusals, now) for row in rows[:limit]]
    return OutboxResults(lines, place_of(lines[-1].created_at, lines[-1].id) if len(rows) > limit else None)


def count_messages(session: Session, chosen: OutboxFilter) -> int:
    """Return the number of matching messages, up to COUNTED + 1."""
    matching = select(Notification.id).where(*_conditions(chosen)).limit(COUNTED + 1).subquery()
    return session.exec(select(func.count()).select_from(matching)).one()


def find_message(session: Session, message_id: UUID) -> tuple[OutboxLine, Notification]:
    """Return one message as a line, and its row. Raises NotFound."""
    row = session.execute(_lines().where(col(Notification.id) == message_id)).first()
    if row is None:
        raise NotFound(f"There is no message with id {message_id}.")
    now = session.exec(select(clock.db_now())).one()
    return _line(row, _refusals(session), now), row[0]


def ways_out(session: Session) -> list[WayOut]:
    """Return each way out that is set or has to be, with what holds its messages up."""
    rows = {row.channel: row for row in session.exec(select(NotificationChannel))}
    now = session.exec(select(clock.db_now())).one()
    held = _held(session)
    return [_way_out(line, rows.get(line.key), "" if line.channel.is_direct else held, now) for line in lines()]


def why_waiting(session: Session, channel: str) -> str:
    """Return why a message of this channel does not leave in a moment, in a sentence; empty: it does."""
    held_up = [way for way in ways_out(session) if way.channel == channel]
    if not held_up or not all(way.problem for way in held_up):
        return ""
    return f"It waits. {held_up[0].problem}" if held_up[0].way else NOT_SET


def _way_out(line: Line, row: NotificationChannel | None, held: str, now: datetime) -> WayOut:
    problem, way, channel = held, line.way, line.channel
    refused_at = row.refused_at if row is not None and row.refusal else None
    if row is not None and refused_at:
        seconds = row.next_at - now if row.next_at and row.next_at > now else timedelta()
        again = f"The next attempt is in {spoken(seconds)}." if seconds else "It is tried again now."
        problem = f"{row.refusal} So since {clock_time(refused_at, now)}. {again} {held}".rstrip()
    if not way and (row is None or not row.way):
        problem = f"{channel.no_way} {held}".strip()
    return WayOut(
        channel.name,
        way or (row.way if row else ""),
        problem,
        row.refusal if row else "",
        refused_at,
        row.accepted_at if row else None,
    )


def _held(session: Session) -> str:
    """Return what keeps the job that sends from running, while messages wait; empty: nothing."""
    row = session.connection().execute(_HELD, {"queue": QUEUE}).one()
    if not row.is_waiting:
        return ""
    if row.paused:
        return f"The queue {QUEUE} is paused by {row.paused}."
    return "" if row.is_served else f"No worker serves the queue {QUEUE}."


def _lines() -> Any:
    address = func.coalesce(func.nullif(col(Notification.address), ""), col(User.email), "")
    return (
        sa.select(Notification, address.label("address"), col(_AUTHOR.email).label("author"), MessagePreference)
        .join(User, col(User.id) == col(Notification.user_id), isouter=True)
        .join(MessagePreference, col(MessagePreference.user_id) == col(Notification.user_id), isouter=True)
        .join(_AUTHOR, col(_AUTHOR.id) == col(Notification.requested_by), isouter=True)
    )


def _conditions(chosen: OutboxFilter) -> list[Any]:
    conditions = []
    if chosen.status is not None:
        conditions.append(col(Notification.status) == chosen.status)
    if chosen.user_id is not None:
        conditions.append(col(Notification.user_id) == chosen.user_id)
    if chosen.channel is not None:
        conditions.append(col(Notification.channel) == chosen.channel)
    return conditions


def _refusals(session: Session) -> dict[str, str]:
    return {row.channel: row.refusal for row in session.exec(select(NotificationChannel)) if row.refusal}


def _line(row: Any, refusals: dict[str, str], now: datetime) -> OutboxLine:
    message, address, author, chosen = row
    is_waiting = message.status is NotificationStatus.WAITING
    is_ahead = message.next_at is not None and message.next_at > now
    is_being_sent = is_waiting and message.sender_id is not None and is_ahead
    return OutboxLine(
        id=message.id,
        channel=message.channel,
        template=message.template,
        about=_about(message),
        status=message.status,
        user_id=message.user_id,
        address=address,
        written_by=author,
        created_at=message.created_at,
        next_at=message.next_at if is_waiting else None,
        sent_at=message.sent_at,
        finished_at=message.finished_at,
        attempts=message.attempts,
        why=_why(message, refusals, now, is_being_sent=is_being_sent) if is_waiting else message.error,
        job_id=message.job_id,
        message_id=message.message_id,
        is_being_sent=is_being_sent,
        no_resend=why_not_again(message, chosen, now),
    )


def _about(message: Notification) -> str:
    """Return what a message is about, in a few words: an alert by its label, an event by its kind or rule."""
    template, data = TEMPLATES.get(message.template), message.data
    of = data.get("data")
    event = (of.get("kind") or of.get("rule")) if isinstance(of, dict) else None
    more = data.get("label") if template and template.is_plain else event
    name = template.about if template else message.template
    return f"{name}: {more}" if isinstance(more, str) else name


def _why(message: Notification, refusals: dict[str, str], now: datetime, *, is_being_sent: bool) -> str:
    """Return why a message waits, as facts."""
    if is_being_sent:
        return "It is being sent."
    if message.next_at is not None and message.next_at > now:
        return f"{message.error} The next attempt is in {spoken(message.next_at - now)}.".lstrip()
    channel = CHANNELS.get(message.channel)
    no_way = "" if channel is None or channel.way() else channel.no_way
    address = message.address if channel and channel.is_direct else None
    if refusal := refusals.get(Line(channel, address).key if channel else "", no_way):
        return refusal
    return f"{message.error} It has been due since {ago(now - (message.next_at or message.created_at))}.".lstrip()
