"""What creators are told of a connection: that it needs them; once, until it works again or they have given it up."""

from typing import Final

from core.errors import OnlyTheOwner, TryAgain
from core.messages.outbox import Message, put, take_out
from core.messages.preferences import WORTH_TELLING, wants_warnings
from core.models import BackgroundJob, ConnectionStatus, JobStatus, PlatformConnection
from core.oauth.providers import label_of
from core.oauth.work import withdrawn_sentence
from core.operation import JobEnd
from core.operations.job_span import span_of

_TEMPLATE: Final = "connection_needs_you"
#: Failures that say to their user what happened, and that they can do something about it.
_THEIRS: Final = frozenset({OnlyTheOwner.__name__, TryAgain.__name__})


def tell_if_needed(end: JobEnd) -> None:
    """Tell that a connection has come to rest as failed and only its creator can help; else, that news is over."""
    row = _row_of(end)
    if row is None:
        return
    if row.connection_status is not ConnectionStatus.FAILED:
        take_out(end.session, _key(row), "The connection works again, or was given up.")
    elif _needs_its_creator(end.job, row) and _wants_to_know(end, row):
        _tell(end, row)


def tell_no_more(end: JobEnd) -> None:
    """Take out what was not sent yet of a connection that its creator gives up."""
    if row := _row_of(end):
        take_out(end.session, _key(row), "The connection was given up.")


def _tell(end: JobEnd, row: PlatformConnection) -> None:
    label, job = label_of(row.platform), end.job
    sentence = end.failure if job.error_type in _THEIRS else withdrawn_sentence(row)
    # A platform's word for an account may have lines, and the first one of a message is its subject.
    data = {"platform": label, "handle": " ".join((row.handle or "").split()), "sentence": sentence}
    put(
        end.session,
        Message(template=_TEMPLATE, user_id=row.user_id, data=data, dedupe_key=_key(row), is_kept=True, job_id=job.id),
    )


def _needs_its_creator(job: BackgroundJob, row: PlatformConnection) -> bool:
    """Tell whether neither the program, by itself, nor its operators can do anything about a failure."""
    if job.status is not JobStatus.FAILED:
        return False
    if job.error_type == OnlyTheOwner.__name__ or row.withdrawn_at:
        return True
    # Connecting leaves no access to try it again with, and its code works once.
    return row.access_token is None and job.error_type in _THEIRS


def _wants_to_know(end: JobEnd, row: PlatformConnection) -> bool:
    return not _is_watched(end.job, row) and wants_warnings(end.session, row.user_id)


def _is_watched(job: BackgroundJob, row: PlatformConnection) -> bool:
    """Tell whether the creator started it themselves, so recently that they still look at the page."""
    return job.requested_by == row.user_id and span_of(job) < WORTH_TELLING


def _row_of(end: JobEnd) -> PlatformConnection | None:
    """Return the connection, unless it is demo mode's, which nobody can connect."""
    row = end.session.get(PlatformConnection, end.job.connection_id) if end.job.connection_id else None
    return row if row and not row.is_demo else None


def _key(row: PlatformConnection) -> str:
    return f"{_TEMPLATE}:{row.id}"
