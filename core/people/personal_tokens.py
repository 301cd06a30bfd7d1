"""Personal tokens: credentials for a person's scripts, with an expiry and a scope; shown once, revoked at once.

A token is `unstuck_` plus 256 random bits, so that secret scanners recognise it; the database holds only its SHA-256.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import Field, field_validator
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select, update

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.database.engine import write_soon
from core.database.window import USUAL, Window, read_window
from core.errors import Invalid, NotAllowed, NotFound, NotPermitted, NotSignedIn
from core.models import PersonalToken, Scope, User
from core.operation import Form
from core.people.sessions import hash_token

PREFIX: Final = "unstuck_"
LONGEST_DAYS: Final = 365
#: Maximum live tokens per person: enough for their scripts, and still a short list.
MOST: Final = 20
#: The last use of a token is written at most this often, so that reading rarely writes.
TOUCH_EVERY = timedelta(minutes=1)


class TokenForm(Form):
    """A new token: its purpose, its scope and its lifetime in days."""

    name: str = Field(min_length=1, max_length=100)
    scope: Scope = Scope.READ
    days: int = Field(default=90, ge=1, le=LONGEST_DAYS)

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not name.strip() or not name.isprintable():
            raise ValueError("say what the token is for, in plain text")
        return name.strip()


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One live token, as its owner sees it."""

    id: UUID
    name: str
    scope: Scope
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


def create(session: Session, user_id: UUID, form: TokenForm, actor: Actor, reason: str | None = None) -> str:
    """Create a token and return it; it is never shown again. Raises NotFound, NotPermitted, Invalid or NotAllowed."""
    user = session.get(User, user_id, with_for_update=True)
    if user is None:
        raise NotFound(f"There is no user with id {user_id}.")
    if actor.id is not None and actor.id != user_id:
        raise NotPermitted("You can only create tokens for yourself.")
    if user.disabled_at:
        raise NotAllowed(f"{user.email} is disabled and cannot sign in.")
    _refuse_too_many(session, user_id, form.name)
    token = PREFIX + secrets.token_urlsafe(32)
    expires_at = clock.now() + timedelta(days=form.days)
    row = PersonalToken(
        user_id=user_id, name=form.name, scope=form.scope, token_hash=hash_token(token), expires_at=expires_at
    )
    session.add(row)
    data: dict[str, Any] = {
        "id": str(row.id),
        "named": form.name,
        "scope": form.scope.value,
        "until": expires_at.isoformat(),
    }
    record(session, actor, "token.created", user_id=user_id, reason=reason, **data)
    bus.changed(session, user_id=user_id)
    return token


def revoke(session: Session, token_id: UUID, actor: Actor, reason: str | None = None) -> None:
    """Revoke a token at once. Raises NotFound."""
    row = session.get(PersonalToken, token_id)
    if row is None:
        raise NotFound(f"There is no token with id {token_id}.")
    if _end(session, row.user_id, actor, reason, col(PersonalToken.id) == token_id) == 0:
        raise NotAllowed(f"The token “{row.name}” has already been revoked.")


def revoke_all(session: Session, user_id: UUID, actor: Actor, reason: str | None = None) -> int:
    """Revoke all of a person's tokens; return their number."""
    return _end(session, user_id, actor, reason)


def owner_of(session: Session, token_id: UUID) -> UUID | None:
    """Return the id of the token's owner."""
    row = session.get(PersonalToken, token_id)
    return row.user_id if row else None


def lines_of(session: Session, user_id: UUID, start: int = 0, limit: int = USUAL) -> Window[TokenLine]:
    """Return a person's live tokens, newest first."""
    newest = (
        select(PersonalToken)
        .where(*_live(user_id))
        .order_by(col(PersonalToken.created_at).desc(), col(PersonalToken.id))
    )
    rows: Window[PersonalToken] = read_window(session, newest, limit, start)
    return rows.map(
        lambda row: TokenLine(row.id, row.name, row.scope, row.created_at, row.expires_at, row.last_used_at)
    )


def actor_of(session: Session, token: str, via: str) -> Actor:
    """Return the token's owner as an actor, read from the database now. Raises NotSignedIn."""
    has_hash = PersonalToken.token_hash == hash_token(token)
    match = session.exec(select(PersonalToken, User).join(User).where(has_hash)).first()
    if match is None or not _is_valid(*match):
        raise NotSignedIn("This token is unknown, revoked or expired. Create a new one under Settings, Tokens.")
    row, user = match
    if row.last_used_at is None or row.last_used_at < clock.now() - TOUCH_EVERY:
        used = update(PersonalToken).where(col(PersonalToken.id) == row.id)
        write_soon(session, used.values(last_used_at=clock.now()))
    return Actor(user.id, user.email, user.role, via, token_id=row.id, reads_only=row.scope is Scope.READ)


def _is_valid(row: PersonalToken, user: User) -> bool:
    now = clock.now()
    is_young = row.created_at < now + clock.SKEW and now < row.expires_at
    return is_young and not row.revoked_at and not user.disabled_at


def _live(user_id: UUID) -> tuple[ColumnElement[bool], ...]:
    is_valid = (col(PersonalToken.revoked_at).is_(None), col(PersonalToken.expires_at) > clock.db_now())
    return col(PersonalToken.user_id) == user_id, *is_valid


def _refuse_too_many(session: Session, user_id: UUID, name: str) -> None:
    names = session.exec(select(PersonalToken.name).where(*_live(user_id)).limit(MOST)).all()
    if len(names) >= MOST:
        raise NotAllowed(f"You already have {MOST} tokens; revoke one that you no longer use.")
    if name.casefold() in {other.casefold() for other in names}:
        raise Invalid("A token with this name exists already.", {"name": "Choose another name."})


def _end(session: Session, user_id: UUID, actor: Actor, reason: str | None, *which: ColumnElement[bool]) -> int:
    stop = update(PersonalToken).where(*_live(user_id), *which).values(revoked_at=clock.db_now())
    ended = session.exec(stop.returning(col(PersonalToken.id), col(PersonalToken.name))).all()
    for token_id, name in ended:
        record(session, actor, "token.revoked", user_id=user_id, reason=reason, id=str(token_id), named=name)
    bus.changed(session, user_id=user_id)
    return len(ended)
