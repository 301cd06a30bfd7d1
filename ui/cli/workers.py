"""Verbs about worker processes."""

import typer

from core.queues.workers import newest_workers
from ui.cli.terminal import After, Json, load, print_window

verbs = typer.Typer(no_args_is_help=True, help="Worker processes: list.")

#: Rows of the list.
SHOWN = 50


@verbs.command("list")
def list_workers(after: After = 0, as_json: Json = False) -> None:
    """List worker processes, the latest heartbeat first."""
    workers = load(lambda session: newest_workers(session, SHOWN, after)).map(lambda row: row.model_dump(mode="json"))
    columns = ("id", "host", "pid", "threads", "started_at", "heartbeat_at", "stopped_at", "lost_at", "stalled")
    print_window(workers, columns, as_json=as_json)
