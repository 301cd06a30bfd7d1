"""Alerts: what is wrong now or was lately, and snoozes."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlmodel import Session

from core.actor import Actor
from core.alerts import listing
from core.alerts.listing import AlertLine
from core.alerts.snoozing import SnoozeForm
from core.models import Role
from ui.api.deps import Caller, Key, do, read
from ui.api.jobs import OptionalReason, RequiredReason

router = APIRouter(prefix="/api/alerts", tags=["alerts"])

Limit = Annotated[int, Query(ge=1, le=500, description="At most so many that are over.")]


class AlertsAnswer(BaseModel):
    """The alerts that are there, the oldest first, and those that are over, the latest first."""

    items: list[AlertLine]
    over: list[AlertLine]


class SnoozeBody(SnoozeForm, RequiredReason):
    """For how long nobody is told, and why."""


class AlertSnoozed(BaseModel):
    """An alert by its id, and until when nobody is told of it."""

    id: UUID
    snoozed_until: datetime | None


@router.get("")
def list_alerts(caller: Caller, limit: Limit = listing.OVER_SHOWN) -> AlertsAnswer:
    """List what is wrong now, and what is over."""
    return read(caller, Role.VIEWER, _alerts, limit)


@router.post("/{alert_id}/snooze")
def snooze_alert(alert_id: UUID, body: SnoozeBody, caller: Caller, key: Key = None) -> AlertSnoozed:
    """Tell nobody of this alert's subject for some hours, however often it comes."""
    args = body.model_dump(exclude={"reason"})
    return AlertSnoozed(**do(caller, "alert.snooze", alert_id, args, reason=body.reason, key=key))


@router.post("/{alert_id}/wake")
def wake_alert(
    alert_id: UUID,
    caller: Caller,
    key: Key = None,
    body: OptionalReason = OptionalReason(),  # noqa: B008
) -> AlertSnoozed:
    """End a snooze: people are told of this alert again."""
    return AlertSnoozed(**do(caller, "alert.wake", alert_id, reason=body.reason, key=key))


def _alerts(session: Session, _: Actor, limit: int) -> AlertsAnswer:
    return AlertsAnswer(items=listing.open_alerts(session), over=listing.over_alerts(session, limit))
