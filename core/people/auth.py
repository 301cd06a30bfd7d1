"""Who is it? Sign-in by password or one-time link, and the check at every event.

A session's token is 256 random bits; the database holds only its SHA-256. It ends after an idle time, after an absolute
time, when it is revoked, and with its person.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, delete, update
from sqlmodel import Session, col, func, select

from core import clock
from core.actor import Actor
from core.database.engine import session_scope
from core.errors import CodeNeeded, NotSignedIn
from core.models import PendingSignIn, Role, SignInLink, User, UserSession
from core.people import passwords, personal_tokens, rate_limits, second_factor, sessions
from core.people.sessions import Visitor as Visitor
from core.people.sessions import hash_token

LINK_LIFE = timedelta(hours=24)
#: Long enough to find the phone.
PENDING_LIFE = timedelta(minutes=5)
MOST_ATTEMPTS = 5
#: A session's last use is written at most this often: reading must not mean writing.
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brings along to prove who it is; `via` is console or api."""

    token: str | None
    via: str
    #: A personal token from an Authorization header, which comes before the cookie's token.
    bearer: str | None = None


def sign_in(engine: Engine, email: str, password: str, visitor: Visitor, via: str, *, code: str | None = None) -> str:
    """Check e-mail, password and the code that some owe, and return the token of a new session.

    Verifying takes long on purpose, and holds no connection meanwhile that others wait for. Raises NotSignedIn with
    one sentence for every way in which it can be wrong, CodeNeeded when only the code is missing, TooMany after many
    wrong ones; a sign-in link goes on working then.
    """
    wanted = email.replace("\x00", "").strip().lower()
    guesses = ((rate_limits.GUESSES, visitor.ip), (rate_limits.GUESSES_AT_ONE, hash_token(wanted)))
    often = (rate_limits.SIGN_INS, hash_token(wanted))
    for limit, key in (*guesses, often):
        rate_limits.refuse_if_spent(limit, key)
    with session_scope(engine) as session:
        user = session.exec(select(User).where(func.lower(User.email) == wanted)).first()
    if not passwords.matches(user, password) or user is None or user.disabled_at:
        for limit, key in guesses:
            rate_limits.note(limit, key)
        raise NotSignedIn("E-mail or password is wrong. Check both, or ask an admin for a sign-in link.")
    rate_limits.note(*often)
    with session_scope(engine) as session:
        if code and second_factor.state_of(session, user.id).on:
            _refuse_unless_right(session, user, code)
            return sessions.begin(session, user, visitor, via, "password and code")
        return _begin(session, user, visitor, via, "password")


def make_link(session: Session, user: User) -> str:
    """Return the token of a link that signs `user` in once, within a day."""
    token = secrets.token_urlsafe(32)
    session.add(SignInLink(token_hash=hash_token(token), user_id=user.id, expires_at=clock.now() + LINK_LIFE))
    return token


def person_of_link(session: Session, token: str) -> User:
    """Return whom a link would sign in, and leave it unused: mail scanners and previews open links, people press on.

    Raises NotSignedIn when it is used or too old.
    """
    found = session.exec(select(SignInLink.user_id).where(*_usable(token))).first()
    return _let_in(session, found)


def sign_in_by_link(session: Session, token: str, visitor: Visitor) -> str:
    """Use a one-time link up and return the token of a new session. Raises NotSignedIn when it is used or too old."""
    use_up = update(SignInLink).where(*_usable(token)).values(used_at=clock.db_now())
    used = session.exec(use_up.returning(col(SignInLink.user_id))).first()
    user = _let_in(session, used[0] if used else None)
    return _begin(session, user, visitor, "console", "link")


def sign_in_by_provider(session: Session, user: User, visitor: Visitor) -> str:
    """Return the token of a new session for who was proved by the organisation's own sign-in. Raises CodeNeeded."""
    return _begin(session, user, visitor, "console", "provider")


