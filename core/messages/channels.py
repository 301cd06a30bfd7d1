"""The list of all channels; each message names one of them."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlmodel import Session

from core.messages.channel import Channel
from core.messages.email_channel import EMAIL
from core.messages.operators_channel import OPERATORS
from core.messages.sending import Line
from core.messages.webhook_channel import WEBHOOK
from core.messages.writing import Written
from core.models import Notification

#: A new channel is listed here and nowhere else.
CHANNELS: Final[Mapping[str, Channel]] = {channel.name: channel for channel in (EMAIL, OPERATORS, WEBHOOK)}
#: Those whose messages a job sends.
BY_JOB: Final = tuple(channel for channel in CHANNELS.values() if not channel.is_direct)
_DUE: Final = text("""
    SELECT line.key FROM unnest(CAST(:keys AS text[]), CAST(:channels AS text[]), CAST(:addresses AS text[]))
        AS line(key, channel, address)
    WHERE EXISTS (SELECT FROM notifications n WHERE n.status = 'waiting' AND n.address <> ''
                  AND n.channel = line.channel AND n.address = line.address AND n.next_at <= statement_timestamp())
      AND NOT EXISTS (SELECT FROM notification_channels c WHERE c.channel = line.key
                      AND c.next_at > statement_timestamp())
""")


def lines() -> list[Line]:
    """Return every way out that is set in this process, and those that have to be."""
    return [
        line
        for channel in CHANNELS.values()
        for line in ([Line(channel, each) for each in channel.addresses()] if channel.addresses else [Line(channel)])
    ]


def direct_lines() -> list[Line]:
    """Return the ways out of channels that need no job."""
    return [line for line in lines() if line.channel.is_direct]


def due_lines(session: Session) -> list[Line]:
    """Return the ways out of channels that need no job by which a message is due now."""
    direct = direct_lines()
    if not direct:
        return []
    values = {
        "keys": [line.key for line in direct],
        "channels": [line.channel.name for line in direct],
        "addresses": [line.address for line in direct],
    }
    keys = set(session.connection().execute(_DUE, values).scalars())
    return [line for line in direct if line.key in keys]


def ways(channels: tuple[Channel, ...]) -> dict[str, str]:
    """Return by channel the way that is set in this process, without secrets; empty: none."""
    return {channel.name: channel.way() for channel in channels}


def preview(message: Notification) -> Written | None:
    """Return a message as its reader gets it; None if this release cannot write it."""
    channel = CHANNELS.get(message.channel)
    try:
        return channel.preview(message) if channel else None
    except Exception:  # noqa: BLE001 - a template of another release, or data that do not fit it
        return None
