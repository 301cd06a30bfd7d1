"""What a channel is, and what becomes of a message that it was given."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from core.models import Notification, NotificationStatus


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message: SENT; WAITING, for another attempt; FAILED, refused for good; DROPPED, not wanted."""

    status: NotificationStatus
    #: Why it was not sent, in an operator's words, without the address and the text of the message.
    error: str = ""
    #: What the server said as it took it.
    answer: str = ""
    #: The way out itself has a problem, so that other messages wait with this one.
    closes: bool = False


def sent(answer: str = "") -> Outcome:
    """Return that a message was taken."""
    return Outcome(NotificationStatus.SENT, answer=answer)


def later(error: str, *, closes: bool = False) -> Outcome:
    """Return that a message waits for another attempt."""
    return Outcome(NotificationStatus.WAITING, error, closes=closes)


def refused(error: str) -> Outcome:
    """Return that a message is refused for good: no further attempt helps."""
    return Outcome(NotificationStatus.FAILED, error)


def unwanted(why: str) -> Outcome:
    """Return that a message is not sent because nobody wants it any more."""
    return Outcome(NotificationStatus.DROPPED, why)


class ChannelClosed(Exception):
    """The way out takes no message at all now; the text says why, in an operator's words, without secrets."""


#: Sends what `prepare` has returned. Ends within its own time limits; raises nothing that one message causes.
Send = Callable[[Any], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A way out of the program: a new one is its value and a line in core/messages/channels.py."""

    name: str
    #: The way that is set here, without secrets; empty: none.
    way: Callable[[], str]
    #: Returns all that sending needs, read in the transaction that claims the message, or what becomes of it at once.
    prepare: Callable[[Session, Notification], Any | Outcome]
    #: Opens the way for any number of messages, one after the other. Raises ChannelClosed.
    connect: Callable[[], AbstractContextManager[Send]]
