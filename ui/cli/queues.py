"""Verbs about queues."""

from dataclasses import asdict

import typer

from core.queues import controls
from ui.cli.terminal import Json, Reason, load, print_answer, print_rows, run

verbs = typer.Typer(no_args_is_help=True, help="Queues: list, pause, resume.")


@verbs.command("list")
def list_queues(as_json: Json = False) -> None:
    """List queues with their waiting jobs."""
    lines = [asdict(line) for line in load(controls.queue_lines)]
    columns = ("name", "waiting", "scheduled", "running", "oldest_seconds", "paused_by", "paused_reason")
    print_rows(lines, columns, as_json=as_json)


@verbs.command("pause")
def pause_queue(name: str, reason: Reason = None) -> None:
    """Start no new jobs of a queue; running jobs finish."""
    print_answer(run("queue.pause", args={"name": name}, reason=reason))


@verbs.command("resume")
def resume_queue(name: str, reason: Reason = None) -> None:
    """Start jobs of a paused queue again."""
    print_answer(run("queue.resume", args={"name": name}, reason=reason))
