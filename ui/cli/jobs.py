"""Verbs about jobs."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlmodel import Session

from core.database.engine import snapshot_scope
from core.diagnosis.situation import Situation
from core.diagnosis.user import explain_job
from core.errors import Invalid
from core.export import Format, written
from core.job_list import queries
from core.job_list.filters import JobFilter
from core.job_list.orders import NEWEST_FIRST, Sort
from core.job_list.rows import detail
from core.job_list.windows import windows
from core.jobs.labels import Label
from core.models import JobStatus
from core.redact import shown
from core.wording import cited
from ui.cli.explanation import print_diagnosis
from ui.cli.terminal import Json, Reason, load, opened, print_answer, print_part, print_rows, run

verbs = typer.Typer(no_args_is_help=True, help="Jobs: list, export, show, explain, retry, cancel, reschedule.")


Statuses = Annotated[str, typer.Option(help="Comma-separated: " + ", ".join(JobStatus) + ".")]
Labels = Annotated[str, typer.Option(help="Comma-separated: " + ", ".join(Label) + ".")]
Situations = Annotated[str, typer.Option(help="Comma-separated: " + ", ".join(Situation) + ".")]
Kinds = Annotated[str, typer.Option(help="Comma-separated, such as demo.enable, or demo.* for all of them.")]
Queues = Annotated[str, typer.Option(help="Comma-separated names of queues.")]
OfUser = Annotated[str, typer.Option(help="A user's id, or a part of their e-mail address or name.")]
OtherThan = Annotated[str, typer.Option(help="A user's id: only jobs of other users.")]
ErrorWords = Annotated[str, typer.Option(help="An error's fingerprint, or words of its type and message.")]
FinishedAfter = Annotated[str, typer.Option(help="A time with its zone, such as 2026-11-20T14:02:00Z.")]
Text = Annotated[
    str, typer.Argument(metavar="[FILTER]", help="In the filter language: 'status:failed kind:demo.* created:<1h'.")
]
Order = Annotated[Sort, typer.Option(help="With - from the last or longest on, as in --sort=-took.")]
Search = Annotated[str, typer.Option(help="An id, part of an e-mail address or name, part of a kind, or error words.")]


@verbs.command("list")
def list_jobs(
    text: Text = "",
    status: Statuses = "",
    label: Labels = "",
    situation: Situations = "",
    kind: Kinds = "",
    queue: Queues = "",
    user: OfUser = "",
    other_than: OtherThan = "",
    error: ErrorWords = "",
    finished_after: FinishedAfter = "",
    q: Search = "",
    sort: Order = NEWEST_FIRST,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    as_json: Json = False,
) -> None:
    """List jobs, newest first or as --sort says: unstuck jobs list 'status:failed took:>30s'."""
    where = {"status": status, "label": label, "situation": situation, "kind": kind, "queue": queue}
    words = {
        "user": user,
        "other_than": other_than,
        "error": error,
        "finished_after": finished_after,
        "q": f"{text} {q}",
    }
    job_filter = _filter(where | words)
    page = load(lambda session: queries.page(session, job_filter, limit=limit, sort=sort))
    print_rows(
        page.items,
        ("id", "label", "situation", "kind", "user_email", "attempt", "created_at", "error"),
        as_json=as_json,
    )


@verbs.command("export")
def export_jobs(
    text: Text = "",
    status: Statuses = "",
    label: Labels = "",
    situation: Situations = "",
    kind: Kinds = "",
    queue: Queues = "",
    user: OfUser = "",
    other_than: OtherThan = "",
    error: ErrorWords = "",
    finished_after: FinishedAfter = "",
    q: Search = "",
    sort: Order = NEWEST_FIRST,
    format: Annotated[Format, typer.Option(help="CSV, or JSON lines.")] = Format.CSV,  # noqa: A002 - a flag
) -> None:
    """Write all matching jobs, newest first or as --sort says: unstuck jobs export --status failed > failed.csv."""
    where = {"status": status, "label": label, "situation": situation, "kind": kind, "queue": queue}
    words = {
        "user": user,
        "other_than": other_than,
        "error": error,
        "finished_after": finished_after,
        "q": f"{text} {q}",
    }
    with opened() as engine:

        def look(function: Callable[[Session], Any]) -> Any:
            with snapshot_scope(engine) as session:
                return function(session)

        for part in written(queries.EXPORTED, windows(look, _filter(where | words), sort), format):
            print_part(part)


def _filter(words: Mapping[str, str]) -> JobFilter:
    return JobFilter.from_params({name: value for name, value in words.items() if value.strip()})


@verbs.command("show")
def show_job(job_id: UUID, as_json: Json = False) -> None:
    """Show one job with its attempts and events."""
    job_detail = load(lambda session: detail(session, job_id))
    data = shown({"args": job_detail.job.args, "result": job_detail.job.result})
    attempts = [attempt.model_dump(mode="json") for attempt in job_detail.attempts]
    events = [shown(event.model_dump(mode="json")) for event in job_detail.events]
    if as_json:
        return print_answer({**job_detail.row, **data, "attempts": attempts, "events": events}, as_json=True)
    print_answer({**job_detail.row, **data})
    print_rows(attempts, ("attempt", "token", "outcome", "started_at", "finished_at", "error_message"), as_json=False)
    return print_rows(events, ("at", "name", "actor", "reason"), as_json=False)


@verbs.command()
def explain(job_id: UUID, as_json: Json = False) -> None:
    """Say why a job is in its state, and what is safe to do."""
    diagnosis = load(lambda session: explain_job(session, job_id))
    print_diagnosis(diagnosis, as_json=as_json)


@verbs.command()
def retry(job_id: UUID, reason: Reason = None, as_json: Json = False) -> None:
    """Run a failed or cancelled job again, as a new job."""
    print_answer(run("job.retry", job_id, reason=reason), as_json=as_json)


@verbs.command()
def cancel(job_id: UUID, reason: Reason = None, as_json: Json = False) -> None:
    """Cancel a queued job, or ask a running one to stop."""
    print_answer(run("job.cancel", job_id, reason=reason), as_json=as_json)


@verbs.command()
def edit_and_retry(
    job_id: UUID,
    args: Annotated[list[str], typer.Option("--set", help="name=value; can be repeated.", metavar="NAME=VALUE")],
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Run a failed or cancelled job again with other arguments: jobs edit-and-retry ID --set preset=nano."""
    changes = {"args": dict(map(_argument, args))}
    print_answer(run("job.edit_and_retry", job_id, changes, reason=reason), as_json=as_json)


def _argument(text: str) -> tuple[str, Any]:
    """Return the name and the value of an argument: JSON where it is some, else text."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise Invalid(f"{cited(text)} is no argument: write name=value.", {"set": "Write name=value."})
    with suppress(ValueError):
        return name, json.loads(value)
    return name, value


@verbs.command()
def reschedule(
    job_id: UUID,
    at: Annotated[datetime, typer.Option(help="When, as ISO 8601; without a zone: local time.")],
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Start a job that waits at another time."""
    moment = {"at": at.astimezone().isoformat()}
    print_answer(run("job.reschedule", job_id, moment, reason=reason), as_json=as_json)


@verbs.command()
def start_now(job_id: UUID, reason: Reason = None, as_json: Json = False) -> None:
    """Start a job now that is planned for later, or waits between two attempts."""
    print_answer(run("job.start_now", job_id, reason=reason), as_json=as_json)
