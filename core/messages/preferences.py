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
from core.messages.outbox import is_over
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
        title="E-mail me when a connection needs me, or about trouble",
        description="Off: only the pages Demo mode and Connections say it.",
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
    return row is not None and _says_no(row, since)


def is_unwanted(session: Session, message: Notification) -> bool:
    """Tell whether its reader has said no to such messages since it was written."""
    chosen = session.get(MessagePreference, message.user_id) if message.user_id else None
    return is_against(chosen, message, session.exec(select(clock.db_now())).one())


def is_against(chosen: MessagePreference | None, message: Notification, now: datetime) -> bool:
    """Tell whether what its reader has chosen says no to a message: `is_unwanted` for rows that are read already."""
    template = TEMPLATES.get(message.template)
    if chosen is None or template is None or template.topic is None:
        return False
    if template.topic is Topic.WARNING:  # nobody asks for one in the moment: a "no" is to all of them
        return _warnings_off_at(chosen) is not None
    # What was written before a clock was put back is of tomorrow, and each "no" came after it.
    since = datetime.min.replace(tzinfo=UTC) if message.created_at > now else message.created_at
    return _says_no(chosen, since)


def why_not_again(message: Notification, chosen: MessagePreference | None, now: datetime) -> str:
    """Return why a message is not to be sent again; empty: it may be. `chosen` is what its reader has chosen."""
    if is_over(message):
        return "What it tells is over."
    if is_against(chosen, message, now):
        return "The user wants no such messages any more; you can write to them."
    return ""


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


def _says_no(row: MessagePreference, since: datetime) -> bool:
    return row.unsubscribed_at is not None and row.unsubscribed_at >= since


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
