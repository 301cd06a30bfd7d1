"""OpenTelemetry spans of a job, from request to finish. Without a configured SDK they cost nothing.

A job's trace id is its job id (both have 128 bits), so each leads to the other and no trace id is stored.
To enable it: install opentelemetry-distro and an exporter, and start `opentelemetry-instrument python main.py`.
"""

from contextlib import AbstractContextManager, nullcontext
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, Status, StatusCode, TraceFlags

from core.models import AttemptOutcome

_NAME = "unstuck"
_ENDED_WELL = frozenset({AttemptOutcome.SUCCEEDED, AttemptOutcome.HANDED_BACK, AttemptOutcome.CANCELLED})


def note_request(job_id: UUID, kind: str, queue: str) -> None:
    """Create the job's first span, linked to the span that requested it, such as an HTTP request."""
    if not _is_on():
        return
    requester = trace.get_current_span().get_span_context()
    links = [Link(requester)] if requester.is_valid else []
    span = _tracer().start_span(f"request {kind}", context=_trace_of(job_id), links=links)
    span.set_attributes({"job.id": str(job_id), "job.kind": kind, "job.queue": queue})
    span.end()


def begin_attempt(job_id: UUID, kind: str, number: int, token: int) -> Span:
    """Create the span of one attempt; `end_attempt` ends it."""
    if not _is_on():
        return trace.INVALID_SPAN
    span = _tracer().start_span(f"attempt {kind}", context=_trace_of(job_id))
    span.set_attributes({"job.id": str(job_id), "job.kind": kind, "job.attempt": number, "job.token": token})
    return span


def under(span: Span) -> AbstractContextManager[object]:
    """Let everything that is done in this block go under a span, which stays open."""
    return nullcontext() if span is trace.INVALID_SPAN else trace.use_span(span)


def end_attempt(span: Span, outcome: AttemptOutcome | None) -> None:
    """End the span of an attempt with the outcome that is committed; None: it is unknown."""
    if outcome:
        span.set_attribute("job.outcome", outcome.value)
        if outcome not in _ENDED_WELL:
            span.set_status(Status(StatusCode.ERROR, outcome.value))
    span.end()


def _is_on() -> bool:
    """Tell whether spans are recorded by anything."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _tracer() -> trace.Tracer:
    return trace.get_tracer_provider().get_tracer(_NAME)


def _trace_of(job_id: UUID) -> Context:
    root = SpanContext(
        trace_id=job_id.int,
        span_id=job_id.int & (2**64 - 1),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(NonRecordingSpan(root))
