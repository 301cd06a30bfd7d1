"""The outbox: a message is a row, written in the transaction of what it tells, so nothing is told that is rolled back.

The row is sent later, at least once, always with the Message-ID that it gets here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlmodel import Session

from core.address import mail_domain
from core.database.statement import Statement
from core.models import Notification
from core.models.columns import new_id
from core.settings import settings

#: A message waits no longer: news that is older than this helps nobody, and a person decides about it.
PATIENCE: Final = timedelta(days=2)
#: A second message with the same dedupe key is the same message for this long.
SAME_FOR: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is told, and to whom: to a user, at the address that they have when it is sent, or to a fixed address."""

    template: str
    channel: str = "email"
    user_id: UUID | None = None
    address: str = ""
    #: What the template fills in: plain JSON values, nothing secret.
    data: Mapping[str, Any] = field(default_factory=dict)
    dedupe_key: str | None = None
    #: The key stays taken after a day: what it names happens once, or lasts until `take_out`.
    is_kept: bool = False
    #: The job that it is about.
    job_id: UUID | None = None
    #: The person who wrote it; None: the program.
    requested_by: UUID | None = None


# A key whose message is a day old is free again; of two transactions that come at once, the second waits for the first.
_FREE_KEY = text("""
    UPDATE notifications SET dedupe_key = NULL
    WHERE dedupe_key = :key AND created_at < statement_timestamp() - CAST(:same_for AS interval)
""")
_INSERT = Statement("""
    INSERT INTO notifications (id, message_id, channel, template, user_id, address, data, dedupe_key, next_at,
                               give_up_at, job_id, requested_by, created_at)
    VALUES (:id, :message_id, :channel, :template, :user_id, :address, :data, :key, statement_timestamp(),
            statement_timestamp() + CAST(:patience AS interval), :job_id, :requested_by, statement_timestamp())
    ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING RETURNING id
""")
_SAME = text("SELECT id FROM notifications WHERE dedupe_key = :key")
# `give_up_at` at its beginning says that it is over: what is being sent at this moment has left, and is not sent again.
_TAKE_OUT = text("""
    UPDATE notifications SET error = :why, dedupe_key = NULL,
        status = CASE WHEN is_free THEN 'dropped' ELSE status END,
        sender_id = CASE WHEN NOT is_free THEN sender_id END,
        next_at = CASE WHEN NOT is_free THEN next_at END,
        finished_at = CASE WHEN is_free THEN statement_timestamp() END,
        give_up_at = created_at
    FROM (SELECT id AS taken, sender_id IS NULL OR next_at < statement_timestamp() AS is_free
          FROM notifications WHERE dedupe_key = :key AND status = 'waiting' FOR UPDATE) found
    WHERE id = taken
""")
_FORGET_KEY = text("UPDATE notifications SET dedupe_key = NULL WHERE dedupe_key = :key")
_DUE = text("""
    SELECT out.channel FROM unnest(CAST(:channels AS text[]), CAST(:ways AS text[])) AS out(channel, way)
    WHERE EXISTS (SELECT FROM notifications n WHERE n.status = 'waiting' AND n.channel = out.channel
                  AND n.next_at <= statement_timestamp())
      AND NOT EXISTS (SELECT FROM notification_channels c WHERE c.channel = out.channel AND c.way = out.way
                      AND c.next_at > statement_timestamp())
      AND NOT EXISTS (SELECT FROM background_jobs j WHERE j.status IN ('queued', 'running') AND j.queue = :queue
                      AND coalesce(j.args ->> 'channel', out.channel) = out.channel)
""")


def put(session: Session, message: Message) -> UUID:
    """Write a message in the caller's transaction and return its id, or that of the same message of the last day."""
    session.flush()  # the user may be new in this transaction
    if message.dedupe_key is not None and not message.is_kept:
        values = {"key": message.dedupe_key, "same_for": SAME_FOR}
        session.connection().execute(_FREE_KEY, values)
    row = _INSERT.run(session, _values_of(message))
    if row is not None:
        return UUID(str(row.id))
    return UUID(str(session.connection().execute(_SAME, {"key": message.dedupe_key}).scalar_one()))


def take_out(session: Session, key: str, why: str) -> None:
    """Let what a message tells be over: if it waits still, it never leaves; and what comes next is news again."""
    session.connection().execute(_TAKE_OUT, {"key": key, "why": why})
    session.connection().execute(_FORGET_KEY, {"key": key})


def is_over(message: Notification) -> bool:
    """Tell whether what a message tells has ended since, so that it is not to be sent any more."""
    return message.give_up_at is not None and message.give_up_at <= message.created_at


def due_channels(session: Session, ways: Mapping[str, str], queue: str) -> list[str]:
    """Return the channels with a due message whose way out may take it, and for which no job of the queue is active.

    `ways`: by channel, the way that is set here; one that has refused lately is asked again after its pause.
    """
    values = {"channels": list(ways), "ways": list(ways.values()), "queue": queue}
    return list(session.connection().execute(_DUE, values).scalars())


def _values_of(message: Message) -> dict[str, Any]:
    message_id = new_id()
    return {
        "id": message_id,
        "message_id": f"<{message_id}@{mail_domain(settings().mail_from, settings().public_url)}>",
        "channel": message.channel,
        "template": message.template,
        "user_id": message.user_id,
        "address": message.address,
        "data": Jsonb(dict(message.data)),
        "key": message.dedupe_key,
        "patience": PATIENCE,
        "job_id": message.job_id,
        "requested_by": message.requested_by,
    }
