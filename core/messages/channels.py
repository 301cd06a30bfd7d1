"""The list of all channels; each message names one of them."""

from collections.abc import Mapping
from typing import Final

from core.messages.channel import Channel
from core.messages.email_channel import EMAIL

#: A new channel is listed here and nowhere else.
CHANNELS: Final[Mapping[str, Channel]] = {channel.name: channel for channel in (EMAIL,)}


def ways() -> dict[str, str]:
    """Return by channel the way that is set in this process, without secrets; empty: none."""
    return {name: channel.way() for name, channel in CHANNELS.items()}
