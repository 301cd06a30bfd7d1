"""OpenTelemetry spans of a job, from request to end. Without a configured SDK they cost nothing and go nowhere.

The trace of a job is its id: both have 128 bits, so who knows the one finds the other, and nothing needs to be stored.
To switch it on: install opentelemetry-distro and an exporter, and start with `opentelemetry-instrument python main.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, Status, StatusCode, TraceFlags

from core.models import AttemptOutcome

_NAME = "unstuck"
_ENDED_WELL = frozenset({AttemptOutcome.SUCCEEDED, AttemptOutcome.HANDED_BACK, AttemptOutcome.CANCELLED})


def note_request(job_id: UUID, kind: str, queue: str) -> None:
    """Make the job's first span, linked to whatever asked for it, such as an HTTP request."""
    asked_by = trace.get_current_span().get_span_context()
    links = [Link(asked_by)] if asked_by.is_valid else []
    span = _tracer().start_span(f"request {kind}", context=_trace_of(job_id), links=links)
    span.set_attributes({"job.id": str(job_id), "job.kind": kind, "job.queue": queue})
    span.end()


@contextmanager
def attempt(job_id: UUID, kind: str, number: int, token: int) -> Iterator[Span]:
    """Make a span of one attempt, under which everything that the job does is found."""
    with _tracer().start_as_current_span(f"attempt {kind}", context=_trace_of(job_id)) as span:
        span.set_attributes({"job.id": str(job_id), "job.kind": kind, "job.attempt": number, "job.token": token})
        yield span


def note_outcome(span: Span, outcome: AttemptOutcome) -> None:
    """Say on the span how the attempt ended."""
    span.set_attribute("job.outcome", outcome.value)
    if outcome not in _ENDED_WELL:
        span.set_status(Status(StatusCode.ERROR, outcome.value))


def _tracer() -> trace.Tracer:
    return trace.get_tracer(_NAME)


def _trace_of(job_id: UUID) -> Context:
    root = SpanContext(
        trace_id=job_id.int,
        span_id=job_id.int & (2**64 - 1),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(NonRecordingSpan(root))
