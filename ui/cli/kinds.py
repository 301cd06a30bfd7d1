"""Verbs about kinds of jobs."""

from typing import Annotated

import typer

from core.queues import controls
from ui.cli.terminal import After, Json, Reason, load, print_answer, print_window, run

verbs = typer.Typer(no_args_is_help=True, help="Kinds of jobs: list, pause, resume, limit.")

Count = Annotated[int | None, typer.Option(help="Empty: no limit.")]


@verbs.command("list")
def list_kinds(after: After = 0, as_json: Json = False) -> None:
    """List kinds of jobs with their pauses and limits."""
    rows = load(lambda session: controls.kind_lines(session, after)).map(lambda row: row.model_dump(mode="json"))
    limits = ("max_running", "max_per_worker", "rate_count", "rate_seconds")
    print_window(rows, ("kind", *limits, "paused_by", "paused_reason", "limited_by", "limited_reason"), as_json=as_json)


@verbs.command("pause")
def pause_kind(name: str, reason: Reason = None) -> None:
    """Start no new jobs of a kind; running jobs finish."""
    print_answer(run("kind.pause", args={"name": name}, reason=reason))


@verbs.command("resume")
def resume_kind(name: str, reason: Reason = None) -> None:
    """Start jobs of a paused kind again."""
    print_answer(run("kind.resume", args={"name": name}, reason=reason))


@verbs.command("limit")
def limit_kind(
    name: str,
    max_running: Count = None,
    max_per_worker: Count = None,
    rate_count: Count = None,
    rate_seconds: Count = None,
    reason: Reason = None,
) -> None:
    """Set all limits of a kind: how many jobs run at once and how fast they start. A limit left out ends."""
    limits = {"max_running": max_running, "max_per_worker": max_per_worker}
    limits |= {"rate_count": rate_count, "rate_seconds": rate_seconds}
    print_answer(run("kind.limit", args={"name": name, **limits}, reason=reason))
