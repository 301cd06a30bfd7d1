"""Who wants to be told by e-mail: of what they started, those who opted in, once for all or for one job in the moment.

Of what has stopped working and waits for them: everyone, but those who said no.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import Field, StrictBool
from sqlmodel import Session, select

from core import clock
from core.actor import Actor
from core.audit.record import record
from core.errors import NotFound
from core.messages.writing import TEMPLATES, Topic
from core.models import MessagePreference, Notification, User
from core.operation import Form

#: Who has waited for less than this still looks at the page, and is told only if they asked for it in the moment.
WORTH_TELLING: Final = timedelta(seconds=20)


class PreferenceForm(Form):
    """What a person is told by e-mail; what is left out stays as it is."""

    email_when_done: StrictBool | None = Field(
        default=None,
        title="E-mail me when something that I started is done",
        description="Off: what was asked for before is not sent either.",
    )
    email_when_needed: StrictBool | None = Field(
        default=None,
        title="E-mail me when a connection needs me",
        description="Off: only the page Connections says it.",
    )


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person is told by e-mail."""

    email_when_done: bool = False
    email_when_needed: bool = True


def preferences_of(session: Session, user_id: UUID) -> Preferences:
    """Return what a person is told."""
    return _preferences(session.get(MessagePreference, user_id))


def wants(session: Session, user_id: UUID, asked_at: datetime | None, took: timedelta) -> bool:
    """Tell whether a person wants to be told of the end of work that took so long.

    `asked_at`: when they asked to be told of this one; None: they did not.
    """
    if asked_at is not None:
        return not has_said_no(session, user_id, asked_at)
    return took >= WORTH_TELLING and preferences_of(session, user_id).email_when_done


def wants_warnings(session: Session, user_id: UUID) -> bool:
    """Tell whether a person is told of what has stopped working and waits for them: all but those who said no.

    They have started nothing, so they look at no page, and asked for nothing beforehand.
    """
    return preferences_of(session, user_id).email_when_needed


def has_said_no(session: Session, user_id: UUID, since: datetime) -> bool:
    """Tell whether a person has said since then that they want not to be told of what is done."""
    row = session.get(MessagePreference, user_id)
    return row is not None and row.unsubscribed_at is not None and row.unsubscribed_at >= since


def is_unwanted(session: Session, message: Notification) -> bool:
    """Tell whether its reader has said no to such messages since it was written."""
    template = TEMPLATES.get(message.template)
    if template is None or template.topic is None or message.user_id is None:
        return False
    if template.topic is Topic.WARNING:  # nobody asks for one in the moment: a "no" is to all of them
        return not wants_warnings(session, message.user_id)
    # What was written before a clock was put back is of tomorrow, and each "no" came after it.
    is_ahead = message.created_at > session.exec(select(clock.db_now())).one()
    return has_said_no(session, message.user_id, datetime.min.replace(tzinfo=UTC) if is_ahead else message.created_at)


def set_preference(session: Session, user_id: UUID, form: PreferenceForm, actor: Actor, reason: str | None) -> bool:
    """Note what a person wants, and return whether that is new. Raises NotFound."""
    if session.get(User, user_id, with_for_update={"key_share": True}) is None:
        raise NotFound(f"There is no user with id {user_id}.")
    row = session.get(MessagePreference, user_id) or MessagePreference(user_id=user_id)
    was, before = _words(row), (row.unsubscribed_at is None, _warnings_off_at(row) is None)
    row.warnings_off_at = _warnings_off_at(row)
    if form.email_when_done is not None:
        row.email_when_done = form.email_when_done
        row.unsubscribed_at = None if form.email_when_done else clock.db_now()  # ends what was asked for since the last
    if form.email_when_needed is not None:
        row.warnings_off_at = None if form.email_when_needed else clock.db_now()
    row.updated_at = row.topics_at = clock.db_now()
    session.add(row)
    session.flush()
    session.refresh(row)
    is_new = (was, before) != (_words(row), (row.unsubscribed_at is None, row.warnings_off_at is None))
    if is_new:
        record(session, actor, "message.preferences", user_id=user_id, reason=reason, was=was, now=_words(row))
    return is_new


def _preferences(row: MessagePreference | None) -> Preferences:
    return Preferences(row.email_when_done, _warnings_off_at(row) is None) if row else Preferences()


def _warnings_off_at(row: MessagePreference) -> datetime | None:
    """Return since when a person wants no warnings; what an earlier release has written is a "no" to both."""
    is_ours = row.topics_at is not None and row.topics_at == row.updated_at
    return row.warnings_off_at or (None if is_ours else row.unsubscribed_at)


def _words(row: MessagePreference) -> str:
    """Return what a person is told, for the audit log."""
    chosen = _preferences(row)
    told = [*(["done"] if chosen.email_when_done else []), *(["warnings"] if chosen.email_when_needed else [])]
    return ", ".join(told) or "nothing"
