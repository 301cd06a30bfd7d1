"""The first design that comes to mind: Dramatiq on Redis, and a SQLModel row that is loaded, changed and committed."""

import os
from datetime import UTC, datetime
from uuid import UUID, uuid4

import dramatiq
import sqlalchemy as sa
from dramatiq.brokers.redis import RedisBroker
from sqlmodel import Field, Session, SQLModel, create_engine

from benchmarks.counter import tick

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"], namespace="naive"))  # type: ignore[no-untyped-call]
engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"), pool_size=10)


class Job(SQLModel, table=True):
    """A job without token, attempts or events."""

    id: UUID = Field(primary_key=True, default_factory=uuid4)
    kind: str = "noop"
    status: str = Field(default="queued", index=True)
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC), sa_type=sa.DateTime(timezone=True))
    started_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
    finished_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))


def prepare() -> None:
    """Make the table."""
    SQLModel.metadata.create_all(engine)


@dramatiq.actor(max_retries=0)
def noop(job_id: str) -> None:
    """Load, change, commit; count itself; load, change, commit."""
    with Session(engine) as session:
        job = session.get_one(Job, UUID(job_id))
        job.status, job.started_at = "running", datetime.now(UTC)
        session.commit()
    tick()
    with Session(engine) as session:
        job = session.get_one(Job, UUID(job_id))
        job.status, job.finished_at = "succeeded", datetime.now(UTC)
        session.commit()


def enqueue(number: int) -> None:
    """Insert rows one by one, and send each one's id."""
    for _ in range(number):
        with Session(engine) as session:
            job = Job()
            session.add(job)
            session.commit()
            noop.send(str(job.id))
