"""Who wants to be told by e-mail: of what they started, those who opted in, once for all or for one job in the moment.

Of what has stopped working and waits for them: everyone, but those who said no.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import Field
from sqlmodel import Session

from core import clock
from core.actor import Actor
from core.audit.record import record
from core.errors import NotFound
from core.models import MessagePreference, User
from core.operation import Form

#: Who has waited for less than this still looks at the page, and is told only if they asked for it in the moment.
WORTH_TELLING: Final = timedelta(seconds=20)


class PreferenceForm(Form):
    """Whether a person is told by e-mail each time when work for them has ended."""

    email_when_done: bool = Field(
        title="E-mail me when something that I started is done",
        description="Off: nothing is sent any more, also what was asked for before.",
    )


def is_on(session: Session, user_id: UUID) -> bool:
    """Tell whether a person is told of everything that took a while."""
    row = session.get(MessagePreference, user_id)
    return row is not None and row.email_when_done


def wants(session: Session, user_id: UUID, asked_at: datetime | None, took: timedelta) -> bool:
    """Tell whether a person wants to be told of the end of work that took so long.

    `asked_at`: when they asked to be told of this one; None: they did not.
    """
    if asked_at is not None:
        return not has_unsubscribed(session, user_id, asked_at)
    return took >= WORTH_TELLING and is_on(session, user_id)


def wants_warnings(session: Session, user_id: UUID) -> bool:
    """Tell whether a person is told of what has stopped working and waits for them: all but those who said no.

    They have started nothing, so they look at no page, and asked for nothing beforehand.
    """
    row = session.get(MessagePreference, user_id)
    return row is None or row.unsubscribed_at is None


def has_unsubscribed(session: Session, user_id: UUID, since: datetime) -> bool:
    """Tell whether a person has said since then that they want no such messages."""
    row = session.get(MessagePreference, user_id)
    return row is not None and row.unsubscribed_at is not None and row.unsubscribed_at >= since


def set_preference(session: Session, user_id: UUID, form: PreferenceForm, actor: Actor, reason: str | None) -> bool:
    """Note what a person wants, and return whether that is new. Raises NotFound."""
    if session.get(User, user_id, with_for_update={"key_share": True}) is None:
        raise NotFound(f"There is no user with id {user_id}.")
    row = session.get(MessagePreference, user_id) or MessagePreference(user_id=user_id)
    was, is_off = row.email_when_done, row.unsubscribed_at is not None
    if was == form.email_when_done and is_off != form.email_when_done:
        return False
    row.email_when_done = form.email_when_done
    row.unsubscribed_at = None if form.email_when_done else clock.db_now()
    row.updated_at = clock.db_now()
    session.add(row)
    session.flush()
    words = {True: "on", False: "off"}
    record(
        session,
        actor,
        "message.preferences",
        user_id=user_id,
        reason=reason,
        was=words[was],
        now=words[form.email_when_done],
    )
    return True
