"""The one gateway: every button, API route and CLI verb that changes something goes through `perform`.

Authenticate (from the database, now) -> authorise (role x command x object) -> validate -> idempotency -> one
transaction with the change and its event.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError
from sqlalchemy import Engine, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from core import clock
from core.actor import Actor
from core.commands.command import Command, Invocation
from core.commands.registry import COMMANDS
from core.database.engine import session_scope
from core.errors import Invalid, NotAllowed, NotFound, NotPermitted
from core.models import IdempotencyKey
from core.people import rate_limits
from core.people.auth import Credentials, authenticate

REASON_LIMIT = 500
KEY_LIMIT = 200
#: A job may be scheduled this far ahead, and a clock may be this far behind.
FARTHEST = timedelta(days=366)
LATEST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRequest:
    """What somebody wants done: a command by name, to what, and how."""

    name: str
    target: UUID | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    run_at: datetime | None = None
    idempotency_key: str | None = None


def perform(engine: Engine, who: Credentials | Actor, asked: CommandRequest) -> dict[str, Any]:
    """Do one thing for one person, or refuse with a sentence and change nothing.

    Returns plain JSON values. Raises a Refused.
    """
    with session_scope(engine) as session:
        actor = who if isinstance(who, Actor) else _limited(authenticate(session, who))
        command = COMMANDS.get(asked.name)
        if command is None:
            raise NotFound(f"There is no command {asked.name[:60]!r}. Known: {', '.join(sorted(COMMANDS))}.")
        authorise(session, actor, command, asked.target)
        call = Invocation(
            actor, asked.target, _form(command, asked.args), _reason(command, asked.reason), _run_at(asked.run_at)
        )
        if asked.idempotency_key is None or actor.id is None:
            return command.act(session, call)
        return _once(session, actor.id, asked, lambda: command.act(session, call))


def _limited(actor: Actor) -> Actor:
    """Let a person do so much in a time; the program itself and the command line are not limited."""
    rate_limits.check(rate_limits.COMMANDS, str(actor.id))
    return actor


def authorise(session: Session, actor: Actor, command: Command, target: UUID | None) -> None:
    """Let pass who has the command's role, and who does to their own what people may do to their own.

    Raises NotPermitted, naming the missing role; the same whether the target exists or not.
    """
    if actor.token_id is not None:
        _refuse_to_token(actor, command)
    if actor.may(command.role):
        return
    if command.own is not None and target is not None and actor.id is not None:  # noqa: SIM102 - reads as it thinks
        if command.own(session, target) == actor.id:
            return
    raise NotPermitted(f"{command.label} needs the role {command.role}; you are {actor.role}.", role=command.role.value)


def _refuse_to_token(actor: Actor, command: Command) -> None:
    if actor.reads_only:
        raise NotPermitted(f"This token may only read, and {command.name} changes something. Make one that may write.")
    if not command.by_token:
        raise NotPermitted(f"No token may do {command.name}: sign in to the console yourself for that.")


def _form(command: Command, args: Mapping[str, Any]) -> BaseModel:
    try:
        return command.form.model_validate(dict(args))
    except ValidationError as error:
        fields = {".".join(map(str, e["loc"])) or "form": _words(e["msg"]) for e in error.errors()}
        what = "; ".join(f"{name}: {message}" for name, message in fields.items())
        raise Invalid(f"{command.label}: {what.rstrip('.')}.", fields) from None


def _words(message: str) -> str:
    return message.replace("Extra inputs are not permitted", "there is no such field").replace(
        "Input should be", "should be"
    )


def _reason(command: Command, reason: str | None) -> str | None:
    if not reason or not reason.strip():
        if command.needs_reason:
            says = "Say in a few words why: it is kept in the audit log."
            raise Invalid(f"{command.label} needs a reason.", {"reason": says})
        return None
    if len(reason) > REASON_LIMIT or "\x00" in reason:
        raise Invalid("The reason does not fit.", {"reason": f"Write at most {REASON_LIMIT} characters of text."})
    return reason.strip()


def _run_at(run_at: datetime | None) -> datetime | None:
    if run_at is None:
        return None
    if run_at.tzinfo is None:
        raise Invalid("The time needs a zone.", {"run_at": "Write it as 2026-11-22T18:30:00Z or with an offset."})
    if not clock.now() - LATEST <= run_at <= clock.now() + FARTHEST:
        raise Invalid("The time does not fit.", {"run_at": "Choose a time between now and one year ahead."})
    return run_at


def _once(session: Session, actor_id: UUID, asked: CommandRequest, act: Any) -> dict[str, Any]:
    key = asked.idempotency_key or ""
    if len(key) > KEY_LIMIT or "\x00" in key:
        raise Invalid("The Idempotency-Key does not fit.", {"Idempotency-Key": f"At most {KEY_LIMIT} characters."})
    mark = _fingerprint(asked)
    # A twin that comes at the same moment waits here for the first one's commit, and then finds its answer.
    fresh = session.connection().execute(
        insert(IdempotencyKey)
        .values(actor_id=actor_id, key=key, fingerprint=mark, answer={}, created_at=clock.db_now())
        .on_conflict_do_nothing()
        .returning(col(IdempotencyKey.key))
    )
    if fresh.first() is None:
        given = session.get_one(IdempotencyKey, (actor_id, key))
        if given.fingerprint != mark:
            raise NotAllowed("This Idempotency-Key was used for another request; use a new one.")
        return given.answer
    answer: dict[str, Any] = act()
    mine = (col(IdempotencyKey.actor_id) == actor_id, col(IdempotencyKey.key) == key)
    session.exec(update(IdempotencyKey).where(*mine).values(answer=answer))
    return answer


def _fingerprint(asked: CommandRequest) -> str:
    request = [asked.name, str(asked.target), dict(asked.args), asked.reason, str(asked.run_at)]
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
