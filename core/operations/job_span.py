"""How long the user of an ended job has waited for it."""

from datetime import datetime, timedelta

from core.models import BackgroundJob


def began(job: BackgroundJob) -> datetime:
    """Return since when its user has waited: since the request, or since the time for which it was planned.

    Another attempt changes when a job is due, but not when its first one began.
    """
    return min(job.run_at, job.started_at or job.created_at)


def span_of(job: BackgroundJob) -> timedelta:
    """Return how long its user has waited."""
    return max((job.finished_at or job.created_at) - began(job), timedelta())
