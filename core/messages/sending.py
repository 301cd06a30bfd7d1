"""Sending what waits in the outbox: at least once each, and never one message by two processes at a time.

A message is claimed in a short transaction of its own (row lock with SKIP LOCKED), which is committed before anything
is sent: no transaction and no lock stay open while a server is slow. The claim is a lease, `next_at`: nobody else takes
the message before it. A sender that dies leaves its messages to the next attempt of its job, which takes them back at
once, or to anybody after the lease. What comes of a message is committed after it was sent; a crash in between sends it
twice, with one Message-ID.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from core.crash import crash_point
from core.messages.channel import Channel, ChannelClosed, Send, SendOutcome, later
from core.models import Notification, NotificationStatus

#: How long a claim lasts: much longer than a channel may take over one message.
LEASE: Final = timedelta(minutes=5)
#: Minutes until the next attempt, after the first, second, …; from then on the last one, until it is given up.
PAUSES: Final = (1, 2, 5, 15, 60)
#: Seconds until a way out that refuses is tried again: doubled by each refusal, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 10, 600
#: The same for a way that is not set: only new settings change that, and with these it is tried at once.
UNSET_PAUSE: Final = 3_600
#: Characters of an error that are kept.
LONGEST_ERROR: Final = 500

_CLAIM = """
    UPDATE notifications SET sender_id = :sender, attempts = attempts + 1,
                             next_at = statement_timestamp() + CAST(:lease AS interval)
    WHERE id = (SELECT id FROM notifications
                WHERE status = 'waiting' AND channel = :channel {to} AND next_at <= statement_timestamp()
                  AND give_up_at IS DISTINCT FROM created_at
                ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id
"""
_CLAIM_ANY, _CLAIM_ONE = (text(_CLAIM.format(to=to)) for to in ("", "AND address = :address AND address <> ''"))
_IS_CLOSED = text("""
    SELECT EXISTS (SELECT FROM notification_channels
                   WHERE channel = :channel AND way = :way AND next_at > statement_timestamp())
""")
_CLOSE = text("""
    INSERT INTO notification_channels AS c (channel, way, refusal, refused_at, refusals, next_at)
    VALUES (:channel, :way, :refusal, statement_timestamp(), 1, statement_timestamp() + make_interval(secs => :first))
    ON CONFLICT (channel) DO UPDATE SET
        way = excluded.way, refusal = excluded.refusal,
        refused_at = CASE WHEN c.way = excluded.way AND c.refusal <> '' THEN c.refused_at ELSE excluded.refused_at END,
        refusals = CASE WHEN c.way = excluded.way THEN c.refusals + 1 ELSE 1 END,
        next_at = statement_timestamp() + make_interval(secs => CASE WHEN c.way = excluded.way
            THEN least(:longest, :first * 2 ^ least(c.refusals, 20)) ELSE :first END)
    -- Others that were sending at the same moment have met the same refusal.
    WHERE NOT (c.way = excluded.way AND c.next_at > statement_timestamp())
""")
_OPEN = text("""
    INSERT INTO notification_channels AS c (channel, way, accepted_at)
    VALUES (:channel, :way, CASE WHEN :is_sent THEN statement_timestamp() END)
    ON CONFLICT (channel) DO UPDATE SET way = excluded.way, refusal = '', refused_at = NULL, refusals = 0,
        next_at = NULL, accepted_at = coalesce(excluded.accepted_at, c.accepted_at)
""")
# Only who claimed it last says what became of it; a person may have dropped it meanwhile.
_MINE = "id = :id AND status = 'waiting' AND sender_id = :sender AND attempts = :attempts"
_END = text(f"""
    UPDATE notifications SET status = CAST(:status AS text), error = :error, sender_id = NULL, next_at = NULL,
        sent_at = CASE WHEN CAST(:status AS text) = 'sent' THEN statement_timestamp() END,
        -- Who wants such messages again is told of the next one.
        dedupe_key = CASE WHEN CAST(:status AS text) = 'dropped' AND user_id IS NOT NULL THEN NULL ELSE dedupe_key END,
        finished_at = statement_timestamp()
    WHERE {_MINE}
""")  # noqa: S608 - a constant of ours
# What was taken out while it was being sent has its reason already.
_WAIT = text(f"""
    UPDATE notifications SET error = CASE WHEN is_taken_out THEN error ELSE :error END, sender_id = NULL,
        status = CASE WHEN is_taken_out THEN 'dropped' WHEN is_over THEN 'failed' ELSE 'waiting' END,
        next_at = CASE WHEN NOT is_over THEN statement_timestamp() + CAST(:pause AS interval) END,
        finished_at = CASE WHEN is_over THEN statement_timestamp() END
    FROM (SELECT id AS mine, give_up_at < statement_timestamp() + CAST(:pause AS interval) AS is_over,
                 give_up_at = created_at AS is_taken_out
          FROM notifications WHERE id = :id) AS fate
    WHERE {_MINE} AND id = mine
""")  # noqa: S608 - a constant of ours
#: The server was not asked, so the attempt was none.
_RETURN = text(f"""
    UPDATE notifications SET attempts = attempts - 1, sender_id = NULL, next_at = statement_timestamp() WHERE {_MINE}
""")  # noqa: S608 - a constant of ours
_TAKE_BACK = text("""
    UPDATE notifications SET next_at = statement_timestamp(), sender_id = NULL
    WHERE sender_id = :sender AND status = 'waiting'
""")
_GIVE_UP = text("""
    UPDATE notifications SET status = CASE WHEN give_up_at = created_at THEN 'dropped' ELSE 'failed' END,
        sender_id = NULL, next_at = NULL, finished_at = statement_timestamp(),
        error = coalesce(nullif(error, ''), (SELECT nullif(refusal, '') FROM notification_channels c
                                             WHERE c.channel = notifications.channel), 'It was not sent in time.')
    WHERE status = 'waiting' AND give_up_at < statement_timestamp()
      AND (sender_id IS NULL OR next_at < statement_timestamp())
""")


@dataclass(frozen=True, slots=True)
class Line:
    """A channel's way out: all its messages take it, or those to one address alone."""

    channel: Channel
    #: None: messages to all addresses.
    address: str | None = None

    @property
    def key(self) -> str:
        """Its name among the ways out of all channels."""
        return self.channel.name if self.address is None else f"{self.channel.name} {self.address}"

    @property
    def way(self) -> str:
        """The way that is set in this process; empty: none."""
        return self.channel.way() if self.address is None else self.address


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A message of ours, and what is to be sent."""

    id: UUID
    attempts: int
    letter: Any


def drain(session: Session, line: Line, sender: UUID) -> Iterator[SendOutcome | None]:
    """Send every due message of a way out, by one connection; yield after each change, which the caller commits.

    `sender`: the job or thread that does it. Yields the outcome of a message, or None where only a claim is to be
    committed.
    """
    if _is_closed(session, line):
        return
    with ExitStack() as stack:
        send: Send | None = None
        outcome: SendOutcome | None = None
        while claimed := _claim(session, line, sender):
            yield outcome  # the claim, and what became of the message before it
            try:
                outcome = claimed.letter if isinstance(claimed.letter, SendOutcome) else None
                if is_asked := outcome is None:
                    send = send or stack.enter_context(line.channel.connect())
                    outcome = send(claimed.letter)
                    crash_point("after_send")
            except ChannelClosed as closed:
                _return(session, claimed, sender)
                _close(session, line, str(closed))
                yield None
                return
            _settle(session, claimed, sender, outcome)
            if outcome.closes:
                _close(session, line, outcome.error)
                break
            if is_asked:
                _note_open(session, line, outcome)
        yield outcome


def take_back(session: Session, sender: UUID) -> None:
    """Make messages due that an earlier attempt of this job had claimed: it has lost the job, and writes nothing."""
    session.connection().execute(_TAKE_BACK, {"sender": sender})


def give_up(session: Session) -> int:
    """Let messages fail that have waited for too long, and return their number."""
    return session.connection().execute(_GIVE_UP).rowcount


def pause_after(attempts: int) -> timedelta:
    """Return how long a message waits after so many attempts."""
    return timedelta(minutes=PAUSES[min(attempts, len(PAUSES)) - 1])


def _claim(session: Session, line: Line, sender: UUID) -> _Claimed | None:
    values = {"sender": sender, "lease": LEASE, "channel": line.channel.name, "address": line.address}
    row_id = session.connection().execute(_CLAIM_ANY if line.address is None else _CLAIM_ONE, values).scalar()
    if row_id is None:
        return None
    message = session.get_one(Notification, row_id, populate_existing=True)
    return _Claimed(message.id, message.attempts, _prepared(session, line.channel, message))


def _prepared(session: Session, channel: Channel, message: Notification) -> Any | SendOutcome:
    """Return what is to be sent; one message that cannot be written keeps no others waiting."""
    try:
        return channel.prepare(session, message)
    except SQLAlchemyError:
        raise
    except Exception as error:  # noqa: BLE001 - the message's own failure becomes data
        return later(f"It could not be written: {type(error).__name__}. This is a defect of this release.")


def _settle(session: Session, claimed: _Claimed, sender: UUID, outcome: SendOutcome) -> None:
    values = {"error": outcome.error[:LONGEST_ERROR], **_of(claimed, sender)}
    if outcome.status is NotificationStatus.WAITING:
        # What is wrong with the way out is no reason for this message to wait longer than the others.
        pause = timedelta(0) if outcome.closes else pause_after(claimed.attempts)
        session.connection().execute(_WAIT, {**values, "pause": pause})
    else:
        session.connection().execute(_END, {**values, "status": outcome.status.value})


def _return(session: Session, claimed: _Claimed, sender: UUID) -> None:
    session.connection().execute(_RETURN, _of(claimed, sender))


def _of(claimed: _Claimed, sender: UUID) -> dict[str, Any]:
    return {"id": claimed.id, "sender": sender, "attempts": claimed.attempts}


def _is_closed(session: Session, line: Line) -> bool:
    values = {"channel": line.key, "way": line.way}
    return bool(session.connection().execute(_IS_CLOSED, values).scalar_one())


def _close(session: Session, line: Line, refusal: str) -> None:
    """Note that the way out takes nothing now: until its pause is over, nobody tries it."""
    way = line.way
    first, longest = (FIRST_PAUSE, LONGEST_PAUSE) if way else (UNSET_PAUSE, UNSET_PAUSE)
    values = {"channel": line.key, "way": way, "refusal": refusal[:LONGEST_ERROR], "first": first}
    session.connection().execute(_CLOSE, {**values, "longest": longest})


def _note_open(session: Session, line: Line, outcome: SendOutcome) -> None:
    """Note that the server answers, whatever it says of one message."""
    is_sent = outcome.status is NotificationStatus.SENT
    session.connection().execute(_OPEN, {"channel": line.key, "way": line.way, "is_sent": is_sent})
