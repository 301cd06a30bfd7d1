"""The channel `webhook`: events by POST to other programs, signed by the Standard Webhooks convention.

Each receiver gets its own message. Nothing of its address but the host is shown: the path may be a secret.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from json import dumps
from typing import Final

import httpx2
from sqlmodel import Session
from standardwebhooks import Webhook

from core import clock
from core.errors import NotAllowed
from core.limited_transport import LimitedTransport
from core.messages.channel import Channel, Send, SendOutcome, later, refused, sent, way_name
from core.messages.writing import Written
from core.models import Notification
from core.models.columns import new_id
from core.outside import trusted
from core.outside_settings import webhook_name
from core.settings import settings

NAME: Final = "webhook"
#: Seconds for the connection, and for each read and write; the whole answer has those of the transport.
STEP_SECONDS: Final = 10.0
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one receiver."""

    to: str
    url: str = field(repr=False)
    id: str
    body: str = field(repr=False)


def webhook_ways() -> list[str]:
    """Return the names of the receivers that are set here."""
    return list(_receivers())


def prepare(_: Session, message: Notification) -> Delivery | SendOutcome:
    """Return what is sent to a receiver, or that it is not set any more."""
    url = _receivers().get(message.address)
    if url is None:
        return later(f"UNSTUCK_WEBHOOKS does not name {message.address} here.")
    return Delivery(message.address, url, str(message.id), _body(message))


@contextmanager
def connected() -> Iterator[Send]:
    """Open a client for any number of deliveries, one after the other."""
    transport = LimitedTransport(trust_env=False, verify=trusted())
    with httpx2.Client(transport=transport, timeout=STEP_SECONDS, follow_redirects=False) as client:
        yield lambda delivery: _deliver(client, delivery)


def preview(message: Notification) -> Written:
    """Return what the receiver gets, as text."""
    return Written(message.template, dumps(message.data, indent=2, ensure_ascii=False) + "\n", "")


def try_out() -> list[str]:
    """Send an event of the type `test` to each receiver, and return their names. Raises Refused in words."""
    receivers, at = _receivers(), clock.now()
    body = dumps({"type": "test", "timestamp": at.isoformat(), "data": {}})
    with connected() as send:
        outcomes = [send(Delivery(name, url, f"test-{new_id()}", body)) for name, url in receivers.items()]
    if problems := [outcome.error for outcome in outcomes if outcome.error]:
        raise NotAllowed(" ".join(problems))
    return list(receivers)


def _deliver(client: httpx2.Client, delivery: Delivery) -> SendOutcome:
    """Send one event. Whatever is wrong with a receiver concerns all its events: they wait with this one."""
    try:
        answer = client.post(delivery.url, content=delivery.body, headers=_headers(delivery))
    except httpx2.HTTPError as error:
        return later(f"{delivery.to} {_problem(error)}.", closes=True)
    except Exception as error:  # noqa: BLE001 - such as an address that no request can be made of
        return later(f"{delivery.to} cannot be asked ({type(error).__name__}).", closes=True)
    if answer.is_success:
        return sent(str(answer.status_code))
    if answer.status_code == _GONE:
        return refused(f"{delivery.to} wants no more events (410). Take it out of UNSTUCK_WEBHOOKS.", closes=True)
    if answer.is_redirect:
        said = f"{delivery.to} redirects to another address ({answer.status_code}). Set that one instead."
        return later(said, closes=True)
    return later(f"{delivery.to} answered {answer.status_code}.", closes=True)


def _headers(delivery: Delivery) -> dict[str, str]:
    at = clock.now()
    signature = Webhook(settings().webhook_secret).sign(delivery.id, at, delivery.body)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Unstuck",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


def _problem(error: httpx2.HTTPError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "did not answer in time"
    return "could not be reached" if isinstance(error, httpx2.ConnectError) else "closed the connection early"


def _body(message: Notification) -> str:
    return dumps(message.data, separators=(",", ":"), ensure_ascii=False)


def _receivers() -> dict[str, str]:
    """Return the URLs by the names that people see."""
    return {way_name(webhook_name(url), url): url for url in settings().webhooks.split()}


def _way() -> str:
    return ", ".join(webhook_ways())


WEBHOOK: Final[Channel] = Channel(
    name=NAME, way=_way, prepare=prepare, connect=connected, preview=preview, addresses=webhook_ways
)