def pend(session: Session, user_id: UUID) -> str:
    """Return a token for who has proved one factor and owes the code; it is good for `sign_in_by_code` alone."""
    token = secrets.token_urlsafe(32)
    session.exec(delete(PendingSignIn).where(col(PendingSignIn.expires_at) < clock.db_now()))
    session.add(PendingSignIn(token_hash=hash_token(token), user_id=user_id, expires_at=clock.now() + PENDING_LIFE))
    return token


def sign_in_by_code(engine: Engine, token: str, code: str, visitor: Visitor) -> str:
    """Complete a sign-in by the code that was owed, and return the token of a new session. Raises NotSignedIn."""
    good = (
        col(PendingSignIn.token_hash) == hash_token(token),
        col(PendingSignIn.used_at).is_(None),
        col(PendingSignIn.expires_at) > clock.db_now(),
        col(PendingSignIn.attempts) < MOST_ATTEMPTS,
    )
    with session_scope(engine) as session:  # counted and kept, however the attempt ends
        count = update(PendingSignIn).where(*good).values(attempts=PendingSignIn.attempts + 1)
        found = session.exec(count.returning(col(PendingSignIn.user_id))).first()
    with session_scope(engine) as session:
        user = session.get(User, found[0]) if found else None
        if user is None or user.disabled_at:
            raise NotSignedIn("That took too long, or there were too many wrong codes. Sign in again.")
        _refuse_unless_right(session, user, code)
        use_up = update(PendingSignIn).where(*good[:2]).values(used_at=clock.db_now())
        if session.exec(use_up.returning(col(PendingSignIn.user_id))).first() is None:
            raise NotSignedIn("This sign-in has been completed already. Sign in again.")
        return sessions.begin(session, user, visitor, "console", "code")


def authenticate(session: Session, credentials: Credentials) -> Actor:
    """Return the person behind the credentials, as the database knows them now. Raises NotSignedIn."""
    if credentials.bearer:
        return personal_tokens.actor_of(session, credentials.bearer, credentials.via)
    if not credentials.token:
        raise NotSignedIn("You are not signed in. Sign in and try again.")
    found = session.exec(
        select(UserSession, User).join(User).where(UserSession.token_hash == hash_token(credentials.token))
    ).first()
    if found is None or not sessions.holds(*found):
        raise NotSignedIn("Your session has ended. Sign in again; you come back to this place.")
    row, user = found
    if row.last_seen_at < clock.now() - TOUCH_EVERY:
        session.exec(update(UserSession).where(col(UserSession.id) == row.id).values(last_seen_at=clock.now()))
    return Actor(user.id, user.email, user.role, credentials.via, row.id)


def roles_behind(session: Session, session_ids: Collection[UUID]) -> dict[UUID, Role]:
    """Return the present role of the person behind each of these sessions that is still valid."""
    rows = session.exec(select(UserSession, User).join(User).where(col(UserSession.id).in_(session_ids)))
    return {row.id: user.role for row, user in rows if sessions.holds(row, user)}


def sign_out(session: Session, actor: Actor) -> None:
    """End the session that the actor came with."""
    if actor.session_id:
        sessions.end(session, actor.session_id, actor, "signed out")


def _begin(session: Session, user: User, visitor: Visitor, via: str, how: str) -> str:
    if second_factor.state_of(session, user.id).on:
        raise CodeNeeded("A code from your phone is needed as well, or a recovery code.", user.id)
    return sessions.begin(session, user, visitor, via, how)


def _refuse_unless_right(session: Session, user: User, code: str) -> None:
    if not second_factor.check(session, user, code):
        raise CodeNeeded("The code is wrong, or was used before. Wait for the next one.", user.id)


def _usable(token: str) -> tuple[ColumnElement[bool], ...]:
    return (
        col(SignInLink.token_hash) == hash_token(token),
        col(SignInLink.used_at).is_(None),
        col(SignInLink.expires_at) > clock.db_now(),
    )


def _let_in(session: Session, user_id: UUID | None) -> User:
    user = session.get(User, user_id) if user_id else None
    if user is None or user.disabled_at:
        raise NotSignedIn("This sign-in link has been used or is too old. Ask for a new one: main.py operators link.")
    return user
