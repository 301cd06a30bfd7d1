"""What a channel is, and what becomes of a message that it was given."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from core.messages.writing import Written
from core.models import Notification, NotificationStatus


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What became of a message: SENT; WAITING, for another attempt; FAILED, refused for good; DROPPED, not wanted."""

    status: NotificationStatus
    #: Why it was not sent, in an operator's words, without the address and the text of the message.
    error: str = ""
    #: What the server said as it took it.
    answer: str = ""
    #: The way out itself has a problem, so that other messages wait with this one.
    closes: bool = False


def sent(answer: str = "") -> SendOutcome:
    """Return that a message was taken."""
    return SendOutcome(NotificationStatus.SENT, answer=answer)


def later(error: str, *, closes: bool = False) -> SendOutcome:
    """Return that a message waits for another attempt."""
    return SendOutcome(NotificationStatus.WAITING, error, closes=closes)


def refused(error: str, *, closes: bool = False) -> SendOutcome:
    """Return that a message is refused for good: no further attempt helps."""
    return SendOutcome(NotificationStatus.FAILED, error, closes=closes)


def unwanted(why: str) -> SendOutcome:
    """Return that a message is not sent because nobody wants it any more."""
    return SendOutcome(NotificationStatus.DROPPED, why)


def way_name(name: str, address: str) -> str:
    """Return what people see of an address that holds secrets: a name, and four signs that tell it from others."""
    return f"{name} ({hashlib.sha256(address.encode()).hexdigest()[:4]})"


class ChannelClosed(Exception):
    """The way out takes no message at all now; the text says why, in an operator's words, without secrets."""


#: Sends what `prepare` has returned. Ends within its own time limits; raises nothing that one message causes.
Send = Callable[[Any], SendOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A way out of the program: a new one is its value and a line in core/messages/channels.py."""

    name: str
    #: The way that is set here, without secrets; empty: none. For a channel with a way for each address, all of them.
    way: Callable[[], str]
    #: Returns all that sending needs, read in the transaction that claims the message, or what becomes of it at once.
    prepare: Callable[[Session, Notification], Any | SendOutcome]
    #: Opens the way for any number of messages, one after the other. Raises ChannelClosed.
    connect: Callable[[], AbstractContextManager[Send]]
    #: Returns a message as its reader gets it; None if this release cannot write it.
    preview: Callable[[Notification], Written | None]
    #: Said where no way is set, and messages wait for one.
    no_way: str = ""
    #: Its addresses here, where each is a way of its own: consoles and workers send by it themselves instead of by a
    #: job, since a message may say that no job runs. None: one way leads to all addresses.
    addresses: Callable[[], list[str]] | None = None

    @property
    def is_direct(self) -> bool:
        """Whether its messages are sent without a job."""
        return self.addresses is not None
