"""Whether doing again what has failed can help: the sentence that pages, API and CLI say before somebody retries it."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query
from core.database.truncate import IN_LIST, truncated
from core.diagnosis.alike import FAILED
from core.diagnosis.service_check import ServiceCheck
from core.errors import OnlyTheOwner
from core.jobs.abandon import LAST_ERROR
from core.jobs.failure_words import error_of, is_final
from core.models import BackgroundJob
from core.operation import Operation
from core.operations import BY_NAME

#: Said of a failure whose service has been mended since.
MENDED: Final = "The service is answering properly: doing it again may work. If it does not, it needs an admin."


@dataclass(frozen=True, slots=True)
class Again:
    """What another attempt at something that failed would come to."""

    #: Why it does not help, or may now; empty: nothing speaks against it.
    sentence: str = ""
    #: The outside service that has to be mended before; empty: there is none.
    service: str = ""


def again_of(job: BackgroundJob) -> Again:
    """Return what another attempt at a failed job would come to."""
    if job.error_type == OnlyTheOwner.__name__:
        return Again("Only the customer can mend it.")
    if not is_final(job):
        return Again()
    service = service_of_error(job)
    until = " until the service is mended" if service else ""
    return Again(f"Doing it again ends the same way{until}: it needs an admin.", service)


def again_of_error(session: Session, fingerprint: str) -> Again:
    """Return what another attempt at jobs with this error would come to, as the latest of them tells."""
    job = session.execute(_latest(), {"fingerprint": fingerprint}).scalar()
    return again_of(job) if job else Again()


def again_after_check(again: Again, check: ServiceCheck | None) -> Again:
    """Return the same as a look at its service leaves it; without a look, as it is."""
    return replace(again, sentence=MENDED) if again.service and check and not check.fault else again


def service_of_error(job: BackgroundJob) -> str:
    """Return the outside service whose error a job has; empty: of none."""
    kind = BY_NAME.get(job.kind)
    service = kind.outside if isinstance(kind, Operation) else None
    # An abandoned job ends with what its last attempt failed of.
    return service.name if service and error_of(job).rpartition(LAST_ERROR)[2].startswith(service.name) else ""


@cache
def _latest() -> Query:
    jobs = truncated(BackgroundJob, IN_LIST)
    own = sa.select(jobs).where(col(jobs.status) == FAILED, col(jobs.error_fingerprint) == sa.bindparam("fingerprint"))
    return own.order_by(col(jobs.finished_at).desc()).limit(1)
