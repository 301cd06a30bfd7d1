"""Sessions, tokens and second factors: your own, and for admins everyone's sessions."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlmodel import Session

from core.actor import Actor
from core.commands.command import REASON_LIMIT
from core.database.window import USUAL, Window
from core.errors import NotFound
from core.models import Role
from core.people import personal_tokens, second_factor, sessions
from ui.api.deps import Caller, do, read
from ui.api.lists import After, Limit, listed, total_so_far

router = APIRouter(prefix="/api", tags=["people"])

Reason = Annotated[str | None, Query(max_length=REASON_LIMIT)]


@router.get("/me/sessions")
def my_sessions(caller: Caller, limit: Limit = USUAL, after: After = 0) -> dict[str, Any]:
    """List your open sessions, last used first; `current` marks the one that sends this request."""
    return _listed(
        read(
            caller,
            Role.MEMBER,
            lambda session, actor: sessions.lines_of(session, actor, _id_of(actor), after, limit),
        )
    )


@router.delete("/me/sessions")
def end_my_other_sessions(caller: Caller) -> dict[str, Any]:
    """End all your sessions except this one."""
    return do(caller, "session.revoke_others", _me(caller))


@router.delete("/me/sessions/{session_id}")
def end_my_session(session_id: UUID, caller: Caller) -> dict[str, Any]:
    """End one of your sessions."""
    return _end(caller, _me(caller), session_id)


@router.get("/users/{user_id}/sessions")
def sessions_of(user_id: UUID, caller: Caller, limit: Limit = USUAL, after: After = 0) -> dict[str, Any]:
    """List a person's open sessions; for admins."""
    return _listed(read(caller, Role.ADMIN, sessions.lines_of, user_id, after, limit))


@router.delete("/users/{user_id}/sessions")
def end_sessions_of(user_id: UUID, caller: Caller, reason: Reason = None) -> dict[str, Any]:
    """End all sessions of a person; for admins. Your own current session stays."""
    return do(caller, "session.revoke_others", user_id, reason=reason)


@router.delete("/users/{user_id}/sessions/{session_id}")
def end_session_of(user_id: UUID, session_id: UUID, caller: Caller, reason: Reason = None) -> dict[str, Any]:
    """End one of a person's sessions; for admins."""
    read(caller, Role.ADMIN, lambda session, actor: None)
    return _end(caller, user_id, session_id, reason)


@router.get("/me/tokens")
def my_tokens(caller: Caller, limit: Limit = USUAL, after: After = 0) -> dict[str, Any]:
    """List your valid tokens, newest first, without their secrets."""
    return _listed(
        read(
            caller,
            Role.MEMBER,
            lambda session, actor: personal_tokens.lines_of(session, _id_of(actor), after, limit),
        )
    )


@router.post("/me/tokens", status_code=201)
def create_token(body: personal_tokens.TokenForm, caller: Caller) -> dict[str, Any]:
    """Create a token for a script; only this response contains it."""
    return do(caller, "token.create", _me(caller), body.model_dump())


@router.delete("/me/tokens/{token_id}")
def revoke_token(token_id: UUID, caller: Caller) -> dict[str, Any]:
    """Revoke one of your tokens at once."""
    read(caller, Role.MEMBER, _refuse_foreign_token, token_id)
    return do(caller, "token.revoke", token_id)


def _refuse_foreign_token(session: Session, actor: Actor, token_id: UUID) -> None:
    if personal_tokens.owner_of(session, token_id) != actor.id:
        raise NotFound(f"You have no token with id {token_id}.")


@router.get("/me/factor")
def my_factor(caller: Caller) -> dict[str, Any]:
    """Return whether your second factor is on, and how many recovery codes are left."""
    return asdict(read(caller, Role.MEMBER, lambda session, actor: second_factor.state_of(session, _id_of(actor))))


@router.post("/me/factor")
def set_up_factor(caller: Caller) -> dict[str, Any]:
    """Create the secret for your phone; it takes effect once a code confirms it."""
    return do(caller, "factor.set_up", None)


@router.post("/me/factor/confirm")
def confirm_factor(body: second_factor.CodeForm, caller: Caller) -> dict[str, Any]:
    """Switch your second factor on with a first code; only this response contains the recovery codes."""
    return do(caller, "factor.confirm", None, body.model_dump())


@router.post("/me/factor/off")
def switch_factor_off(body: second_factor.OffForm, caller: Caller) -> dict[str, Any]:
    """Switch your second factor off, with a code or your password."""
    return do(caller, "factor.off", None, body.model_dump())


@router.delete("/users/{user_id}/factor")
def reset_factor(user_id: UUID, caller: Caller, reason: Reason = None) -> dict[str, Any]:
    """Remove a person's second factor if they lost phone and recovery codes; for admins."""
    return do(caller, "factor.reset", user_id, reason=reason)


def _end(caller: Caller, user_id: UUID, session_id: UUID, reason: str | None = None) -> dict[str, Any]:
    read(caller, Role.MEMBER, _refuse_if_not_of, user_id, session_id)
    return do(caller, "session.revoke", session_id, reason=reason)


def _refuse_if_not_of(session: Session, _: Actor, user_id: UUID, session_id: UUID) -> None:
    if sessions.owner_of(session, session_id) != user_id:
        raise NotFound(f"This person has no session with id {session_id}.")


def _me(caller: Caller) -> UUID:
    return read(caller, Role.MEMBER, lambda _, actor: _id_of(actor))


def _id_of(actor: Actor) -> UUID:
    assert actor.id is not None, "cookies and tokens belong to people"
    return actor.id


def _listed(lines: Window[Any]) -> dict[str, Any]:
    return {**listed(lines, [asdict(line) for line in lines]), "total": total_so_far(lines)}
