"""What creators are told of their demo mode: it is ready, it was switched off, it failed; only if they want to know."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from core.demo.presets import Preset
from core.messages.outbox import Message, put
from core.messages.preferences import wants
from core.models import BackgroundJob, JobStatus
from core.operation import JobEnd
from core.operations.job_span import span_of

#: A failure and what its retries come to are one piece of news: the key names the first job of them all.
_FIRST = text("""
    WITH RECURSIVE chain AS (
        SELECT id, retry_of, 1 AS length FROM background_jobs WHERE id = :id
        UNION ALL SELECT j.id, j.retry_of, length + 1 FROM chain c JOIN background_jobs j ON j.id = c.retry_of
        WHERE length < 1000
    ) SELECT id FROM chain ORDER BY length DESC LIMIT 1
""")


def tell_ready(end: JobEnd) -> None:
    """Tell that demo mode is ready, or that it failed."""
    _tell(end, "demo_ready", _ready(end.job))


def tell_off(end: JobEnd) -> None:
    """Tell that demo mode was switched off, with what was deleted, or that this failed."""
    _tell(end, "demo_off", _off(end.job))


def _tell(end: JobEnd, template: str, data: dict[str, Any]) -> None:
    job = end.job
    if job.status is JobStatus.FAILED:
        template, data = "demo_failed", {"sentence": end.failure, "what": _WHAT.get(job.kind, "")}
    elif job.status is not JobStatus.SUCCEEDED:
        return  # whoever cancelled it knows
    if job.user_id is None or job.finished_at is None:
        return
    if not wants(end.session, job.user_id, _asked_at(job), span_of(job)):
        return
    first = end.session.connection().execute(_FIRST, {"id": job.id}).scalar()
    key = f"{template}:{first}"
    put(end.session, Message(template=template, user_id=job.user_id, data=data, dedupe_key=key, job_id=job.id))


def _asked_at(job: BackgroundJob) -> datetime | None:
    """Return when it was asked to tell of this job; what somebody else asks never outweighs that its user said no."""
    if not (job.args or {}).get("email_when_ready"):
        return None
    return job.created_at if job.requested_by == job.user_id else datetime.min.replace(tzinfo=UTC)


def _ready(job: BackgroundJob) -> dict[str, Any]:
    result = job.result or {}
    preset = result.get("preset")
    return {
        "creator": Preset(preset).profile.label if preset in set(Preset) else "",
        "interactions": result.get("interactions", 0),
        "connections": result.get("connections", 0),
        "took": span_of(job).total_seconds(),
    }


def _off(job: BackgroundJob) -> dict[str, Any]:
    result = job.result or {}
    return {
        "interactions": result.get("interactions_deleted", 0),
        "connections": result.get("connections_deleted", 0),
        "took": span_of(job).total_seconds(),
    }


#: What did not work, as the sentence in the message goes on.
_WHAT = {
    "demo.enable": "be switched on",
    "demo.switch": "be switched to another creator",
    "demo.disable": "be switched off",
    "demo.dismiss": "be cleaned up",
}
