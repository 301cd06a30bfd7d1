"""Passwords: how strong they must be, how they are stored (argon2id), and how people change their own."""

import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError, VerifyMismatchError
from pydantic import Field
from sqlmodel import Session

from core import bus
from core.actor import Actor
from core.audit.record import record
from core.errors import Invalid, TooMany
from core.models import User
from core.operation import Form
from core.people import rate_limits, sessions

MINIMUM: Final = 12
#: Characters of a password that zxcvbn judges: its time grows with the square of the length, and is 0.8 s for the worst
#: 32 characters on one core. The whole password is hashed and compared, however long.
JUDGED: Final = 32
#: Of zxcvbn's scores, 0 to 4: more than 10^10 guesses, which is years of computing against argon2id.
STRONG: Final = 4
#: Missing from zxcvbn's dictionaries: this program's name, one famous example, and the years after 2019.
_ALSO_COMMON: Final = ("unstuck", "correcthorsebatterystaple", *(str(year) for year in range(2020, 2041)))
#: A part of a name or e-mail address shorter than this may occur in a password by chance.
_LONG_ENOUGH: Final = 4
#: zxcvbn stores the personal words in a global variable, so it judges one password at a time.
_JUDGING = threading.Lock()
_EASY: Final = "It consists of words and patterns that attackers try first."
_REASONS: Final = {
    "repeat": "It repeats the same characters.",
    "sequence": "It is a sequence, such as abcdef or 654321.",
    "spatial": "It follows the order of keys on the keyboard.",
    "regex": "It is little more than a date or a year.",
    "date": "It is little more than a date or a year.",
}

_hasher = PasswordHasher()
#: Passwords verified at once: each takes 64 MB and a core for a moment, and guessing must not starve other requests.
_VERIFYING = threading.Semaphore(2)
#: Passwords being verified or waiting: each holds one of the forty threads that a process has for all requests.
_PLACES = threading.Semaphore(10)
#: Passwords being changed: each holds a database connection while it is judged and hashed.
_CHANGES = threading.Semaphore(4)


class PasswordForm(Form):
    """A new password, and the current one if there is one."""

    password: str = Field(max_length=1_000)
    current: str | None = Field(default=None, max_length=1_000)


def change_password(session: Session, actor: Actor, form: PasswordForm) -> None:
    """Set a person's new password, and end their other sessions and links.

    Raises Invalid, field by field, and TooMany while several others do the same.
    """
    if not _CHANGES.acquire(blocking=False):
        raise TooMany("Many people are changing their password right now. Try again in 5 seconds.", 5)
    try:
        _change_password(session, actor, form)
    finally:
        _CHANGES.release()


def _change_password(session: Session, actor: Actor, form: PasswordForm) -> None:
    rate_limits.check(rate_limits.PROOFS, str(actor.id))  # before the row is locked: waiting for it holds a connection
    user = session.get(User, actor.id, with_for_update=True) if actor.id else None
    if user is None:
        raise Invalid("Only people have passwords.")
    if has_password(session, actor) and not matches(user, form.current or ""):
        raise Invalid("The current password is wrong.", {"current": "Enter your current password."})
    was = "set" if user.hashed_password else "not set"
    user.hashed_password = hash_password(form.password, user.email, user.name or "")
    sessions.end_all(session, user.id, actor, "password changed", but=actor.session_id)
    record(session, actor, "password.changed", user_id=user.id, was=was, now="set anew")
    bus.changed(session, user_id=user.id)


def has_password(session: Session, actor: Actor) -> bool:
    """Tell whether a person can sign in with a password."""
    user = session.get(User, actor.id)
    return user is not None and user.hashed_password is not None and is_usable(user.hashed_password)


def is_usable(hashed: str) -> bool:
    """Tell whether any password can match a stored hash; the legacy dump holds hashes that none matches."""
    try:
        return _hasher.verify(hashed, "")
    except VerifyMismatchError:
        return True
    except (Argon2Error, InvalidHashError):
        return False


def hash_password(password: str, *personal: str) -> str:
    """Return the argon2id hash of a whole new password. Raises Invalid, saying what is wrong with it.

    `personal` is what others know about the person: name and e-mail address make a password easy to guess.
    """
    if weakness := _weakness(password, personal):
        raise Invalid(f"This password is too weak. {weakness}", {"password": weakness})
    return _hasher.hash(password)


def matches(user: User | None, password: str) -> bool:
    """Tell whether this is the user's password; an unknown user takes the same time.

    Raises TooMany when too many verifications are waiting.
    """
    # The legacy dump's hashes are not argon2 and would be refused at once, which would show that the user exists.
    stored = user.hashed_password if user and (user.hashed_password or "").startswith("$argon2") else None
    if not _PLACES.acquire(blocking=False):
        raise TooMany("Many people are signing in right now. Try again in 2 seconds.", 2)
    try:
        with _VERIFYING:
            return _hasher.verify(stored or _decoy_hash(), password) and stored is not None
    except (Argon2Error, InvalidHashError):
        return False
    finally:
        _PLACES.release()


def _weakness(password: str, personal: tuple[str, ...]) -> str | None:
    if len(password) < MINIMUM:
        return f"Use at least {MINIMUM} characters."
    from zxcvbn import zxcvbn  # here: its dictionaries take 15 MB, and most processes never judge a password

    about = _known_of(personal)
    with _JUDGING:
        judgement = zxcvbn(password[:JUDGED], user_inputs=[*about, *_ALSO_COMMON])
    if judgement["score"] >= STRONG:
        return None
    return f"{_reason(judgement['sequence'], about)} Use three or four unrelated words."


def _known_of(personal: tuple[str, ...]) -> list[str]:
    """Return what others know about a person: e-mail address, name, and the parts of both."""
    whole = [text.casefold() for text in personal]
    parts = [part for text in whole for part in (text, text.split("@")[0], *re.split(r"[\W_]+", text))]
    return [part[:JUDGED] for part in dict.fromkeys(parts) if len(part) >= _LONG_ENOUGH]


def _reason(sequence: Sequence[Mapping[str, Any]], about: list[str]) -> str:
    if any(match.get("matched_word") in about for match in sequence):
        return "Most of it is about you: your name or your e-mail address."
    longest: Mapping[str, Any] = max(sequence, key=lambda match: len(match["token"]))
    return _REASONS.get(longest["pattern"], _EASY)


@lru_cache
def _decoy_hash() -> str:
    """Return the hash to verify against for an unknown user, so that the answer takes the same time."""
    return _hasher.hash(secrets.token_urlsafe())
