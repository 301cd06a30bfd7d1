"""What a list of ids is about: the kind of each job and its user, or the user itself."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.models import BackgroundJob, User


class Whose(NamedTuple):
    """A job's kind, and its user; of a user there is no kind, and of a task no user."""

    kind: str | None
    user_id: UUID | None
    email: str | None


def whose(session: Session, ids: Iterable[UUID]) -> dict[UUID, Whose]:
    """Return what each id of a job or a user is about; what does not exist is left out."""
    wanted = list(ids)
    job, user = BackgroundJob, User
    jobs = sa.select(col(job.id), col(job.kind), col(user.id), col(user.email))
    of_jobs = jobs.select_from(job).outerjoin(user, col(user.id) == col(job.user_id)).where(col(job.id).in_(wanted))
    of_users = sa.select(col(user.id), sa.null(), col(user.id), col(user.email)).where(col(user.id).in_(wanted))
    return {row[0]: Whose(*row[1:]) for row in session.execute(of_jobs.union_all(of_users))}
