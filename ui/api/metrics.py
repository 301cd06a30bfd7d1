"""Prometheus metrics: queues, finished jobs and workers from the database, and this process's pool."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool
from sqlmodel import Session

from core.database.engine import snapshot_scope
from core.diagnosis.situation import Situation
from core.health import health_summary
from core.lateness import failed_schedules, late_schedules, stalled_threads
from core.queues.controls import queue_lines
from core.slowdown import delays
from ui import access, live
from ui.public_limits import SharedAnswer

router = APIRouter(tags=["operation"])

_FINISHED_JOBS = text("""
    SELECT kind, queue, status, sum(jobs) AS jobs, sum(ran_seconds) AS seconds FROM job_counters GROUP BY 1, 2, 3
""")
_WORKERS = text("""
    SELECT left(host, 300) || ':' || pid AS worker, extract(epoch FROM statement_timestamp() - heartbeat_at) AS age,
           coalesce(memory_mb, 0) AS memory
    FROM workers WHERE stopped_at IS NULL AND lost_at IS NULL AND isfinite(heartbeat_at)
    ORDER BY heartbeat_at DESC LIMIT 1000
""")
_LOST = text("SELECT count(*) FROM workers WHERE lost_at IS NOT NULL")

_MESSAGES = text("""
    SELECT count(*) FILTER (WHERE status = 'waiting') AS waiting, count(*) FILTER (WHERE status = 'failed') AS failed,
           coalesce(extract(epoch FROM statement_timestamp() - min(created_at) FILTER (WHERE status = 'waiting')), 0)
               AS oldest
    FROM notifications WHERE status IN ('waiting', 'failed')
""")


class Collector:
    """Collects all metrics at scrape time, in one short snapshot."""

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics; while the database is down, only that fact."""
        up = GaugeMetricFamily("unstuck_database_up", "1 while the database responds.")
        try:
            with snapshot_scope(access.engine()) as session:
                from_database = [*_queues(session), *_finished_jobs(session), *_workers(session), *_health(session)]
                from_database += _delays(session)
                from_database += _late(session)
                from_database += _messages(session)
        except SQLAlchemyError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from from_database
        yield from _pool()
        bus = GaugeMetricFamily("unstuck_broker_up", "1 while the broker delivers wake-ups.")
        bus.add_metric([], int(live.hub.bus_is_up()))
        yield bus


@router.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    """Return the metrics in the Prometheus text format."""
    return Response(await _scrape.now(), media_type=CONTENT_TYPE_LATEST)


def _collect() -> bytes:
    registry = CollectorRegistry()
    registry.register(Collector())
    return generate_latest(registry)


_scrape = SharedAnswer(_collect)


def _queues(session: Session) -> Iterator[Metric]:
    depth = GaugeMetricFamily("unstuck_queue_jobs", "Jobs in a queue by label.", labels=["queue", "label"])
    oldest = GaugeMetricFamily("unstuck_queue_oldest_seconds", "Age of the oldest due job.", labels=["queue"])
    paused = GaugeMetricFamily("unstuck_queue_paused", "1 while a queue is paused.", labels=["queue"])
    for line in queue_lines(session):
        for label in ("waiting", "scheduled", "running"):
            depth.add_metric([line.name, label], getattr(line, label))
        oldest.add_metric([line.name], line.oldest_seconds or 0)
        paused.add_metric([line.name], int(line.paused_at is not None))
    yield from (depth, oldest, paused)


def _finished_jobs(session: Session) -> Iterator[Metric]:
    labels = ["kind", "queue", "status"]
    jobs = CounterMetricFamily("unstuck_jobs_ended", "Finished jobs.", labels=labels)
    seconds = CounterMetricFamily("unstuck_jobs_ran_seconds", "Seconds from first start to finish.", labels=labels)
    for row in session.connection().execute(_FINISHED_JOBS):
        jobs.add_metric([row.kind, row.queue, row.status], float(row.jobs))
        seconds.add_metric([row.kind, row.queue, row.status], float(row.seconds))
    yield from (jobs, seconds)


