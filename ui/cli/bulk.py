"""Verbs about bulk actions."""

import re
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlmodel import Session

from core.bulk import listing
from core.bulk.words import RowsOf, sentence_of
from core.models import BulkAction
from ui.cli.terminal import Json, Reason, load, print_answer, print_line, print_rows, run

verbs = typer.Typer(no_args_is_help=True, help="Bulk actions: list, preview, start, show, rows, abort, undo, repeat.")

_COLUMNS = ("id", "status", "command", "total", "applied", "skipped", "failed", "jobs", "actor", "created_at")


@verbs.command("list")
def list_bulk(
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    prepared: Annotated[bool, typer.Option("--prepared", help="Instead, those that nobody has started.")] = False,
    as_json: Json = False,
) -> None:
    """List bulk actions that were started, newest first."""
    read = listing.prepared_actions if prepared else listing.bulk_actions
    rows = load(lambda session: _lines(session, read(session, limit)))
    shown = (
        rows
        if as_json
        else [{**row, "jobs": [f"{number} {end}" for end, number in row["jobs"].items()]} for row in rows]
    )
    print_rows(shown, _COLUMNS, as_json=as_json)


@verbs.command("preview")
def preview_bulk(
    action: str,
    where: Annotated[
        list[str] | None,
        typer.Option(help="A filter of jobs, as 'status:failed created:<1h' or status=failed; several narrow it."),
    ] = None,
    ids: Annotated[
        list[UUID] | None, typer.Option("--id", help="Instead of a filter: a row; several are more.")
    ] = None,
    canary: Annotated[int | None, typer.Option(help="So many rows first, and the rest once they went well.")] = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Freeze the set of a command, such as job.retry, and say what is in it; nothing starts."""
    args: dict[str, Any] = {"action": action, "canary": canary}
    if where is not None:
        args["filter"] = _filter(where)
    if ids:
        args["ids"] = [str(each) for each in ids]
    print_answer(run("bulk.prepare", None, args, reason=reason), as_json=as_json)


@verbs.command("start")
def start_bulk(
    bulk_id: UUID,
    count: Annotated[int | None, typer.Option(help="How many would be done (to_do); needed above 100.")] = None,
    per_second: Annotated[int | None, typer.Option(help="Jobs a second at most.")] = None,
    canary: Annotated[
        int | None, typer.Option(help="So many rows first, and the rest once they went well; without: as prepared.")
    ] = None,
    canary_percent: Annotated[int, typer.Option(help="How many of these have to succeed.")] = 100,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Start a prepared bulk action, or go on with one whose job has ended too early, or that has stopped."""
    args = {"count": count, "per_second": per_second, "canary": canary, "canary_percent": canary_percent}
    given = {name: value for name, value in args.items() if value is not None}
    print_answer(run("bulk.start", bulk_id, given, reason=reason), as_json=as_json)


@verbs.command("show")
def show_bulk(bulk_id: UUID, as_json: Json = False) -> None:
    """Show how far a bulk action is, and the jobs that it has started."""
    state = load(lambda session: _state(session, bulk_id))
    if not as_json:
        print_line(state["sentence"])
    print_answer(state, as_json=as_json)


@verbs.command("rows")
def list_rows(
    bulk_id: UUID,
    outcome: Annotated[RowsOf | None, typer.Option(help="Only rows of which this became.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    after: Annotated[int, typer.Option(help="Rows to leave out first.")] = 0,
    as_json: Json = False,
) -> None:
    """List the rows of a set, in its order."""
    rows = load(
        lambda session: [row.model_dump() for row in listing.bulk_rows(session, bulk_id, outcome, limit, after)]
    )
    print_rows(rows, ("position", "target", "outcome", "why", "job_id"), as_json=as_json)


@verbs.command("abort")
def abort_bulk(bulk_id: UUID, reason: Reason = None) -> None:
    """End it before its next row, or discard what nobody has started; what is done stays."""
    print_answer(run("bulk.abort", bulk_id, reason=reason))


@verbs.command("undo")
def undo_bulk(bulk_id: UUID, reason: Reason = None) -> None:
    """Prepare what takes back what it did; start that as any other."""
    print_answer(run("bulk.undo", bulk_id, reason=reason))


@verbs.command("repeat")
def repeat_bulk(bulk_id: UUID, reason: Reason = None) -> None:
    """Prepare the same for the rows that failed, or whose jobs did."""
    print_answer(run("bulk.repeat", bulk_id, reason=reason))


def _lines(session: Session, found: Sequence[BulkAction]) -> list[dict[str, Any]]:
    jobs = listing.started_jobs(session, found)
    undone = {bulk_id: undo.id for bulk_id, undo in listing.undone_by(session, found).items()}
    return [
        {**each.model_dump(), "jobs": dict(jobs.get(each.id, {})), "undone_by": undone.get(each.id)} for each in found
    ]


def _state(session: Session, bulk_id: UUID) -> dict[str, Any]:
    state = listing.bulk_state(session, bulk_id)
    own = {
        "sentence": sentence_of(state.bulk, state.halted, state.jobs),
        "is_at_work": state.is_at_work,
        "jobs": dict(state.jobs),
        "undone_by": state.undone and state.undone.id,
    }
    return {**state.bulk.model_dump(), **own}


def _filter(where: Sequence[str]) -> dict[str, str]:
    """Return what several options mean together: texts of the filter language, and pairs such as status=failed."""
    pairs = [match for each in where if (match := re.fullmatch(r"\s*(\w+)\s*=(.*)", each, re.DOTALL))]
    texts = [each for each in where if not re.fullmatch(r"\s*(\w+)\s*=(.*)", each, re.DOTALL)]
    params = {match[1]: match[2].strip() for match in pairs}
    return {**params, "q": " ".join([*filter(None, [params.get("q")]), *texts])} if texts else params
