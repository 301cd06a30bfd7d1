"""Spans: all work of a job is found under its id."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import Engine

from core.actor import ENGINE
from core.database.engine import session_scope
from core.jobs.batch import finish_and_claim
from core.jobs.cancel import cancel
from core.jobs.request import request_task
from core.models import JobStatus, Role
from core.operation import NoForm, Progress, Steps, Task, TaskWork
from tasks import carrier
from tasks.actors import Drain
from tasks.registry import Registry
from tests import driving
from tests.factories import SUPPORT, make_user


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


def test_from_request_to_end_a_jobs_spans_have_its_id_as_their_trace(
    engine: Engine, spans: InMemorySpanExporter
) -> None:
    with session_scope(engine) as session:
        user = make_user(session).id
    job = driving.ask(engine, driving.BY_NAME["demo.enable"], user, {"preset": "nano"})
    driving.drain(Drain(engine, Registry(1), driving.new_worker(engine)), "demo")
    made = {span.name: span for span in spans.get_finished_spans()}
    assert set(made) == {"request demo.enable", "attempt demo.enable"}
    assert {span.context.trace_id for span in made.values()} == {job.int}
    assert made["attempt demo.enable"].attributes["job.outcome"] == "succeeded"


def test_a_request_is_linked_to_the_span_that_made_it(engine: Engine, spans: InMemorySpanExporter) -> None:
    with session_scope(engine) as session:
        user = make_user(session).id
    with trace.get_tracer("test").start_as_current_span("POST") as asking:
        driving.ask(engine, driving.BY_NAME["demo.enable"], user, {"preset": "nano"})
    [request] = [span for span in spans.get_finished_spans() if span.name.startswith("request")]
    assert [link.context.span_id for link in request.links] == [asking.get_span_context().span_id]


@pytest.mark.parametrize(("is_refused", "outcome"), [(False, "succeeded"), (True, "cancelled")])
def test_an_attempts_span_ends_once_its_ending_is_committed_and_says_what_that_is(
    engine: Engine, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, is_refused: bool, outcome: str
) -> None:
    seen: list[tuple[object, list[str]]] = []

    def rest(_: TaskWork[NoForm]) -> Steps:
        return None
        yield Progress(1, 1)

    def write(*args: Any, **more: Any) -> Any:
        if args[5]:
            seen.append((driving.job_row(engine, job).status, [span.name for span in spans.get_finished_spans()]))
            if is_refused:
                with session_scope(engine) as session:
                    cancel(session, job, SUPPORT)
        return finish_and_claim(*args, **more)

    task = Task(name="test.task", label="Task", form=NoForm, run=rest, role=Role.ADMIN, queue="demo")
    monkeypatch.setitem(cast(dict[str, Any], driving.BY_NAME), task.name, task)
    monkeypatch.setattr(carrier, "finish_and_claim", write)
    with session_scope(engine) as session:
        job = request_task(session, task, NoForm(), ENGINE).id
    driving.drain(Drain(engine, Registry(1), driving.new_worker(engine)), "demo")
    assert seen[0] == (JobStatus.RUNNING, ["request test.task"]), "nothing says yet that it succeeded"
    [attempt] = [span for span in spans.get_finished_spans() if span.name == "attempt test.task"]
    assert attempt.attributes["job.outcome"] == outcome == driving.job_row(engine, job).status
