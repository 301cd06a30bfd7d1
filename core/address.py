"""Addresses of the database, the broker and the mail server: understood in every usual form, or refused in a sentence.

No sentence quotes an address: a password that is not percent-encoded looks like a host, a port or a path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Final, Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from core.errors import Unusable

DATABASE: Final = "DATABASE_URL"
BROKER: Final = "REDIS_URL"
MAIL: Final = "SMTP_URL"
_FORM: Final = {
    DATABASE: "postgresql://user:password@host:5432/name",
    BROKER: "redis://:password@host:6379/0",
    MAIL: "smtp+starttls://user:password@host:587",
}
_ENCODED: Final = "in a user name or password, write @ as %40, : as %3A, / as %2F, # as %23, ? as %3F and % as %25"
_BROKERS: Final = ("redis", "rediss", "unix")
#: For each scheme of a mail server: when the connection is encrypted, and the usual port.
_MAIL_SCHEMES: Final[Mapping[str, tuple["Encryption", int]]] = {
    "smtp": ("offered", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_SECRET: Final = re.compile(r"pass|secret|token", re.IGNORECASE)


def database_address(text: str) -> URL:
    """Return a database's address, given as a URL with or without a driver, or as libpq's `host=… dbname=…`.

    Raises Unusable, naming the setting, for everything else.
    """
    address = _bare(text)
    if re.match(r"\w+\s*=", address) is None:
        rest = _after_scheme(DATABASE, address, "postgres", "postgresql")
        _refuse_ambiguous(DATABASE, rest)
        address = f"postgresql://{rest}"
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(address).items()}
    except psycopg.ProgrammingError as error:
        raise Unusable(_libpq_refusal(str(error))) from None
    if not all(port.isascii() and port.isdigit() for port in filter(None, parameters.get("port", "").split(","))):
        raise _not_understood(DATABASE)
    return _as_url(parameters)


def broker_address(text: str) -> str:
    """Return the broker's address, as redis-py takes it. Raises Unusable, naming the setting, for any other form."""
    address = _bare(text)
    rest = _after_scheme(BROKER, address, *_BROKERS)
    _refuse_ambiguous(BROKER, rest)
    try:
        parts = urlsplit(address)
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        raise _not_understood(BROKER) from None
    is_place = bool(parts.path) if parts.scheme == "unix" else re.fullmatch(r"/?\d*", parts.path) is not None
    if not (is_port and is_place):
        raise _not_understood(BROKER)
    return address


#: From the start, by STARTTLS or not at all, or by STARTTLS where the server offers it.
Encryption = Literal["tls", "starttls", "offered"]


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes outgoing e-mail."""

    encryption: Encryption
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """Its name for people and logs: without user and password."""
        return f"{self.host}:{self.port}"


def mail_server(text: str) -> MailServer:
    """Return the server at a URL with the scheme smtp, smtp+starttls or smtps.

    Raises Unusable, naming the setting, for any other form.
    """
    address = _bare(text)
    scheme, separator, rest = address.partition("://")
    if not separator or scheme.lower() not in _MAIL_SCHEMES:
        raise Unusable(f"{MAIL} is no address of a mail server; write {_FORM[MAIL]}, smtps://… or smtp://….")
    _refuse_ambiguous(MAIL, rest)
    encryption, usual = _MAIL_SCHEMES[scheme.lower()]
    try:
        parts = urlsplit(f"smtp://{rest}")
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise _not_understood(MAIL) from None
    if not host or parts.path not in ("", "/") or parts.query or port == 0 or (parts.password and not parts.username):
        raise _not_understood(MAIL)
    return MailServer(encryption, host, port or usual, unquote(parts.username or ""), unquote(parts.password or ""))


def mail_sender(text: str) -> Address:
    """Return the sender of outgoing e-mail, given as name@host or as Name <name@host>. Raises ValueError."""
    name, address = parseaddr(text)
    try:
        sender = Address(name, addr_spec=address) if address else Address()
    except (MessageError, ValueError, IndexError):
        sender = Address()
    if not text.isprintable() or not (sender.username and sender.domain):
        raise ValueError("write it as unstuck@example.com or as Unstuck <unstuck@example.com>")
    return sender


def mail_domain(sender: str | None, public_url: str | None) -> str:
    """Return the name that stands for this program in e-mail: the sender's, or that of its own address."""
    if sender:
        return mail_sender(sender).domain
    return (urlsplit(public_url or "").hostname or "") or "unstuck.localhost"


