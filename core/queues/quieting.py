"""Orders to worker processes: be quiet, start jobs again, stop. A worker follows with its next heartbeat.

A quiet worker serves no queue: `queues` is empty, so that claims, diagnosis and alerts need no rule of their own for
it. What it serves otherwise is in `quiet_queues`.
"""

from uuid import UUID

from sqlmodel import Session

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.errors import NotAllowed, NotFound
from core.models import Worker
from core.wording import clock_time


def quiet(session: Session, worker_id: UUID, actor: Actor, reason: str | None) -> Worker:
    """Let a worker finish its running jobs and start no more. Raises NotFound, NotAllowed."""
    worker = _lock(session, worker_id)
    if worker.quiet_at:
        raise NotAllowed(f"{name_of(worker)} is quiet already, since {clock_time(worker.quiet_at, clock.now())}.")
    worker.quiet_queues, worker.queues = worker.queues, []
    worker.quiet_at, worker.quiet_by, worker.quiet_reason = clock.db_now(), actor.name, reason
    return _note(session, worker, actor, "worker.quieted", reason, was="serving", now="quiet")


def resume(session: Session, worker_id: UUID, actor: Actor, reason: str | None) -> Worker:
    """Let a quiet worker start jobs again. Raises NotFound, NotAllowed."""
    worker = _lock(session, worker_id)
    if worker.quiet_at is None:
        raise NotAllowed(f"{name_of(worker)} is not quiet.")
    if worker.stop_at:
        raise NotAllowed(f"{name_of(worker)} was asked to stop; it starts no more jobs.")
    worker.queues, worker.quiet_queues = worker.quiet_queues, []
    worker.quiet_at = worker.quiet_by = worker.quiet_reason = None
    for queue in worker.queues:
        bus.wake(session, queue)
    return _note(session, worker, actor, "worker.resumed", reason, was="quiet", now="serving")


def stop(session: Session, worker_id: UUID, actor: Actor, reason: str | None) -> Worker:
    """Ask a worker to stop: it starts no more jobs, returns those that take longer, and ends. Raises as `quiet`."""
    worker = _lock(session, worker_id)
    if worker.stop_at:
        raise NotAllowed(f"{name_of(worker)} was asked to stop at {clock_time(worker.stop_at, clock.now())}.")
    worker.stop_at = clock.db_now()
    return _note(session, worker, actor, "worker.stop_requested", reason, was="serving", now="stopping")


def name_of(worker: Worker) -> str:
    """Return what people call a worker: worker vm-2:1140."""
    return f"worker {worker.host}:{worker.pid}"


def _lock(session: Session, worker_id: UUID) -> Worker:
    worker = session.get(Worker, worker_id, with_for_update=True, populate_existing=True)
    if worker is None:
        raise NotFound(f"There is no worker with id {worker_id}.")
    if worker.stopped_at or worker.lost_at:
        raise NotAllowed(f"{name_of(worker)} has {'stopped' if worker.stopped_at else 'been lost'} already.")
    return worker


def _note(session: Session, worker: Worker, actor: Actor, name: str, reason: str | None, was: str, now: str) -> Worker:
    own = {"id": str(worker.id), "host": worker.host, "pid": worker.pid}
    record(session, actor, name, reason=reason, was=was, now=now, worker=own)
    session.flush()
    session.refresh(worker)
    return worker