def _workers(session: Session) -> Iterator[Metric]:
    age = GaugeMetricFamily("unstuck_worker_heartbeat_age_seconds", "Seconds since a heartbeat.", labels=["worker"])
    memory = GaugeMetricFamily("unstuck_worker_memory_megabytes", "Resident memory in megabytes.", labels=["worker"])
    for row in session.connection().execute(_WORKERS):
        age.add_metric([row.worker], float(row.age))
        memory.add_metric([row.worker], row.memory)
    lost = CounterMetricFamily("unstuck_workers_lost", "Workers that were presumed dead.")
    lost.add_metric([], session.connection().execute(_LOST).scalar_one())
    yield from (age, memory, lost)


def _health(session: Session) -> Iterator[Metric]:
    now = health_summary(session)
    for name, description, value in (
        ("unstuck_workers_alive", "Workers with a heartbeat in time.", now.workers_alive),
        ("unstuck_workers_silent", "Workers whose heartbeat is late, and who may be dead.", now.workers_silent),
        ("unstuck_users_stuck", "Users who stay stuck without help.", now.users[Situation.STUCK]),
        ("unstuck_users_failed", "Users whose demo mode failed.", now.users[Situation.FAILED]),
        ("unstuck_users_held", "Users who wait for a paused queue or kind.", now.users[Situation.HELD]),
    ):
        gauge = GaugeMetricFamily(name, description)
        gauge.add_metric([], value)
        yield gauge


def _delays(session: Session) -> Iterator[Metric]:
    now = delays(session)
    oldest = now.oldest.age.total_seconds() if now.oldest else 0.0
    for name, description, value in (
        ("unstuck_oldest_transaction_seconds", "Age of the oldest open transaction on the server.", oldest),
        ("unstuck_hidden_transactions", "Open transactions whose age the server hides from us.", now.hidden),
        ("unstuck_dead_rows", "Rows that vacuum has not removed yet.", now.dead_rows),
        (
            "unstuck_unsealed_seconds",
            "Age of the oldest event of the audit log that is not sealed yet.",
            now.unsealed.total_seconds(),
        ),
    ):
        gauge = GaugeMetricFamily(name, description)
        gauge.add_metric([], value)
        yield gauge


def _late(session: Session) -> Iterator[Metric]:
    stalled = GaugeMetricFamily("unstuck_thread_stalled", "1 for a thread that stands.", labels=["worker", "thread"])
    for each in stalled_threads(session):
        stalled.add_metric([each.worker, each.thread], 1)
    late = GaugeMetricFamily("unstuck_schedule_late_seconds", "Seconds past its time.", labels=["schedule"])
    for schedule in late_schedules(session):
        late.add_metric([str(schedule.id)], schedule.seconds)  # its name is not for strangers
    failed = GaugeMetricFamily("unstuck_schedule_failed", "1 if its last run failed.", labels=["schedule"])
    for each_failed in failed_schedules(session):
        failed.add_metric([str(each_failed.id)], 1)
    yield from (stalled, late, failed)


def _messages(session: Session) -> Iterator[Metric]:
    now = session.connection().execute(_MESSAGES).one()
    count = GaugeMetricFamily("unstuck_messages", "Messages of the outbox that did not leave.", labels=["status"])
    for status in ("waiting", "failed"):
        count.add_metric([status], getattr(now, status))
    oldest = GaugeMetricFamily("unstuck_message_oldest_seconds", "Age of the oldest message that waits.")
    oldest.add_metric([], float(now.oldest))
    yield from (count, oldest)


def _pool() -> Iterator[Metric]:
    pool = access.engine().pool
    used = GaugeMetricFamily("unstuck_pool_connections", "Database connections of this process.", labels=["state"])
    if isinstance(pool, QueuePool):
        used.add_metric(["in_use"], pool.checkedout())
        used.add_metric(["idle"], pool.checkedin())
    yield used