def with_schema(text: str, schema: str | None) -> str:
    """Return a database's address whose connections see this schema alone; without one, the address as it is."""
    address = database_address(text)
    if schema:
        path = '"' + schema.replace('"', '""') + '"'
        options = f"{address.query.get('options', '')} -c search_path={escaped(path)}"
        address = address.update_query_dict({"options": options.strip()})
    return as_text(address)


def as_text(address: URL) -> str:
    """Return a database's address as libpq reads it, with its password; SQLAlchemy's own text leaves blanks in it."""
    user, password = (None if part is None else quote(part, safe="") for part in (address.username, address.password))
    login = "" if user is None and password is None else f"{user or ''}{'' if password is None else f':{password}'}@"
    host = f"[{address.host}]" if ":" in (address.host or "") else address.host or ""
    port = f":{address.port}" if address.port else ""
    query = _query({name: quote(str(value), safe="/") for name, value in address.query.items()})
    return f"postgresql://{login}{host}{port}/{quote(address.database or '')}{query}"


def escaped(value: str) -> str:
    """Return a value as libpq's `options` take it: a backslash before each blank and backslash."""
    return re.sub(r"([\s\\])", r"\\\1", value)


def masked(text: str) -> str:
    """Return an address for people and logs: without a password, and without anything that may be part of one."""
    address = _bare(text)
    scheme = _SCHEME.match(address)
    try:
        if scheme and scheme[1] in _BROKERS:
            return _without_password(broker_address(address))
        return _shown(database_address(address))
    except Unusable:
        return f"{scheme[1]}://***" if scheme and "://" in address else "***"


def _bare(text: str) -> str:
    """Return an address without the blanks and quotes that a .env or a container's settings may leave around it."""
    bare = text.strip()
    return bare[1:-1].strip() if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'" else bare


def _after_scheme(setting: str, address: str, *schemes: str) -> str:
    scheme, separator, rest = address.partition("://")
    if separator and scheme.lower().partition("+")[0] in schemes and "@" not in scheme:
        return rest
    known = _SCHEME.match(address)
    # Without `://`, the first part may be a user's name with a password after it.
    if known and (separator or known[1].lower() in ("jdbc", *schemes)):
        raise Unusable(f"{setting} begins with {known[1]}:, which is not supported; write {_FORM[setting]}.")
    raise Unusable(f"{setting} is no address; write {_FORM[setting]}.")


def _refuse_ambiguous(setting: str, rest: str) -> None:
    """Refuse what would be cut at the wrong place: part of a password would be taken for a host, and printed."""
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    if "#" in rest or authority.count("@") > 1 or "@" in rest[len(authority) :]:
        raise Unusable(f"{setting} is ambiguous: {_ENCODED}.")


def _libpq_refusal(reason: str) -> str:
    if unknown := re.fullmatch(r'invalid (?:URI query parameter|connection option):? ?"(\w{1,30})"', reason.strip()):
        return f"{DATABASE} has the parameter {unknown[1]}, which PostgreSQL's library does not know: remove it" + (
            ", and set UNSTUCK_SCHEMA instead." if unknown[1] == "schema" else "."
        )
    return str(_not_understood(DATABASE))


def _not_understood(setting: str) -> Unusable:
    return Unusable(f"{setting} cannot be read as an address; write {_FORM[setting]}, and {_ENCODED}.")


def _as_url(parameters: dict[str, str]) -> URL:
    """Return libpq's parameters as SQLAlchemy's URL; several hosts and socket directories go into its query."""
    single = not any("," in parameters.get(name, "") for name in ("host", "port"))
    is_plain = single and not parameters.get("host", "").startswith("/")
    port = parameters.pop("port", "") if is_plain and parameters.get("host") else ""
    return URL.create(
        "postgresql+psycopg",
        username=parameters.pop("user", None),
        password=parameters.pop("password", None),
        host=parameters.pop("host", None) if is_plain else None,
        port=int(port) if port else None,
        database=parameters.pop("dbname", None),
        query=parameters,
    )


def _shown(address: URL) -> str:
    hidden = dict.fromkeys(filter(_SECRET.search, address.query), "***")
    return unquote(as_text(address.set(password="***" if address.password else None).update_query_dict(hidden)))


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    userinfo, at, host = parts.netloc.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    query = _query({n: "***" if _SECRET.search(n) else v for n, v in parse_qsl(parts.query, keep_blank_values=True)})
    # Without a colon it would be a user's name, but is often meant as a password.
    login = f"{user}:***" if colon else "***" if user else ""
    return f"{parts.scheme}://{login}{at}{host}{unquote(parts.path)}{query}"


def _query(values: Mapping[str, str]) -> str:
    return "?" + "&".join(f"{name}={value}" for name, value in values.items()) if values else ""
