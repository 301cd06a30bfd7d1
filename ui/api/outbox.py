"""The outbox: messages with their state, previews, resend and drop; writing to a user; what you are told yourself."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel import Session

from core.actor import Actor
from core.database.place import PLACE
from core.messages import listing
from core.messages.channels import preview
from core.messages.control import AnswerForm
from core.messages.listing import OutboxLine, WayOut
from core.messages.preferences import PreferenceForm, Preferences, preferences_of
from core.models import NotificationStatus, Role
from ui.api.deps import Caller, Key, do, read
from ui.api.jobs import OptionalReason
from ui.api.lists import Limit

router = APIRouter(prefix="/api", tags=["messages"])

After = Annotated[str | None, Query(pattern=PLACE, description="The `next` of the previous answer.")]

Channel = Annotated[str | None, Query(max_length=100, description="Only by this channel: email, alerts or webhook.")]


class TotalOfMessages(BaseModel):
    """How many messages match, as far as they were counted."""

    value: int
    exact: bool


class OutboxAnswer(BaseModel):
    """Messages, newest first, and the state of the ways out."""

    items: list[OutboxLine]
    next: str | None
    total: TotalOfMessages
    ways_out: list[WayOut]


@dataclass(frozen=True, slots=True)
class MessageAnswer(OutboxLine):
    """One message with what its reader gets; null if this release cannot write it."""

    subject: str | None
    text: str | None
    html: str | None


class MessageDone(BaseModel):
    """A message after a command, by its id; a message that was sent leaves again as a new one."""

    id: UUID
    status: NotificationStatus
    why: str | None = Field(default=None, description="Why it does not leave in a moment; null: it does.")


class PreferenceAnswer(BaseModel):
    """What you are told by e-mail."""

    email_when_done: bool = Field(description="Each time when something that took a while is done.")
    email_when_needed: bool = Field(
        description="When a connection has stopped working and only you can mend it, and about trouble that hit you."
    )


class AnswerBody(AnswerForm, OptionalReason):
    """A message to a user, with an optional reason."""


@router.get("/outbox")
def list_outbox(
    caller: Caller,
    status: NotificationStatus | None = None,
    user: UUID | None = None,
    channel: Channel = None,
    limit: Limit = 50,
    after: After = None,
) -> OutboxAnswer:
    """List messages, newest first, with why each waits or failed, and what holds all of them up."""
    chosen = listing.OutboxFilter(status, user, channel)
    return read(caller, Role.SUPPORT, _outbox, chosen, limit, after)


@router.get("/outbox/{message_id}")
def get_message(message_id: UUID, caller: Caller) -> MessageAnswer:
    """Return one message with its subject, text and HTML, as its reader gets it."""
    line, row = read(caller, Role.SUPPORT, lambda session, _: listing.find_message(session, message_id))
    written = preview(row)
    parts = asdict(written) if written else dict.fromkeys(("subject", "text", "html"))
    return MessageAnswer(**asdict(line), **parts)


@router.post("/outbox/{message_id}/resend")
def resend_message(
    message_id: UUID,
    caller: Caller,
    key: Key = None,
    body: OptionalReason = OptionalReason(),  # noqa: B008
) -> MessageDone:
    """Send a message now that failed, was dropped or waits; one that was sent is sent once more, as a new one."""
    return MessageDone(**do(caller, "message.resend", message_id, reason=body.reason, key=key))


@router.post("/outbox/{message_id}/drop")
def drop_message(
    message_id: UUID,
    caller: Caller,
    key: Key = None,
    body: OptionalReason = OptionalReason(),  # noqa: B008
) -> MessageDone:
    """Drop a message that waits or failed: it is never sent."""
    return MessageDone(**do(caller, "message.drop", message_id, reason=body.reason, key=key))


@router.post("/users/{user_id}/messages", status_code=202)
def write_to_user(user_id: UUID, body: AnswerBody, caller: Caller, key: Key = None) -> MessageDone:
    """Write to a user by e-mail; your name is in the message, your address is not."""
    args = body.model_dump(exclude={"reason"})
    return MessageDone(**do(caller, "message.tell", user_id, args, reason=body.reason, key=key))


@router.get("/me/messages")
def my_messages(caller: Caller) -> PreferenceAnswer:
    """Return what you are told by e-mail."""
    return PreferenceAnswer(**asdict(read(caller, Role.MEMBER, _preferences)))


@router.post("/me/messages")
def choose_my_messages(body: PreferenceForm, caller: Caller) -> PreferenceAnswer:
    """Choose what you are told by e-mail; what is left out stays as it is."""
    me = read(caller, Role.MEMBER, lambda _, actor: _id_of(actor))
    answer = do(caller, "message.preferences", me, body.model_dump())
    return PreferenceAnswer(**{name: answer[name] for name in PreferenceAnswer.model_fields})


def _outbox(session: Session, _: Actor, chosen: listing.OutboxFilter, limit: int, after: str | None) -> OutboxAnswer:
    page = listing.find_messages(session, chosen, limit=limit, after=after)
    number = listing.count_messages(session, chosen)
    return OutboxAnswer(
        items=page.lines,
        next=page.next,
        total=TotalOfMessages(value=min(number, listing.COUNTED), exact=number <= listing.COUNTED),
        ways_out=listing.ways_out(session),
    )


def _preferences(session: Session, actor: Actor) -> Preferences:
    return preferences_of(session, _id_of(actor))


def _id_of(actor: Any) -> UUID:
    assert actor.id is not None, "cookies and tokens belong to people"
    result: UUID = actor.id
    return result
