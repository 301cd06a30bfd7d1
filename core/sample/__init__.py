"""Sample data: a believable history of finished jobs, for trying the console out and for measuring it."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, exists, select
from sqlmodel import Session, col

from core.errors import Unusable
from core.models import BackgroundJob
from core.sample import history, records
from core.settings import settings

#: The product's database before the program: what the migrations carry over, and the users of the sample.
LEGACY = Path(__file__).parent / "legacy.sql"

#: How a production environment is named.
PRODUCTION = ("production", "prod", "live")


def fill(engine: Engine, *, users: int | None, jobs: int, now: datetime) -> None:
    """Add `users` creators and `jobs` finished jobs of the last 30 days, in one transaction.

    Nothing that could start work is added. Afterwards the state of each creator still matches their last job; a handful
    of them end in failed. Without `users`, the jobs are those of the creators in the database.

    Raises Unusable in production: an audit log of real people holds no invented history.
    """
    if is_production():
        raise Unusable("UNSTUCK_ENVIRONMENT is production: sample data does not belong among real users.")
    with engine.connect() as connection, connection.begin():
        history.write(connection, users=users, jobs=jobs, now=now)
        records.write(connection)
    records.analyze(engine)


def is_production() -> bool:
    """Tell whether this is a production environment, by its name."""
    return settings().environment.strip().lower() in PRODUCTION


def refuse_if_not_empty(engine: Engine) -> None:
    """Raise Unusable when the database has jobs: sample data does not belong among real ones.

    Those of schedules do not count: some are there from the first minute of a worker.
    """
    with Session(engine) as session:
        if session.connection().scalar(select(exists().where(col(BackgroundJob.schedule_id).is_(None)))):
            raise Unusable("The database has jobs already. Use an empty one, or add the sample anyway with --force.")
