"""Who is it? Sign-in by password or one-time link, sessions in `user_sessions`, and the check at every event.

A session's token is 256 random bits; the database holds only its SHA-256. It ends after an idle time, after an absolute
time, when it is revoked, and with its person.
"""

import hashlib
import secrets
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError, VerifyMismatchError
from pydantic import Field
from sqlalchemy import Engine, update
from sqlmodel import Session, col, func, select

from core import audit, clock
from core.actor import Actor
from core.db import session_scope
from core.errors import Invalid, NotSignedIn
from core.models import Role, SignInLink, User, UserSession
from core.operation import Form
from core.settings import settings

PASSWORD_MIN = 12
LINK_LIFE = timedelta(hours=24)
#: A session's last use is written at most this often: reading must not mean writing.
TOUCH_EVERY = timedelta(minutes=1)

_hasher = PasswordHasher()
#: Passwords verified at once: each takes 64 MB and a core for a moment, and guessing must not starve the others.
_VERIFYING = threading.Semaphore(2)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brings along to prove who it is; `via` is console or api."""

    token: str | None
    via: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a sign-in comes from, for the list of sessions."""

    user_agent: str = ""
    ip: str = ""


def sign_in(engine: Engine, email: str, password: str, visitor: Visitor, via: str) -> str:
    """Check e-mail and password and return the token of a new session.

    Verifying takes long on purpose, and holds no connection meanwhile that others wait for. Raises NotSignedIn with
    one sentence for every way in which it can be wrong.
    """
    wanted = email.replace("\x00", "").strip().lower()
    with session_scope(engine) as session:
        user = session.exec(select(User).where(func.lower(User.email) == wanted)).first()
    with _VERIFYING:
        is_right = _verified(user, password)
    if not is_right or user is None or user.disabled_at:
        raise NotSignedIn("E-mail or password is wrong. Check both, or ask an admin for a sign-in link.")
    with session_scope(engine) as session:
        return _begin(session, user, visitor, via)


def make_link(session: Session, user: User) -> str:
    """Return the token of a link that signs `user` in once, within a day."""
    token = secrets.token_urlsafe(32)
    session.add(SignInLink(token_hash=_hash(token), user_id=user.id, expires_at=clock.now() + LINK_LIFE))
    return token


def sign_in_by_link(session: Session, token: str, visitor: Visitor) -> str:
    """Use a one-time link up and return the token of a new session. Raises NotSignedIn when it is used or too old."""
    used = session.exec(
        update(SignInLink)
        .where(
            col(SignInLink.token_hash) == _hash(token),
            col(SignInLink.used_at).is_(None),
            col(SignInLink.expires_at) > clock.db_now(),
        )
        .values(used_at=clock.db_now())
        .returning(col(SignInLink.user_id))
    ).first()
    user = session.get(User, used[0]) if used else None
    if user is None or user.disabled_at:
        raise NotSignedIn("This sign-in link has been used or is too old. Ask for a new one: main.py operator link.")
    return _begin(session, user, visitor, "console")


def authenticate(session: Session, credentials: Credentials) -> Actor:
    """Return the person behind the credentials, as the database knows them now. Raises NotSignedIn."""
    if not credentials.token:
        raise NotSignedIn("You are not signed in. Sign in and try again.")
    found = session.exec(
        select(UserSession, User).join(User).where(UserSession.token_hash == _hash(credentials.token))
    ).first()
    if found is None or not _valid(*found):
        raise NotSignedIn("Your session has ended. Sign in again; you come back to this place.")
    row, user = found
    if row.last_seen_at < clock.now() - TOUCH_EVERY:
        session.exec(update(UserSession).where(col(UserSession.id) == row.id).values(last_seen_at=clock.now()))
    return Actor(user.id, user.email, user.role, credentials.via, row.id)


def roles_behind(session: Session, session_ids: Collection[UUID]) -> dict[UUID, Role]:
    """Return the present role of the person behind each of these sessions that is still valid."""
    rows = session.exec(select(UserSession, User).join(User).where(col(UserSession.id).in_(session_ids)))
    return {row.id: user.role for row, user in rows if _valid(row, user)}


def sign_out(session: Session, actor: Actor) -> None:
    """End the session that the actor came with."""
    if actor.session_id:
        revoke(session, actor.session_id)
        audit.record(session, actor, "session.ended", user_id=actor.id)


def revoke(session: Session, session_id: UUID) -> None:
    """End one session, wherever it is open."""
    session.exec(update(UserSession).where(col(UserSession.id) == session_id).values(revoked_at=clock.db_now()))


class PasswordForm(Form):
    """A new password; who has one says the present one too."""

    password: str = Field(max_length=1_000)
    current: str | None = Field(default=None, max_length=1_000)


def change_password(session: Session, actor: Actor, form: PasswordForm) -> None:
    """Give a person a new password and end their other sessions. Raises Invalid, field by field."""
    user = session.get(User, actor.id, with_for_update=True)
    if user is None:
        raise Invalid("Only people have passwords.")
    if has_password(session, actor) and not _verified(user, form.current or ""):
        raise Invalid("The present password is wrong.", {"current": "Write your present password."})
    was = "set" if user.hashed_password else "not set"
    user.hashed_password = hash_password(form.password)
    others = (col(UserSession.user_id) == user.id, col(UserSession.id) != actor.session_id)
    session.exec(update(UserSession).where(*others).values(revoked_at=clock.db_now()))
    audit.record(session, actor, "password.changed", user_id=user.id, was=was, now="set anew")


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


def hash_password(password: str) -> str:
    """Return the argon2id hash of a new password. Raises Invalid when it is too short."""
    if len(password) < PASSWORD_MIN:
        says = f"Use at least {PASSWORD_MIN} characters."
        raise Invalid(f"The password is too short. {says}", {"password": says})
    return _hasher.hash(password)


def _begin(session: Session, user: User, visitor: Visitor, via: str) -> str:
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            user_id=user.id,
            token_hash=_hash(token),
            user_agent=visitor.user_agent[:300],
            ip=visitor.ip,
            expires_at=clock.now() + timedelta(hours=settings().session_hours),
        )
    )
    audit.record(session, Actor(user.id, user.email, user.role, via), "session.started", user_id=user.id)
    return token


def _valid(row: UserSession, user: User) -> bool:
    now: datetime = clock.now()
    idle = timedelta(minutes=settings().session_idle_minutes)
    return not row.revoked_at and not user.disabled_at and row.expires_at > now and row.last_seen_at > now - idle


def _verified(user: User | None, password: str) -> bool:
    stored = user.hashed_password if user else None
    try:
        return _hasher.verify(stored or _nobody(), password) and stored is not None
    except (Argon2Error, InvalidHashError):
        return False


@lru_cache
def _nobody() -> str:
    """Return a hash to verify against when there is no such user, so that the answer takes the same time."""
    return _hasher.hash(secrets.token_urlsafe())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
