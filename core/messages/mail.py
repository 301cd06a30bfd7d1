"""Sending letters: many by one connection, which is opened again where the server hangs up between two of them."""

import smtplib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from email.errors import MessageError
from email.utils import make_msgid
from typing import Final, TypeVar

from core import clock
from core.address import MailServer, mail_domain, mail_server
from core.errors import Invalid, NotAllowed
from core.messages.channel import ChannelClosed, Send, SendOutcome, later, refused, sent
from core.messages.letter import Letter, as_bytes, is_international, recipient, sender
from core.messages.smtp import SmtpLine, dial, in_words
from core.messages.writing import write
from core.models import NotificationStatus
from core.outside import call
from core.settings import settings

T = TypeVar("T")

#: Seconds for the connection with all that belongs to it, and for one letter: shorter than a claim lasts.
CONNECTION_SECONDS, LETTER_SECONDS = 45.0, 60.0
#: What is said where no server is set.
NO_WAY: Final = "No way out is set: messages wait until SMTP_URL names a mail server, for the workers and the console."
_CLOSING: Final = 421


def way() -> str:
    """Return the mail server's name; empty: none is set."""
    url = settings().smtp_url
    return mail_server(url).name if url else ""


@contextmanager
def connected() -> Iterator[Send]:
    """Connect to the mail server, for letters one after the other. Raises ChannelClosed."""
    url = settings().smtp_url
    if not url:
        raise ChannelClosed(NO_WAY)
    line = _MailLine(mail_server(url))
    try:
        line.open()
        yield line.send
    finally:
        line.close()


def try_out(to: str) -> str:
    """Send a message that says only that it is a test, and return what the server said. Raises Refused in words."""
    address = recipient(to)
    if address is None:
        raise Invalid("The address is not valid.", {"to": "Write it as name@example.com."})
    written, at = write("test", {}), clock.now()
    message_id = make_msgid(domain=mail_domain(settings().mail_from, settings().public_url))
    letter = Letter(address.addr_spec, written.subject, written.text, written.html, message_id, at)
    try:
        with connected() as send:
            outcome = send(letter)
    except ChannelClosed as closed:
        raise NotAllowed(str(closed)) from None
    if outcome.status is not NotificationStatus.SENT:
        raise NotAllowed(outcome.error)
    return f"{way()} took the message: {outcome.answer}."


class _MailLine:
    """The way to one mail server."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._line: SmtpLine | None = None
        #: Letters of which it has said something by the present connection.
        self._answered = 0

    def open(self) -> None:
        self.close()
        line = SmtpLine(self._server, mail_domain(settings().mail_from, settings().public_url))
        try:
            _limited(lambda: dial(line), CONNECTION_SECONDS)
        except TimeoutError:
            line.abandon()
            raise ChannelClosed(f"{self._server.name} did not answer within {CONNECTION_SECONDS:.0f} s.") from None
        except BaseException:
            line.abandon()
            raise
        self._line, self._answered = line, 0

    def close(self) -> None:
        line, self._line = self._line, None
        if line is None:
            return
        try:
            _limited(line.quit, 5.0)
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            line.abandon()

    def send(self, letter: Letter) -> SendOutcome:
        """Send a letter. A server that hangs up before it has the letter, after others, is called again."""
        if self._line is None:
            self.open()
        answered = self._answered
        outcome = self._try(letter)
        if outcome is None and answered:
            self.open()
            outcome = self._try(letter)
        if outcome is None:
            outcome = later(f"{self._server.name} closed the connection before it took the message.", closes=True)
        self._answered += not outcome.closes
        return outcome

    def _try(self, letter: Letter) -> SendOutcome | None:
        """Return what became of the letter; None if the server hung up before it had any of it."""
        assert self._line is not None, "the line is open"
        conversation = _Conversation(self._line, letter)
        try:
            outcome = _limited(conversation.hold, LETTER_SECONDS)
        except TimeoutError:
            outcome = later(f"{self._server.name} stopped answering while it took the message.", closes=True)
        except (OSError, smtplib.SMTPException):
            outcome = None
            if conversation.has_begun:
                outcome = later(f"{self._server.name} hung up after it was given the message: it may have it or not.")
        else:
            if outcome is not None and not outcome.closes:
                return outcome
        self._line.abandon()
        self._line = None
        return outcome


class _Conversation:
    """What is said about one letter."""

    def __init__(self, line: SmtpLine, letter: Letter) -> None:
        self._line, self._letter = line, letter
        #: The server may have the letter.
        self.has_begun = False

    def hold(self) -> SendOutcome | None:
        """Return what became of the letter; None if the server wants another connection."""
        line, name = self._line, self._line.server.name
        try:
            content = as_bytes(self._letter)
        except (ValueError, MessageError):
            return refused("The address is not valid, or the message cannot be written as e-mail.")
        options = self._options()
        if options is None:
            return refused(f"{name} takes no addresses with letters beyond a to z.")
        code, answer = line.mail(sender().addr_spec, options)
        if code == _CLOSING:
            return None
        if code != 250:  # that is about the sender, and so about every message
            return later(f"{name} refused the sender: {in_words(code, answer)}. Check UNSTUCK_MAIL_FROM.", closes=True)
        code, answer = line.rcpt(self._letter.to)
        if code not in (250, 251):
            return self._declined(code, answer, "the address")
        self.has_begun = True
        try:
            code, answer = line.data(content)
        except smtplib.SMTPDataError as error:  # it did not want to have it
            code, answer = error.smtp_code, error.smtp_error if isinstance(error.smtp_error, bytes) else b""
        return sent(in_words(code, answer)) if code == 250 else self._declined(code, answer, "the message")

    def _options(self) -> list[str] | None:
        if not is_international(self._letter):
            return []
        return ["SMTPUTF8", "BODY=8BITMIME"] if self._line.has_extn("smtputf8") else None

    def _declined(self, code: int, answer: bytes, what: str) -> SendOutcome:
        text = in_words(code, answer, without=self._letter.to)
        name = self._line.server.name
        if code == _CLOSING:
            return later(f"{name} takes no more messages for now: {text}.", closes=True)
        with suppress(OSError, smtplib.SMTPException):  # one that hangs up has said what it had to say
            self._line.rset()
        if 500 <= code < 600:
            return refused(f"{name} refused {what}: {text}.")
        return later(f"{name} does not take {what} yet: {text}.")


def _limited(ask: Callable[[], T], seconds: float) -> T:
    """Return what `ask` returns. Raises TimeoutError after so many seconds, however slowly the server answers."""
    with ExitStack() as held:
        return call(ask, seconds=seconds, is_unwanted=lambda: False, held=held)
