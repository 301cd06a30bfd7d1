"""Verbs about schedules."""

from datetime import datetime
from typing import Annotated, Any

import typer

from core.operations import known
from core.people.operators import find_by_email
from core.schedules import backfill, scheduling
from core.schedules.listing import schedule_lines
from ui.cli.operation import args_from_flags
from ui.cli.terminal import After, Json, Reason, load, print_answer, print_window, run

verbs = typer.Typer(no_args_is_help=True, help="Schedules: list, add, edit, pause, resume, run, backfill, remove.")

Cron = Annotated[str | None, typer.Option(help="Such as '0 3 * * *'.")]
Once = Annotated[datetime | None, typer.Option(help="Once, as ISO 8601; without a zone: local time.")]
Moment = Annotated[datetime, typer.Option(help="As ISO 8601; without a zone: local time.")]
WITH_FIELDS = {"allow_extra_args": True, "ignore_unknown_options": True}


@verbs.command("list")
def list_schedules(after: After = 0, as_json: Json = False) -> None:
    """List schedules with their state and next run; `problem` says why one cannot fire."""
    lines = load(lambda session: schedule_lines(session, after)).map(
        lambda line: {**line.schedule.model_dump(mode="json"), "state": line.state, "problem": line.problem}
    )
    columns = ("id", "name", "state", "kind", "cron", "at", "timezone", "missed", "next_due_at", "paused_by", "problem")
    print_window(lines, columns, as_json=as_json)


@verbs.command("add", context_settings=WITH_FIELDS)
def add_schedule(
    context: typer.Context,
    name: str,
    kind: str,
    cron: Cron = None,
    at: Once = None,
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


@verbs.command("edit", context_settings=WITH_FIELDS)
def edit_schedule(
    context: typer.Context,
    name: str,
    cron: Cron = None,
    at: Once = None,
    timezone: Annotated[str | None, typer.Option(help="Such as Europe/Berlin.")] = None,
    missed: Annotated[str | None, typer.Option(help="What to do with missed runs: skip, or once.")] = None,
    reason: Reason = None,
) -> None:
    """Change a schedule's time, or the fields of its kind's form, as flags; what is left out stays."""
    schedule = load(lambda session: scheduling.by_name(session, name))
    form = args_from_flags(context.args, known(schedule.kind).form.model_fields) if context.args else {}
    args: dict[str, Any] = {"cron": cron, "at": at and at.astimezone().isoformat(), "timezone": timezone}
    args |= {"missed": missed, "args": {**schedule.args, **form} if form else None}
    print_answer(run("schedule.edit", schedule.id, args, reason=reason))


@verbs.command("backfill")
def backfill_schedule(
    name: str,
    since: Moment,
    until: Moment,
    preview: Annotated[bool, typer.Option("--preview", help="Only say how many jobs it would request now.")] = False,
    at_most: Annotated[int | None, typer.Option(help="Refuse to request more jobs than these.")] = None,
    reason: Reason = None,
) -> None:
    """Request the jobs of a schedule's past runs that have not run, the oldest first; it can be repeated safely."""
    schedule_id = load(lambda session: scheduling.by_name(session, name).id)
    times = {"since": since.astimezone(), "until": until.astimezone()}
    if preview:
        form = backfill.BackfillForm(**times)
        plan = load(lambda session: backfill.preview(session, schedule_id, form))
        print_answer(plan.as_answer())
        return
    args = {**{end: moment.isoformat() for end, moment in times.items()}, "at_most": at_most}
    print_answer(run("schedule.backfill", schedule_id, args, reason=reason))


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
