"""Verbs about queues."""

from dataclasses import asdict
from typing import Any

import typer

from core.queues import controls
from ui.cli.terminal import After, Json, Reason, load, print_answer, print_window, run

verbs = typer.Typer(no_args_is_help=True, help="Queues: list, pause, resume.")


@verbs.command("list")
def list_queues(after: After = 0, as_json: Json = False) -> None:
    """List queues with their waiting jobs."""
    lines = load(lambda session: controls.queue_lines(session, after)).map(_as_row)
    columns = ("name", "state", "waiting", "scheduled", "running", "oldest_seconds", "paused_by", "paused_reason")
    print_window(lines, columns, as_json=as_json)


def _as_row(line: controls.QueueLine) -> dict[str, Any]:
    return {**asdict(line), "state": line.state}


@verbs.command("pause")
def pause_queue(name: str, reason: Reason = None) -> None:
    """Start no new jobs of a queue; running jobs finish."""
    print_answer(run("queue.pause", args={"name": name}, reason=reason))


@verbs.command("resume")
def resume_queue(name: str, reason: Reason = None) -> None:
    """Start jobs of a paused queue again."""
    print_answer(run("queue.resume", args={"name": name}, reason=reason))
