"""The channel `alerts`: messages to operators by any service that apprise knows; the addresses are in UNSTUCK_ALERTS.

An address holds secrets, and what apprise logs may repeat them: people see the service's name and a status alone.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

from core.errors import NotAllowed
from core.messages.channel import Channel, Send, SendOutcome, later, sent, way_name
from core.messages.writing import Written, write
from core.models import Notification
from core.outside import call
from core.settings import settings

if TYPE_CHECKING:
    from apprise import NotifyBase

NAME: Final = "alerts"
#: Seconds for one message by one way; shorter than a claim lasts.
SECONDS: Final = 60.0
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")


@dataclass(frozen=True, slots=True)
class _Note:
    """One message for one way."""

    to: str
    title: str
    text: str = field(repr=False)


def operator_ways() -> list[str]:
    """Return the names of the ways to operators that are set here; an address that is none has a name, too."""
    return list(_named(settings().alerts))


def prepare(_: Session, message: Notification) -> _Note | SendOutcome:
    """Return what is sent by one way, or that it is not set any more."""
    if message.address not in _named(settings().alerts):
        return later(f"UNSTUCK_ALERTS does not name {message.address} here.")
    written = write(message.template, message.data)
    return _Note(message.address, written.subject, written.text)


@contextmanager
def connected() -> Iterator[Send]:
    """Open the ways for any number of messages; apprise connects for each."""
    yield _send


def try_out() -> list[str]:
    """Send a message that says only that it is a test, by each way; return the names. Raises Refused in words."""
    ways, written = operator_ways(), write("test", {})
    problems = []
    for way in ways:
        outcome = _send(_Note(way, written.subject, written.text))
        if outcome.error:
            problems.append(outcome.error)
    if problems:
        raise NotAllowed(" ".join(problems))
    return ways


def preview(message: Notification) -> Written:
    """Return a message as operators get it, as text."""
    written = write(message.template, message.data)
    return Written(written.subject, written.text, "")


def _send(note: _Note) -> SendOutcome:
    way = _named(settings().alerts)[note.to]
    if way is None:
        said_so = f"{note.to} of UNSTUCK_ALERTS is not understood: write it as apprise's documentation says."
        return later(said_so, closes=True)
    said: list[str] = []
    try:
        with ExitStack() as held:
            is_taken = call(lambda: _notify(way, note, said), seconds=SECONDS, is_unwanted=lambda: False, held=held)
    except TimeoutError:
        return later(f"{note.to} did not answer within {SECONDS:.0f} s: it may have the message or not.", closes=True)
    except Exception as error:  # noqa: BLE001 - whatever a plugin for a service raises
        return later(f"{note.to} did not take the message ({type(error).__name__}).", closes=True)
    if is_taken:
        return sent(note.to)
    status = next((found[1] for each in said if (found := _STATUS.search(each))), "")
    if status:
        return later(f"{note.to} answered {status}.", closes=True)
    is_away = any("onnection error" in each for each in said)
    said_so = "could not be reached" if is_away else "did not take the message"
    return later(f"{note.to} {said_so}.", closes=True)


def _notify(way: "NotifyBase", note: _Note, said: list[str]) -> bool:
    from apprise import Apprise

    line = Apprise(asset=_asset())
    line.add(way)
    answer = line.notify(
        body=note.text,
        title=note.title,
        body_format="text",
        timeout=SECONDS,
        log_callback=lambda entry, _: said.append(str(entry.message)),
    )
    return bool(answer)


@cache
def _named(addresses: str) -> "dict[str, NotifyBase | None]":
    """Return each way by the name that people see; None: the address is not understood."""
    if not addresses.split():
        return {}
    from apprise import Apprise  # takes a second to load, which only those pay who use it

    logging.getLogger("apprise").propagate = False
    named: dict[str, NotifyBase | None] = {}
    for place, address in enumerate(addresses.split(), 1):
        way: Any = Apprise.instantiate(address, asset=_asset(), suppress_exceptions=True)
        named[way_name(str(way.service_name) if way else f"address {place}, not understood", address)] = way or None
    return named


@cache
def _asset() -> Any:
    from apprise import AppriseAsset

    asset = AppriseAsset(async_mode=False, storage_mode="memory")
    asset.app_id, asset.app_desc, asset.app_url = "Unstuck", "Unstuck", settings().public_url or ""
    return asset


def _way() -> str:
    return ", ".join(operator_ways())


OPERATORS: Final = Channel(
    name=NAME, way=_way, prepare=prepare, connect=connected, preview=preview, addresses=operator_ways
)
