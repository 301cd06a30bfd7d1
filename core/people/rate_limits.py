"""How often who may do what: limits in a sliding minute or more, shared by all replicas; nobody is shut out for good.

The counting is done by whatever the process installs; without it nothing is limited, as in a one-off command.
"""

from dataclasses import dataclass
from typing import Protocol

from core.errors import TooMany


@dataclass(frozen=True, slots=True)
class Limit:
    """`times` within any `seconds`, for each key; `says` tells the person."""

    name: str
    times: int
    seconds: int
    says: str


#: Wrong passwords, codes and links from one address. A person mistypes a few times, a program does not stop.
GUESSES = Limit("guesses", 20, 300, "Too many failed sign-ins from this address.")
#: Wrong passwords for one account, from wherever; sign-in by link goes on working meanwhile.
GUESSES_AT_ONE = Limit("guesses-at-one", 50, 900, "Too many failed sign-ins for this account.")
#: Right passwords of one account: who knows one must not keep everybody waiting by signing in again and again.
SIGN_INS = Limit("sign-ins", 30, 300, "This account has signed in very often.")
#: Passwords tried in a session, right or wrong: whoever finds a screen left open must not guess there either.
PROOFS = Limit("proofs", 10, 300, "You have tried passwords very often.")
#: Codes tried for one account, right or wrong. The lock after five in a row knows of those that were judged already;
#: of a hundred at once it would know of none. A phone shows ten codes in that time.
CODES = Limit("codes", 10, 300, "Very many codes were tried for this account.")
#: Requests of one person or token, and of one address without either.
REQUESTS = Limit("requests", 3_000, 60, "Too many requests.")
STRANGERS = Limit("strangers", 600, 60, "Too many requests from this address.")
#: Changes by one person, single ones: what a bulk button does counts once for each row.
COMMANDS = Limit("commands", 3_000, 60, "Too many changes in a short time.")
#: Pages that one person opens.
PAGES = Limit("pages", 240, 60, "You are opening pages very fast.")


class Limiter(Protocol):
    """Counts. Its methods never raise: a counter that is away limits within this process only."""

    def hit(self, limit: Limit, key: str) -> bool:
        """Count one more, and tell whether it is within the limit."""

    def is_spent(self, limit: Limit, key: str) -> bool:
        """Tell whether the limit is reached, without counting."""

    def wait(self, limit: Limit, key: str) -> int:
        """Return the seconds until there is room again."""


_limiters: list[Limiter] = []


def use(limiter: Limiter | None) -> None:
    """Make `limiter` this process's; None: nothing is limited."""
    _limiters[:] = [limiter] if limiter else []


def check(limit: Limit, key: str) -> None:
    """Count one more. Raises TooMany with the seconds to wait."""
    for limiter in _limiters:
        if not limiter.hit(limit, key):
            raise _too_many(limiter, limit, key)


def note(limit: Limit, key: str) -> None:
    """Count one more, and refuse nothing now."""
    for limiter in _limiters:
        limiter.hit(limit, key)


def refuse_if_spent(limit: Limit, key: str) -> None:
    """Count nothing. Raises TooMany when the limit is reached."""
    for limiter in _limiters:
        if limiter.is_spent(limit, key):
            raise _too_many(limiter, limit, key)


def _too_many(limiter: Limiter, limit: Limit, key: str) -> TooMany:
    seconds = limiter.wait(limit, key)
    return TooMany(f"{limit.says} Wait {seconds} seconds and try again.", seconds)
