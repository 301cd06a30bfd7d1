"""Verbs about worker processes."""

import typer
from sqlmodel import col, select

from core.database.truncate import IN_LIST, truncated
from core.models import Worker
from ui.cli.terminal import Json, load, print_rows

verbs = typer.Typer(no_args_is_help=True, help="Worker processes: list.")


@verbs.command("list")
def list_workers(as_json: Json = False) -> None:
    """List worker processes, the latest heartbeat first."""
    lines = truncated(Worker, IN_LIST)
    newest = select(lines).order_by(col(lines.heartbeat_at).desc()).limit(50)
    workers = [row.model_dump(mode="json") for row in load(lambda session: list(session.exec(newest)))]
    columns = ("id", "host", "pid", "threads", "started_at", "heartbeat_at", "stopped_at", "lost_at")
    print_rows(workers, columns, as_json=as_json)
