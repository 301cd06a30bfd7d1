"""Verbs about the figures of finished jobs."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from core.analytics import table
from core.analytics.figures import By
from core.analytics.reading import analytics
from core.analytics.spans import Choice, TimeRange
from ui.cli.terminal import Json, Reason, load, print_answer, print_line, print_part, print_rows, run

verbs = typer.Typer(no_args_is_help=True, help="Figures of finished jobs over time: show, rebuild.")

_COLUMNS = (
    *("name", "finished", "success_percent", "wait_p50_seconds", "wait_p95_seconds"),
    *("run_p50_seconds", "run_p95_seconds", "run_p99_seconds", "retries", "retries_helped"),
)
Time = Annotated[datetime | None, typer.Option(help="As ISO 8601; without a zone: local time.")]


@verbs.command("show")
def show_analytics(
    range_: Annotated[TimeRange, typer.Option("--range", help="How far to look back.")] = TimeRange.DAY,
    since: Time = None,
    until: Time = None,
    by: Annotated[By, typer.Option(help="What each line is about.")] = By.KIND,
    kind: Annotated[str, typer.Option(help="Only jobs of this kind.")] = "",
    queue: Annotated[str, typer.Option(help="Only jobs of this queue.")] = "",
    version: Annotated[str | None, typer.Option(help="Only jobs that workers of this version ran.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a CSV file.")] = False,
    as_json: Json = False,
) -> None:
    """Show counts, success, waits and run times, by kind, queue or version."""
    times = (since and since.astimezone(), until and until.astimezone())
    choice = Choice(None if any(times) else range_, *times, kind, queue, version)
    found = load(lambda session: analytics(session, choice, by))
    if as_json:
        print_answer({"figures": found and asdict(found)}, as_json=True)
    elif found is None:
        print_line(
            "No job has been added up yet: the schedule `add up finished jobs` does it every quarter of an hour."
        )
    elif as_csv:
        for part in table.csv(found):
            print_part(part)
    else:
        print_rows(table.rows(found), _COLUMNS, as_json=False)
        span = f"{found.span.start:%Y-%m-%d %H:%M} to {found.span.stop:%Y-%m-%d %H:%M} UTC"
        print_line(f"{span}; figures reach until {found.until:%Y-%m-%d %H:%M} UTC.")


@verbs.command("rebuild")
def rebuild_analytics(since: Time = None, reason: Reason = None) -> None:
    """Write the figures of all days since then anew from the jobs that are still there; without --since: of all days.

    It runs as a job. Figures of days whose jobs have been deleted stay as they are.
    """
    first = since.astimezone() if since else datetime(1970, 1, 1, tzinfo=UTC)
    print_answer(run("analytics.roll_up", args={"since": first.isoformat()}, reason=reason))
