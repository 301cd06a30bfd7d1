"""The table at the end of a soak: disturbances, requested jobs, and losses."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, select

from core.models import TERMINAL, BackgroundJob, JobStatus
from tests.faults import kinds
from tests.faults.cluster import Cluster, broken
from tests.soak.clockwork import fired, schedule_faults
from tests.soak.flood import Flood
from tests.soak.people import Operator

_SUCCEEDED_TWICE = text("""
    SELECT count(*) FROM background_jobs j
    WHERE status = 'succeeded'
      AND token - 1 <> (SELECT count(*) FROM job_attempts WHERE job_id = j.id AND outcome <> 'succeeded')
""")
_DONE_TWICE = text("""
    SELECT count(*) FROM (SELECT job_id, step FROM fault_effects GROUP BY 1, 2 HAVING count(*) > 1) twice
""")
#: Seconds from request to first start in the quiet queue; outages are part of them.
_QUIET_STARTS = text("""
    SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - created_at))
    FROM background_jobs WHERE queue = :quiet AND started_at IS NOT NULL
""")
_USERS_BETWEEN = text("SELECT count(*) FROM users WHERE demo_mode_status IN ('enabling', 'disabling')")


@dataclass
class Verdict:
    """The figures of one soak; `is_kept` says that every promise was kept."""

    seed: int
    minutes: float
    disturbances: Counter[str]
    requested: int
    #: How many of them in the flooded queue and the quiet one; median and 99th percentile of the quiet ones' waits.
    flooded: int
    waits: Sequence[float]
    #: How often the schedule of each minute fired.
    fired: int
    ended: Counter[JobStatus]
    lost: int
    doubled: int
    stuck: int
    broken: list[str] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """Return whether nothing was lost, doubled, stuck or broken."""
        return not (self.lost or self.doubled or self.stuck or self.broken)

    def table(self) -> str:
        """Return the figures as a table for README and docs."""
        rows: list[tuple[str, object]] = [("seed", str(self.seed)), ("minutes", f"{self.minutes:g}")]
        names = ("kills", "pauses", "wipes", "broker restarts", "PostgreSQL restarts", "cuts")
        rows += [(name, self.disturbances[name]) for name in names]
        rows += [("jobs requested", self.requested), ("of them in the flooded queue and the quiet one", self.flooded)]
        rows += [("start in the quiet queue, p50 / p99", "{:.2f} / {:.1f} s".format(*self.waits))]
        rows += [("times that the schedule of each minute fired, beside a broken one", self.fired)]
        rows += [
            (f"jobs {status}", self.ended[status])
            for status in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)
        ]
        rows += [("lost", self.lost), ("doubled", self.doubled), ("stuck", self.stuck)]
        rows += [("invariants broken", len(self.broken))]
        return "\n".join(["| | |", "|---|---:|", *(f"| {name} | {_figure(value)} |" for name, value in rows)])


def _figure(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def judge(
    cluster: Cluster,
    operators: Sequence[Operator],
    flood: Flood,
    disturbances: Counter[str],
    seed: int,
    minutes: float,
) -> Verdict:
    """Compare the acknowledged jobs with the tables."""
    acknowledged = {job_id for person in (flood, *operators) for job_id in person.acknowledged}
    with Session(cluster.engine) as session:
        jobs = {job.id: job for job in session.exec(select(BackgroundJob))}
        twice = [session.connection().execute(query).scalar_one() for query in (_SUCCEEDED_TWICE, _DONE_TWICE)]
        waits = session.connection().execute(_QUIET_STARTS, {"quiet": kinds.QUIET}).scalar_one()
        between = session.connection().execute(_USERS_BETWEEN).scalar_one()
    live = [job for job in jobs.values() if job.status not in TERMINAL]
    return Verdict(
        seed,
        minutes,
        disturbances,
        requested=len(acknowledged),
        flooded=len(flood.acknowledged),
        waits=waits or (0, 0),
        fired=fired(cluster),
        ended=Counter(job.status for job in jobs.values()),
        lost=len(acknowledged - jobs.keys()),
        doubled=sum(twice),
        stuck=len(live) + between,
        broken=[*broken(cluster), *_changed(operators, jobs), *schedule_faults(cluster, minutes)],
    )


def _changed(operators: Sequence[Operator], jobs: dict[UUID, BackgroundJob]) -> list[str]:
    """Return, in words, each end that changed after it was seen, and each success after an accepted cancel."""
    changes = []
    for operator in operators:
        for job_id, end in operator.ended.items():
            if (now := (jobs[job_id].status, jobs[job_id].finished_at)) != end:
                changes.append(f"job {job_id} had ended with {end} and is now {now}")
        wrongly = (i for i in operator.cancelled if i in jobs and jobs[i].status is JobStatus.SUCCEEDED)
        changes += [f"job {job_id} succeeded after its cancel was accepted" for job_id in wrongly]
    return changes
