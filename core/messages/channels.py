"""The list of all channels; each message names one of them."""

from collections.abc import Mapping
from typing import Final

from core.messages.channel import Channel
from core.messages.email_channel import EMAIL
from core.messages.operators_channel import OPERATORS
from core.messages.webhook_channel import WEBHOOK
from core.messages.writing import Written
from core.models import Notification

#: A new channel is listed here and nowhere else.
CHANNELS: Final[Mapping[str, Channel]] = {channel.name: channel for channel in (EMAIL, OPERATORS, WEBHOOK)}
#: Those whose messages a job sends.
BY_JOB: Final = tuple(channel for channel in CHANNELS.values() if not channel.is_direct)
#: Those whose messages consoles and workers send themselves.
DIRECT: Final = tuple(channel for channel in CHANNELS.values() if channel.is_direct)


def ways(channels: tuple[Channel, ...]) -> dict[str, str]:
    """Return by channel the way that is set in this process, without secrets; empty: none."""
    return {channel.name: channel.way() for channel in channels}


def preview(message: Notification) -> Written | None:
    """Return a message as its reader gets it; None if this release cannot write it."""
    channel = CHANNELS.get(message.channel)
    return channel.preview(message) if channel else None
