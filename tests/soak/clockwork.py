"""Two schedules of the soak, each due every minute: one that works, and one whose time zone does not exist."""

from datetime import timedelta

from sqlmodel import Session, select

from core import clock
from core.database.engine import session_scope
from core.models import Schedule, ScheduleTick
from core.operations.maintenance import expire_sessions
from tests.faults.cluster import Cluster

MINUTELY, BROKEN = "minutely", "broken"


def add_schedules(cluster: Cluster) -> None:
    """Write both rows as they are: nothing of ours would add the broken one. It is due first."""
    with session_scope(cluster.engine) as session:
        for name, zone, late in ((BROKEN, "Nowhere/Land", 2), (MINUTELY, "UTC", 1)):
            due_at = clock.now() - timedelta(seconds=late)
            row = {"kind": expire_sessions.name, "cron": "* * * * *", "timezone": zone, "missed": "once"}
            session.add(Schedule(name=name, next_due_at=due_at, **row))


def fired(cluster: Cluster) -> int:
    """Return how often the schedule that works has fired."""
    with Session(cluster.engine) as session:
        own = select(ScheduleTick).join(Schedule).where(Schedule.name == MINUTELY, ScheduleTick.outcome == "fired")
        return len(session.exec(own).all())


def schedule_faults(cluster: Cluster, minutes: float) -> list[str]:
    """Return, in words, what the schedules did wrong; an outage may take one tick of the healthy one."""
    with Session(cluster.engine) as session:
        broken = session.exec(select(Schedule).where(Schedule.name == BROKEN)).one()
    faults = [] if broken.paused_reason else ["the broken schedule is not paused with its reason"]
    if (count := fired(cluster)) < int(minutes):
        faults.append(f"the healthy schedule fired {count} times in {minutes:g} minutes")
    return faults
