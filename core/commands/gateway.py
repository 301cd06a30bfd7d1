"""The gateway: every button, API route and CLI command that changes something goes through `perform`.

Authenticate (from the database, now) -> authorise (role x command x object) -> validate -> idempotency -> one
transaction with the change and its event.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from core import clock
from core.actor import Actor
from core.audit.undoing import entry_to_undo
from core.commands.command import REASON_LIMIT, Command, Invocation, check_time, form_of
from core.commands.registry import COMMANDS
from core.database.engine import session_scope
from core.errors import Invalid, NotAllowed, NotFound, NotPermitted
from core.models import IdempotencyKey
from core.people import rate_limits
from core.people.auth import Credentials, authenticate
from core.wording import cited

KEY_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRequest:
    """A request to run a command: its name, its target and its input."""

    name: str
    target: UUID | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    run_at: datetime | None = None
    idempotency_key: str | None = None


def perform(engine: Engine, caller: Credentials | Actor, request: CommandRequest) -> dict[str, Any]:
    """Run one command for one person, or refuse it and change nothing.

    Returns plain JSON values. Raises a subclass of Refused.
    """
    with session_scope(engine) as session:
        return _perform(session, _caller(session, caller), request)


def perform_undoable(engine: Engine, caller: Credentials, request: CommandRequest) -> tuple[dict[str, Any], int | None]:
    """Like `perform`; also return the audit log's entry by which `event.undo` takes it back, if any does."""
    with session_scope(engine) as session:
        actor = _caller(session, caller)
        answer = _perform(session, actor, request)
        return answer, entry_to_undo(session, actor, lambda who, name: who.may(COMMANDS[name].role))


def _caller(session: Session, caller: Credentials | Actor) -> Actor:
    return caller if isinstance(caller, Actor) else _limited(authenticate(session, caller))


def _perform(session: Session, actor: Actor, request: CommandRequest) -> dict[str, Any]:
    command = COMMANDS.get(request.name)
    if command is None:
        raise NotFound(f"There is no command {cited(request.name)}. Known: {', '.join(sorted(COMMANDS))}.")
    authorise(session, actor, command, request.target)
    call = Invocation(
        actor,
        request.target,
        form_of(command, request.args),
        _reason(command, request.reason),
        _run_at(command, request.run_at),
    )
    if request.idempotency_key is None or actor.id is None:
        return command.act(session, call)
    return _once(session, actor.id, request, lambda: command.act(session, call))


def _limited(actor: Actor) -> Actor:
    """Apply the rate limit to a person; the program itself and the command line have none."""
    rate_limits.check(rate_limits.COMMANDS, str(actor.id))
    return actor


def authorise(session: Session, actor: Actor, command: Command, target: UUID | None) -> None:
    """Check that the actor has the command's role, or owns the target of a command open to owners.

    Raises NotPermitted, naming the missing role; the message does not reveal whether the target exists.
    """
    if actor.token_id is not None:
        _refuse_to_token(actor, command)
    if actor.may(command.role):
        return
    if command.own is not None and target is not None and actor.id is not None:  # noqa: SIM102 - easier to read
        if command.own(session, target) == actor.id:
            return
    raise NotPermitted(f"{command.label} needs the role {command.role}; you are {actor.role}.", role=command.role.value)


def _refuse_to_token(actor: Actor, command: Command) -> None:
    if actor.reads_only:
        raise NotPermitted(
            f"This token is read-only, and {command.name} changes something. Create a token with write access."
        )
    if not command.by_token:
        raise NotPermitted(f"Tokens cannot do {command.name}. Sign in to the console for that.")


def _reason(command: Command, reason: str | None) -> str | None:
    if not reason or not reason.strip():
        if command.needs_reason:
            hint = "Say why in a few words; the audit log keeps it."
            raise Invalid(f"{command.label} needs a reason.", {"reason": hint})
        return None
    if len(reason) > REASON_LIMIT or "\x00" in reason:
        raise Invalid(
            "The reason is too long or not plain text.", {"reason": f"Write at most {REASON_LIMIT} characters."}
        )
    return reason.strip()


def _run_at(command: Command, run_at: datetime | None) -> datetime | None:
    if run_at is None:
        return None
    if not command.can_be_planned:
        raise Invalid(f"{command.label} acts at once; it cannot be planned.", {"run_at": "Leave it out."})
    if run_at.tzinfo is None:
        raise Invalid("The time needs a zone.", {"run_at": "Write it as 2026-11-22T18:30:00Z or with an offset."})
    check_time(run_at, "run_at")
    return run_at


def _once(session: Session, actor_id: UUID, request: CommandRequest, act: Any) -> dict[str, Any]:
    key = request.idempotency_key or ""
    if len(key) > KEY_LIMIT or "\x00" in key:
        raise Invalid("The Idempotency-Key is invalid.", {"Idempotency-Key": f"Use at most {KEY_LIMIT} characters."})
    mark = _fingerprint(request)
    # A simultaneous duplicate waits here for the first one's commit and then finds its answer.
    fresh = session.connection().execute(
        insert(IdempotencyKey)
        .values(actor_id=actor_id, key=key, fingerprint=mark, answer={}, created_at=clock.db_now())
        .on_conflict_do_nothing()
        .returning(col(IdempotencyKey.key))
    )
    if fresh.first() is None:
        stored = session.get_one(IdempotencyKey, (actor_id, key))
        if stored.fingerprint != mark:
            raise NotAllowed("This Idempotency-Key was used for another request; use a new one.")
        return stored.answer
    answer: dict[str, Any] = act()
    own_key = (col(IdempotencyKey.actor_id) == actor_id, col(IdempotencyKey.key) == key)
    session.exec(update(IdempotencyKey).where(*own_key).values(answer=answer))
    return answer


def _fingerprint(request: CommandRequest) -> str:
    content = [request.name, str(request.target), dict(request.args), request.reason, str(request.run_at)]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
