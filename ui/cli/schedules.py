"""Verbs about schedules."""

from datetime import datetime
from typing import Annotated, Any

import typer

from core.operations import known
from core.people.operators import find_by_email
from core.schedules import scheduling
from core.schedules.listing import schedule_lines
from ui.cli.operation import args_from_flags
from ui.cli.terminal import After, Json, Reason, load, print_answer, print_window, run

verbs = typer.Typer(no_args_is_help=True, help="Schedules: list, add, pause, resume, run, remove.")


@verbs.command("list")
def list_schedules(after: After = 0, as_json: Json = False) -> None:
    """List schedules with their state and next run; `problem` says why one cannot fire."""
    lines = load(lambda session: schedule_lines(session, after)).map(
        lambda line: {**line.schedule.model_dump(mode="json"), "state": line.state, "problem": line.problem}
    )
    columns = ("id", "name", "state", "kind", "cron", "at", "timezone", "missed", "next_due_at", "paused_by", "problem")
    print_window(lines, columns, as_json=as_json)


@verbs.command("add", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def add_schedule(
    context: typer.Context,
    name: str,
    kind: str,
    cron: Annotated[str | None, typer.Option(help="Such as '0 3 * * *'.")] = None,
    at: Annotated[datetime | None, typer.Option(help="Once, as ISO 8601; without a zone: local time.")] = None,
    timezone: str = "UTC",
    missed: Annotated[str, typer.Option(help="What to do with missed runs: skip, or once.")] = "skip",
    user: Annotated[str | None, typer.Option(help="E-mail address of the operation's user.")] = None,
    reason: Reason = None,
) -> None:
    """Add a schedule; the fields of the kind's form are flags, as `do KIND --help` lists them: --days 90."""
    form = args_from_flags(context.args, known(kind).form.model_fields)
    target = load(lambda session: find_by_email(session, user).id) if user else None
    args: dict[str, Any] = {"name": name, "kind": kind, "cron": cron, "timezone": timezone, "missed": missed}
    args["args"] = form
    args |= {"at": at.astimezone().isoformat() if at else None, "target_id": target and str(target)}
    print_answer(run("schedule.add", args=args, reason=reason))


@verbs.command("pause")
def pause_schedule(name: str, reason: Reason = None) -> None:
    """Pause a schedule."""
    _run_on("schedule.pause", name, reason)


@verbs.command("resume")
def resume_schedule(name: str, reason: Reason = None) -> None:
    """Resume a paused schedule."""
    _run_on("schedule.resume", name, reason)


@verbs.command("run")
def run_schedule(name: str, reason: Reason = None) -> None:
    """Run a schedule's job now, besides its planned runs."""
    _run_on("schedule.run", name, reason)


@verbs.command("remove")
def remove_schedule(name: str, reason: Reason = None) -> None:
    """Remove a schedule."""
    _run_on("schedule.remove", name, reason)


def _run_on(command: str, name: str, reason: str | None) -> None:
    schedule_id = load(lambda session: scheduling.by_name(session, name).id)
    print_answer(run(command, schedule_id, reason=reason))
