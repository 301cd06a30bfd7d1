"""A letter: one e-mail in plain values, read and written in a transaction, and its form on the wire."""

from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, Policy
from email.utils import format_datetime
from typing import Final

from core.address import mail_domain, mail_sender
from core.settings import settings


class _UrlHeader(UnstructuredHeader, BaseHeader):
    """A header whose URL stays in one line: the package would break a long one into encoded words, which mail programs
    do not read there.
    """

    def fold(self, *, policy: Policy) -> str:
        """Return the header as it is."""
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS: Final = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _UrlHeader)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent to one address; `text` and `html` say the same."""

    to: str
    subject: str
    text: str
    html: str
    message_id: str
    at: datetime
    #: The address of one-click unsubscribing; empty: a person has written this letter, or the program has no address.
    unsubscribe: str = ""
    #: The operator who wrote it, to whom answers go; empty: the program.
    reply_to: str = ""


def sender() -> Address:
    """Return the sender of all e-mail."""
    if settings().mail_from:
        return mail_sender(settings().mail_from or "")
    return Address("Unstuck", "unstuck", mail_domain(None, settings().public_url))


def recipient(address: str) -> Address | None:
    """Return an address as e-mail takes it, with letters of any script; None for what is none, or would be several."""
    plain = "".join("x" if letter.isprintable() and not letter.isascii() else letter for letter in address.strip())
    try:
        one = Address(addr_spec=plain)
    except (MessageError, ValueError, IndexError):
        return None
    if not (one.username and one.domain):
        return None
    username, _, domain = address.strip().rpartition("@")
    return one if plain.isascii() and address.isascii() else Address(username=username, domain=domain)


def is_international(letter: Letter) -> bool:
    """Tell whether the server has to take addresses beyond ASCII."""
    return not (letter.to.isascii() and sender().addr_spec.isascii())


def as_bytes(letter: Letter) -> bytes:
    """Return a letter in the format of the internet. Raises ValueError for an address or a subject that is none."""
    policy = SMTPUTF8 if is_international(letter) else SMTP
    message = EmailMessage(policy=policy.clone(header_factory=_HEADERS))
    message["From"] = sender()
    message["To"] = recipient(letter.to)
    message["Subject"] = " ".join(letter.subject.split())
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = letter.message_id
    if letter.reply_to:
        message["Reply-To"] = recipient(letter.reply_to)
    else:
        message["Auto-Submitted"] = "auto-generated"
    if letter.unsubscribe:
        message["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message.as_bytes()
