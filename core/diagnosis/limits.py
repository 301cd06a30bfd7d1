"""What the limits of a kind leave room for: how many of its jobs can start now, and why no more can."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.diagnosis.context import JobContext
from core.models import JobKind
from core.wording import counted, spoken


@dataclass(frozen=True, slots=True)
class Ceiling:
    """One limit of a kind: its rule, how many more jobs may start under it, and what is so when none may."""

    rule: str
    room: int
    when_full: str

    @property
    def blocker(self) -> str:
        """Why no job can start now, as the end of a sentence."""
        return f"{self.rule}{self.when_full}"


def starts_none(kind: JobKind | None) -> bool:
    """Tell whether a limit of 0 stops a kind, as a pause does."""
    return kind is not None and 0 in (kind.max_running, kind.max_per_worker)


def ceilings(context: JobContext) -> tuple[Ceiling, ...]:
    """Return the limits of a job's kind besides 0."""
    kind = context.controls.kind
    return () if kind is None or starts_none(kind) else tuple(_ceilings(context, kind))


def lowest_ceiling(context: JobContext) -> Ceiling | None:
    """Return the limit of a job's kind that leaves the least room."""
    return min(ceilings(context), key=lambda ceiling: ceiling.room, default=None)


def _ceilings(context: JobContext, kind: JobKind) -> Iterator[Ceiling]:
    running, serving = context.controls.running, context.capacity.workers + context.capacity.silent
    if kind.max_running is not None:
        total = sum(running.values())
        full = f", and {total:,} {'is' if total == 1 else 'are'} running"
        yield Ceiling(f"{_most(kind, kind.max_running, 'run')} at once", kind.max_running - total, full)
    if (share := kind.max_per_worker) is not None and serving:
        room = share * serving - sum(min(count, share) for count in running.values())
        yield Ceiling(f"{_most(kind, share, 'run')} at once per worker", room, ", and every worker is at this limit")
    if kind.rate_count and kind.rate_seconds:
        free = _free_starts(kind, context.now)
        wait = timedelta(seconds=max(0.0, 1 - free) * kind.rate_seconds / kind.rate_count)
        rule = f"{_most(kind, kind.rate_count, 'start')} in {spoken(timedelta(seconds=kind.rate_seconds))}"
        yield Ceiling(rule, int(free), f"; the next one can start in {spoken(wait)}")


def _most(kind: JobKind, number: int, verb: str) -> str:
    return f"at most {counted(number, 'job')} of {kind.kind} {verb}{'s' if number == 1 else ''}"


def _free_starts(kind: JobKind, now: datetime) -> float:
    """Return how many jobs may start now: the token bucket of core/jobs/limits.py, without spending from it."""
    most = kind.rate_count or 0
    if kind.rate_at is None or not kind.rate_seconds:
        return most
    return min(most, kind.rate_left + most * abs((now - kind.rate_at).total_seconds()) / kind.rate_seconds)
