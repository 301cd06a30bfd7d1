"""Connections as their creator and support see them: what state each is in, why, and what can be done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import clock
from core.database.statements import Query, fetch
from core.database.truncate import IN_LIST, truncated
from core.diagnosis.answer import Diagnosis
from core.diagnosis.cancelling import customer_offer
from core.diagnosis.row import context_of, diagnose_in
from core.diagnosis.situation import Situation
from core.errors import OnlyTheOwner
from core.jobs.failure_words import error_of
from core.models import TERMINAL, BackgroundJob, ConnectionStatus, JobStatus, PlatformConnection
from core.oauth.providers import all_platforms, label_of, provider_of
from core.operation import CancelOffer, Operation
from core.operations import operation_during
from core.operations.connection import connect, connection

#: Connections on a creator's page; twenty of a platform are allowed.
MOST: Final = 200
_AT_REST: Final = frozenset({ConnectionStatus.CONNECTED, ConnectionStatus.DISCONNECTED})


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """One connection; `diagnosis` has the sentence for support and the one for its creator."""

    connection: PlatformConnection
    diagnosis: Diagnosis
    #: Its present or, where it has failed, its latest job.
    job: BackgroundJob | None = None
    #: How the active job can be ended early; None: it was asked to stop, or there is none.
    cancel: CancelOffer | None = None
    #: Since when it is connected, as far as the jobs tell that are kept.
    since: datetime | None = None

    @property
    def operation(self) -> Operation[Any, Any] | None:
        """The operation that it is in the middle of."""
        return operation_during(connection, self.connection.connection_status)

    @property
    def is_active(self) -> bool:
        """Whether a job is queued or running."""
        return self.job is not None and self.job.status not in TERMINAL


@dataclass(frozen=True, slots=True)
class PlatformState:
    """One platform on a creator's page, with the connections that are more than a free place."""

    platform: str
    label: str
    is_set_up: bool
    connections: tuple[ConnectionState, ...]


def sentence_of(session: Session, row: PlatformConnection) -> Diagnosis:
    """Return why a connection is in its state, for support and for its creator."""
    return state_of(session, row).diagnosis


def state_of(session: Session, row: PlatformConnection) -> ConnectionState:
    """Return all about one connection."""
    context = context_of(session, connection, row)
    job = context.job if context else None
    can_cancel = job is not None and job.status not in TERMINAL and not job.cancel_requested_at
    return ConnectionState(
        row,
        _on_its_page(diagnose_in(session, connection, row, context), job),
        job,
        customer_offer(job) if job and can_cancel else None,
        _since(session, row.id) or row.created_at if row.connection_status in _AT_REST else None,
    )


def states_of(session: Session, rows: Sequence[PlatformConnection]) -> dict[UUID, ConnectionState]:
    """Return the states of connections by their ids; of those at rest, and of demo mode's, nothing is read."""
    quiet = {row.id: ConnectionState(row, _quiet(row)) for row in rows if _is_quiet(row)}
    return {row.id: quiet.get(row.id) or state_of(session, row) for row in rows}


def _is_quiet(row: PlatformConnection) -> bool:
    """Tell whether there is nothing to say but its state."""
    has_ended = row.token_expires_at is not None and row.token_expires_at <= clock.now()
    is_well = row.connection_status == ConnectionStatus.CONNECTED and not has_ended
    return row.is_demo or is_well or row.connection_status == ConnectionStatus.DISCONNECTED


def platforms_of(session: Session, user_id: UUID) -> tuple[PlatformState, ...]:
    """Return the platforms of a creator's page, with their own connections."""
    rows = session.execute(_own(), {"user_id": user_id}).scalars().all()
    shown = [row for row in rows if row.connection_status != ConnectionStatus.DISCONNECTED]
    return tuple(_platform(session, name, shown) for name in all_platforms())


def _platform(session: Session, name: str, rows: Sequence[PlatformConnection]) -> PlatformState:
    states = tuple(state_of(session, row) for row in rows if row.platform == name)
    return PlatformState(name, label_of(name), provider_of(name) is not None, states)


def _quiet(row: PlatformConnection) -> Diagnosis:
    label, status = label_of(row.platform), row.connection_status
    as_whom = f" as {row.handle}" if row.handle and status == ConnectionStatus.CONNECTED else ""
    return Diagnosis(Situation.FINE, f"{label} is {status}{as_whom}.", f"{label} is {status}{as_whom}.")


def _on_its_page(diagnosis: Diagnosis, job: BackgroundJob | None) -> Diagnosis:
    """Return a diagnosis whose sentence for the creator does not send them to the page that they read it on."""
    is_theirs = job is not None and job.status == JobStatus.FAILED and job.error_type == OnlyTheOwner.__name__
    return replace(diagnosis, customer=error_of(job)) if job and is_theirs else diagnosis


def _since(session: Session, connection_id: UUID) -> datetime | None:
    ends = fetch(session, _last_connected(), connection_id=connection_id)
    return ends[0][0] if ends else None


@cache
def _own() -> Query:
    rows = truncated(PlatformConnection, IN_LIST)
    own = sa.select(rows).where(col(rows.user_id) == sa.bindparam("user_id"), col(rows.is_demo).is_(False))
    return own.order_by(col(rows.created_at), col(rows.id)).limit(MOST)


@cache
def _last_connected() -> Query:
    of_row = (
        col(BackgroundJob.connection_id) == sa.bindparam("connection_id"),
        col(BackgroundJob.kind) == connect.name,
    )
    did = (*of_row, col(BackgroundJob.status) == JobStatus.SUCCEEDED)
    return sa.select(sa.func.max(col(BackgroundJob.finished_at))).where(*did)
