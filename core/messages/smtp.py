"""The connection to the mail server: its encryption, its sign-in, limits on every answer, and errors in words.

smtps:// is encrypted from the start and smtp+starttls:// by STARTTLS; both check the server's certificate. smtp:// is
encrypted where the server offers it. Its certificate is checked only if there is a password to protect: without one,
as between mail servers, an unchecked encryption is better than none. A password is never sent in clear to another host.
"""

import ipaddress
import re
import smtplib
import socket
import ssl
from contextlib import suppress
from typing import Any, Final

from core.address import MailServer
from core.messages.channel import ChannelClosed
from core.outside import trusted

#: Seconds for the connection, and for each answer.
ANSWER_SECONDS: Final = 20.0
#: Bytes of one answer of the server, however many lines it has.
MOST_BYTES: Final = 65_536
#: Characters of an answer that are shown.
SHOWN: Final = 200


class SmtpLine(smtplib.SMTP):
    """A connection to the mail server, not open yet; no answer is longer than MOST_BYTES."""

    def __init__(self, server: MailServer, own_name: str) -> None:
        super().__init__(local_hostname=own_name, timeout=ANSWER_SECONDS)
        self.server = server
        self._host = server.host  # the name that its certificate has to have

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        plain = socket.create_connection((host, port), timeout, self.source_address)
        if self.server.encryption != "tls":
            return plain
        return trusted().wrap_socket(plain, server_hostname=host)

    def getreply(self) -> tuple[int, bytes]:
        """Return the server's answer. Raises SMTPServerDisconnected, also for an endless one."""
        if self.file is None and self.sock:
            self.file = _Limited(self.sock.makefile("rb"))
        if isinstance(self.file, _Limited):
            self.file.left = MOST_BYTES
        return super().getreply()

    def abandon(self) -> None:
        """Close the connection at once, also while another thread waits for an answer."""
        if sock := self.sock:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self.close()


class _Limited:
    """The server's answers, as a file; one that is too long ends early, as if the server had hung up."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.left = MOST_BYTES

    def readline(self, size: int) -> bytes:
        line: bytes = self._file.readline(min(size, max(self.left, 0)))
        self.left -= len(line)
        return line

    def close(self) -> None:
        self._file.close()


def dial(line: SmtpLine) -> None:
    """Connect, encrypt and sign in. Raises ChannelClosed in words."""
    server = line.server
    try:
        line.connect(server.host, server.port)
        line.ehlo_or_helo_if_needed()
        _encrypt(line)
        if server.user:
            _refuse_clear_password(line)
            line.login(server.user, server.password)
    except (OSError, smtplib.SMTPException) as error:
        raise ChannelClosed(reason_of(error, server)) from None


def _encrypt(line: SmtpLine) -> None:
    encryption, is_offered = line.server.encryption, line.has_extn("starttls")
    if encryption == "tls":
        return
    if encryption == "starttls" and not is_offered:
        raise ChannelClosed(f"{line.server.name} does not offer STARTTLS. Write smtps:// in SMTP_URL if it speaks TLS.")
    if is_offered:
        has_to_be_checked = encryption == "starttls" or bool(line.server.user)
        line.starttls(context=trusted() if has_to_be_checked else _unchecked())
        line.ehlo_or_helo_if_needed()


def _unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _refuse_clear_password(line: SmtpLine) -> None:
    if isinstance(line.sock, ssl.SSLSocket):
        return
    peer = line.sock.getpeername()[0] if line.sock else ""
    if not ipaddress.ip_address(peer.partition("%")[0]).is_loopback:
        raise ChannelClosed(f"{line.server.name} offers no encryption, and the password is not sent in clear.")


def reason_of(error: Exception, server: MailServer) -> str:
    """Return why the server takes no message, in an operator's words, and what to do about it."""
    name = server.name
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{name} refused the user name or the password of SMTP_URL{_answer(error)}."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"{name} offers no way to sign in that is known here. Remove the user from SMTP_URL if it needs none."
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{name} turned the connection away{_answer(error)}."
    if isinstance(error, smtplib.SMTPException):
        return f"{name} closed the connection before it took a message."
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        return f"The certificate of {name} is not trusted: {why}. SSL_CERT_FILE names further authorities."
    if isinstance(error, ssl.SSLError):
        return f"No encrypted connection to {name}: does the scheme of SMTP_URL fit the port?"
    if isinstance(error, TimeoutError):
        return f"{name} did not answer within {ANSWER_SECONDS:.0f} s."
    if isinstance(error, socket.gaierror):
        return f"The host of {name} is not known here. Check SMTP_URL."
    return f"{name} cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}."


def _answer(error: smtplib.SMTPResponseException) -> str:
    return f" ({in_words(error.smtp_code, error.smtp_error)})" if error.smtp_code > 0 else ""


def in_words(code: int, answer: bytes | str, *, without: str = "") -> str:
    """Return a server's answer on one line, shortened; `without`: an address that it may repeat."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    if without:
        text = re.sub(f"<{re.escape(without)}>|{re.escape(without)}", "the address", text, flags=re.IGNORECASE)
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return f"{code} {plain[:SHOWN]}".strip().rstrip(".")
