"""What people do with alerts: not be told of one for a while, and be told again."""

from datetime import timedelta
from uuid import UUID

from pydantic import Field
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, select

from core import clock
from core.actor import Actor
from core.alerts.rules import BY_NAME
from core.audit.record import record
from core.errors import NotAllowed, NotFound
from core.models import Alert, AlertSnooze
from core.operation import Form


class SnoozeForm(Form):
    """For how long nobody is told."""

    hours: int = Field(default=4, ge=1, le=7 * 24, title="Hours")


def snooze(session: Session, alert_id: UUID, form: SnoozeForm, actor: Actor, reason: str | None) -> AlertSnooze:
    """Tell nobody of an alert's subject for a while, however often it comes. Raises NotFound."""
    alert = _alert(session, alert_id)
    until = session.exec(select(clock.db_now())).one() + timedelta(hours=form.hours)
    values = {"until": until, "snoozed_by": actor.name, "reason": reason}
    key = {"rule": alert.rule, "subject": alert.subject}
    before = session.get(AlertSnooze, tuple(key.values()), with_for_update=True)
    was = before.until.isoformat() if before else None
    # Another person may snooze it at this moment, or end that.
    made = insert(AlertSnooze).values(**key, **values).on_conflict_do_update(index_elements=list(key), set_=values)
    session.connection().execute(made)
    _record(session, actor, "alert.snoozed", alert, reason, was, until.isoformat())
    return session.get_one(AlertSnooze, tuple(key.values()), populate_existing=True)


def wake(session: Session, alert_id: UUID, actor: Actor, reason: str | None) -> None:
    """Tell people of an alert again. Raises NotFound, or NotAllowed if it is not snoozed."""
    alert = _alert(session, alert_id)
    row = session.get(AlertSnooze, (alert.rule, alert.subject), with_for_update=True)
    if row is None or row.until <= session.exec(select(clock.db_now())).one():
        raise NotAllowed("The alert is not snoozed.")
    session.delete(row)
    session.flush()
    _record(session, actor, "alert.woken", alert, reason, row.until.isoformat(), None)


def _alert(session: Session, alert_id: UUID) -> Alert:
    alert = session.get(Alert, alert_id)
    if alert is None:
        raise NotFound(f"There is no alert with id {alert_id}.")
    return alert


def _record(
    session: Session, actor: Actor, name: str, alert: Alert, reason: str | None, was: str | None, now: str | None
) -> None:
    rule = BY_NAME.get(alert.rule)
    about = f"{rule.label if rule else alert.rule}{f' ({alert.subject})' if alert.subject else ''}"
    record(session, actor, name, reason=reason, was=was, now=now, about=about)
