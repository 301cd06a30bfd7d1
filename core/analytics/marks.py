"""What happened meanwhile: queues that were paused, versions that began to run, bulk actions that were started."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.models import BulkAction, Event, Worker
from core.models.bulk import noun_of
from core.models.event import IS_AUDIT
from core.wording import counted, shortened

#: Entries of the audit log that are looked at for pauses: the latest ones, as no index has them by time.
_LOOKED_AT: Final = 5_000
#: Marks of each sort, at most: the latest ones.
_MOST: Final = 20
_STEERED: Final = {
    f"{noun}.{ending}": f"{noun} {{}} {ending}" for noun in ("queue", "kind") for ending in ("paused", "resumed")
}
_MOMENT: Final = sa.DateTime(timezone=True)
_START, _STOP = sa.bindparam("start", type_=_MOMENT), sa.bindparam("stop", type_=_MOMENT)


@dataclass(frozen=True, slots=True)
class TimeMark:
    """A moment that may explain a change of the figures, in words, and the page that says more."""

    at: datetime
    label: str
    href: str


def marks(session: Session, start: datetime, stop: datetime) -> list[TimeMark]:
    """Return what happened in this time, the oldest first."""
    return sorted(_marks(session, {"start": start, "stop": stop}), key=lambda mark: (mark.at, mark.label))


def _marks(session: Session, values: dict[str, datetime]) -> Iterator[TimeMark]:
    for at, name, what in fetch(session, _pauses(), **values):
        yield TimeMark(at, _STEERED[name].format(shortened(what or "")).capitalize(), "/queues")
    for at, version in fetch(session, _versions(), **values):
        yield TimeMark(at, f"Version {shortened(version)} began", "/workers")
    for at, bulk_id, command, total in fetch(session, _bulk_actions(), **values):
        yield TimeMark(at, f"Bulk action: {command} of {counted(total, noun_of(command))}", f"/bulk/{bulk_id}")


@cache
def _pauses() -> Query:
    newest = (
        sa.select(col(Event.at), col(Event.name), col(Event.data)["name"].astext.label("what"))
        .where(sa.text(IS_AUDIT))
        .order_by(col(Event.id).desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    return (
        sa.select(newest)
        .where(newest.c.name.in_(tuple(_STEERED)), newest.c.at >= _START, newest.c.at < _STOP)
        .order_by(newest.c.at.desc())
        .limit(_MOST)
    )


@cache
def _versions() -> Query:
    first = sa.func.min(Worker.started_at)
    by_version = sa.select(first, col(Worker.version)).where(col(Worker.version) != "").group_by(col(Worker.version))
    return by_version.having(first >= _START, first < _STOP).order_by(first.desc()).limit(_MOST)


@cache
def _bulk_actions() -> Query:
    bulk = BulkAction
    columns = sa.select(col(bulk.started_at), col(bulk.id), col(bulk.command), col(bulk.total))
    within = col(bulk.started_at) >= _START, col(bulk.started_at) < _STOP
    return columns.where(*within).order_by(col(bulk.started_at).desc()).limit(_MOST)
