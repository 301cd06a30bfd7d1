"""After a commit: workers are woken, screens are informed. Ids only; the truth needs nothing of it.

A transaction notes what it changed; once it is committed, and only then, the process's bus publishes it. When the bus
is down nothing is lost: the sweeper wakes workers again, and screens poll.
"""

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session

from core.crash import crash_point


@dataclass(slots=True)
class Changes:
    """What one transaction changed: jobs, users, and the queues that have work."""

    jobs: set[UUID] = field(default_factory=set)
    users: set[UUID] = field(default_factory=set)
    wakeups: set[str] = field(default_factory=set)
    #: Too many rows changed to name them: screens load all that they show.
    everything: bool = False


class Bus(Protocol):
    """Carries changes out of the process. It never raises: a bus that is down is a slower program."""

    def publish(self, changes: Changes) -> None:
        """Wake workers, and tell the screens which rows changed, soon. The changes are the bus's from now on."""


class NullBus:
    """The bus of a process that has none: sweepers and polling do its work."""

    def publish(self, changes: Changes) -> None:
        """Do nothing."""


_bus: Bus = NullBus()


def use(bus: Bus) -> None:
    """Make `bus` the bus of this process."""
    global _bus
    _bus = bus


def changed(session: Session, *, job_id: UUID | None = None, user_id: UUID | None = None) -> None:
    """Note that a row was changed; screens are informed after the commit."""
    changes = _changes(session)
    if job_id:
        changes.jobs.add(job_id)
    if user_id:
        changes.users.add(user_id)


def wake(session: Session, queue: str) -> None:
    """Note that a queue has work; a worker is woken after the commit, which wakes another if it has too much."""
    _changes(session).wakeups.add(queue)


def _changes(session: AnySession) -> Changes:
    changes: Changes = session.info.setdefault("changes", Changes())
    return changes


@event.listens_for(Session, "after_commit")
def _publish_changes(session: AnySession) -> None:
    if session.in_nested_transaction() or "changes" not in session.info:
        return
    publish(session.info.pop("changes"))


def publish(changes: Changes) -> None:
    """Give the process's bus what a committed transaction has changed."""
    if changes.wakeups:
        crash_point("after_commit_before_ring")
    if changes.wakeups or changes.jobs or changes.users:
        _bus.publish(changes)


@event.listens_for(Session, "after_rollback")
def _forget(session: AnySession) -> None:
    session.info.pop("changes", None)
