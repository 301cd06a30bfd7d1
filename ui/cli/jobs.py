"""The command line: the same commands as the buttons, through the same gateway; every read speaks JSON with --json."""

import getpass
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core.actor import Actor
from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.database.truncate import IN_LIST, truncated
from core.diagnosis.user import diagnose_user, explain_job
from core.job_list import queries
from core.job_list.filters import JobFilter
from core.job_list.rows import detail
from core.logs import escape_control_characters
from core.models import Role, Worker
from core.operations import known
from core.people import operators
from core.people.users import find_users, user_page
from core.redact import shown

T = TypeVar("T")

#: Columns of a table that goes into a file or a pipe: wide enough that nothing is folded.
PIPE_WIDTH = 400

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Reason = Annotated[str | None, typer.Option(help="Why; goes into the audit log.")]

jobs = typer.Typer(no_args_is_help=True, help="List, show, explain, retry, cancel jobs.")
users = typer.Typer(no_args_is_help=True, help="Find users and see why they are stuck.")
workers = typer.Typer(no_args_is_help=True, help="Worker processes.")

#: Opens the database and the bus for one verb: the one that main.py gave.
_connections: list[Callable[[], AbstractContextManager[Engine]]] = []


def install(app: typer.Typer, connection: Callable[[], AbstractContextManager[Engine]]) -> None:
    """Add these verbs to the program's command line."""
    _connections[:] = [connection]
    for name, group in (("jobs", jobs), ("users", users), ("workers", workers)):
        app.add_typer(group, name=name)
    app.command("do", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(do)


@contextmanager
def opened() -> Iterator[Engine]:
    """Open the database and the bus for the time of one verb."""
    with _connections[0]() as engine:
        yield engine


def me() -> Actor:
    """Return the person at the keyboard: whoever may run the program on this machine is an admin here."""
    return Actor(None, f"{getpass.getuser()} (command line)", Role.ADMIN, "cli")


def ask(asked: CommandRequest) -> dict[str, Any]:
    """Do one thing through the gateway."""
    with opened() as engine:
        return perform(engine, me(), asked)


def load(function: Callable[[Session], T]) -> T:
    """Read something in one transaction."""
    with opened() as engine, session_scope(engine) as session:
        return function(session)


def show(rows: list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool) -> None:
    """Print rows as a table for people or as JSON for programs."""
    if as_json:
        typer.echo(json.dumps(rows, default=str, indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(
            *("" if row.get(column) is None else escape_control_characters(str(row[column])) for column in columns)
        )
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    console.print(table, markup=False) if rows else typer.echo("Nothing found.")


def tell(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print one answer as lines for people or as JSON for programs."""
    if as_json:
        typer.echo(json.dumps(answer, default=str, indent=2))
        return
    for name, value in answer.items():
        if value not in (None, "", [], {}):
            typer.echo(escape_control_characters(f"{name.replace('_', ' ')}: {value}"))


def do(
    context: typer.Context,
    operation: Annotated[str, typer.Argument(help="Such as demo.enable.")],
    user: Annotated[str | None, typer.Option(help="The user's e-mail address.")] = None,
    connection: Annotated[UUID | None, typer.Option(help="The connection's id, for operations on connections.")] = None,
    at: Annotated[datetime | None, typer.Option(help="When, as ISO 8601; without a zone: local time.")] = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Start an operation for a user; the form's fields are flags: do demo.enable --user ana@… --preset nano."""
    kind = known(operation)
    args = _flags(context.args, set(kind.form.model_fields))
    with opened() as engine:
        target = connection
        if user is not None and connection is None:
            with session_scope(engine) as session:
                target = operators.find_by_email(session, user).id
        asked = CommandRequest(name=operation, target=target, args=args, reason=reason, run_at=at and at.astimezone())
        tell(perform(engine, me(), asked), as_json=as_json)


def _flags(words: list[str], fields: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if not word.startswith("--") or name not in fields:
            allowed = ", ".join("--" + field.replace("_", "-") for field in sorted(fields)) or "none"
            raise typer.BadParameter(f"{word} is not a field of this operation; its fields: {allowed}.")
        found[name] = value if equals else next(rest, "")
    return found


@jobs.command("list")
def list_jobs(
    status: str = "",
    label: str = "",
    kind: str = "",
    queue: str = "",
    user: str = "",
    error: str = "",
    q: str = "",
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""
    wanted = {"status": status, "label": label, "kind": kind, "queue": queue, "user": user, "error": error, "q": q}
    filters = JobFilter.from_params({name: value for name, value in wanted.items() if value})
    page = load(lambda session: queries.page(session, filters, limit=limit))
    show(page.items, ("id", "label", "kind", "user_email", "attempt", "created_at", "error"), as_json=as_json)


@jobs.command("show")
def show_job(job_id: UUID, as_json: Json = False) -> None:
    """Show one job with its attempts and events."""
    found = load(lambda session: detail(session, job_id))
    data = shown({"args": found.job.args, "result": found.job.result})
    attempts = [attempt.model_dump(mode="json") for attempt in found.attempts]
    events = [shown(event.model_dump(mode="json")) for event in found.events]
    if as_json:
        return tell({**found.row, **data, "attempts": attempts, "events": events}, as_json=True)
    tell({**found.row, **data}, as_json=False)
    show(attempts, ("attempt", "token", "outcome", "started_at", "finished_at", "error_message"), as_json=False)
    return show(events, ("at", "name", "actor", "reason"), as_json=False)


@jobs.command()
def explain(job_id: UUID, as_json: Json = False) -> None:
    """Tell why a job is where it is, and what is safe to do."""
    tell(asdict(load(lambda session: explain_job(session, job_id))), as_json=as_json)


@jobs.command()
def retry(job_id: UUID, reason: Reason = None, as_json: Json = False) -> None:
    """Start the work of a failed or cancelled job again, as a new job."""
    tell(ask(CommandRequest(name="job.retry", target=job_id, reason=reason)), as_json=as_json)


@jobs.command()
def cancel(job_id: UUID, reason: Reason = None, as_json: Json = False) -> None:
    """Cancel a queued job, or ask a running one to stop."""
    tell(ask(CommandRequest(name="job.cancel", target=job_id, reason=reason)), as_json=as_json)


@users.command("list")
def list_users(q: Annotated[str, typer.Argument(help="E-mail, name or id.")] = "", as_json: Json = False) -> None:
    """Find users by the beginning of e-mail, name or id."""
    found = [asdict(line) for line in load(lambda session: find_users(session, q))]
    show(found, ("id", "email", "name", "role", "status"), as_json=as_json)


@users.command("show")
def show_user(email: str, as_json: Json = False) -> None:
    """Show a user with their diagnosis and newest jobs."""
    page = load(lambda session: user_page(session, operators.find_by_email(session, email).id))
    user = page.user.model_dump(mode="json", exclude={"hashed_password"})
    diagnosis = asdict(page.diagnosis)
    if as_json:
        return tell({**user, "diagnosis": diagnosis, "jobs": page.jobs}, as_json=True)
    tell({**user, "diagnosis": diagnosis["sentence"]}, as_json=False)
    return show(page.jobs, ("id", "label", "kind", "created_at", "error"), as_json=False)


@users.command()
def diagnose(email: str, as_json: Json = False) -> None:
    """Tell in one sentence why a user is where they are, and the one safe remedy."""
    found = load(lambda session: diagnose_user(session, operators.find_by_email(session, email)))
    tell(asdict(found), as_json=as_json)


@workers.command("list")
def list_workers(as_json: Json = False) -> None:
    """List worker processes, the last to have been alive first."""
    lines = truncated(Worker, IN_LIST)
    newest = select(lines).order_by(col(lines.heartbeat_at).desc()).limit(50)
    found = [row.model_dump(mode="json") for row in load(lambda session: list(session.exec(newest)))]
    columns = ("id", "host", "pid", "threads", "started_at", "heartbeat_at", "stopped_at", "lost_at")
    show(found, columns, as_json=as_json)
