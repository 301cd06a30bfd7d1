"""Commands of a creator in a browser: going to a platform for consent, and bringing back its answer.

State, code and tokens are in no event, log, error or metric; the platform's address is in the answer alone.
"""

from typing import Any, Final, Self
from uuid import UUID

from pydantic import Field, model_validator
from sqlmodel import Session

from core import bus
from core.audit.record import record
from core.commands.command import Command, Invocation
from core.errors import NotAllowed, Unusable
from core.jobs.request import request
from core.models import PlatformConnection, Role
from core.oauth import consents
from core.oauth.tokens import seal
from core.oauth.work import ConnectForm
from core.operation import Form, Operation
from core.operations.connection import PAGE, connect
from core.people import rate_limits

#: Characters of a state, which is ours, and of a code; the longest known ones, of Facebook, have a few hundred.
MOST_STATE, MOST_CODE, MOST_ERROR = 200, 4_000, 200
#: The words by which a platform says that it sends no code (RFC 6749, 4.1.2.1); any other word is not repeated.
ERRORS: Final = frozenset(
    {
        "access_denied",
        "invalid_request",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    }
)
#: The one that says: the creator did not agree.
DENIED: Final = "access_denied"


class BeginForm(Form):
    """Which platform to connect."""

    provider: str = Field(max_length=32, description="The platform.")
    connection: UUID | None = Field(
        default=None, description="The connection to connect again; left out: one that is free, or a new one."
    )
    another: bool = Field(default=False, description="Connect one more account, also beside one that has failed.")


class BeginHere(BeginForm):
    """The same, with what the console adds itself: routes and pages take it from the request, never from its sender."""

    base: str = Field(default="", max_length=500, description="The address at which the browser has the console.")


class ConsentAnswer(Form):
    """What a platform has sent a creator back with: a code, or the word for why there is none."""

    state: str = Field(min_length=1, max_length=MOST_STATE)
    code: str | None = Field(default=None, min_length=1, max_length=MOST_CODE)
    error: str | None = Field(default=None, min_length=1, max_length=MOST_ERROR)

    @model_validator(mode="after")
    def _is_one_answer(self) -> Self:
        if (self.code is None) == (self.error is None):
            raise ValueError("a platform sends either a code or an error")
        return self


def _begin(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, BeginHere)
    creator, form = _creator(call), call.form
    rate_limits.check(rate_limits.VISITS, str(creator))
    try:
        visit = consents.begin(
            session,
            creator,
            call.actor.session_id,
            form.provider,
            form.connection,
            another=form.another,
            base=form.base,
        )
    except Unusable as problem:  # the console has no address to which a platform could send people back
        raise NotAllowed(str(problem)) from None
    record(
        session,
        call.actor,
        "connection.consent_asked",
        user_id=creator,
        connection_id=visit.connection_id,
        platform=form.provider,
    )
    bus.changed(session, user_id=creator)
    return {"authorize_url": visit.address}


def _take_answer(session: Session, call: Invocation) -> dict[str, Any]:
    """Use the visit up; request the job that connects, unless the platform sent no code."""
    assert isinstance(call.form, ConsentAnswer)
    creator, form = _creator(call), call.form
    answer = consents.take(session, creator, call.actor.session_id, form.state)
    if form.code is not None:
        asked = ConnectForm(consent=answer.consent, secret_code=seal(form.code))
        job = request(session, connect, answer.connection_id, asked, call.actor)
        return {"job_id": str(job.id), "connection_id": str(answer.connection_id)}
    word = form.error if form.error in ERRORS else None
    record(
        session,
        call.actor,
        "connection.refused",
        user_id=creator,
        connection_id=answer.connection_id,
        platform=answer.platform,
        error=word,
    )
    bus.changed(session, user_id=creator)
    return {"refused": word or "", "connection_id": str(answer.connection_id)}


def _creator(call: Invocation) -> UUID:
    """Return the person who asks, for themselves: a platform asks the one at the browser."""
    if call.actor.id is None:
        raise NotAllowed(f"Only creators connect their accounts, on the page {PAGE}.")
    return call.actor.id


def refuse_without_consent(operation: Operation[Any, Any], _: Session, __: Invocation) -> dict[str, Any]:
    """Refuse to start what only the creator's consent starts. Raises NotAllowed, with what to do."""
    raise NotAllowed(
        f"{operation.label} needs the creator's consent at the platform: they sign in and press it on {PAGE}. "
        "You can send them that link."
    )


def owner_of(session: Session, connection_id: UUID) -> UUID | None:
    """Return whose connection it is; None: there is no such connection."""
    connection = session.get(PlatformConnection, connection_id)
    return connection.user_id if connection else None


CONNECTIONS = (
    Command(
        name="connection.begin",
        label="Connect a platform",
        role=Role.MEMBER,
        form=BeginHere,
        act=_begin,
        by_token=False,  # its answer counts in the session that has asked
    ),
    Command(
        name="connection.answer",
        label="Answer of a platform",
        role=Role.MEMBER,
        form=ConsentAnswer,
        act=_take_answer,
        by_token=False,
    ),
)
