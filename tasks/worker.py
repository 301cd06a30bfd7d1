"""One worker process: the threads that run jobs, a heartbeat, a sweeper, and a stop that releases the jobs it holds."""

import logging
import os
import signal
import threading
from types import FrameType
from uuid import UUID

from dramatiq import Worker as DramatiqWorker
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from core import bus
from core.commands.bulk_run import lend_work
from core.database.engine import PATIENCE, NoConnection, address_of, connect, session_scope, worker_options
from core.database.precedence import prefer
from core.jobs import workers
from core.jobs.batch import PLANNER_OPTIONS
from core.jobs.run import end_alone
from core.queues.controls import known_queues
from core.settings import settings
from tasks.actors import Drain, declare
from tasks.broker import WakeupBroker, make_broker
from tasks.carrier import LOCK_WAIT
from tasks.heartbeat import Heartbeat
from tasks.lookout import Lookout
from tasks.redis_bus import RedisBus
from tasks.registry import Registry
from tasks.scheduler import Scheduler
from tasks.sealer import Sealer
from tasks.sweeper import WorkerSweeper

log = logging.getLogger(__name__)

#: Seconds between two looks whether the process that started us still lives.
PARENT_CHECK = 1.0


def work(engine: Engine, redis_url: str, *, threads: int, queues: list[str], version: str) -> None:
    """Run a worker until SIGTERM or SIGINT, or until the process that started it is gone."""
    broker = make_broker(redis_url)
    redis_bus = RedisBus(broker)
    bus.use(redis_bus)
    with session_scope(engine) as session:
        worker_id = workers.register(session, threads=threads, queues=queues, version=version)
    drain = Drain(engine, Registry(threads), worker_id, batch_engine(engine), queues)
    _serve(broker, drain, queues)
    stop, hung = _stop_on_signal(), threading.Event()
    heartbeat = Heartbeat(drain, queues, version, hung.set, stop.set)
    rounds = (WorkerSweeper(drain, queues), Scheduler(drain), Sealer(engine), Lookout(engine))
    dramatiq_worker = DramatiqWorker(broker, queues=set(queues), worker_threads=1)
    heartbeat.start()
    drain.start()
    dramatiq_worker.start()
    for each in rounds:
        each.start()
    log.info("worker started", extra={"worker": str(worker_id), "threads": threads, "queues": queues})
    _wait(stop, hung)
    drain.stopping.set()
    drain.set_quiet(is_quiet=False)  # one that is quiet and stops has only its running jobs to wait for
    for each in reversed(rounds):
        each.stop()
    clean = drain.registry.wait_until_empty(settings().grace_seconds)
    heartbeat.stop()
    _leave(drain, dramatiq_worker)
    redis_bus.close()
    if not clean:  # a thread that does not stop must not keep the process; its job was released, its token is void
        os._exit(1 if hung.is_set() else 0)


def _serve(broker: WakeupBroker, drain: Drain, queues: list[str]) -> None:
    broker.wait_for_thread = drain.registry.wait_for_thread
    lend_work()
    declare(broker, drain, queues)
    if unknown := settings().weights.keys() - set(known_queues()):
        log.warning("UNSTUCK_QUEUE_WEIGHTS names an unknown queue", extra={"queues": sorted(unknown)})


def batch_engine(engine: Engine) -> Engine:
    """Return the carrier's engine: its connection plans for batches, and waits for no locked row for long."""
    options = f"{worker_options(settings().lease_seconds)}{PLANNER_OPTIONS} -c lock_timeout={LOCK_WAIT}"
    batches = connect(address_of(engine), pool_size=1, options=options, patience=PATIENCE)
    prefer(batches, engine)  # without it nothing is claimed, and the threads' idle connections stay open
    return batches


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()

    def note(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    return stop


def _wait(stop: threading.Event, hung: threading.Event) -> None:
    # The supervisor names itself: it may be gone before this process looks for the first time.
    supervisor = os.environ.get("UNSTUCK_CHILD")
    while not stop.wait(PARENT_CHECK) and not hung.is_set():
        if supervisor and str(os.getppid()) != supervisor:
            return


def _leave(drain: Drain, dramatiq_worker: DramatiqWorker) -> None:
    """Write successes, release other jobs, deregister, stop Dramatiq; if the database is away, the lease runs out."""
    try:
        _write_rest(drain)
        for job_id, token in drain.registry.held():
            _release(drain, job_id, token)
        with session_scope(drain.engine) as session:
            workers.deregister(session, drain.worker_id)
    except SQLAlchemyError as error:
        log.warning("left without deregistering", extra={"error": str(error).split("\n")[0]})
    dramatiq_worker.stop(timeout=2_000)
    drain.carrier.stop()


def _release(drain: Drain, job_id: UUID, token: int) -> None:
    """Release a job; one whose rows its own thread has locked is left to the next sweep, after this process."""
    try:
        with session_scope(drain.engine) as session:
            workers.release(session, job_id, token)
    except NoConnection:
        raise
    except SQLAlchemyError as error:
        log.warning("job not released", extra={"job": str(job_id), "error": str(error).split("\n")[0]})


def _write_rest(drain: Drain) -> None:
    """Write each success that waits for it: its job's work is done, and is not to run again."""
    for held, ended in drain.carrier.unwritten():
        try:
            end_alone(drain.engine, held, ended)
        except NoConnection:
            raise
        except SQLAlchemyError as error:  # this one breaks connections: the others can be written
            log.warning("success not written", extra={"job": str(held.id), "error": str(error).split("\n")[0]})
        else:
            drain.registry.forget(held)
