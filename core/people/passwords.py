"""Passwords: what is good enough, how they are kept (argon2id), and changing one's own."""

import re
import secrets
import threading
from functools import lru_cache
from typing import Final

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
#: Words that long common passwords are made of, longest first; what is left without them has to be a password itself.
COMMON: Final = re.compile(
    "correcthorsebatterystaple|administrator|abcdefghijkl|1q2w3e4r5t6y|q1w2e3r4t5y6|contraseña|manchester|qwertyuiop|"
    "asdfghjkl|motdepasse|willkommen|liverpool|passwort|password|p@ssw0rd|p@ssword|passw0rd|1q2w3e4r|football|iloveyou|"
    "trustno1|changeme|baseball|princess|sunshine|superman|zxcvbnm|letmein|welcome|default|charlie|michael|chelsea|unstuck|"
    "1qaz2wsx|abcdef|abc123|qazwsx|azerty|qwerty|qwertz|parola|master|dragon|monkey|batman|secret|access|summer|winter|"
    "spring|autumn|jordan|shadow|admin|login|guest|senha|asdf|zxcv|root|pass|test|user"
)
#: A year, the same sign again and again, three digits or more in a row.
_PATTERNS: Final = re.compile(
    r"(?:19|20)\d\d|(.)\1{2,}|0?123(?:4(?:5(?:6(?:7(?:8(?:90?)?)?)?)?)?)?|987(?:6(?:5(?:43?2?1?0?)?)?)?"
)
#: A part of the e-mail address shorter than this may stand in a password by chance.
_LONG_ENOUGH: Final = 4
#: Different signs that must be left when all that everybody thinks of is taken away; fewer in all are a pattern, too:
#: aaaaaaaaaaaa, 121212121212.
FEWEST_OWN: Final = 5

_hasher = PasswordHasher()
#: Passwords verified at once: each takes 64 MB and a core for a moment, and guessing must not starve the others.
_VERIFYING = threading.Semaphore(2)
#: Passwords verified or waiting for it: who waits holds a thread, of which a process has forty for all requests.
_PLACES = threading.Semaphore(10)


class PasswordForm(Form):
    """A new password; who has one says the present one too."""

    password: str = Field(max_length=1_000)
    current: str | None = Field(default=None, max_length=1_000)


def change_password(session: Session, actor: Actor, form: PasswordForm) -> None:
    """Give a person a new password; their other sessions and their links end. Raises Invalid, field by field."""
    rate_limits.check(
        rate_limits.PROOFS, str(actor.id)
    )  # before the row is locked: who waits for it holds a connection
    user = session.get(User, actor.id, with_for_update=True) if actor.id else None
    if user is None:
        raise Invalid("Only people have passwords.")
    if has_password(session, actor) and not matches(user, form.current or ""):
        raise Invalid("The present password is wrong.", {"current": "Write your present password."})
    was = "set" if user.hashed_password else "not set"
    user.hashed_password = hash_password(form.password, user.email)
    sessions.end_all(session, user.id, actor, "password changed", but=actor.session_id)
    record(session, actor, "password.changed", user_id=user.id, was=was, now="set anew")
    bus.changed(session, user_id=user.id)


def has_password(session: Session, actor: Actor) -> bool:
    """Tell whether a person can sign in with a password."""
    user = session.get(User, actor.id)
    return user is not None and user.hashed_password is not None and is_usable(user.hashed_password)


def is_usable(hashed: str) -> bool:
    """Tell whether a stored hash is one that a password can ever match; those of the legacy dump are not."""
    try:
        return _hasher.verify(hashed, "")
    except VerifyMismatchError:
        return True
    except (Argon2Error, InvalidHashError):
        return False


def hash_password(password: str, email: str = "") -> str:
    """Return the argon2id hash of a new password, all of it. Raises Invalid, saying what is wrong with it."""
    if says := _weakness(password, email):
        raise Invalid(f"This password will not do. {says}", {"password": says})
    return _hasher.hash(password)


def matches(user: User | None, password: str) -> bool:
    """Tell whether this is the user's password; takes the same long time when there is no such user.

    Raises TooMany when more are waiting than a process can bear.
    """
    # What the legacy dump holds is no hash of ours, and would be refused at once.
    stored = user.hashed_password if user and (user.hashed_password or "").startswith("$argon2") else None
    if not _PLACES.acquire(blocking=False):
        raise TooMany("Many are signing in at this moment. Try again in 2 seconds.", 2)
    try:
        with _VERIFYING:
            return _hasher.verify(stored or _nobody(), password) and stored is not None
    except (Argon2Error, InvalidHashError):
        return False
    finally:
        _PLACES.release()


def _weakness(password: str, email: str) -> str | None:
    plain = password.casefold()
    if len(password) < MINIMUM:
        return f"Use at least {MINIMUM} characters."
    mine = [part for part in (email.casefold(), email.casefold().split("@")[0]) if len(part) >= _LONG_ENOUGH]
    if email and any(part in plain and len(plain) - len(part) < MINIMUM - FEWEST_OWN for part in mine):
        return "It is your e-mail address, or little more. Use something that others do not know of you."
    if len(_own_part(plain)) < FEWEST_OWN:
        return "It is among those that are guessed first. A few unrelated words are easy to remember and hard to guess."
    return None


def _own_part(plain: str) -> set[str]:
    """Return the signs that are left of a password when all that everybody thinks of is taken away."""
    return set(_PATTERNS.sub("", COMMON.sub("", plain)))


@lru_cache
def _nobody() -> str:
    """Return a hash to verify against when there is no such user, so that the answer takes the same time."""
    return _hasher.hash(secrets.token_urlsafe())
