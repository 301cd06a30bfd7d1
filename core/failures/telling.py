"""Telling the users whom an error has hit: one message each, once, to those who are hit when it is written.

It goes the way of warnings: who has said no to those gets none. A user who was told is not told the same again within
a day; once they have recovered, they can be told that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field, StringConstraints
from sqlmodel import Session, col, select

from core import clock
from core.actor import Actor
from core.analytics.recent import since_of
from core.audit.record import record
from core.database.statements import Query, fetch
from core.diagnosis.user_situation import user_situation
from core.errors import NotAllowed
from core.failures.groups import FINGERPRINT, WINDOWS
from core.failures.handling import FailureForm, about_error
from core.failures.one_group import hit_first, is_recovered, users_hit
from core.messages.control import writer_of
from core.messages.letter import recipient
from core.messages.outbox import SAME_FOR, Message, put
from core.messages.preferences import wants_warnings
from core.messages.writing import Written, write
from core.models import MessagePreference, Notification, NotificationStatus, User
from core.operation import Form
from core.wording import counted

#: So many users are looked at by one press; the next press goes on, since those who were told are not told again.
MOST: Final = 1_000
TEMPLATE: Final = "trouble"
#: Stands for the user's name.
NAME: Final = "{name}"
_ALONE: Final = sa.text("SELECT pg_advisory_xact_lock(hashtext('telling users of ' || :fingerprint))")


class Whom(StrEnum):
    """Which of the users hit: `open`: their failure is unhandled; `all` has also those whose retry runs."""

    OPEN = "open"
    RECOVERED = "recovered"
    ALL = "all"


class TellOutcome(StrEnum):
    """What becomes of the message to one user."""

    TOLD = "told"
    #: They were written to within a day.
    ALREADY = "already"
    #: They want no such messages.
    UNWANTED = "unwanted"
    #: Their address is not valid.
    UNREACHABLE = "unreachable"


#: In words, of one user and of several.
_WORDS: Final[Mapping[TellOutcome, tuple[str, str]]] = {
    TellOutcome.TOLD: ("message", "messages"),
    TellOutcome.ALREADY: ("user written to already within a day", "users written to already within a day"),
    TellOutcome.UNWANTED: ("user wants no such messages", "users want no such messages"),
    TellOutcome.UNREACHABLE: ("user without a valid address", "users without a valid address"),
}
#: A subject and a text for each choice, to begin with.
SUGGESTED: Final[Mapping[Whom, tuple[str, str]]] = {
    Whom.OPEN: (
        "Something did not work",
        f"Hello {NAME},\n\nsomething that you started did not work. The fault is ours, and we are on it. "
        "You need not do anything; we will tell you when it works again.",
    ),
    Whom.RECOVERED: (
        "It works again",
        f"Hello {NAME},\n\nsomething that you started did not work at first. The fault was ours. "
        "It has worked since, and you need not do anything.",
    ),
    Whom.ALL: (
        "Trouble on our side",
        f"Hello {NAME},\n\nsomething that you started did not work at first. The fault was ours. "
        "Please look whether it is there now; if not, we are on it.",
    ),
}


Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class TellTerms(Form):
    """A message to the users whom an error has hit lately."""

    hours: int = Field(default=WINDOWS[0], ge=1, le=WINDOWS[-1], title="Hit within hours")
    whom: Whom = Field(default=Whom.OPEN, title="Whom")
    title: Words = Field(max_length=150, title="Subject")
    text: Words = Field(max_length=10_000, title="Text", description=f"{NAME} stands for their name.")


class TellForm(FailureForm, TellTerms):
    """An error, and a message to the users whom it has hit."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """A user whom the error has hit, and what becomes of a message to them."""

    user_id: UUID
    email: str
    name: str
    is_open: bool
    is_recovered: bool
    outcome: TellOutcome
    #: When they were written to, and what has become of that; None: they were not.
    told_at: datetime | None = None
    message: NotificationStatus | None = None


def addressees(session: Session, fingerprint: str, hours: int, whom: Whom) -> list[Addressee]:
    """Return the users hit now, MOST at most, with what becomes of a message to each.

    Those who were not told yet come first, and of these, those whose failure is unhandled.
    """
    rows = _hit(session, fingerprint, hours, whom)
    unwanted = _unwanted(session, [row.id for row in rows])
    return [_addressee(row, unwanted) for row in rows]


def tell(session: Session, form: TellForm, actor: Actor, reason: str | None) -> list[Addressee]:
    """Write to them, and return what became of each. Raises NotFound, NotAllowed if no such user is hit now."""
    about = about_error(session, form.fingerprint)
    session.connection().execute(_ALONE, {"fingerprint": form.fingerprint})  # who presses at once waits, and tells none
    found = addressees(session, form.fingerprint, form.hours, form.whom)
    if not found:
        raise NotAllowed("No such user is hit now.")
    by = writer_of(session, actor.id)
    for each in found:
        if each.outcome is TellOutcome.TOLD:
            _write_to(session, form, each, by, actor, reason)
    numbers = {each.value: number for each in TellOutcome if (number := sum(one.outcome is each for one in found))}
    about_it: dict[str, Any] = {"name": about, "fingerprint": form.fingerprint, "whom": form.whom.value, **numbers}
    record(session, actor, "failure.told", reason=reason, **about_it)
    return found


def written_for(title: str, text: str, addressee: Addressee, by: str) -> Written:
    """Return the message as this user gets it."""
    return write(TEMPLATE, _data(title, text, addressee, by))


def key_of(fingerprint: str, user_id: UUID, *, is_recovered: bool) -> str:
    """Return the key under which the same message to a user is the same one; `_of_users` has it as SQL."""
    return f"failure:{fingerprint}:{user_id}:{'recovered' if is_recovered else 'open'}"


def _write_to(session: Session, form: TellForm, each: Addressee, by: str, actor: Actor, reason: str | None) -> None:
    message = Message(
        template=TEMPLATE,
        user_id=each.user_id,
        data=_data(form.title, form.text, each, by),
        dedupe_key=key_of(form.fingerprint, each.user_id, is_recovered=each.is_recovered),
        requested_by=actor.id,
    )
    about: dict[str, Any] = {
        "was": None,
        "now": "waiting",
        "message": str(put(session, message)),
        "fingerprint": form.fingerprint,
    }
    record(session, actor, "message.told", user_id=each.user_id, reason=reason, **about)


def _data(title: str, text: str, addressee: Addressee, by: str) -> dict[str, Any]:
    called = addressee.name or "there"
    return {
        "title": " ".join(title.replace(NAME, called).split()),
        "text": text.strip().replace(NAME, called),
        "by": by,
    }


def _hit(session: Session, fingerprint: str, hours: int, whom: Whom) -> Sequence[Any]:
    since = since_of(session.exec(select(clock.db_now())).one(), hours)
    return fetch(session, _of_users(whom, user_situation()), fingerprint=fingerprint, since=since, same_for=SAME_FOR)


@cache
def _of_users(whom: Whom, situation: sa.ColumnElement[str]) -> Query:
    """Select the users hit and when they were told so within `same_for`: first those who were not told."""
    hit: Any = users_hit().subquery("hit").c
    recovered = is_recovered(hit, situation)
    state = sa.case((recovered, "recovered"), else_="open")
    key = sa.func.concat("failure:", FINGERPRINT, ":", sa.cast(hit.id, sa.Text), ":", state)
    latest = clock.db_now() - sa.bindparam("same_for", type_=sa.Interval())
    same = sa.and_(col(Notification.dedupe_key) == key, col(Notification.created_at) >= latest)
    name, told_at = sa.func.left(sa.func.coalesce(col(User.name), ""), 100), col(Notification.created_at)
    chosen = (
        sa.select(
            hit.id,
            hit.email,
            name.label("name"),
            hit.is_open,
            recovered.label("is_recovered"),
            told_at.label("told_at"),
            col(Notification.status).label("message"),
        )
        .join(User, col(User.id) == hit.id)
        .outerjoin(Notification, same)
        .order_by(told_at.is_not(None), *hit_first(hit))
        .limit(MOST)
    )
    which = {Whom.OPEN: hit.is_open, Whom.RECOVERED: recovered, Whom.ALL: sa.true()}
    return chosen.where(which[whom])


def _unwanted(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    own = select(MessagePreference).where(col(MessagePreference.user_id).in_(ids))
    return {row.user_id for row in session.exec(own) if not wants_warnings(session, row.user_id)}


def _addressee(row: Any, unwanted: set[UUID]) -> Addressee:
    outcome = TellOutcome.TOLD
    if row.told_at is not None:
        outcome = TellOutcome.ALREADY
    elif row.id in unwanted:
        outcome = TellOutcome.UNWANTED
    elif recipient(row.email) is None:
        outcome = TellOutcome.UNREACHABLE
    name, told = " ".join(row.name.split()), (row.told_at, row.message)
    return Addressee(row.id, row.email, name, row.is_open, row.is_recovered, outcome, *told)


def summary_of(found: Sequence[Addressee]) -> str:
    """Return what becomes of the messages, before or after they are written."""
    return summary_in({each: sum(one.outcome is each for one in found) for each in TellOutcome})


def summary_in(numbers: Mapping[TellOutcome, int]) -> str:
    """Return how many messages there are, and how many users get none, by the reason."""
    parts = [counted(number, *_WORDS[each]) for each, number in numbers.items() if number]
    return " · ".join(parts) or "Nobody: no such user is hit."
