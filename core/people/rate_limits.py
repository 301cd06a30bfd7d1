"""Rate limits: sliding windows of a minute or more, shared by all replicas. No limit locks a person out for good.

The process installs the limiter that counts; without one nothing is limited, as in a one-off command.
"""

from dataclasses import dataclass
from typing import Protocol

from core.errors import TooMany


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `times` within any `seconds`, per key; `says` is the message to the person."""

    name: str
    times: int
    seconds: int
    says: str


#: Wrong passwords, codes and links from one IP address.
GUESSES = Limit("guesses", 20, 300, "Too many failed sign-ins from this address.")
#: Wrong passwords for one account, from any IP address; sign-in links still work meanwhile.
GUESSES_AT_ONE = Limit("guesses-at-one", 50, 900, "Too many failed sign-ins for this account.")
#: Right passwords of one account: constant sign-ins with a known password must not slow down other people.
SIGN_INS = Limit("sign-ins", 30, 300, "This account has signed in too often.")
#: Passwords tried in a session, right or wrong, so that an unattended screen is no place to guess either.
PROOFS = Limit("proofs", 10, 300, "You have tried too many passwords.")
#: Codes tried for one account, right or wrong. The lock after five wrong codes in a row does not stop a hundred
#: simultaneous attempts; this limit does. A phone shows ten codes in that time.
CODES = Limit("codes", 10, 300, "Too many codes were tried for this account.")
#: Requests per person or token, and per IP address without either.
REQUESTS = Limit("requests", 3_000, 60, "Too many requests.")
STRANGERS = Limit("strangers", 600, 60, "Too many requests from this address.")
#: Scripts, styles and icons per IP address: a page has about thirty, and many people may share an address.
ASSETS = Limit("assets", 6_000, 60, "Too many requests from this address.")
#: Changes by one person; a bulk action counts once per row.
COMMANDS = Limit("commands", 3_000, 60, "Too many changes in a short time.")
#: Visits to platforms by one creator: each is a row, and an entry of the audit log.
VISITS = Limit("visits", 30, 300, "You have begun to connect too often.")
#: Pages opened by one person.
PAGES = Limit("pages", 240, 60, "You are opening pages too fast.")


class Limiter(Protocol):
    """Counts requests. Its methods never raise; if the shared counter is unreachable, it counts within this process."""

    def hit(self, limit: Limit, key: str) -> bool:
        """Count one more and return whether it is within the limit."""

    def is_spent(self, limit: Limit, key: str) -> bool:
        """Return whether the limit is reached, without counting."""

    def wait(self, limit: Limit, key: str) -> int:
        """Return the seconds until the next one is allowed."""


_limiters: list[Limiter] = []


def use(limiter: Limiter | None) -> None:
    """Install the limiter of this process; with None, nothing is limited."""
    _limiters[:] = [limiter] if limiter else []


def are_on() -> bool:
    """Return whether this process limits anything."""
    return bool(_limiters)


def check(limit: Limit, key: str) -> None:
    """Count one more. Raises TooMany with the seconds to wait."""
    for limiter in _limiters:
        if not limiter.hit(limit, key):
            raise _too_many(limiter, limit, key)


def note(limit: Limit, key: str) -> None:
    """Count one more without refusing it."""
    for limiter in _limiters:
        limiter.hit(limit, key)


def refuse_if_spent(limit: Limit, key: str) -> None:
    """Raise TooMany when the limit is reached, without counting."""
    for limiter in _limiters:
        if limiter.is_spent(limit, key):
            raise _too_many(limiter, limit, key)


def _too_many(limiter: Limiter, limit: Limit, key: str) -> TooMany:
    seconds = limiter.wait(limit, key)
    return TooMany(f"{limit.says} Wait {seconds} seconds and try again.", seconds)
