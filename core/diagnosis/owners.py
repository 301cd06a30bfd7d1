"""What a job's row says of it: which connection it is about, and where its owner mends what only they can."""

from sqlmodel import Session

from core.errors import OnlyTheOwner
from core.jobs.subject import Subject
from core.models import BackgroundJob, PlatformConnection
from core.oauth.providers import label_of
from core.operation import Operation
from core.operations import BY_NAME


def about_of(session: Session, job: BackgroundJob) -> str:
    """Return which connection a job is about, in brackets behind its name; empty: it is about none."""
    row = session.get(PlatformConnection, job.connection_id) if job.connection_id else None
    if row is None:
        return ""
    label = label_of(row.platform)
    return f" ({row.handle} at {label})" if row.handle else f" ({label})"


def owners_page_of(session: Session, job: BackgroundJob) -> str:
    """Return the page on which its owner mends what a job failed of; empty: it did not fail of what only they can."""
    kind = BY_NAME.get(job.kind)
    if job.error_type != OnlyTheOwner.__name__ or not isinstance(kind, Operation) or kind.owners_page is None:
        return ""
    row_id = kind.machine.id_in(job.user_id, job.connection_id)
    row: Subject | None = session.get(kind.machine.table, row_id) if row_id else None
    return kind.owners_page(row) if row else ""
