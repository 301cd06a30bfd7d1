"""The list of schedules: cron in words, the target, the next runs, and the outcomes of the last ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from cron_descriptor import FormatError, Options, get_description
from sqlmodel import Session, col, select

from core import clock
from core.database.truncate import IN_LIST, truncated
from core.database.window import Window, read_window
from core.models import BackgroundJob, JobStatus, PlatformConnection, Schedule, ScheduleTick, User
from core.models.schedule import LATE
from core.operation import Task
from core.operations import BY_NAME, known
from core.people.operators import find_by_email
from core.schedules import scheduling, timing

#: Next and last runs shown per schedule.
NEXT_SHOWN: Final = 3
TICKS_SHOWN: Final = 5
SCHEDULES_SHOWN: Final = 50
#: Schedules that one look for unusable ones reads; a console has dozens.
CHECKED: Final = 1_000
#: Connections that a form offers to choose from.
CHOICES: Final = 200
#: Only cron expressions with this many fields are described in words; others are shown as written.
CRON_FIELDS: Final = 5


@dataclass(frozen=True, slots=True)
class Target:
    """The target of an operation: the row's id, the user's id, and a description of both."""

    id: UUID
    user_id: UUID
    label: str


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """One schedule; ticks latest first. `target` is None for tasks and for deleted targets."""

    schedule: Schedule
    label: str
    target: Target | None
    next: tuple[datetime, ...]
    #: Why this row cannot fire as it is; None if it can.
    problem: str | None
    ticks: tuple[ScheduleTick, ...]
    #: The status of the jobs of these ticks that are still there.
    endings: Mapping[UUID | None, JobStatus] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """What is so of it: unreadable, paused, late (due for a minute: what `doctor` waits for, too), active, over."""
        row = self.schedule
        if self.problem:
            return "unreadable"
        if row.paused_at:
            return "paused"
        if row.next_due_at and row.next_due_at < clock.now() - timedelta(seconds=LATE):
            return "late"
        return "active" if self.next else "over"


def schedule_lines(
    session: Session, start: int = 0, limit: int = SCHEDULES_SHOWN, ticks_shown: int = TICKS_SHOWN
) -> Window[ScheduleLine]:
    """Return schedules by name."""
    lines = truncated(Schedule, IN_LIST)
    rows: Window[Schedule] = read_window(session, select(lines).order_by(col(lines.name)), limit, start)
    ticks = _ticks(session, [row.id for row in rows], ticks_shown)
    targets = _targets(session, [row.target_id for row in rows if row.target_id])
    endings = _endings(session, [tick.job_id for own in ticks.values() for tick in own if tick.job_id])
    return rows.map(lambda row: _line(row, targets, ticks.get(row.id, []), endings))


def unusable(session: Session) -> list[ScheduleLine]:
    """Return the active schedules that cannot fire as they are, of the first CHECKED: their next tick pauses them."""
    rows = session.exec(select(Schedule).where(col(Schedule.paused_at).is_(None)).limit(CHECKED))
    return [line for row in rows if (line := _line(row, {}, ())).problem]


def in_words(cron: str) -> str:
    """Return a cron expression in words; empty when it cannot be described exactly."""
    if len(cron.split()) != CRON_FIELDS:
        return ""
    options = Options()
    options.use_24hour_time_format = True
    try:
        return str(get_description(cron, options))
    except FormatError:
        return ""


def targets(session: Session, kind_name: str, email: str) -> list[Target]:
    """Return the possible targets of an operation for the user with this e-mail address. Raises NotFound."""
    kind = known(kind_name)
    user = find_by_email(session, email)
    if isinstance(kind, Task):
        return []
    if not issubclass(kind.machine.table, PlatformConnection):
        return [Target(user.id, user.id, user.email)]
    own = select(PlatformConnection).where(col(PlatformConnection.user_id) == user.id)
    connections = session.exec(own.order_by(col(PlatformConnection.created_at)).limit(CHOICES)).all()
    return [_of_connection(connection, user.email) for connection in connections]


def _line(
    row: Schedule,
    targets: Mapping[UUID, Target],
    ticks: Sequence[ScheduleTick],
    endings: Mapping[UUID | None, JobStatus] = MappingProxyType({}),
) -> ScheduleLine:
    kind = BY_NAME.get(row.kind)
    problem = scheduling.problem_of(row)
    upcoming = () if row.paused_at or problem else tuple(timing.next_ticks(row, NEXT_SHOWN))
    target = targets.get(row.target_id) if row.target_id else None
    return ScheduleLine(row, kind.label if kind else row.kind, target, upcoming, problem, tuple(ticks), endings)


def _ticks(session: Session, ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[ScheduleTick]]:
    """Return the last ticks of schedules, read through the primary key."""
    tick = truncated(ScheduleTick, IN_LIST)
    last = select(tick).where(col(tick.schedule_id) == col(Schedule.id)).order_by(col(tick.due_at).desc())
    lateral = last.limit(limit).lateral()
    latest = sa.orm.aliased(ScheduleTick, lateral, adapt_on_names=True)
    by_schedule: dict[UUID, list[ScheduleTick]] = {}
    query = select(latest).select_from(Schedule).join(lateral, sa.true()).where(col(Schedule.id).in_(ids))
    for row in session.exec(query):
        by_schedule.setdefault(row.schedule_id, []).append(row)
    return by_schedule


def _endings(session: Session, ids: Sequence[UUID]) -> Mapping[UUID | None, JobStatus]:
    rows = session.execute(
        sa.select(col(BackgroundJob.id), col(BackgroundJob.status)).where(col(BackgroundJob.id).in_(ids))
    )
    return {row[0]: row[1] for row in rows}


def _targets(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, Target]:
    users = session.exec(select(User).where(col(User.id).in_(ids)))
    by_id = {user.id: Target(user.id, user.id, user.email) for user in users}
    connections = select(PlatformConnection, User.email).join(User).where(col(PlatformConnection.id).in_(ids))
    for connection, email in session.exec(connections):
        by_id[connection.id] = _of_connection(connection, email)
    return by_id


def _of_connection(connection: PlatformConnection, email: str) -> Target:
    return Target(
        connection.id, connection.user_id, f"{email}, {connection.platform} {connection.handle or ''}".strip()
    )
