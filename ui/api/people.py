"""People's sessions and tokens as JSON: one's own, and for an admin anybody's sessions."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlmodel import Session

from core.actor import Actor
from core.commands.gateway import REASON_LIMIT
from core.errors import NotFound
from core.models import Role
from core.people import personal_tokens, second_factor, sessions
from ui.api.deps import Who, do, read

router = APIRouter(prefix="/api", tags=["people"])

Reason = Annotated[str | None, Query(max_length=REASON_LIMIT)]


@router.get("/me/sessions")
def my_sessions(who: Who) -> dict[str, Any]:
    """List one's own open sessions, the last used first; `current` marks the one that asks."""
    return _listed(read(who, Role.MEMBER, lambda session, actor: sessions.lines_of(session, actor, _id_of(actor))))


@router.delete("/me/sessions")
def end_my_other_sessions(who: Who) -> dict[str, Any]:
    """End all of one's own sessions but the one that asks."""
    return do(who, "session.revoke_others", _me(who))


@router.delete("/me/sessions/{session_id}")
def end_my_session(session_id: UUID, who: Who) -> dict[str, Any]:
    """End one of one's own sessions."""
    return _end(who, _me(who), session_id)


@router.get("/users/{user_id}/sessions")
def sessions_of(user_id: UUID, who: Who) -> dict[str, Any]:
    """List a person's open sessions, for an admin."""
    return _listed(read(who, Role.ADMIN, sessions.lines_of, user_id))


@router.delete("/users/{user_id}/sessions")
def end_sessions_of(user_id: UUID, who: Who, reason: Reason = None) -> dict[str, Any]:
    """End a person's sessions, all of them; one's own but the one that asks."""
    return do(who, "session.revoke_others", user_id, reason=reason)


@router.delete("/users/{user_id}/sessions/{session_id}")
def end_session_of(user_id: UUID, session_id: UUID, who: Who, reason: Reason = None) -> dict[str, Any]:
    """End one of a person's sessions, for an admin."""
    read(who, Role.ADMIN, lambda session, actor: None)
    return _end(who, user_id, session_id, reason)


@router.get("/me/tokens")
def my_tokens(who: Who) -> dict[str, Any]:
    """List one's own live tokens, the newest first; never the tokens themselves."""
    return _listed(read(who, Role.MEMBER, lambda session, actor: personal_tokens.lines_of(session, _id_of(actor))))


@router.post("/me/tokens", status_code=201)
def create_token(body: personal_tokens.TokenForm, who: Who) -> dict[str, Any]:
    """Make a token for a script; the answer is the only place where it is ever shown."""
    return do(who, "token.create", _me(who), body.model_dump())


@router.delete("/me/tokens/{token_id}")
def revoke_token(token_id: UUID, who: Who) -> dict[str, Any]:
    """End one of one's own tokens at once."""
    read(who, Role.MEMBER, _refuse_foreign_token, token_id)
    return do(who, "token.revoke", token_id)


def _refuse_foreign_token(session: Session, actor: Actor, token_id: UUID) -> None:
    if personal_tokens.owner_of(session, token_id) != actor.id:
        raise NotFound(f"There is no token with id {token_id} here.")


@router.get("/me/factor")
def my_factor(who: Who) -> dict[str, Any]:
    """Tell whether one's second factor is on, and how many recovery codes are left."""
    return asdict(read(who, Role.MEMBER, lambda session, actor: second_factor.state_of(session, _id_of(actor))))


@router.post("/me/factor")
def set_up_factor(who: Who) -> dict[str, Any]:
    """Make the secret for one's phone; it counts for nothing until a code confirms it."""
    return do(who, "factor.set_up", None)


@router.post("/me/factor/confirm")
def confirm_factor(body: second_factor.CodeForm, who: Who) -> dict[str, Any]:
    """Switch the second factor on by a first code; the answer has the recovery codes, and nothing else ever does."""
    return do(who, "factor.confirm", None, body.model_dump())


@router.post("/me/factor/off")
def switch_factor_off(body: second_factor.OffForm, who: Who) -> dict[str, Any]:
    """Switch one's second factor off, by a code or the password."""
    return do(who, "factor.off", None, body.model_dump())


@router.delete("/users/{user_id}/factor")
def reset_factor(user_id: UUID, who: Who, reason: Reason = None) -> dict[str, Any]:
    """Take the second factor away from somebody who has lost phone and codes, for an admin."""
    return do(who, "factor.reset", user_id, reason=reason)


def _end(who: Who, user_id: UUID, session_id: UUID, reason: str | None = None) -> dict[str, Any]:
    read(who, Role.MEMBER, _refuse_if_not_of, user_id, session_id)
    return do(who, "session.revoke", session_id, reason=reason)


def _refuse_if_not_of(session: Session, _: Actor, user_id: UUID, session_id: UUID) -> None:
    if sessions.owner_of(session, session_id) != user_id:
        raise NotFound(f"There is no session with id {session_id} here.")


def _me(who: Who) -> UUID:
    return read(who, Role.MEMBER, lambda _, actor: _id_of(actor))


def _id_of(actor: Actor) -> UUID:
    assert actor.id is not None, "who comes with a cookie or a token is a person"
    return actor.id


def _listed(lines: Sequence[sessions.SessionLine | personal_tokens.TokenLine]) -> dict[str, Any]:
    items = [asdict(line) for line in lines]
    return {"items": items, "next": None, "total": {"value": len(items), "exact": True}}
