"""What people do with messages: send one again, drop one that waits, and write to a user."""

from uuid import UUID

from pydantic import Field
from sqlalchemy import text
from sqlmodel import Session, select

from core import clock
from core.actor import Actor
from core.audit.record import record
from core.errors import Invalid, NotAllowed, NotFound
from core.messages.letter import recipient
from core.messages.outbox import PATIENCE, Message, put
from core.messages.preferences import why_not_again
from core.messages.writing import TEMPLATES
from core.models import MessagePreference, Notification, NotificationStatus, User
from core.operation import Form

#: A message waits again as a new one does; its id on the wire stays, since nobody has it.
_AGAIN = text("""
    UPDATE notifications SET status = 'waiting', attempts = 0, error = '', sender_id = NULL, finished_at = NULL,
        next_at = statement_timestamp(), give_up_at = statement_timestamp() + CAST(:patience AS interval)
    WHERE id = :id
""")


class AnswerForm(Form):
    """A message that an operator writes to one user."""

    title: str = Field(min_length=1, max_length=150, title="Subject")
    text: str = Field(min_length=1, max_length=10_000, title="Text")


def resend(session: Session, message_id: UUID, actor: Actor, reason: str | None) -> Notification:
    """Let a message leave now: one that failed, was dropped or waits; one that was sent leaves once more, as a new one.

    Raises NotFound, or NotAllowed while it is being sent, and for a reader who has said no to such messages since.
    """
    _wait_for_a_no(session, message_id)
    message = _locked(session, message_id)
    was = message.status
    _refuse_at_work(session, message)
    chosen = session.get(MessagePreference, message.user_id) if message.user_id else None
    if why_not := why_not_again(message, chosen, session.exec(select(clock.db_now())).one()):
        raise NotAllowed(f"{why_not} {message.error}".rstrip())
    if was is NotificationStatus.SENT:
        copy = Message(
            template=message.template,
            channel=message.channel,
            user_id=message.user_id,
            address=message.address,
            data=message.data,
            job_id=message.job_id,
            requested_by=actor.id,
        )
        message = session.get_one(Notification, put(session, copy))
    else:
        session.connection().execute(_AGAIN, {"id": message_id, "patience": PATIENCE})
        session.refresh(message)
    _record(session, actor, "message.resent", message, reason, was)
    return message


def drop(session: Session, message_id: UUID, actor: Actor, reason: str | None) -> Notification:
    """Let a message never leave. Raises NotFound, or NotAllowed if it was sent, is being sent, or was dropped."""
    message = _locked(session, message_id)
    was = message.status
    _refuse_at_work(session, message)
    if was in (NotificationStatus.SENT, NotificationStatus.DROPPED):
        raise NotAllowed(f"The message was already {was}.")
    message.status, message.next_at, message.finished_at = NotificationStatus.DROPPED, None, clock.db_now()
    message.error = f"Dropped by {actor.name}." + (f" Before that: {message.error}" if message.error else "")
    session.flush()
    _record(session, actor, "message.dropped", message, reason, was)
    return message


def tell(session: Session, user_id: UUID, form: AnswerForm, actor: Actor, reason: str | None) -> UUID:
    """Write to one user, whatever they want to be told by the program: it is a person's answer.

    Raises NotFound, or Invalid for a user without a usable address.
    """
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"There is no user with id {user_id}.")
    if recipient(user.email) is None:
        raise Invalid(
            "This user's address is not valid, so no message can reach them.", {"user": "Correct the address."}
        )
    data = {"title": " ".join(form.title.split()), "text": form.text.strip(), "by": writer_of(session, actor.id)}
    message = Message(template="answer", user_id=user_id, data=data, requested_by=actor.id)
    message_id = put(session, message)
    record(
        session, actor, "message.told", user_id=user_id, reason=reason, was=None, now="waiting", message=str(message_id)
    )
    return message_id


def _wait_for_a_no(session: Session, message_id: UUID) -> None:
    """Let its reader's choice that is being written at this moment be committed: it is looked at next."""
    message = session.get(Notification, message_id)
    if message is not None and message.user_id is not None:
        session.get(User, message.user_id, with_for_update={"read": True, "key_share": False})


def _locked(session: Session, message_id: UUID) -> Notification:
    message = session.get(Notification, message_id, with_for_update={"key_share": True}, populate_existing=True)
    if message is None:
        raise NotFound(f"There is no message with id {message_id}.")
    return message


def _refuse_at_work(session: Session, message: Notification) -> None:
    now = session.exec(select(clock.db_now())).one()
    is_waiting = message.status is NotificationStatus.WAITING
    if is_waiting and message.sender_id is not None and message.next_at is not None and message.next_at > now:
        raise NotAllowed("The message is being sent at this moment. Look again in a minute.")


def _record(
    session: Session, actor: Actor, name: str, message: Notification, reason: str | None, was: NotificationStatus
) -> None:
    """Record what a person did with a message: what it is about, and never what it says or to which address."""
    template = TEMPLATES.get(message.template)
    record(
        session,
        actor,
        name,
        user_id=message.user_id,
        job_id=message.job_id,
        reason=reason,
        was=was.value,
        now=message.status.value,
        message=str(message.id),
        about=template.about if template else message.template,
    )


def writer_of(session: Session, person_id: UUID | None) -> str:
    """Return how the writer is named to a customer: by their name, never by their address."""
    person = session.get(User, person_id) if person_id else None
    name = (person.name or "") if person else ""
    return " ".join(name.split()) or "Somebody"
