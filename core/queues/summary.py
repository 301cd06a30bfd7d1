"""The queues page: the state, controls and figures of all queues and kinds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session

from core.models import JobKind
from core.operations import BY_NAME
from core.queues.controls import QueueLine, QueueState, kind_lines, queue_lines
from core.queues.last_day import HourlyEndings, ended_jobs

_RUNNING = text("SELECT kind, count(*) AS jobs FROM background_jobs WHERE status = 'running' GROUP BY kind")


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """One queue, and its jobs finished within the last day."""

    line: QueueLine
    ended: HourlyEndings


@dataclass(frozen=True, slots=True)
class KindFigures:
    """One kind of job: its operator settings, its running jobs, and its jobs finished within the last day."""

    kind: JobKind
    label: str
    queue: str
    running: int
    ended: HourlyEndings
    #: The state of its queue; None: it is not declared, and has none.
    of_queue: QueueState | None = None

    @property
    def state(self) -> str:
        """Whether its jobs start, by its own settings and those of its queue."""
        if self.kind.paused_at:
            return QueueState.PAUSED
        if 0 in (self.kind.max_running, self.kind.max_per_worker):
            return "starts none"
        return "queue paused" if self.of_queue is QueueState.PAUSED else self.of_queue or QueueState.ACTIVE


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """All queues and kinds, by name."""

    queues: tuple[QueueFigures, ...]
    kinds: tuple[KindFigures, ...]
    #: Since when finished jobs are counted: a full hour.
    since: datetime

    @property
    def queued(self) -> int:
        """The number of queued jobs, due or not."""
        return sum(queue.line.waiting + queue.line.scheduled for queue in self.queues)


def queue_summary(session: Session) -> QueueSummary:
    """Return the figures of all queues and kinds, from counters and unfinished jobs, never from the history."""
    ended = ended_jobs(session)
    running = {row.kind: row.jobs for row in session.connection().execute(_RUNNING)}
    lines = queue_lines(session)
    states = {line.name: line.state for line in lines}
    return QueueSummary(
        tuple(QueueFigures(line, ended.by_queue.get(line.name, HourlyEndings())) for line in lines),
        tuple(
            _kind(row, running.get(row.kind, 0), ended.by_kind.get(row.kind, HourlyEndings()), states)
            for row in kind_lines(session)
        ),
        ended.since,
    )


def _kind(row: JobKind, running: int, ended: HourlyEndings, states: Mapping[str, QueueState]) -> KindFigures:
    declared = BY_NAME.get(row.kind)
    label, queue = (declared.label, declared.queue) if declared else ("no longer declared", "")
    return KindFigures(row, label, queue, running, ended, states.get(queue))
