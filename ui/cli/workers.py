"""Verbs about worker processes."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlmodel import Session, select

from core import clock
from core.database.window import Window
from core.queues.workers import REMEMBERED, newest_workers, worker_state
from ui.cli.terminal import After, Json, Reason, load, print_answer, print_window, run

verbs = typer.Typer(no_args_is_help=True, help="Worker processes: list, quiet, resume, stop.")

#: Rows of the list.
SHOWN = 50


@verbs.command("list")
def list_workers(
    everything: Annotated[bool, typer.Option("--all", help="Also those that stopped days ago.")] = False,
    after: After = 0,
    as_json: Json = False,
) -> None:
    """List live workers and those that stopped or were lost within a day, the latest heartbeat first."""
    workers = load(lambda session: _lines(session, after, recent_only=not everything))
    columns = (
        "state",
        "host",
        "pid",
        "threads",
        "queues",
        "quiet_queues",
        "started_at",
        "heartbeat_at",
        "stalled",
        "id",
    )
    print_window(workers, columns, as_json=as_json)


def _lines(session: Session, after: int, *, recent_only: bool) -> Window[dict[str, Any]]:
    now: datetime = session.exec(select(clock.db_now())).one()
    rows = newest_workers(session, SHOWN, after, since=now - REMEMBERED if recent_only else None)
    return rows.map(lambda row: {"state": worker_state(row, now).value, **row.model_dump(mode="json")})


@verbs.command()
def quiet(worker_id: UUID, reason: Reason = None) -> None:
    """Let a worker finish its running jobs and start no more."""
    print_answer(run("worker.quiet", worker_id, reason=reason))


@verbs.command()
def resume(worker_id: UUID, reason: Reason = None) -> None:
    """Let a quiet worker start jobs again."""
    print_answer(run("worker.resume", worker_id, reason=reason))


@verbs.command()
def stop(worker_id: UUID, reason: Reason = None) -> None:
    """Ask a worker to stop; what has started it may start another one."""
    print_answer(run("worker.stop", worker_id, reason=reason))
