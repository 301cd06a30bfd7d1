"""Sign-in by password, one-time link or provider, and authentication of every request.

A session's token has 256 random bits; the database holds only its SHA-256. A session ends after an idle time, after an
absolute time, when it is revoked, or when its user is disabled.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Engine, Uuid, any_, bindparam, delete, update
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from core import clock
from core.actor import Actor
from core.database.engine import session_scope, write_soon
from core.database.statements import Query, fetch
from core.database.text import folded
from core.errors import CodeNeeded, NotSignedIn
from core.models import PendingSignIn, Role, SignInLink, User, UserSession
from core.people import passwords, personal_tokens, rate_limits, second_factor, sessions
from core.people.addresses import known_form, user_with
from core.people.sessions import Visitor as Visitor
from core.people.sessions import hash_token

LINK_LIFE = timedelta(hours=24)
PRINTED_LINK_LIFE = timedelta(hours=1)
#: Time to enter the code of the second factor.
PENDING_LIFE = timedelta(minutes=5)
MOST_ATTEMPTS = 5
#: The last use of a session is written at most this often, so that reading a page rarely writes.
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a request; `via` is console or api."""

    token: str | None
    via: str
    #: A personal token from the Authorization header; it takes precedence over the cookie's token.
    bearer: str | None = None


def sign_in(engine: Engine, email: str, password: str, visitor: Visitor, via: str, *, code: str | None = None) -> str:
    """Check e-mail, password and, if the second factor is on, its code; return the token of a new session.

    Verifying a password is slow on purpose and holds no database connection. Raises NotSignedIn with the same sentence
    for every wrong input, CodeNeeded when only the code is missing, TooMany after many failures; sign-in links still
    work then.
    """
    address = folded(known_form(email))
    guess_limits = ((rate_limits.GUESSES, visitor.ip), (rate_limits.GUESSES_AT_ONE, hash_token(address)))
    sign_in_limit = (rate_limits.SIGN_INS, hash_token(address))
    for limit, key in (*guess_limits, sign_in_limit):
        rate_limits.refuse_if_spent(limit, key)
    with session_scope(engine) as session:
        user = user_with(session, email)
    if not passwords.matches(user, password) or user is None or user.disabled_at:
        for limit, key in guess_limits:
            rate_limits.note(limit, key)
        raise NotSignedIn("E-mail or password is wrong. Check both, or ask an admin for a sign-in link.")
    rate_limits.note(*sign_in_limit)
    with session_scope(engine) as session:
        if code and second_factor.state_of(session, user.id).on:
            _require_right_code(session, user, code)
            return sessions.begin(session, user, visitor, via, "password and code")
        return _begin(session, user, visitor, via, "password")


def make_link(session: Session, user: User, *, life: timedelta = LINK_LIFE) -> str:
    """Return the token of a link that signs `user` in once, within a day."""
    token = secrets.token_urlsafe(32)
    session.add(SignInLink(token_hash=hash_token(token), user_id=user.id, expires_at=clock.now() + life))
    return token


def make_printed_link(session: Session, user: User) -> str:
    """Return the token of a link that lives an hour, and void the user's earlier ones: logs keep what is printed."""
    session.flush()
    session.exec(delete(SignInLink).where(col(SignInLink.user_id) == user.id, col(SignInLink.used_at).is_(None)))
    return make_link(session, user, life=PRINTED_LINK_LIFE)


def person_of_link(session: Session, token: str) -> User:
    """Return the user of a link without using it up, because mail scanners and previews open links too.

    Raises NotSignedIn when it is used or expired.
    """
    user_id = session.exec(select(SignInLink.user_id).where(*_usable(token))).first()
    return _active_user(session, user_id)


def sign_in_by_link(session: Session, token: str, visitor: Visitor) -> str:
    """Use a one-time link and return the token of a new session. Raises NotSignedIn when it is used or expired."""
    use_up = update(SignInLink).where(*_usable(token)).values(used_at=clock.db_now())
    used = session.exec(use_up.returning(col(SignInLink.user_id))).first()
    user = _active_user(session, used[0] if used else None)
    return _begin(session, user, visitor, "console", "link")


def sign_in_by_provider(session: Session, user: User, visitor: Visitor) -> str:
    """Return the token of a new session for a user authenticated by the OpenID provider. Raises CodeNeeded."""
    return _begin(session, user, visitor, "console", "provider")


def pend(session: Session, user_id: UUID) -> str:
    """Return a token for a user who must still enter a code; it is only valid for `sign_in_by_code`."""
    token = secrets.token_urlsafe(32)
    session.exec(delete(PendingSignIn).where(col(PendingSignIn.expires_at) < clock.db_now()))
    session.add(PendingSignIn(token_hash=hash_token(token), user_id=user_id, expires_at=clock.now() + PENDING_LIFE))
    return token


