"""Command line verbs that steer the engine: queues, schedules, and the doctor."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlmodel import Session, select

from core.commands.gateway import CommandRequest
from core.database.truncate import IN_LIST, truncated
from core.diagnosis.invariants import violations
from core.logs import escape_control_characters
from core.models import Schedule
from core.people.operators import find_by_email
from core.people.users import Need, find_users
from core.queues import controls
from core.schedules import scheduling
from ui.cli.jobs import Json, Reason, ask, load, show, tell

queue = typer.Typer(no_args_is_help=True, help="Queues: depth, pause, resume.")
schedule = typer.Typer(no_args_is_help=True, help="Schedules: by cron or at a time.")


def install(app: typer.Typer) -> None:
    """Add these verbs to the program's command line."""
    app.add_typer(queue, name="queues")
    app.add_typer(schedule, name="schedules")
    app.command()(doctor)


@queue.command("list")
def list_queues(as_json: Json = False) -> None:
    """List queues with what waits in them."""
    lines = [asdict(line) for line in load(controls.queue_lines)]
    columns = ("name", "waiting", "scheduled", "running", "oldest_seconds", "paused_by", "paused_reason")
    show(lines, columns, as_json=as_json)


@queue.command("pause")
def pause_queue(name: str, reason: Reason = None) -> None:
    """Start no more jobs of a queue; running ones go on."""
    tell(ask(CommandRequest(name="queue.pause", args={"name": name}, reason=reason)), as_json=False)


@queue.command("resume")
def resume_queue(name: str, reason: Reason = None) -> None:
    """Start jobs of a queue again."""
    tell(ask(CommandRequest(name="queue.resume", args={"name": name}, reason=reason)), as_json=False)


@schedule.command("list")
def list_schedules(as_json: Json = False) -> None:
    """List schedules with when they are due next."""
    rows = load(lambda session: [s.model_dump(mode="json") for s in session.exec(select(truncated(Schedule, IN_LIST)))])
    show(rows, ("name", "kind", "cron", "at", "timezone", "missed", "next_due_at", "paused_by"), as_json=as_json)


@schedule.command("add")
def add_schedule(
    name: str,
    kind: str,
    cron: Annotated[str | None, typer.Option(help="Such as '0 3 * * *'.")] = None,
    at: Annotated[datetime | None, typer.Option(help="Once, as ISO 8601; without a zone: local time.")] = None,
    timezone: str = "UTC",
    missed: Annotated[str, typer.Option(help="skip or once: what becomes of missed ticks.")] = "skip",
    user: Annotated[str | None, typer.Option(help="E-mail of the user an operation is done to.")] = None,
    reason: Reason = None,
) -> None:
    """Add a schedule."""
    target = load(lambda session: find_by_email(session, user).id) if user else None
    args: dict[str, Any] = {"name": name, "kind": kind, "cron": cron, "timezone": timezone, "missed": missed}
    args |= {"at": at.astimezone().isoformat() if at else None, "target_id": target and str(target)}
    tell(ask(CommandRequest(name="schedule.add", args=args, reason=reason)), as_json=False)


@schedule.command("pause")
def pause_schedule(name: str, reason: Reason = None) -> None:
    """Let a schedule's ticks pass unheard."""
    _steer("schedule.pause", name, reason)


@schedule.command("resume")
def resume_schedule(name: str, reason: Reason = None) -> None:
    """Hear a schedule's ticks again."""
    _steer("schedule.resume", name, reason)


@schedule.command("run")
def run_schedule(name: str, reason: Reason = None) -> None:
    """Do a schedule's work now, besides its ticks."""
    _steer("schedule.run", name, reason)


@schedule.command("remove")
def remove_schedule(name: str, reason: Reason = None) -> None:
    """Delete a schedule."""
    _steer("schedule.remove", name, reason)


def _steer(command: str, name: str, reason: str | None) -> None:
    tell(
        ask(CommandRequest(name=command, target=load(lambda session: _id_of(session, name)), reason=reason)),
        as_json=False,
    )


def _id_of(session: Session, name: str) -> UUID:
    return scheduling.by_name(session, name).id


def doctor(as_json: Json = False) -> None:
    """Check every invariant and every stuck user; exit 1 if anything is wrong, with the remedy."""
    report = load(_examine)
    if as_json:
        typer.echo(json.dumps([asdict(problem) for problem in report], default=str, indent=2))
    elif not report:
        typer.echo("All invariants hold, and nobody is stuck.")
    else:
        for problem in report:
            _tell_problem(problem)
    if report:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One thing that is wrong, the rows it is about, and what to do."""

    problem: str
    says: str
    remedy: str
    rows: Sequence[Mapping[str, Any]] = ()


def _examine(session: Session) -> list[DoctorFinding]:
    broken = [
        DoctorFinding(v.invariant.name, f"it must be true that {v.invariant.says}", v.invariant.remedy, v.rows)
        for v in violations(session)
    ]
    stuck = [
        DoctorFinding("stuck user", line.email, f"python main.py users diagnose {line.email}")
        for line in find_users(session, "", Need.STUCK)
    ]
    return broken + stuck


def _tell_problem(problem: DoctorFinding) -> None:
    typer.echo(f"{problem.problem}: {problem.says}.")
    for row in problem.rows:
        typer.echo("    " + escape_control_characters(", ".join(f"{name} {value}" for name, value in row.items())))
    typer.echo(f"  Remedy: {problem.remedy}")