def sign_in_by_code(engine: Engine, token: str, code: str, visitor: Visitor) -> str:
    """Complete a sign-in with the missing code, and return the token of a new session. Raises NotSignedIn."""
    is_valid = (
        col(PendingSignIn.token_hash) == hash_token(token),
        col(PendingSignIn.used_at).is_(None),
        col(PendingSignIn.expires_at) > clock.db_now(),
        col(PendingSignIn.created_at) < clock.db_now() + clock.SKEW,
        col(PendingSignIn.attempts) < MOST_ATTEMPTS,
    )
    with session_scope(engine) as session:  # committed separately, so that every attempt counts
        count = update(PendingSignIn).where(*is_valid).values(attempts=PendingSignIn.attempts + 1)
        pending = session.exec(count.returning(col(PendingSignIn.user_id))).first()
    with session_scope(engine) as session:
        user = session.get(User, pending[0]) if pending else None
        if user is None or user.disabled_at:
            raise NotSignedIn("This sign-in has expired or had too many wrong codes. Sign in again.")
        _require_right_code(session, user, code)
        use_up = update(PendingSignIn).where(*is_valid[:2]).values(used_at=clock.db_now())
        if session.exec(use_up.returning(col(PendingSignIn.user_id))).first() is None:
            raise NotSignedIn("This sign-in has already been completed. Sign in again.")
        return sessions.begin(session, user, visitor, "console", "code")


def authenticate(session: Session, credentials: Credentials) -> Actor:
    """Return the actor of the credentials, read from the database now. Raises NotSignedIn."""
    if credentials.bearer:
        return personal_tokens.actor_of(session, credentials.bearer, credentials.via)
    if not credentials.token:
        raise NotSignedIn("You are not signed in. Sign in and try again.")
    found = fetch(session, _session_of_token(), token_hash=hash_token(credentials.token))
    if not found or not sessions.holds(found[0]):
        raise NotSignedIn("Your session has ended. Sign in again to return to this page.")
    row = found[0]
    if row.last_seen_at < clock.now() - TOUCH_EVERY:
        seen = update(UserSession).where(col(UserSession.id) == row.id)
        write_soon(session, seen.values(last_seen_at=clock.now()))
    return Actor(row.user_id, row.email, row.role, credentials.via, row.id)


def roles_behind(session: Session, session_ids: Collection[UUID]) -> dict[UUID, Role]:
    """Return the user's current role for each of these sessions that is still valid."""
    rows = fetch(session, _sessions_of_ids(), ids=list(session_ids))
    return {row.id: row.role for row in rows if sessions.holds(row)}


@cache
def _session_of_token() -> Query:
    return _sessions_and_people().where(col(UserSession.token_hash) == bindparam("token_hash"))


@cache
def _sessions_of_ids() -> Query:
    return _sessions_and_people().where(col(UserSession.id) == any_(bindparam("ids", type_=ARRAY(Uuid()))))


def _sessions_and_people() -> Query:
    of_person: list[Any] = [col(User.id).label("user_id"), col(User.email), col(User.role)]
    return sa_select(*sessions.TIMES, *of_person).join_from(UserSession, User)


def sign_out(session: Session, actor: Actor) -> None:
    """End the actor's own session."""
    if actor.session_id:
        sessions.end(session, actor.session_id, actor, "signed out")


def _begin(session: Session, user: User, visitor: Visitor, via: str, how: str) -> str:
    if second_factor.state_of(session, user.id).on:
        raise CodeNeeded("Enter the code from your phone, or a recovery code.", user.id)
    return sessions.begin(session, user, visitor, via, how)


def _require_right_code(session: Session, user: User, code: str) -> None:
    if not second_factor.check(session, user, code):
        raise CodeNeeded("The code is wrong or already used. Wait for the next one.", user.id)


def _usable(token: str) -> tuple[ColumnElement[bool], ...]:
    return (
        col(SignInLink.token_hash) == hash_token(token),
        col(SignInLink.used_at).is_(None),
        col(SignInLink.expires_at) > clock.db_now(),
        col(SignInLink.created_at) < clock.db_now() + clock.SKEW,
    )


def _active_user(session: Session, user_id: UUID | None) -> User:
    user = session.get(User, user_id) if user_id else None
    if user is None or user.disabled_at:
        raise NotSignedIn("This sign-in link has been used or has expired. Ask for a new one: main.py operators link.")
    return user
